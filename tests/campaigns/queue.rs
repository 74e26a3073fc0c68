//! The campaign over a queue: subscribers of every habit, a daemon that is killed in between, and an account of every message.
//!
//! In: a number of messages, a seed; for a negative control the daemon with planted faults.
//! Out: the account: acknowledged = handed out and deleted; repeats by cause; streams by state and end.
//! Never: a message that is counted as deleted because the queue is empty.

mod account;
mod book;
mod cause;
mod page;
mod subscriber;
mod watch;

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bascule_api::client::subscription::Following;
use bascule_api::v1::{DescribeQueueRequest, DescribeQueueResponse};
use bascule_model::ambient::Entropy;
use bascule_tests::Outcome;
use bascule_tests::chance::{Air, Chance};
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::Put;
use bascule_tests::producers::{Plan, Producers};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::campaign::{PLANTED_ENV, Verdict};
use crate::evidence;
use crate::queue::page::Page;
use crate::queue::subscriber::{Habit, Subscriber};
use crate::queue::watch::{PLENTY, STUCK, Shared};
use crate::say;

/// The queue, its rule and its target.
const QUEUE: &str = "work";
/// What its rule wants.
const SOURCE: &str = "campaign.queue";
/// Producers at once, each with one put of ten entries on its way.
const PRODUCERS: usize = 8;
/// With fewer messages it is a short campaign, of few subscribers and one kill.
const LONG_MESSAGES: u32 = 20_000;
/// Messages for each kill of a long one.
const MESSAGES_A_KILL: u32 = 10_000;
/// Deletions between two kills, at least.
const DELETIONS_A_KILL: u64 = 1_000;
/// Subscribers over one connection.
const SUBSCRIBERS_A_CONNECTION: usize = 4;
/// Makes the planted daemon say that it deleted what it keeps.
const PLANT: (&str, &str) = ("BASCULE_PLANT", "no-delete");
/// Messages that are put beyond those that were asked for, where there must be plenty until everybody was served.
const MORE: u64 = 2 * PLENTY;
/// So many at most lie there before the first subscriber comes.
const FIRST_MOST: u64 = 10_000;
/// A time between two kills that takes longer ends without everybody having been served, which is found.
const STRETCH_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at the queue.
const LOOK: Duration = Duration::from_secs(1);
/// Between two words for whoever watches.
const WORD: Duration = Duration::from_secs(5);
/// Without a deletion for so long, it is over.
const STANDSTILL: Duration = Duration::from_secs(90);
/// Where ports are drawn from: below those that the system hands out to clients, one of which would else meet itself.
const PORTS: (u16, u16) = (20_000, 10_000);

/// What a campaign of so many messages is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Events to be acknowledged, at least.
    pub messages: u64,
    /// Subscribers.
    pub subscribers: usize,
    /// Kills.
    pub kills: u64,
    /// How long a message is hidden, in seconds.
    pub hidden_s: u32,
}

impl Shape {
    fn of(messages: u32) -> Self {
        let (subscribers, kills, hidden_s) = match messages {
            LONG_MESSAGES.. => (20, (messages / MESSAGES_A_KILL).min(10), 20),
            _ => (5, 1, 5),
        };
        Self { messages: messages.into(), subscribers, kills: kills.into(), hidden_s }
    }

    /// After how many deletions the last kill comes at the latest: what is left then must be plenty.
    fn last_kill(self) -> u64 {
        (self.messages * 9 / 10).min(self.messages.saturating_sub(MORE)).max(self.messages / 2)
    }

    /// After how many deletions the next kill comes, when so many were made after so many: drawn so that the rest is spread over what is
    /// left, and all come before there is nothing more to delete.
    fn next_kill(self, made: u64, deleted: u64, chance: &mut Chance) -> u64 {
        let (left, kills) = (self.last_kill().saturating_sub(deleted), self.kills.saturating_sub(made).max(1));
        let share = left / kills;
        let least = DELETIONS_A_KILL.min(share / 2);
        let most = (2 * share - least).min(left - least * (kills - 1)).max(least + 1);
        deleted + least + chance.below(most - least)
    }
}

