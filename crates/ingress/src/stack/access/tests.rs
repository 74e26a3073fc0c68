//! What each operation asks for, and that one statement about that and nothing else lets it pass.

mod hostile;
mod keys;
mod principals;
mod rows;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bascule_api::status::Refusal;
use bascule_model::arn::Scope;
use bascule_model::id::ClusterId;
use bascule_model::identity::Identity;
use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, Uid};
use bascule_policy::{Kind, Policy};
use bascule_routing::rights::Refused;
use bascule_routing::view::View;
use bascule_statemachine::codec::control;
use bascule_statemachine::codec::control::rows::{Grants as HeldRow, InlinePolicy, RoleRow, UserRow};
use bascule_statemachine::control::state::State;
use serde_json::{Value, json};

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking};
use crate::stack::authority::Sitting;
use crate::stack::known::Principal;
use crate::stack::permitted;

use rows::{Row, full, rows};

const CALLER: &str = "spiffe://shop.test/service/orders";

fn scope() -> Scope {
    Scope::new("aws", "us-east-1", AccountId::parse("111122223333").unwrap()).unwrap()
}

fn asking() -> Asking {
    Asking::new(scope(), scope().account()).of_cluster(Some(ClusterId([7; 16])))
}

/// A statement. A wildcard in `resource` is text, unless it is all of it.
fn statement(sid: &str, effect: &str, action: &str, resource: &str) -> Value {
    let resource = match resource {
        "*" => resource.to_owned(),
        _ => resource
            .chars()
            .map(|letter| if "*?$".contains(letter) { format!("${{{letter}}}") } else { letter.into() })
            .collect(),
    };
    json!({"Sid": sid, "Effect": effect, "Action": action, "Resource": resource})
}

/// A caller with policies, in a realm of its own.
struct Grants {
    document: Option<String>,
}

/// What a decision looks at beside the request.
struct Facts {
    state: State,
    now: Millis,
    from: Option<IpAddr>,
}

impl Facts {
    fn at(now: Millis) -> Self {
        Self { state: State::default(), now, from: None }
    }
}

impl Grants {
    fn judge(&self, caller: &str, access: &Access, facts: Facts) -> Result<(), Refused> {
        let Facts { mut state, now, from } = facts;
        let inline = self.document.iter();
        let inline = inline.map(|text| InlinePolicy { name: "orders".to_owned(), document: text.clone() }).collect();
        let identity = control::Identity { kind: control::IdentityKind::Spiffe.into(), value: CALLER.to_owned() };
        let user = UserRow {
            uid: 90,
            account: scope().account().number(),
            name: "orders".to_owned(),
            path: "/service/".to_owned(),
            identities: vec![identity],
            grants: Some(HeldRow { inline, ..HeldRow::default() }),
            ..UserRow::default()
        };
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111122223333"},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]});
        let role = RoleRow {
            uid: 91,
            account: scope().account().number(),
            name: "shipper".to_owned(),
            path: "/".to_owned(),
            trust: trust.to_string(),
            ..RoleRow::default()
        };
        state.users.insert(Uid(90), user);
        state.roles.insert(Uid(91), role);
        let view = Arc::new(View::of(ControlIndex(1), state));
        let Ok(identity) = Identity::parse(caller) else {
            let why = "no identity".to_owned();
            return Err(Refused { told: why.clone(), why });
        };
        Sitting::of(view, &Principal::of(identity), from, now, &scope()).judge(access)
    }
}

fn grants(statements: &[Value]) -> Grants {
    if statements.is_empty() {
        return Grants { document: None };
    }
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse(Kind::Identity, "orders", &text).unwrap_or_else(|why| panic!("{text}: {why}"));
    Grants { document: Some(text) }
}

/// As the stack does for a call that is judged together.
fn ask(grants: &Grants, accesses: &Accesses) -> Result<(), Refusal> {
    accesses.iter().try_for_each(|access| ask_one(grants, access))
}

