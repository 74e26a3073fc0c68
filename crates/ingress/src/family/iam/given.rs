//! What requests about principals and policies give in the same form: documents, ARNs of policies, paths, identities, tags.

use std::collections::BTreeMap;

use bascule_api::status::Refusal;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::identity::{Identity, IdentityKind};
use bascule_model::limits::{PATH_LIMIT_CHARS, TAGS_LIMIT_COUNT, USER_IDENTITIES_LIMIT_COUNT};
use bascule_model::policy::{PolicyArn, PolicyKind, PolicyOwner};
use bascule_model::principal::{NO_PATH, check_path};
use bascule_model::tag;
use bascule_policy::{Kind, Policy};
use bascule_routing::shipped;
use bascule_statemachine::codec::control::{self, Pair};

use crate::family::tags;
use crate::wire;

/// A document of a kind, within that kind's limit.
pub(super) fn document(field: &str, kind: Kind, text: &str) -> Result<(), Refusal> {
    needed(field, text)?;
    Policy::parse(kind, field, text).map(drop).map_err(|why| wire::policy(field, &why))
}

/// An inline policy, of which all of one principal share a limit.
pub(super) fn inline_document(text: &str, limit_chars: usize) -> Result<(), Refusal> {
    let field = "PolicyDocument";
    needed(field, text)?;
    Policy::parse_within(Kind::Identity, field, text, limit_chars).map(drop).map_err(|why| wire::policy(field, &why))
}

fn needed(field: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() { Err(wire::field(field, "it must be there", "")) } else { Ok(()) }
}

/// The ARN of a policy of identities that is to be held; a shipped one must be of this build.
pub(super) fn managed(field: &str, text: &str) -> Result<PolicyArn, Refusal> {
    let arn = PolicyArn::parse(field, text).map_err(wire::fault)?;
    if arn.kind() != PolicyKind::Identity {
        return Err(wire::field(field, "it must be a policy of identities", text));
    }
    known(arn)
}

/// The ARN of a control policy that is to be attached; a shipped one must be of this build.
pub(super) fn control(field: &str, text: &str) -> Result<PolicyArn, Refusal> {
    known(control_named(field, text)?)
}

/// The ARN of a control policy.
pub(super) fn control_named(field: &str, text: &str) -> Result<PolicyArn, Refusal> {
    let arn = PolicyArn::parse(field, text).map_err(wire::fault)?;
    if arn.kind() == PolicyKind::Identity {
        return Err(wire::field(field, "it must be a service or resource control policy", text));
    }
    Ok(arn)
}

fn known(arn: PolicyArn) -> Result<PolicyArn, Refusal> {
    if *arn.owner() == PolicyOwner::Shipped && shipped::find(&arn).is_none() {
        return Err(wire::fault(Fault::not_found(Noun::Policy, arn.to_string())));
    }
    Ok(arn)
}

/// The ARN of a policy that is to change: what comes with the build does not.
pub(super) fn own(field: &str, arn: PolicyArn) -> Result<PolicyArn, Refusal> {
    if *arn.owner() == PolicyOwner::Shipped {
        return Err(wire::field(field, "it comes with the build and cannot be changed", &arn.to_string()));
    }
    Ok(arn)
}

/// The text of a permissions boundary, empty for none.
pub(super) fn boundary(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        return Ok(String::new());
    }
    managed("PermissionsBoundary", text).map(|arn| arn.to_string())
}

/// A path, `/` if it is empty.
pub(super) fn path(text: String) -> Result<String, Refusal> {
    if text.is_empty() {
        return Ok(NO_PATH.to_owned());
    }
    check_path(&text).map_err(wire::fault)?;
    Ok(text)
}

/// What paths begin with, or empty (`API_ListUsers`).
pub(super) fn path_prefix(text: &str) -> Result<(), Refusal> {
    Fault::unless_at_most("PathPrefix", text, PATH_LIMIT_CHARS).map_err(wire::fault)?;
    if text.is_empty() || text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(wire::field("PathPrefix", "it must begin with `/` and have visible ASCII", text))
}

