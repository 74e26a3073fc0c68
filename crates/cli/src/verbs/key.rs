//! `bascule key`: create, list, enable, disable, delete.

use bascule_api::iam::v1::{
    AccessKeyStatus, CreateAccessKeyRequest, CreateAccessKeyResponse, DeleteAccessKeyRequest, ListAccessKeysRequest,
    UpdateAccessKeyRequest,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{Link, change, listed};
use crate::output::access_key;
use crate::output::record::Record;
use crate::quote;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

/// What is said at the end of the help.
pub const AFTER: &str = "A key is for programs that sign requests in place of a certificate. No listener of this build takes signed \
requests yet. A user has at most two keys, so that a new one can be given out before the old one is disabled and deleted.";

/// What to do with access keys.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create an access key; its secret is shown now and never again
    Create(Create),
    /// List the access keys of a user
    List(List),
    /// Put an access key into force
    Enable(One),
    /// Take an access key out of force
    Disable(One),
    /// Delete an access key
    Delete(One),
}

/// Whose access key to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name of the user [default: the one who calls]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    user: String,
    #[command(flatten)]
    writing: Writing,
}

/// Whose access keys to list.
#[derive(Debug, Args)]
pub struct List {
    /// Name of the user [default: the one who calls]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    user: String,
    #[command(flatten)]
    reading: Reading,
}

/// The access key that changes or goes.
#[derive(Debug, Args)]
pub struct One {
    /// Id of the key
    id: String,
    /// Name of its user [default: the one who calls]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    user: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    match verb {
        Verb::Create(it) => create(it, &link).await,
        Verb::List(it) => {
            let (user, stale) = (it.user, it.reading.allow_stale);
            let all = listed!(
                link,
                access_keys
                    .list_access_keys(ListAccessKeysRequest { user_name: user.clone(), allow_stale: stale })
                    .access_keys
            );
            Ok(Outcome::done(access_key::keys(&all)))
        }
        Verb::Enable(it) => turn(it, AccessKeyStatus::Active, &link).await,
        Verb::Disable(it) => turn(it, AccessKeyStatus::Inactive, &link).await,
        Verb::Delete(it) => {
            let answer = change!(
                link,
                it.writing,
                access_keys
                    .delete_access_key(DeleteAccessKeyRequest { user_name: it.user, access_key_id: it.id.clone() })
            );
            let text = said(&it.writing, "access key", &it.id, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn create(it: Create, link: &Link) -> Result<Outcome, Error> {
    let answer = change!(
        *link,
        it.writing,
        access_keys.create_access_key(CreateAccessKeyRequest { user_name: it.user.clone() })
    );
    let CreateAccessKeyResponse { access_key, secret_access_key, control_index } = answer;
    if it.writing.validate_only {
        let whose = if it.user.is_empty() { "the caller".to_owned() } else { format!("user `{}`", it.user) };
        return Ok(Outcome::changed(
            format!("an access key of {whose} would be created"),
            Record::new(),
            control_index,
        ));
    }
    let key = held(access_key, "CreateAccessKey", "access_key")?;
    let named = said(&it.writing, "access key", &key.access_key_id, &format!("of user `{}` created", key.user_name));
    let undo = format!("bascule key delete {} --user {}", key.access_key_id, quote::word(&key.user_name));
    let outcome = match secret_access_key {
        Some(secret) => Outcome::done(access_key::made(named, &key, secret.value, control_index)),
        // Its name was given before, and too long ago.
        None => {
            let text = format!("{named} before; its secret was shown then, and is not shown again");
            Outcome::changed(text, access_key::key(&key), control_index)
        }
    };
    Ok(outcome.undone_by(&it.writing, undo))
}

async fn turn(it: One, status: AccessKeyStatus, link: &Link) -> Result<Outcome, Error> {
    let (done, back) = match status {
        AccessKeyStatus::Active => ("enabled", "disable"),
        _ => ("disabled", "enable"),
    };
    let answer = change!(
        *link,
        it.writing,
        access_keys.update_access_key(UpdateAccessKeyRequest {
            user_name: it.user.clone(),
            access_key_id: it.id.clone(),
            status: status.into(),
        })
    );
    let key = shown(&it.writing, answer.access_key.as_ref().map(access_key::key), "UpdateAccessKey", "access_key")?;
    let whose = if it.user.is_empty() { String::new() } else { format!(" --user {}", quote::word(&it.user)) };
    let text = said(&it.writing, "access key", &it.id, done);
    let undo = format!("bascule key {back} {}{whose}", it.id);
    Ok(Outcome::changed(text, key, answer.control_index).undone_by(&it.writing, undo))
}
