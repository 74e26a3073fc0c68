//! A daemon with everything around it that a campaign needs: a receiver, lanes of every kind, and the account of all rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use bascule_api::v1::{DeleteRuleRequest, RemoveTargetsRequest, Target};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, dead_letters_to, retries, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::{Account, Fate, Ledger, Put, read_event};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait;

use crate::arrivals::{Messages, Requests, drain, mark};
use crate::lanes::{DOOMED, DOOMED_ENDS, DOOMED_PATH, End, Goal, LANES, LETTERS, Lane, pattern, wants};

/// How long what is pending may take to end, but for the lane that fails.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// The age at which an event of the lane that fails is given up: the least that there is.
const FAILING_AGE_SECONDS: u32 = 60;

/// Everything.
pub struct World {
    /// The daemon.
    pub daemon: Daemon,
    _receiver: Receiver,
    requests: Requests,
    queues: BTreeMap<&'static str, Messages>,
    doomed: String,
    ledger: Ledger,
}

impl World {
    /// Starts a daemon and makes all lanes.
    ///
    /// # Errors
    /// The daemon's, or a refusal.
    pub async fn build(options: &Options) -> Outcome<Self> {
        let daemon = Daemon::start(options)?;
        let receiver = Receiver::start(&daemon)?;
        let client = Client::operator(&daemon).await?;
        let connection = client.connection("receiver", signing()).await?;
        let letters = client.queue(LETTERS).await?;
        let doomed = client.destination_over("doomed", &receiver.url(DOOMED_PATH), &connection).await?;
        let mut targets: BTreeMap<&str, Vec<Target>> = BTreeMap::new();
        for lane in &LANES {
            let arn = match lane.goal {
                Goal::Path(path) => client.destination_over(lane.name, &receiver.url(path), &connection).await?,
                Goal::Queue(queue) => client.queue(queue).await?,
            };
            let mut one = target(lane.name, &arn);
            match lane.end {
                End::Delivered => {}
                End::Refused => one.dead_letter_config = dead_letters_to(&letters),
                End::Fails => one.retry_policy = retries(0, FAILING_AGE_SECONDS),
            }
            targets.entry(lane.rule).or_default().push(one);
        }
        for (rule, targets) in targets {
            let ends = LANES.iter().find(|lane| lane.rule == rule).map(|lane| lane.ends).unwrap_or_default();
            client.rule("", rule, &pattern(ends)).await?;
            client.targets("", rule, targets).await?;
        }
        let requests = Requests::of(&receiver);
        let queues = LANES.iter().filter_map(|lane| queue_of(*lane)).chain([LETTERS]);
        let queues = queues.map(|queue| (queue, Messages::default())).collect();
        Ok(Self { daemon, _receiver: receiver, requests, queues, doomed, ledger: Ledger::default() })
    }

    /// Makes the rule of a round that will be deleted in its middle.
    ///
    /// # Errors
    /// A refusal.
    pub async fn make_doomed(&self, round: u32) -> Outcome {
        let (client, rule) = (Client::operator(&self.daemon).await?, doomed(round));
        client.rule("", &rule, &pattern(DOOMED_ENDS)).await?;
        client.targets("", &rule, vec![target("doomed", &self.doomed)]).await?;
        Ok(())
    }

    /// A producer's entries of a round, with the lanes that they belong to.
    pub fn put(&mut self, round: u32, source: &str, puts: &[Put]) {
        let doomed = doomed(round);
        for put in puts {
            let own: Vec<&str> =
                LANES.iter().filter(|lane| wants(lane.ends, &put.mark)).map(|lane| lane.name).collect();
            let put = Put { mark: mark(source, &put.mark), fate: put.fate.clone() };
            self.ledger.put(&put, &own);
            if wants(DOOMED_ENDS, &put.mark) && !matches!(put.fate, Fate::Refused(_)) {
                // It may have been put before, or after, and been cancelled: any one delivery is right, and none is.
                let fate = Fate::Unknown("its rule went away".to_owned());
                self.ledger.put(&Put { fate, ..put }, &[&doomed]);
            }
        }
    }