/// Certificate identities, each once.
pub(super) fn identities(texts: &[String]) -> Result<Vec<control::Identity>, Refusal> {
    let count = texts.len();
    if count > USER_IDENTITIES_LIMIT_COUNT {
        let limit = "certificate identities of a user";
        return Err(wire::fault(Fault::limit(limit, count as u64, USER_IDENTITIES_LIMIT_COUNT as u64)));
    }
    let mut identities = Vec::with_capacity(count);
    for (at, text) in texts.iter().enumerate() {
        if texts[..at].contains(text) {
            return Err(wire::field(&format!("Identities[{at}]"), "each may stand there once", text));
        }
        let identity = Identity::parse(text).map_err(wire::fault)?;
        let kind = match identity.kind() {
            IdentityKind::Spiffe => control::IdentityKind::Spiffe,
            IdentityKind::Dns => control::IdentityKind::Dns,
            IdentityKind::Uri => control::IdentityKind::Uri,
        };
        identities.push(control::Identity { kind: kind.into(), value: identity.value().to_owned() });
    }
    Ok(identities)
}

/// Tags that are to be set, at least one.
pub(super) fn some_tags(tags: BTreeMap<String, String>) -> Result<Vec<Pair>, Refusal> {
    if tags.is_empty() {
        return Err(wire::field("Tags", format!("there must be 1 to {TAGS_LIMIT_COUNT}"), "0"));
    }
    tags::pairs(tags)
}

/// Keys of tags that are to go, at least one.
pub(super) fn tag_keys(keys: &[String]) -> Result<(), Refusal> {
    let count = keys.len();
    if count == 0 || count > TAGS_LIMIT_COUNT {
        return Err(wire::field("TagKeys", format!("there must be 1 to {TAGS_LIMIT_COUNT}"), &count.to_string()));
    }
    keys.iter().try_for_each(|key| tag::check_key(key)).map_err(wire::fault)
}

#[cfg(test)]
mod tests {
    use bascule_api::reasons::Reason;

    use super::*;

