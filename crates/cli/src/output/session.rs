//! Sessions of roles, and who calls, as records.

use bascule_api::iam::v1::{AssumeRoleResponse, GetCallerIdentityResponse};

use crate::output::record::Record;
use crate::output::{Part, View};

/// Who calls.
pub fn caller(it: &GetCallerIdentityResponse) -> View {
    let record = Record::new().text("Account", &it.account).text("Arn", &it.arn);
    View::one(record.text("UserId", &it.user_id).text("Identity", &it.identity))
}

/// A session: its token is for programs, people are told how to use it by `how`.
pub fn begun(it: AssumeRoleResponse, how: Vec<String>) -> View {
    let about = Record::new()
        .text("AssumedRoleArn", &it.assumed_role_arn)
        .text("AssumedRoleId", &it.assumed_role_id)
        .time("Expiration", it.expiration.as_ref().map(|time| time.seconds))
        .number("PackedPolicySizePercent", u64::from(it.packed_policy_size_percent));
    let parts = vec![Part::Fields(about.flat()), Part::Block(how)];
    View::new(parts, about.secret("SessionToken", it.session_token))
}
