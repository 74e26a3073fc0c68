//! What all subscribers write to, and who watches that each of them is served: between any two kills, and at any time while others'
//! messages lie there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::queue::book::Book;

/// A subscriber that gets nothing for so long, while others' messages lie there, is stuck.
pub const STUCK: Duration = Duration::from_secs(20);
/// So many visible messages are more than other subscribers have taken by the time one looks.
pub const PLENTY: u64 = 500;
/// The message that a subscriber forgets on purpose.
const FORGOTTEN: u64 = 50;

/// Where a subscriber's messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// A stream that was opened before the last kill.
    Old,
    /// None, or one that said nothing yet.
    Opening,
    /// One that was opened after it.
    Fresh,
}

/// How one subscriber stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its last state, by name.
    pub state: String,
    /// Messages, in all.
    pub received: u64,
    /// Messages since the last kill, of streams that were opened after it.
    pub lately: u64,
    stream: Stream,
    /// When it last got one of those, or there was nobody to be blamed.
    served: Instant,
    /// For how long there was plenty since then.
    starved: Duration,
    is_stuck: bool,
}

/// Everybody, and the time between two kills.
#[derive(Debug)]
struct Hall {
    standings: Vec<Standing>,
    /// Subscribers may open streams.
    is_open: bool,
    kills: u64,
    /// From just before a kill until the daemon is dead.
    is_dying: bool,
    /// The last look that was answered, if there was plenty.
    plenty_at: Option<Instant>,
    /// For how long there was plenty since the last kill.
    plenty: Duration,
    /// How often there was.
    plenty_looks: u64,
}

/// What all subscribers write to.
#[derive(Debug)]
pub struct Shared {
    book: Mutex<Book>,
    hall: Mutex<Hall>,
    counts: Mutex<Counts>,
    stopping: watch::Sender<bool>,
    /// Visible messages, by the last look that was answered.
    visible: AtomicU64,
    /// Messages of the subscriber that forgets.
    forgetting: AtomicU64,
}

