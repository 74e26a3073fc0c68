//! One subscriber: follows the queue through kills, each after its habit, and writes down what it sees and does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bascule_api::client::Session;
use bascule_api::client::subscription::{Following, Heard, Subscription};
use bascule_api::error::Error;
use bascule_api::v1::QueueMessage;
use bascule_tests::chance::{Chance, now_ms};
use tokio::time::timeout;

use crate::queue::book::Ask;
use crate::queue::watch::Shared;

/// Most messages that a subscriber has in its hand.
pub const HAND: usize = 10;
/// How long the end of a stream may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);
/// Before a stream is opened that could not be opened.
const PAUSE: Duration = Duration::from_millis(100);
/// Extensions of what is kept, in one visibility timeout.
const EXTENSIONS: u32 = 4;
/// What is kept is kept for at least 8, and at most 20 fifths of a visibility timeout: until few messages are visible, so that
/// somebody has time for it if an extension did nothing.
const KEPT_FIFTHS: (u32, u32) = (8, 20);
/// So many are few.
const FEW: u64 = 50;

/// What a subscriber does with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Deletes all.
    Steady,
    /// Gives every tenth back, for up to two seconds, and deletes the others.
    Giver,
    /// Keeps them hidden for longer, takes its time, then deletes them; and a hand now and then past its timeout.
    Keeper,
    /// Leaves its stream without a word now and then, with messages in its hand.
    Leaver,
    /// Takes 30 ms for each.
    Slow,
}

impl Habit {
    /// All, in turn.
    pub const ALL: [Self; 5] = [Self::Steady, Self::Giver, Self::Keeper, Self::Leaver, Self::Slow];

    /// Its name on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "deletes all",
            Self::Giver => "gives every tenth back for 0 to 2 s",
            Self::Keeper => "extends, waits up to 100 ms, then deletes; holds a hand past its timeout now and then",
            Self::Leaver => "leaves its stream without a word every 100 to 300 messages",
            Self::Slow => "takes 30 ms for each",
        }
    }

    /// Credits of its streams.
    #[must_use]
    pub const fn credits(self, nth: usize) -> u32 {
        match self {
            Self::Steady => [1, 20, 100, 400][nth % 4],
            Self::Giver => [5, 30, 60, 100][nth % 4],
            Self::Keeper => [2, 10, 20, 40][nth % 4],
            Self::Leaver => [3, 10, 50, 200][nth % 4],
            Self::Slow => [1, 4, 8, 16][nth % 4],
        }
    }
}

/// How a stream was left by its subscriber.
enum Left {
    Stopped,
    WithoutAWord,
}

/// What is held past its timeout, by extensions.
pub struct Kept {
    handles: Vec<String>,
    since: Instant,
    extended: Instant,
}

/// One subscriber.
pub struct Subscriber {
    /// Its number.
    pub number: usize,
    /// What it does.
    pub habit: Habit,
    /// Its connection, which it may share.
    pub session: Session,
    /// What to follow.
    pub following: Following,
    /// Its own chance.
    pub chance: Chance,
    /// Deletes one message of which it writes nothing down.
    pub forgets: bool,
    /// What it keeps.
    pub kept: Option<Kept>,
    /// Messages until it keeps some again.
    pub until_kept: u64,
    /// What all write to.
    pub shared: Arc<Shared>,
}

