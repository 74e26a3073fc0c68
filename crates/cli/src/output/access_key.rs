//! Access keys as records, and the one answer that shows a secret to people: it is never to be had again.

use bascule_api::iam::v1::AccessKey;

use crate::output::record::Record;
use crate::output::{Part, View};

/// Everything about an access key; its secret is no part of it.
pub fn key(key: &AccessKey) -> Record {
    Record::new()
        .text("UserName", &key.user_name)
        .text("AccessKeyId", &key.access_key_id)
        .choice("Status", key.status().as_str_name(), "ACCESS_KEY_STATUS_")
        .time("CreationTime", key.creation_time.as_ref().map(|time| time.seconds))
}

/// A list of access keys.
pub fn keys(keys: &[AccessKey]) -> View {
    let columns = [("ID", "AccessKeyId"), ("USER", "UserName"), ("STATUS", "Status"), ("CREATED", "CreationTime")];
    View::list("AccessKeys", keys.iter().map(key).collect(), &columns, &[], "no access keys")
}

/// A key that was made, with its secret; `text` says what was done.
pub fn made(text: String, it: &AccessKey, secret: String, control_index: u64) -> View {
    let fields =
        vec![("AccessKeyId".to_owned(), it.access_key_id.clone()), ("SecretAccessKey".to_owned(), secret.clone())];
    let once = "this is the only time that the secret is shown: put it where it is kept safe".to_owned();
    let json = key(it).secret("SecretAccessKey", secret).number("ControlIndex", control_index);
    View::new(vec![Part::Line(text), Part::Fields(fields), Part::Line(once)], json)
}
