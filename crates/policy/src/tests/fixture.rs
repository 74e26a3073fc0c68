//! Callers, resources and contexts that rows are tried with.

use std::sync::Arc;

use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use serde_json::Value as Json;

use crate::policy::Policy;
use crate::request::{Entry, Membership, Principal, PrincipalKind, Request, Resource, Tag, Value, Values};
use crate::statement::Kind;

/// The caller's account unless a row says otherwise.
pub const HOME: &str = "111122223333";
/// 2026-11-23T09:30:00Z.
pub const NOW: Millis = Millis(1_795_426_200_000);
const ORG: Membership<'_> =
    Membership { id: "o-a1b2c3d4e5", path: "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/" };
const OTHER_ORG: Membership<'_> = Membership { id: "o-f6g7h8i9j0", path: "o-f6g7h8i9j0/r-cd34/" };
const PRINCIPAL_TAGS: &[Tag<'_>] = &[("department", "payments"), ("bus", "orders"), ("stage", "prod")];
const RESOURCE_TAGS: &[Tag<'_>] = &[("stage", "prod")];
const REQUEST_TAGS: &[Tag<'_>] = &[("stage", "prod"), ("owner", "Bob")];

/// `user`, `session`, `root` of the home account, `events` (the service), or the first three of another organisation's
/// account with `other-` before.
pub fn principal(name: &str) -> Principal<'static> {
    let member = |kind, account: &str, org, id| Principal {
        kind,
        account: Some(AccountId::parse(account).unwrap()),
        org: Some(org),
        tags: PRINCIPAL_TAGS,
        id,
    };
    let session = |role_arn, session_arn| PrincipalKind::Session { role_arn, session_arn, issued: NOW };
    let issued = "arn:aws:sts::111122223333:assumed-role/Orders/s1";
    match name {
        "user" => {
            let kind = PrincipalKind::User { arn: "arn:aws:iam::111122223333:user/team/Bob", name: "Bob" };
            member(kind, HOME, ORG, "AIDAEXAMPLE")
        }
        "session" => {
            member(session("arn:aws:iam::111122223333:role/service/Orders", issued), HOME, ORG, "AROAEXAMPLE:s1")
        }
        "root" => member(PrincipalKind::Root { arn: "arn:aws:iam::111122223333:root" }, HOME, ORG, HOME),
        "other-user" => {
            let kind = PrincipalKind::User { arn: "arn:aws:iam::444455556666:user/Eve", name: "Eve" };
            member(kind, "444455556666", OTHER_ORG, "AIDAOTHER")
        }
        "other-session" => {
            let arn = "arn:aws:sts::444455556666:assumed-role/Ship/s2";
            member(session("arn:aws:iam::444455556666:role/Ship", arn), "444455556666", OTHER_ORG, "AROAOTHER:s2")
        }
        "other-root" => {
            let kind = PrincipalKind::Root { arn: "arn:aws:iam::444455556666:root" };
            member(kind, "444455556666", OTHER_ORG, "444455556666")
        }
        "events" => {
            let kind = PrincipalKind::Service { name: "events.amazonaws.com" };
            Principal { kind, account: None, org: None, tags: &[], id: "" }
        }
        other => panic!("`{other}` is no caller"),
    }
}

/// Asks `then` with a context that a JSON object describes: text, booleans and numbers are one value, arrays are several.
pub fn with_request<T>(
    caller: &str,
    action: &str,
    arn: &str,
    context: &Json,
    then: impl FnOnce(&Request<'_>) -> T,
) -> T {
    let context = context.as_object().expect("a context is an object");
    let texts = |values: &Json| -> Vec<String> {
        values.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let lists: Vec<Vec<String>> = context.values().map(texts).collect();
    let lists: Vec<Vec<&str>> = lists.iter().map(|list| list.iter().map(String::as_str).collect()).collect();
    let values = |(json, list): (&'_ Json, _)| match json {
        Json::Bool(value) => Values::One(Value::Bool(*value)),
        Json::Number(value) => Values::One(Value::Number(value.as_i64().unwrap())),
        Json::Array(_) => Values::Many(list),
        _ => Values::One(Value::Text("")),
    };
    let entries: Vec<Entry<'_>> = context
        .iter()
        .zip(&lists)
        .map(|((key, json), list)| match json {
            Json::String(text) => (key.as_str(), Values::One(Value::Text(text))),
            other => (key.as_str(), values((other, list.as_slice()))),
        })
        .collect();
    let account = AccountId::parse(arn.split(':').nth(4).unwrap_or(HOME)).unwrap();
    let org = if account.to_string() == "444455556666" { OTHER_ORG } else { ORG };
    then(&Request {
        principal: principal(caller),
        action,
        resource: Resource { arn, account, org: Some(org), tags: RESOURCE_TAGS },
        now: NOW,
        tags: REQUEST_TAGS,
        context: &entries,
    })
}

/// A policy that must be fine.
pub fn policy(kind: Kind, name: &str, text: &str) -> Arc<Policy> {
    match Policy::parse(kind, name, text) {
        Ok(policy) => Arc::new(policy),
        Err(refusal) => panic!("{text}: {refusal}"),
    }
}

/// Rows of a table with its heading left out, each with `width` cells.
pub fn table(text: &str, width: usize) -> Vec<Vec<&str>> {
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    for row in &rows {
        assert_eq!(row.len(), width, "{row:?}");
    }
    rows
}