impl Subscriber {
    /// Follows until it is stopped.
    pub async fn run(mut self) {
        while !self.shared.is_stopping() {
            let Some(kills) = self.shared.opens(self.number) else {
                tokio::time::sleep(PAUSE / 20).await;
                continue;
            };
            let mut stream = match self.session.subscribe(self.following.clone()).await {
                Ok(stream) => stream,
                Err(error) => {
                    self.shared.ended(self.number, &format!("not opened: {}", name(&error)), 0);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            if !self.shared.opened(kills) {
                drop(stream);
                self.shared.ended(self.number, "OPENED_AROUND_A_KILL", self.following.credits);
                continue;
            }
            match self.follow(&mut stream).await {
                Ok(Left::Stopped) => self.close(stream).await,
                Ok(Left::WithoutAWord) => {
                    drop(stream);
                    self.leave();
                    self.shared.ended(self.number, "LEFT_WITHOUT_A_WORD", self.following.credits);
                }
                Err(error) => {
                    self.leave();
                    self.shared.gave_up(self.number, &name(&error), self.following.credits);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn leave(&mut self) {
        self.kept = None;
        self.shared.book().left(self.number);
    }

    async fn follow(&mut self, stream: &mut Subscription) -> Result<Left, Error> {
        let mut until_left = 100 + self.chance.below(200);
        while !self.shared.is_stopping() {
            let tending =
                self.kept.as_ref().map_or(PAUSE * 100, |kept| self.extension().saturating_sub(kept.extended.elapsed()));
            let mut next = tokio::select! {
                heard = stream.next() => Ok(heard),
                () = self.shared.stopped() => return Ok(Left::Stopped),
                () = tokio::time::sleep(tending) => {
                    self.tend(stream).await?;
                    continue;
                }
            };
            let mut hand = Vec::new();
            while let Ok(heard) = next {
                let heard = heard?;
                let is_message = matches!(heard, Heard::Message(_));
                self.hear(heard, &mut hand);
                // Whoever does not wait opens no stream either.
                if !is_message || hand.len() >= HAND {
                    break;
                }
                next = timeout(Duration::ZERO, stream.next()).await;
            }
            let taken = hand.len() as u64;
            if self.habit == Habit::Leaver && taken >= until_left {
                return Ok(Left::WithoutAWord);
            }
            until_left = until_left.saturating_sub(taken);
            if !hand.is_empty() {
                self.act(stream, hand).await?;
            }
            self.tend(stream).await?;
        }
        Ok(Left::Stopped)
    }

    fn hear(&mut self, heard: Heard, hand: &mut Vec<QueueMessage>) {
        match heard {
            Heard::Message(message) => {
                let fresh = self.shared.received(self.number);
                // The planted fault: nobody will ever know of this one.
                if self.forgets && message.receive_count == 1 && self.shared.forget() {
                    hand.push(*message);
                    return;
                }
                self.shared.book().heard(self.number, &message, fresh, now_ms());
                hand.push(*message);
            }
            Heard::Settled(results) => self.shared.book().settled(self.number, &results, now_ms()),
            Heard::State { state, .. } => self.shared.state(self.number, state.as_str_name()),
            Heard::Ended { code, .. } => {
                self.shared.book().broke(self.number);
                self.shared.broke(self.number);
                self.shared.ended(self.number, &code, self.following.credits);
            }
        }
    }

    fn asked(&self, handles: &[String], ask: Ask) {
        self.shared.book().asked(self.number, handles, ask, now_ms());
    }

    async fn act(&mut self, stream: &mut Subscription, hand: Vec<QueueMessage>) -> Result<(), Error> {
        let mut handles: Vec<String> = hand.into_iter().map(|message| message.receipt_handle).collect();
        match self.habit {
            Habit::Steady | Habit::Leaver => {}
            Habit::Giver => {
                let (back, rest): (Vec<_>, Vec<_>) = handles.into_iter().partition(|_| self.chance.below(10) == 0);
                if !back.is_empty() {
                    let delay_s = u32::try_from(self.chance.below(3)).unwrap_or_default();
                    self.asked(&back, Ask::Nack);
                    stream.nack(back, delay_s).await?;
                }
                handles = rest;
            }
            Habit::Keeper => {
                self.extend(stream, handles.clone()).await?;
                if self.kept.is_none() && self.until_kept == 0 {
                    self.until_kept = 500 + self.chance.below(500);
                    let now = Instant::now();
                    self.kept = Some(Kept { handles, since: now, extended: now });
                    return Ok(());
                }
                self.until_kept = self.until_kept.saturating_sub(handles.len() as u64);
                tokio::time::sleep(Duration::from_millis(self.chance.below(100))).await;
            }
            Habit::Slow => tokio::time::sleep(Duration::from_millis(30 * handles.len() as u64)).await,
        }
        if handles.is_empty() {
            return Ok(());
        }
        self.asked(&handles, Ask::Ack);
        stream.ack(handles).await
    }

    fn hidden_s(&self) -> u32 {
        self.following.visibility_timeout.unwrap_or_default()
    }

    /// Between two extensions of what is kept.
    fn extension(&self) -> Duration {
        Duration::from_secs(self.hidden_s().into()) / EXTENSIONS
    }

    async fn extend(&self, stream: &mut Subscription, handles: Vec<String>) -> Result<(), Error> {
        self.asked(&handles, Ask::Extend);
        stream.extend(handles, self.hidden_s()).await
    }

    /// Extends what is kept, if it is time, and deletes it in the end.
    async fn tend(&mut self, stream: &mut Subscription) -> Result<(), Error> {
        let interval = self.extension();
        let Some(kept) = self.kept.as_mut().filter(|kept| kept.extended.elapsed() >= interval) else { return Ok(()) };
        kept.extended = Instant::now();
        let (handles, fifth) = (kept.handles.clone(), interval * EXTENSIONS / 5);
        let (held, (least, most)) = (kept.since.elapsed(), KEPT_FIFTHS);
        if held < fifth * least || (held < fifth * most && self.shared.visible() >= FEW) {
            return self.extend(stream, handles).await;
        }
        self.kept = None;
        self.asked(&handles, Ask::Ack);
        stream.ack(handles).await
    }

    /// Hears what became of all that was asked, and leaves in order.
    async fn close(&mut self, stream: Subscription) {
        let heard = match timeout(CLOSE_LIMIT, stream.close()).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(error)) => return self.shared.gave_up(self.number, &name(&error), self.following.credits),
            Err(_) => return self.shared.gave_up(self.number, "NOT_CLOSED_IN_TIME", self.following.credits),
        };
        for heard in heard {
            self.hear(heard, &mut Vec::new());
        }
        self.shared.ended(self.number, "CLOSED", 0);
    }
}

/// What an error is called.
fn name(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => refusal.reason.name().to_owned(),
        Error::Foreign { code, .. } => format!("CONNECTION_LOST ({code:?})"),
        other => format!("{other:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned(),
    }
}
