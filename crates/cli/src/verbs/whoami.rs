//! `bascule whoami`: as whom the caller calls; and names of the caller's account made whole.

use bascule_api::error::Error as Failure;
use bascule_api::iam::v1::GetCallerIdentityRequest;
use bascule_api::reasons::Reason;

use crate::error::Error;
use crate::link::{Link, ask};
use crate::output::session;
use crate::verbs::{Desk, Outcome};

/// What is said at the end of the help.
pub const AFTER: &str =
    "Without the right to `sts:GetCallerIdentity` it is refused, and the hint says all the same as whom you call.";

/// Asks who calls.
///
/// # Errors
/// Why it could not.
pub async fn run(desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer = ask!(link, sessions.get_caller_identity, GetCallerIdentityRequest {}).await?;
    Ok(Outcome::done(session::caller(&answer)))
}

/// The ARN of `resource`, such as `role/deploy`, in the caller's own account, which the cluster is asked for.
///
/// # Errors
/// [`Error::AccountUnknown`] if the caller may not ask.
pub async fn own(link: &Link, resource: &str) -> Result<String, Error> {
    let asked = ask!(link, sessions.get_caller_identity, GetCallerIdentityRequest {}).await;
    let answer = asked.map_err(|error| {
        let Error::Call(failed) = &error else { return error };
        let Failure::Refused(refusal) = &failed.source else { return error };
        if refusal.reason != Reason::AccessDenied {
            return error;
        }
        let likely = refusal.metadata.get("principal").and_then(|principal| beside(principal, resource));
        Error::AccountUnknown { name: resource.to_owned(), likely, source: Box::new(error) }
    })?;
    beside(&answer.arn, resource).ok_or(Error::AnswerLacks { operation: "GetCallerIdentity", field: "arn" })
}

/// The ARN of `resource` in the account of a principal.
fn beside(principal: &str, resource: &str) -> Option<String> {
    let parts: Vec<&str> = principal.split(':').collect();
    match parts[..] {
        ["arn", partition, "iam" | "sts", "", account, _] if !partition.is_empty() && !account.is_empty() => {
            Some(format!("arn:{partition}:iam::{account}:{resource}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_beside_their_caller() {
        let rows = [
            ("arn:aws:iam::000000000001:user/shop", Some("arn:aws:iam::000000000001:role/r")),
            ("arn:aws-eu:sts::000000000002:assumed-role/a/b", Some("arn:aws-eu:iam::000000000002:role/r")),
            ("spiffe://shop/orders", None),
            ("arn:aws:iam:::user/shop", None),
            ("", None),
        ];
        for (principal, expected) in rows {
            assert_eq!(beside(principal, "role/r").as_deref(), expected, "{principal}");
        }
    }
}