/// What the kills were like.
#[derive(Debug, Default)]
pub struct Kills {
    /// Deletions acknowledged before each.
    pub after: Vec<u64>,
    /// Until the daemon served again, in milliseconds.
    pub back_ms: Vec<u64>,
    /// From each start until every subscriber had a message, in milliseconds.
    pub served_ms: Vec<u64>,
}

/// Runs the campaign and writes its page.
///
/// # Errors
/// What kept it from running; a loss is a verdict.
pub async fn run(arguments: &Arguments) -> Outcome<Verdict> {
    let shape = Shape::of(arguments.messages);
    say(&format!("campaign queue: seed {}, {} messages, {} kills", arguments.seed, shape.messages, shape.kills));
    let (began, commit) = (Instant::now(), evidence::commit());
    let mut options = Options::default().grpc(free_port()?);
    if arguments.planted {
        let Some(binary) = env::var_os(PLANTED_ENV) else {
            say(&format!("campaign: `{PLANTED_ENV}` names no binary: `./x campaign queue --planted` makes it"));
            return Ok(Verdict::CannotRun);
        };
        options = options.binary(Path::new(&binary)).environment(PLANT.0, PLANT.1);
    }
    let daemon = Daemon::start(&options)?;
    Client::operator(&daemon).await?.queued(QUEUE, &format!(r#"{{"source":["{SOURCE}"]}}"#)).await?;
    let mut campaign = Campaign {
        shape,
        daemon,
        chance: Chance::seeded(arguments.seed),
        shared: Arc::new(Shared::new(shape.subscribers)),
        kills: Kills::default(),
        wrong: Vec::new(),
        served_since: Instant::now(),
        was_served: false,
        wanted: shape.messages,
    };
    let subscribers = campaign.subscribers(arguments.forgetful).await?;
    let puts = campaign.play().await?;
    let emptied_s = began.elapsed().as_secs();
    campaign.shared.stop();
    let ended = subscribers.join_all();
    timeout(Duration::from_secs(60), ended).await.context("subscribers do not end")?;
    campaign.end();
    let page = Page::of(&campaign, arguments, &puts, &commit, began.elapsed());
    for wrong in &page.wrong {
        say(&format!("{}: {wrong}", if arguments.planted || arguments.forgetful { "FOUND" } else { "WRONG" }));
    }
    evidence::keep(arguments, &page.text())?;
    say(&format!("the queue was empty after {emptied_s} s"));
    say(&format!("campaign queue: {}", page.verdict()));
    Ok(if page.has_passed() { Verdict::Passed } else { Verdict::Failed })
}

/// A campaign that runs.
pub struct Campaign {
    /// What it is like.
    pub shape: Shape,
    /// What all subscribers write to.
    pub shared: Arc<Shared>,
    /// The kills.
    pub kills: Kills,
    /// What was wrong on the way.
    pub wrong: Vec<String>,
    daemon: Daemon,
    chance: Chance,
    /// Since when the daemon serves.
    served_since: Instant,
    was_served: bool,
    /// Events to be put until the next look at what lies there.
    wanted: u64,
}

impl Campaign {
    async fn subscribers(&mut self, forgetful: bool) -> Outcome<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        let mut session = Client::operator(&self.daemon).await?.session().clone();
        for number in 0..self.shape.subscribers {
            if number > 0 && number % SUBSCRIBERS_A_CONNECTION == 0 {
                session = Client::operator(&self.daemon).await?.session().clone();
            }
            let (habit, nth) = (Habit::ALL[number % Habit::ALL.len()], number / Habit::ALL.len());
            let following = Following {
                queue_name: QUEUE.to_owned(),
                credits: habit.credits(nth),
                visibility_timeout: Some(self.shape.hidden_s),
            };
            let subscriber = Subscriber {
                number,
                habit,
                session: session.clone(),
                following,
                chance: Chance::seeded(self.chance.draw()),
                forgets: forgetful && number == 0,
                kept: None,
                until_kept: 0,
                shared: Arc::clone(&self.shared),
            };
            tasks.spawn(subscriber.run());
        }
        Ok(tasks)
    }

    /// Puts, kills and looks until all is put and the queue is empty, or nothing moves any more.
    async fn play(&mut self) -> Outcome<Vec<Put>> {
        let plan = Plan { producers: PRODUCERS, batch: 10, source: SOURCE.to_owned(), ..Plan::default() };
        let mut producers = Some(Producers::start(self.daemon.context()?, plan));
        let mut puts = Vec::new();
        let client = Client::operator(&self.daemon).await?;
        let mut next_kill = self.shape.next_kill(0, 0, &mut self.chance);
        self.fill(&client).await;
        let (mut deleted, mut moved, mut word, mut looked) = (0, Instant::now(), Instant::now(), Instant::now());
        let mut depth = None;
        loop {
            tokio::time::sleep(LOOK / 20).await;
            let is_complete = self.is_complete();
            if let Some(running) = producers.take_if(|running| self.is_enough(running, is_complete, depth.as_ref())) {
                puts = running.stop().await?;
                depth = None;
            }
            let deleted_now = self.shared.book().deleted;
            if deleted_now != deleted {
                (deleted, moved) = (deleted_now, Instant::now());
            }
            if deleted >= next_kill && is_complete && (self.kills.after.len() as u64) < self.shape.kills {
                self.kill(deleted).await?;
                next_kill = self.shape.next_kill(self.kills.after.len() as u64, deleted, &mut self.chance);
                (moved, depth) = (Instant::now(), None);
            }
            if looked.elapsed() > LOOK {
                depth = self.look(&client).await;
                looked = Instant::now();
            }
            if word.elapsed() > WORD {
                word = Instant::now();
                say(&self.word(depth.as_ref()));
            }
            let is_empty =
                depth.as_ref().is_some_and(|depth| depth.visible_message_count + depth.in_flight_message_count == 0);
            if producers.is_none() && is_empty {
                break;
            }
            if moved.elapsed() > STANDSTILL {
                self.wrong.push(format!("no deletion for {} s: {}", STANDSTILL.as_secs(), self.word(depth.as_ref())));
                if let Some(running) = producers.take() {
                    puts = running.stop().await?;
                }
                break;
            }
        }
        let made = self.kills.after.len() as u64;
        if made < self.shape.kills {
            self.wrong.push(format!("{made} of {} kills were made before the queue was empty", self.shape.kills));
        }
        self.shared.stretch();
        Ok(puts)
    }

    /// Waits for half of all messages and lets subscribers in: from then on there is plenty until after the last kill. They take them as
    /// fast as these come.
    async fn fill(&mut self, client: &Client) {
        let (least, began) = ((self.shape.messages / 2).min(FIRST_MOST), Instant::now());
        while began.elapsed() < STANDSTILL {
            let depth = self.look(client).await;
            if depth.is_some_and(|depth| depth.visible_message_count >= least) {
                break;
            }
            tokio::time::sleep(LOOK / 5).await;
        }
        self.shared.open();
        self.served_since = Instant::now();
    }

    /// Whether every subscriber was served since the daemon serves, and there was plenty; or there is nothing more to wait for, and the
    /// end of this stretch is a finding.
    fn is_complete(&mut self) -> bool {
        let (is_served, was_plenty) = self.shared.served();
        if is_served && !self.was_served {
            self.kills.served_ms.push(millis(self.served_since.elapsed()));
        }
        self.was_served |= is_served;
        (is_served && was_plenty) || self.shared.plenty() > STUCK || self.served_since.elapsed() > STRETCH_LIMIT
    }

    /// Whether enough was put. If not, producers go on where there is no plenty any more before everybody was served.
    fn is_enough(&mut self, running: &Producers, is_complete: bool, depth: Option<&DescribeQueueResponse>) -> bool {
        let put = running.acknowledged();
        if put >= self.wanted && !is_complete && depth.is_some_and(|depth| depth.visible_message_count < PLENTY) {
            self.wanted = put + MORE;
        }
        running.hold(put >= self.wanted);
        put >= self.wanted && is_complete && self.kills.after.len() as u64 >= self.shape.kills
    }

    async fn look(&self, client: &Client) -> Option<DescribeQueueResponse> {
        let request = DescribeQueueRequest { queue_name: QUEUE.to_owned(), allow_stale: false };
        let answer = timeout(LOOK * 3, async { client.session().queues().describe_queue(request).await }).await;
        let depth = answer.ok().and_then(Result::ok).map(tonic::Response::into_inner);
        self.shared.look(depth.as_ref().map(|depth| depth.visible_message_count));
        depth
    }

    fn word(&self, depth: Option<&DescribeQueueResponse>) -> String {
        let book = self.shared.book();
        let (received, deleted) = (book.receipts, book.deleted);
        drop(book);
        let lies = depth.map_or_else(
            || "nobody says what lies there".to_owned(),
            |depth| {
                let more = if depth.counts_are_lower_bounds { "at least " } else { "" };
                format!("{more}{} visible, {} hidden", depth.visible_message_count, depth.in_flight_message_count)
            },
        );
        format!("{received} received, {deleted} deleted, {} kills; {lies}", self.kills.after.len())
    }

    async fn kill(&mut self, deleted: u64) -> Outcome {
        tokio::time::sleep(Duration::from_millis(self.chance.below(200))).await;
        let began = Instant::now();
        self.shared.dying();
        tokio::task::block_in_place(|| self.daemon.kill9())?;
        self.shared.dead();
        tokio::task::block_in_place(|| self.daemon.start_again())?;
        let back_ms = millis(began.elapsed());
        (self.served_since, self.was_served) = (Instant::now(), false);
        self.shared.begins_anew();
        self.kills.after.push(deleted);
        self.kills.back_ms.push(back_ms);
        say(&format!("kill {} after {deleted} deletions, back in {back_ms} ms", self.kills.after.len()));
        Ok(())
    }

    /// Stops the daemon in order; that it ends well belongs to the verdict.
    fn end(&mut self) {
        match tokio::task::block_in_place(|| self.daemon.terminate()) {
            Ok(status) if status.success() => say(&format!("the daemon stopped with {status}")),
            Ok(status) => self.wrong.push(format!("STOP: told to stop, the daemon ended with {status}")),
            Err(error) => self.wrong.push(format!("STOP: {error:#}")),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A place where nobody listens.
fn free_port() -> Outcome<SocketAddr> {
    for _ in 0..100 {
        let mut bytes = [0; 2];
        Air.fill(&mut bytes)?;
        let address = SocketAddr::from(([127, 0, 0, 1], PORTS.0 + u16::from_le_bytes(bytes) % PORTS.1));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_come_before_the_messages_end() {
        for messages in [1_000, 2_000, 5_000, 20_000, 100_000] {
            let shape = Shape::of(messages);
            let mut chance = Chance::seeded(7);
            for _ in 0..100 {
                let mut deleted = 0;
                for made in 0..shape.kills {
                    let next = shape.next_kill(made, deleted, &mut chance);
                    let least = DELETIONS_A_KILL.min((shape.last_kill() - deleted) / (shape.kills - made) / 2);
                    assert!(next - deleted >= least, "{shape:?} {deleted} {next}");
                    deleted = next;
                }
                assert!(deleted <= shape.last_kill() && deleted <= shape.messages * 9 / 10, "{shape:?} {deleted}");
            }
        }
        assert_eq!(Shape::of(100_000), Shape { messages: 100_000, subscribers: 20, kills: 10, hidden_s: 20 });
    }
}