    const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"AWS":"111122223333"}}]}"#;

    #[test]
    fn documents_are_of_their_kind_and_say_where_they_are_not() {
        let actions: Vec<String> = (0..600).map(|nth| format!("\"sqs:Act{nth:03}\"")).collect();
        let long = ALLOW.replace(r#""*","Resource""#, &format!("[{}],\"Resource\"", actions.join(",")));
        for (kind, text, outcome) in [
            (Kind::Identity, ALLOW, Ok(())),
            (Kind::Scp, ALLOW, Ok(())),
            (Kind::Trust, TRUST, Ok(())),
            (Kind::Identity, TRUST, Err((Reason::PolicyInvalid, Some("Statement[0]")))),
            (Kind::Trust, ALLOW, Err((Reason::PolicyInvalid, Some("Statement[0]")))),
            (Kind::Rcp, ALLOW, Err((Reason::PolicyInvalid, Some("Statement[0]")))),
            (Kind::Identity, "{", Err((Reason::PolicyInvalid, Some("byte 1")))),
            (Kind::Identity, "", Err((Reason::ValidationFailed, None))),
            (Kind::Identity, &long, Err((Reason::PolicyTooLong, None))),
        ] {
            let found = document("Content", kind, text).map_err(|refusal| {
                assert_eq!(refusal.fields[0].subject, "Content", "{text}");
                (refusal.reason, refusal.metadata.get("place").cloned())
            });
            assert_eq!(found, outcome.map_err(|(reason, place)| (reason, place.map(str::to_owned))), "{kind} {text}");
        }
    }

    #[test]
    fn inline_documents_have_the_limit_of_their_principal() {
        let sid = "a".repeat(100);
        let one = format!(r#"{{"Sid":"{sid}","Effect":"Allow","Action":"*","Resource":"*"}}"#);
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{one}]}}"#);
        assert!(inline_document(&text, text.len()).is_ok());
        let refusal = inline_document(&text, text.len() - 1).unwrap_err();
        assert_eq!(refusal.reason, Reason::PolicyTooLong);
        assert_eq!(refusal.metadata["limit"], (text.len() - 1).to_string());
        assert_eq!(refusal.metadata["value"], text.len().to_string());
    }

    #[test]
    fn policies_that_are_held_are_of_their_kind_and_there_if_they_are_shipped() {
        let own = "arn:aws:iam::111122223333:policy/a/b";
        let scp = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
        for (text, identity, of_nodes) in [
            (own, Ok(()), Err(Reason::ValidationFailed)),
            ("arn:aws:iam::aws:policy/BasculeAdministrator", Ok(()), Err(Reason::ValidationFailed)),
            ("arn:aws:iam::aws:policy/BasculeNothing", Err(Reason::ResourceNotFound), Err(Reason::ValidationFailed)),
            (
                "arn:aws:iam::aws:policy/x/BasculeAdministrator",
                Err(Reason::ResourceNotFound),
                Err(Reason::ValidationFailed),
            ),
            (scp, Err(Reason::ValidationFailed), Ok(())),
            (
                "arn:aws:organizations::aws:policy/service_control_policy/p-None",
                Err(Reason::ValidationFailed),
                Err(Reason::ResourceNotFound),
            ),
            ("arn:aws:iam::111122223333:role/a", Err(Reason::ValidationFailed), Err(Reason::ValidationFailed)),
            ("", Err(Reason::ValidationFailed), Err(Reason::ValidationFailed)),
        ] {
            let reason = |refusal: Refusal| refusal.reason;
            assert_eq!(managed("PolicyArn", text).map(drop).map_err(reason), identity, "{text}");
            assert_eq!(control("PolicyArn", text).map(drop).map_err(reason), of_nodes, "{text}");
        }
        let parsed = |text| PolicyArn::parse("PolicyArn", text).unwrap();
        assert!(super::own("PolicyArn", parsed(own)).is_ok() && super::own("PolicyArn", parsed(scp)).is_err());
        assert_eq!(boundary("").as_deref(), Ok(""));
        assert_eq!(boundary(own).as_deref(), Ok(own));
        assert_eq!(boundary(scp).unwrap_err().fields[0].subject, "PermissionsBoundary");
    }

    #[test]
    fn identities_stand_once_each() {
        let of = |texts: &[&str]| identities(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let kinds = of(&["spiffe://a/b", "dns:a.b", "uri:urn:x"]).unwrap();
        assert_eq!(kinds.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(), ["spiffe://a/b", "a.b", "urn:x"]);
        for (texts, field) in [
            (&["spiffe://a/b", "spiffe://a/b"][..], "Identities[1]"),
            (&["CN=a"][..], "Identities"),
            (&["dns:A"][..], "Identities"),
        ] {
            assert_eq!(of(texts).unwrap_err().fields[0].subject, field, "{texts:?}");
        }
        let many: Vec<String> = (0..6).map(|nth| format!("dns:a{nth}")).collect();
        assert_eq!(identities(&many).unwrap_err().reason, Reason::LimitExceeded);
        assert!(identities(&many[..5]).is_ok());
    }

    #[test]
    fn paths_and_their_beginnings() {
        assert_eq!(path(String::new()).unwrap(), "/");
        assert_eq!(path("/a/".to_owned()).unwrap(), "/a/");
        assert_eq!(path("a".to_owned()).unwrap_err().fields[0].subject, "Path");
        for (text, good) in [("", true), ("/", true), ("/a", true), ("/a/b/", true), ("a", false), ("/a b", false)] {
            assert_eq!(path_prefix(text).is_ok(), good, "{text}");
        }
        assert!(path_prefix(&"/".repeat(512)).is_ok() && path_prefix(&"/".repeat(513)).is_err());
    }

    #[test]
    fn tags_are_some() {
        let tags = |count: usize| (0..count).map(|nth| (nth.to_string(), String::new())).collect::<BTreeMap<_, _>>();
        let keys = |count: usize| (0..count).map(|nth| nth.to_string()).collect::<Vec<_>>();
        for (count, good) in [(0, false), (1, true), (50, true), (51, false)] {
            assert_eq!((some_tags(tags(count)).is_ok(), tag_keys(&keys(count)).is_ok()), (good, good), "{count}");
        }
        assert!(tag_keys(&["aws:a".to_owned()]).is_err());
    }
}
