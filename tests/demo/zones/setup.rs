//! The rules of three zones, where their targets are, and what arrived there.

use std::collections::BTreeMap;

use bascule_tests::Outcome;
use bascule_tests::client::{Client, signing, target};
use bascule_tests::ledger::Arrived;
use bascule_tests::receiver::Receiver;

use crate::say;

/// `source` of every event.
pub const SOURCE: &str = "com.example.shop";
/// The queue.
pub const QUEUE: &str = "orders";

/// A rule with one target.
#[derive(Debug)]
pub struct Rule {
    /// Its name, the target's too.
    pub name: &'static str,
    /// Detail types that it takes.
    pub detail_types: &'static [&'static str],
    /// The path at which the receiver sees its events; none: they go to the queue.
    pub path: Option<&'static str>,
}

/// All rules.
pub const RULES: &[Rule] = &[
    Rule { name: "every-order", detail_types: &["Placed", "Paid", "Shipped"], path: None },
    Rule { name: "placed", detail_types: &["Placed"], path: Some("/ok/placed") },
    Rule { name: "paid-or-shipped", detail_types: &["Paid", "Shipped"], path: Some("/slow/150/paid-or-shipped") },
];

/// Every detail type once.
#[must_use]
pub fn detail_types() -> Vec<String> {
    queued().iter().map(|word| (*word).to_owned()).collect()
}

/// The detail types that go to the queue.
#[must_use]
pub fn queued() -> &'static [&'static str] {
    RULES.iter().find(|rule| rule.path.is_none()).map_or(&[], |rule| rule.detail_types)
}

/// Makes queue, destinations, rules and targets; gives the control index from which on all of them hold.
///
/// # Errors
/// A refusal.
pub async fn everything(client: &Client, receiver: &Receiver) -> Outcome<u64> {
    let mut control_index = 0;
    for rule in RULES {
        let arn = match rule.path {
            Some(path) => client.destination(rule.name, &receiver.url(path), signing()).await?,
            None => client.queue(QUEUE).await?,
        };
        let pattern = serde_json::json!({ "source": [SOURCE], "detail-type": rule.detail_types }).to_string();
        client.rule("", rule.name, &pattern).await?;
        control_index = client.targets("", rule.name, vec![target(rule.name, &arn)]).await?;
        say(&format!("   rule {} → {}: {pattern}", rule.name, rule.path.unwrap_or("queue orders")));
    }
    Ok(control_index)
}

/// What arrived by each rule: of the queue what its consumers took.
///
/// # Errors
/// The receiver's file cannot be read.
pub fn look(receiver: &Receiver, queued: Vec<Arrived>) -> Outcome<BTreeMap<&'static str, Vec<Arrived>>> {
    let mut seen = BTreeMap::new();
    let mut queued = Some(queued);
    for rule in RULES {
        let arrived = match rule.path {
            Some(path) => {
                let taken = receiver.at(path)?.into_iter().filter(|record| record.is_taken());
                taken.map(|record| Arrived { id: record.event_id, mark: record.mark }).collect()
            }
            None => queued.take().unwrap_or_default(),
        };
        seen.insert(rule.name, arrived);
    }
    Ok(seen)
}
