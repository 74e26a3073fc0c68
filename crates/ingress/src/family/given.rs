//! What several families are given in the same form: request ids, names or ARNs, optional ARNs, dead-letter settings.

use bascule_api::status::Refusal;
use bascule_api::v1::DeadLetterConfig;
use bascule_model::arn::{Arn, Scope};
use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{ARN_LIMIT_CHARS, KEY_IDENTIFIER_LIMIT_CHARS};
use bascule_model::name::{AccountId, BusName, QueueName};
use bascule_model::target::TargetKind;

use crate::limits::REQUEST_ID_LIMIT_CHARS;
use crate::rooms::Writing;
use crate::wire;

/// A request id: empty, or 1 to 64 of `A-Za-z0-9_-`.
pub(super) fn request_id(text: String) -> Result<String, Refusal> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.len() > REQUEST_ID_LIMIT_CHARS || !text.bytes().all(good) {
        let reason = format!("it must be empty or 1 to {REQUEST_ID_LIMIT_CHARS} of `A-Za-z0-9_-`");
        return Err(wire::field("request_id", reason, &text));
    }
    Ok(text)
}

/// How a change is asked for.
pub(super) fn writing(request: String, validate_only: bool) -> Result<Writing, Refusal> {
    Ok(Writing { request_id: request_id(request)?, validate_only })
}

/// A bus by name or ARN; the default one if it is empty.
pub(super) fn bus(field: &str, text: &str) -> Result<NameOrArn, Refusal> {
    let text = if text.is_empty() { BusName::DEFAULT } else { text };
    name_or_arn(
        field,
        text,
        |kind| match kind {
            TargetKind::Bus(name) => Some(name.as_str().to_owned()),
            _ => None,
        },
        |text| BusName::parse(text).map(|name| name.as_str().to_owned()),
    )
}

/// A queue by name or ARN.
pub(super) fn queue(field: &str, text: &str) -> Result<NameOrArn, Refusal> {
    name_or_arn(
        field,
        text,
        |kind| match kind {
            TargetKind::Queue(name) => Some(name.as_str().to_owned()),
            _ => None,
        },
        |text| QueueName::parse(text).map(|name| name.as_str().to_owned()),
    )
}

/// Something named, and where it must stand if it was named by ARN.
#[derive(Debug, Clone)]
pub(super) struct NameOrArn {
    pub(super) name: String,
    arn: Option<Arn>,
}

impl NameOrArn {
    /// The name, if it is one of this account here; whatever is elsewhere does not exist for the caller.
    pub(super) fn here(&self, scope: &Scope, account: AccountId, kind: Kind) -> Result<&str, Refusal> {
        let Some(arn) = &self.arn else {
            return Ok(&self.name);
        };
        let same =
            arn.partition() == scope.partition() && arn.region() == scope.region() && arn.account() == Some(account);
        if same { Ok(&self.name) } else { Err(wire::fault(Fault::not_found(kind, arn.to_string()))) }
    }
}

fn name_or_arn(
    field: &str,
    text: &str,
    of_kind: impl FnOnce(TargetKind) -> Option<String>,
    of_name: impl FnOnce(&str) -> Result<String, Fault>,
) -> Result<NameOrArn, Refusal> {
    Fault::unless_at_most(field, text, ARN_LIMIT_CHARS).map_err(wire::fault)?;
    if !text.starts_with("arn:") {
        return Ok(NameOrArn { name: of_name(text).map_err(wire::fault)?, arn: None });
    }
    let arn = Arn::parse(field, text).map_err(wire::fault)?;
    let kind = TargetKind::of(&arn).map_err(wire::fault)?;
    let Some(name) = of_kind(kind) else {
        return Err(wire::field(field, "it is an ARN of something else", text));
    };
    Ok(NameOrArn { name, arn: Some(arn) })
}

/// An ARN that may be left out.
pub(super) fn arn(field: &str, text: &str) -> Result<Option<Arn>, Refusal> {
    if text.is_empty() { Ok(None) } else { Arn::parse(field, text).map(Some).map_err(wire::fault) }
}

/// Where dead letters go: a queue's ARN, or empty.
pub(super) fn dead_letter(config: Option<&DeadLetterConfig>) -> Result<Option<Arn>, Refusal> {
    let field = "DeadLetterConfig.Arn";
    let Some(arn) = arn(field, config.map_or("", |config| config.arn.as_str()))? else {
        return Ok(None);
    };
    match TargetKind::of(&arn) {
        Ok(TargetKind::Queue(_)) => Ok(Some(arn)),
        _ => Err(wire::field(field, "dead letters go to a queue", &arn.to_string())),
    }
}

/// Keys of one's own come with key management; until then nobody may believe in one that is not there.
pub(super) fn no_own_key(text: &str) -> Result<(), Refusal> {
    Fault::unless_at_most("KmsKeyIdentifier", text, KEY_IDENTIFIER_LIMIT_CHARS).map_err(wire::fault)?;
    if text.is_empty() {
        return Ok(());
    }
    Err(wire::field("KmsKeyIdentifier", "this build wraps data keys with the cluster's own key alone", text))
}

/// The text of an optional ARN.
pub(super) fn text(arn: Option<&Arn>) -> String {
    arn.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_lead_to_the_same() {
        let account = AccountId::from_number(1).unwrap();
        let scope = Scope::new("aws", "us-east-1", account).unwrap();
        for (given, name) in [
            ("", Some("default")),
            ("orders", Some("orders")),
            ("arn:aws:events:us-east-1:000000000001:event-bus/orders", Some("orders")),
            ("arn:aws:events:us-east-1:000000000002:event-bus/orders", None),
            ("arn:aws:events:eu-west-1:000000000001:event-bus/orders", None),
            ("arn:aws:sqs:us-east-1:000000000001:orders", None),
            ("arn:", None),
            ("ord ers", None),
        ] {
            let found =
                bus("EventBusName", given).and_then(|bus| bus.here(&scope, account, Kind::Bus).map(str::to_owned));
            assert_eq!(found.ok().as_deref(), name, "{given}");
        }
        for (id, good) in
            [("", true), ("a-Z_0", true), (&"a".repeat(64), true), (&"a".repeat(65), false), ("a b", false)]
        {
            assert_eq!(request_id(id.to_owned()).is_ok(), good, "{id}");
        }
    }
}