    /// Waits until nothing is pending, and takes in everything that arrived. The lanes that fail are waited for at the end alone.
    ///
    /// # Errors
    /// It does not settle in time, or the daemon refuses.
    pub async fn settle(&mut self, is_end: bool) -> Outcome {
        let client = Client::operator(&self.daemon).await?;
        for lane in LANES.iter().filter(|lane| is_end || lane.end != End::Fails) {
            let _ = client.settled("", lane.rule, SETTLE_LIMIT).await?;
        }
        // The daemon's counts first: what arrives between the two looks is then no loss in either.
        for lane in &LANES {
            self.ledger.counted(lane.name, client.counts("", lane.rule, lane.name).await?);
        }
        for lane in &LANES {
            if let Some(queue) = queue_of(*lane) {
                self.messages(queue, drain(&client, queue).await?)?;
            }
        }
        self.messages(LETTERS, drain(&client, LETTERS).await?)?;
        self.requests()?;
        self.table(&client).await
    }

    /// Messages that were received from a queue.
    ///
    /// # Errors
    /// One is no event of a campaign.
    pub fn messages(&mut self, queue: &'static str, messages: Vec<bascule_api::v1::QueueMessage>) -> Outcome {
        for event in self.queues.entry(queue).or_default().fresh(messages)? {
            match LANES.iter().find(|lane| queue_of(**lane) == Some(queue)) {
                Some(lane) => self.ledger.delivered(lane.name, &event),
                None => LANES
                    .iter()
                    .filter(|lane| lane.end == End::Refused)
                    .for_each(|lane| self.ledger.dead(lane.name, &event)),
            }
        }
        Ok(())
    }

    fn requests(&mut self) -> Outcome {
        for (path, event) in self.requests.taken()? {
            match LANES.iter().find(|lane| lane.goal == Goal::Path(static_path(&path))) {
                Some(lane) => self.ledger.delivered(lane.name, &event),
                None => {
                    let round = event.mark.split_once('/').and_then(|(source, _)| source.strip_prefix("round."));
                    let round = round.with_context(|| format!("`{}` came to `{path}`", event.mark))?;
                    self.ledger.delivered(&format!("{DOOMED}{round}"), &event);
                }
            }
        }
        Ok(())
    }

    async fn table(&mut self, client: &Client) -> Outcome {
        for letter in client.dead_letters("").await? {
            let event = read_event(&letter.event).context("a dead letter without its event")?;
            let source: serde_json::Value = serde_json::from_str(&letter.event)?;
            let mark = mark(source["source"].as_str().unwrap_or_default(), &event.mark);
            self.ledger.dead(&letter.target_id, &bascule_tests::ledger::Arrived { mark, ..event });
        }
        Ok(())
    }

    /// The account of all rounds so far.
    #[must_use]
    pub fn account(&self) -> Account {
        self.ledger.account()
    }
}

/// Deletes the rule of a round. It may be half deleted, or gone, or unreachable just now.
///
/// # Errors
/// It is still there.
pub async fn delete_doomed(client: &Client, round: u32) -> Outcome {
    let rule = doomed(round);
    let request =
        RemoveTargetsRequest { rule: rule.clone(), ids: vec!["doomed".to_owned()], ..RemoveTargetsRequest::default() };
    // What is not there need not be removed; whether it worked is seen below.
    let _ = client.session().targets().remove_targets(request).await;
    let request = DeleteRuleRequest { name: rule, ..DeleteRuleRequest::default() };
    client.session().rules().delete_rule(request).await?;
    Ok(())
}

/// The same, again and again through a restart.
///
/// # Errors
/// It is still there at the end.
pub async fn see_doomed_gone(daemon: &Daemon, round: u32) -> Outcome {
    let client = Client::operator(daemon).await?;
    wait::until("the doomed rule gone", wait::PATIENCE, async || Ok(delete_doomed(&client, round).await.ok())).await
}

fn doomed(round: u32) -> String {
    format!("{DOOMED}{round}")
}

fn queue_of(lane: Lane) -> Option<&'static str> {
    match lane.goal {
        Goal::Queue(queue) => Some(queue),
        Goal::Path(_) => None,
    }
}

/// The path of a lane that a request came to; the doomed lanes' for every other.
fn static_path(path: &str) -> &'static str {
    let paths = LANES.iter().filter_map(|lane| match lane.goal {
        Goal::Path(known) => Some(known),
        Goal::Queue(_) => None,
    });
    paths.into_iter().find(|known| *known == path).unwrap_or(DOOMED_PATH)
}