fn ask_one(grants: &Grants, access: &Access) -> Result<(), Refusal> {
    let outcome = grants.judge(CALLER, access, Facts::at(Millis(1_795_426_200_000)));
    outcome.map_err(|refused| permitted::refusal(CALLER, "Operation", access, &refused.told))
}

fn allows(row: &Row) -> Vec<Value> {
    row.expected.iter().map(|(action, arn)| statement("Allow", "Allow", action, arn)).collect()
}

/// Each statement once: a batch may ask the same of one resource several times.
fn numbered(statements: Vec<Value>) -> Vec<Value> {
    let mut each: BTreeMap<String, Value> = BTreeMap::new();
    for mut one in statements {
        let key = one.to_string();
        one["Sid"] = json!(format!("Allow{}", each.len()));
        each.entry(key).or_insert(one);
    }
    each.into_values().collect()
}

/// Leaves word for the runner that counts skips.
fn skip(name: &str, reason: &str) {
    use std::io::Write;
    eprintln!("skipped {name}: {reason}");
    if let Ok(path) = std::env::var("BASCULE_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}

#[test]
fn every_operation_asks_for_what_its_row_says() {
    for row in rows() {
        let asked: Vec<_> = row.accesses.iter().map(|one| (one.action, one.resource.arn.clone())).collect();
        assert_eq!(asked, row.expected, "{:?}", row.operation);
        assert_eq!(asked[0].0, row.operation.action());
    }
}

#[test]
fn the_table_is_complete() {
    let mut listed: Vec<Operation> = rows().iter().map(|row| row.operation).collect();
    listed.sort_unstable();
    let mut all = Operation::ALL.to_vec();
    all.sort_unstable();
    assert_eq!(listed, all);
}

#[test]
fn one_statement_lets_it_pass_and_nothing_else_does() {
    for row in rows() {
        let statements = numbered(allows(&row));
        let name = row.operation;
        assert_eq!(ask(&grants(&statements), &row.accesses), Ok(()), "{name:?}");
        for (at, (action, arn)) in row.expected.iter().enumerate() {
            let without = |replaced: Option<Value>| {
                let own = statement("", "Allow", action, arn);
                let is_own = |one: &Value| one["Action"] == own["Action"] && one["Resource"] == own["Resource"];
                let mut left: Vec<Value> = statements.iter().filter(|one| !is_own(one)).cloned().collect();
                left.extend(replaced);
                grants(&left)
            };
            let denied = |grants: &Grants, why: &str| {
                let refusal = ask(grants, &row.accesses).expect_err(&format!("{name:?} {at}: {why}"));
                let told = format!("may not {action} on `{arn}`: ");
                assert!(refusal.message.contains(&told) && refusal.message.contains(why), "{}", refusal.message);
                assert_eq!(refusal.metadata["action"], *action);
                assert_eq!(refusal.metadata["resource"], *arn);
            };
            let none = "no identity policy allows it";
            denied(&without(None), none);
            let sibling = if arn == "*" { full("events:event-bus/orders") } else { format!("{arn}x") };
            denied(&without(Some(statement("Sibling", "Allow", action, &sibling))), none);
            denied(&without(Some(statement("Other", "Allow", "bascule:Other", arn))), none);
            let mut both = statements.clone();
            both.push(statement("Forbidden", "Deny", action, arn));
            denied(&grants(&both), "denied by statement `Forbidden` of identity policy `orders`");
        }
    }
}

#[test]
fn nobody_else_has_the_policies_of_one() {
    for row in rows() {
        let all = grants(&[statement("All", "Allow", "*", "*")]);
        assert_eq!(ask(&all, &row.accesses), Ok(()));
        for stranger in [
            "",
            "spiffe://shop.test/service/orders/",
            "spiffe://shop.test/service",
            "SPIFFE://shop.test/service/orders",
        ] {
            assert!(all.judge(stranger, &row.accesses.first, Facts::at(Millis(0))).is_err(), "{stranger}");
        }
    }
}