/// What was counted by name.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// States that streams told.
    pub states: BTreeMap<String, u64>,
    /// Ends of streams.
    pub ends: BTreeMap<String, u64>,
    /// Credits of streams that ended without having been closed.
    pub lent: u64,
    /// Streams that their subscribers' client gave up.
    pub given_up: Vec<String>,
    /// Subscribers that were stuck.
    pub stuck: Vec<String>,
    /// Subscribers that got nothing between two kills.
    pub unserved: Vec<String>,
    /// Times between two kills in which there never was plenty.
    pub scarce: Vec<String>,
    /// Least messages of a subscriber between two kills.
    pub least: Option<u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// For so many subscribers.
    #[must_use]
    pub fn new(subscribers: usize) -> Self {
        let standing = Standing {
            state: "NONE".to_owned(),
            received: 0,
            lately: 0,
            stream: Stream::Opening,
            served: Instant::now(),
            starved: Duration::ZERO,
            is_stuck: false,
        };
        let standings = vec![standing; subscribers];
        Self {
            book: Mutex::default(),
            hall: Mutex::new(Hall {
                standings,
                is_open: false,
                kills: 0,
                is_dying: false,
                plenty_at: None,
                plenty: Duration::ZERO,
                plenty_looks: 0,
            }),
            counts: Mutex::default(),
            stopping: watch::Sender::new(false),
            visible: AtomicU64::new(0),
            forgetting: AtomicU64::new(0),
        }
    }

    /// The book.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        locked(&self.book)
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        locked(&self.counts).clone()
    }

    /// How all stand.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        locked(&self.hall).standings.clone()
    }

    /// Whether subscribers are to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Ends when they are.
    pub async fn stopped(&self) {
        // The sender is here, so that it does not go away meanwhile.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// They are.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether this message is the one to be forgotten.
    #[must_use]
    pub fn forget(&self) -> bool {
        self.forgetting.fetch_add(1, Ordering::Relaxed) + 1 == FORGOTTEN
    }

    /// How many were visible lately.
    #[must_use]
    pub fn visible(&self) -> u64 {
        self.visible.load(Ordering::Relaxed)
    }

    fn standing(&self, subscriber: usize, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = locked(&self.hall).standings.get_mut(subscriber) {
            change(standing);
        }
    }

    /// Lets subscribers in: there is plenty for them.
    pub fn open(&self) {
        locked(&self.hall).is_open = true;
        self.begins_anew();
    }

    /// A subscriber is about to open a stream; gives the kills so far, or nothing before the doors open and while the daemon is about
    /// to be killed: whether that stream belongs before or after, nobody could say.
    #[must_use]
    pub fn opens(&self, subscriber: usize) -> Option<u64> {
        let mut hall = locked(&self.hall);
        if hall.is_dying || !hall.is_open {
            return None;
        }
        if let Some(standing) = hall.standings.get_mut(subscriber) {
            standing.stream = Stream::Opening;
        }
        Some(hall.kills)
    }

    /// Whether no kill came while it opened it; after one it must open another.
    #[must_use]
    pub fn opened(&self, kills: u64) -> bool {
        locked(&self.hall).kills == kills
    }

    /// A subscriber took a message; whether from a stream that was opened after the last kill. Any other says nothing about the
    /// daemon that runs now.
    #[must_use]
    pub fn received(&self, subscriber: usize) -> bool {
        let mut is_fresh = false;
        self.standing(subscriber, |standing| {
            standing.received += 1;
            is_fresh = standing.stream == Stream::Fresh;
            if is_fresh {
                standing.lately += 1;
                (standing.served, standing.starved, standing.is_stuck) = (Instant::now(), Duration::ZERO, false);
            }
        });
        is_fresh
    }

    /// A stream told its state, as each does before its first message.
    pub fn state(&self, subscriber: usize, name: &str) {
        let name = name.strip_prefix("SUBSCRIPTION_STATE_").unwrap_or(name);
        *locked(&self.counts).states.entry(name.to_owned()).or_default() += 1;
        self.standing(subscriber, |standing| {
            name.clone_into(&mut standing.state);
            if standing.stream == Stream::Opening {
                standing.stream = Stream::Fresh;
            }
        });
    }

    /// A stream ended by itself: all it brought was taken, and the next is another.
    pub fn broke(&self, subscriber: usize) {
        self.standing(subscriber, |standing| standing.stream = Stream::Opening);
    }

    /// A stream ended; so many credits may have been used up by messages that nobody heard of.
    pub fn ended(&self, subscriber: usize, code: &str, credits: u32) {
        let mut counts = locked(&self.counts);
        *counts.ends.entry(code.to_owned()).or_default() += 1;
        counts.lent += u64::from(credits);
        drop(counts);
        self.standing(subscriber, |standing| standing.state = format!("ended: {code}"));
    }

    /// The client gave a stream up, which it must not for what passes.
    pub fn gave_up(&self, subscriber: usize, code: &str, credits: u32) {
        self.ended(subscriber, code, credits);
        locked(&self.counts).given_up.push(format!("subscriber {subscriber}: {code}"));
    }

    /// The daemon is about to be killed: what streams bring from here on may be of before.
    pub fn dying(&self) {
        self.stretch();
        let mut hall = locked(&self.hall);
        hall.is_dying = true;
        hall.standings.iter_mut().for_each(|standing| standing.stream = Stream::Old);
    }

    /// It is dead; whatever is opened now is opened with the next.
    pub fn dead(&self) {
        self.book().killed();
        let mut hall = locked(&self.hall);
        hall.is_dying = false;
        hall.kills += 1;
        for standing in hall.standings.iter_mut().filter(|standing| standing.stream == Stream::Fresh) {
            standing.stream = Stream::Old;
        }
    }

    /// It serves again: nobody can be blamed for what was before.
    pub fn begins_anew(&self) {
        let mut hall = locked(&self.hall);
        (hall.plenty_at, hall.plenty, hall.plenty_looks) = (None, Duration::ZERO, 0);
        for standing in &mut hall.standings {
            (standing.served, standing.starved, standing.is_stuck) = (Instant::now(), Duration::ZERO, false);
        }
    }

    /// A kill, or the end, ends a stretch: each subscriber must have been served in it, and there must have been plenty, or it shows
    /// nothing that some were.
    pub fn stretch(&self) {
        let mut hall = locked(&self.hall);
        let (after, plenty_s) = (hall.kills, hall.plenty.as_secs());
        let mut counts = locked(&self.counts);
        if hall.plenty_looks == 0 {
            counts.scarce.push(format!("after {after} kills never {PLENTY} were visible"));
        }
        for (subscriber, standing) in hall.standings.iter_mut().enumerate() {
            if standing.lately == 0 {
                let state = &standing.state;
                let text = format!("after {after} kills subscriber {subscriber} got nothing, last {state}");
                counts.unserved.push(format!("{text}; there was plenty for {plenty_s} s"));
            }
            counts.least = Some(counts.least.map_or(standing.lately, |before| before.min(standing.lately)));
            standing.lately = 0;
        }
    }

    /// Whether every subscriber had a message since the last kill, and whether there was plenty.
    #[must_use]
    pub fn served(&self) -> (bool, bool) {
        let hall = locked(&self.hall);
        (hall.standings.iter().all(|standing| standing.lately > 0), hall.plenty_looks > 0)
    }

    /// For how long there was plenty since the last kill.
    #[must_use]
    pub fn plenty(&self) -> Duration {
        locked(&self.hall).plenty
    }

    /// So many messages are visible now. A look that is not answered is none: it speaks for nobody.
    pub fn look(&self, visible: Option<u64>) {
        let Some(visible) = visible else { return };
        self.visible.store(visible, Ordering::Relaxed);
        let (mut stuck, mut hall) = (Vec::new(), locked(&self.hall));
        let is_plenty = visible >= PLENTY;
        // Time counts if there was plenty at both its ends.
        let passed = hall.plenty_at.filter(|_| is_plenty).map_or(Duration::ZERO, |at| at.elapsed());
        hall.plenty_at = is_plenty.then(Instant::now);
        hall.plenty += passed;
        hall.plenty_looks += u64::from(is_plenty);
        for (subscriber, standing) in hall.standings.iter_mut().enumerate() {
            standing.starved += passed.min(standing.served.elapsed());
            if standing.starved >= STUCK && !standing.is_stuck {
                standing.is_stuck = true;
                let starved_s = standing.starved.as_secs();
                stuck.push(format!("subscriber {subscriber} got nothing for {starved_s} s, last {}", standing.state));
            }
        }
        drop(hall);
        locked(&self.counts).stuck.extend(stuck);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some looks later, each so many seconds after the one before.
    fn looks(shared: &Shared, visible: &[Option<u64>], seconds: u64) {
        for visible in visible {
            let passed = Duration::from_secs(seconds);
            let mut hall = locked(&shared.hall);
            hall.plenty_at = hall.plenty_at.and_then(|at| at.checked_sub(passed));
            for standing in &mut hall.standings {
                standing.served = standing.served.checked_sub(passed).unwrap_or(standing.served);
            }
            drop(hall);
            shared.look(*visible);
        }
    }

    fn serve(shared: &Shared, subscriber: usize) -> bool {
        shared.state(subscriber, "SUBSCRIPTION_STATE_ACTIVE");
        shared.received(subscriber)
    }

    #[test]
    fn one_is_stuck_that_gets_nothing_while_there_is_plenty() {
        let shared = Shared::new(2);
        shared.state(1, "SUBSCRIPTION_STATE_NO_LEADER");
        let (plenty, few) = (Some(PLENTY), Some(PLENTY - 1));
        // Neither a look that fails nor one that sees few makes forget what was; but what is not known is not counted.
        for (seen, seconds, is_stuck) in [
            (vec![plenty, plenty, plenty], 5, false),
            (vec![few, few, few, None, None], 9, false),
            (vec![plenty], 9, false),
            (vec![None, None, plenty], 3, false),
            (vec![plenty], 2, true),
            (vec![plenty, plenty], 9, true),
        ] {
            assert!(serve(&shared, 0));
            looks(&shared, &seen, seconds);
            assert_eq!(shared.counts().stuck.len(), usize::from(is_stuck), "{seen:?}");
        }
        let stuck = shared.counts().stuck;
        assert!(stuck[0].starts_with("subscriber 1 got nothing for 2"), "{stuck:?}");
        assert!(stuck[0].ends_with("last NO_LEADER"), "{stuck:?}");
        // A start of the daemon makes forget it.
        let shared = Shared::new(1);
        looks(&shared, &[plenty, plenty], 19);
        shared.begins_anew();
        looks(&shared, &[plenty, plenty], 19);
        assert_eq!(shared.counts().stuck.len(), 0);
    }

    #[test]
    fn only_streams_of_after_a_kill_serve_after_it() {
        let shared = Shared::new(1);
        assert!(!shared.received(0), "before its first word");
        assert!(serve(&shared, 0));
        assert_eq!(shared.opens(0), None, "the doors are closed");
        shared.open();
        shared.dying();
        assert_eq!(shared.opens(0), None);
        assert!(!serve(&shared, 0), "what lay in the client's inbox");
        shared.dead();
        shared.begins_anew();
        assert!(!serve(&shared, 0), "the same, after the start");
        assert_eq!(shared.served(), (false, false));
        shared.broke(0);
        assert!(!shared.received(0), "no word of the new stream yet");
        assert!(serve(&shared, 0));
        shared.look(Some(PLENTY));
        assert_eq!(shared.served(), (true, true));
        // A stream that a subscriber opens of its own accord, and one around a kill.
        let kills = shared.opens(0).unwrap();
        assert!(shared.opened(kills) && serve(&shared, 0));
        let kills = shared.opens(0).unwrap();
        shared.dying();
        assert!(!serve(&shared, 0));
        shared.dead();
        assert!(!shared.opened(kills));
    }

    #[test]
    fn stretches_without_service_or_plenty_are_found() {
        let shared = Shared::new(2);
        assert!(serve(&shared, 0) && serve(&shared, 0) && serve(&shared, 1));
        shared.look(Some(PLENTY));
        shared.dying();
        shared.dead();
        shared.begins_anew();
        assert_eq!((shared.counts().unserved.len(), shared.counts().scarce.len()), (0, 0));
        shared.broke(0);
        assert!(serve(&shared, 0) && !serve(&shared, 1));
        shared.look(Some(PLENTY - 1));
        shared.stretch();
        let counts = shared.counts();
        assert_eq!((counts.unserved.len(), counts.scarce.len(), counts.least), (1, 1, Some(0)));
        assert!(counts.unserved[0].contains("after 1 kills subscriber 1 got nothing"), "{:?}", counts.unserved);
        assert_eq!(shared.standings()[1].received, 2);
    }
}
