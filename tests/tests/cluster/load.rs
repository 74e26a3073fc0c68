//! Puts from many clients that retry, with a webhook and a queue behind them, and the account of all of it at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, target};
use bascule_tests::ledger::{Arrived, Fate, Ledger, read_event};
use bascule_tests::nodes::Nodes;
use bascule_tests::receiver::Receiver;
use bascule_tests::traffic::{self, Sent, Traffic};
use bascule_tests::wait::{self, PATIENCE};

/// Events of one spell.
const SPELL: usize = 60;
/// Both lanes.
const LANES: [&str; 2] = ["hook", "kept"];
/// `source` of every event.
const SOURCE: &str = "test.load";

/// Running producers, and what their events go to.
pub(super) struct Load {
    receiver: Receiver,
    traffic: Traffic,
}

impl Load {
    /// Six producers at these places. What they put goes to a webhook and to a queue.
    pub(super) async fn start(nodes: &Nodes, contexts: Vec<Context>) -> Outcome<Self> {
        let receiver = nodes.receiver()?;
        let client = nodes.client(1).await?;
        let pattern = format!(r#"{{"source":["{SOURCE}"]}}"#);
        client.webhook("hook", &pattern, &receiver.url("/ok")).await?;
        let arn = client.queue("kept").await?;
        let min_control_index = client.targets("", "hook", vec![target("kept", &arn)]).await?;
        let plan = traffic::Plan {
            producers: 6,
            pause: Duration::from_millis(40),
            source: SOURCE.to_owned(),
            detail_types: vec!["put".to_owned()],
            min_control_index,
        };
        Ok(Self { receiver, traffic: Traffic::start(contexts, plan) })
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.traffic.acknowledged()
    }

    /// How many puts each producer has begun.
    pub(super) fn begun(&self) -> BTreeMap<usize, usize> {
        self.traffic.begun()
    }

    /// Waits until so many more are acknowledged.
    pub(super) async fn spell(&self, when: &str) -> Outcome {
        let least = self.acknowledged() + SPELL;
        wait::until(&format!("puts are acknowledged {when}"), PATIENCE, async || {
            Ok((self.acknowledged() >= least).then_some(()))
        })
        .await
    }

    /// The longest time since `from` in which nothing was acknowledged.
    pub(super) fn silence(&self, from: Instant) -> Duration {
        self.traffic.silence(from, Instant::now())
    }

    /// Ends the producers and waits until everything is delivered; asks this node. Nothing may be missing.
    pub(super) async fn end(self, asked: &Client) -> Outcome<Ended> {
        let Self { receiver, traffic } = self;
        let sent = traffic.stop().await?;
        asked.settled("", "hook", PATIENCE).await?;
        let mut ledger = Ledger::default();
        for sent in &sent {
            ledger.put(&sent.put, &LANES);
        }
        let taken: Vec<Arrived> = receiver
            .at("/ok")?
            .into_iter()
            .filter(|record| record.is_taken())
            .map(|record| Arrived { id: record.event_id, mark: record.mark })
            .collect();
        for arrived in &taken {
            ledger.delivered("hook", arrived);
        }
        for arrived in asked.drain("kept").await?.iter().filter_map(|message| read_event(&message.body)) {
            ledger.delivered("kept", &arrived);
        }
        ledger.account().demand_complete()?;
        Ok(Ended { sent, taken })
    }
}

/// What was put and what the webhook took.
pub(super) struct Ended {
    pub(super) sent: Vec<Sent>,
    pub(super) taken: Vec<Arrived>,
}

impl Ended {
    /// Sees that every put was acknowledged in the end.
    pub(super) fn demand_acknowledged(&self) -> Outcome {
        let failed = self.sent.iter().filter(|sent| !matches!(sent.put.fate, Fate::Acknowledged(_)));
        let failed: Vec<String> = failed.map(|sent| format!("{:?}", sent.put)).collect();
        ensure!(failed.is_empty(), "{} puts of {} failed: {}", failed.len(), self.sent.len(), failed.join("; "));
        Ok(())
    }
}
