//! Tails: a look at what is accepted on a bus, beside its way.
//!
//! In: a bus, a pattern, a rate; a tap on the put path.
//! Out: events that match, as far as the rate lets them; how many were not shown.
//! Never: a put that waits for a tail, an event that was not accepted, a gap of its own that is not told. An event whose put had no
//! answer is not shown, though it may be stored.

mod pace;

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::v1::tail_events_response::Says;
use bascule_api::v1::{TailEventsRequest, TailEventsResponse, TailSkipped, TailStarted, TailedEvent};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::PATTERN_LIMIT_CHARS;
use bascule_model::uid::{ControlIndex, Uid};
use bascule_pattern::{Event, Pattern};
use bascule_routing::tap::{Passed, Passing, Tap};

use crate::family::tail::pace::{Kept, Pace};
use crate::family::{Front, given};
use crate::limits::{
    PATTERN_LIMIT_BYTES, STREAM_RETRY_MS, TAIL_DEFAULT_RATE_EVENTS, TAIL_LIMIT_RATE_EVENTS, TAIL_LOOK_INTERVAL_MS,
    TAIL_TURN_LIMIT_BYTES,
};
use crate::rooms::Rooms;
use crate::stack::{Held, Permitted, about_to_stop};
use crate::wire;

/// A tail that can be.
pub(super) struct Asked {
    bus: given::NameOrArn,
    pattern: Option<Pattern>,
    rate: u32,
}

pub(super) fn check(_: &Permitted, request: TailEventsRequest) -> Result<Asked, Refusal> {
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let text = &request.event_pattern;
    if text.len() > PATTERN_LIMIT_BYTES {
        Fault::unless_at_most("EventPattern", text, PATTERN_LIMIT_CHARS).map_err(wire::fault)?;
    }
    let pattern = (!text.is_empty()).then(|| Pattern::parse(text)).transpose().map_err(|why| wire::pattern(&why))?;
    let rate = match request.max_events_per_second {
        0 => TAIL_DEFAULT_RATE_EVENTS,
        rate => rate,
    };
    if rate > TAIL_LIMIT_RATE_EVENTS {
        let reason = format!("it must be 0 to {TAIL_LIMIT_RATE_EVENTS}");
        return Err(wire::field("MaxEventsPerSecond", reason, &rate.to_string()));
    }
    Ok(Asked { bus, pattern, rate })
}

/// The answers of one tail.
///
/// # Errors
/// [`Reason::ResourceNotFound`] without the bus, [`Reason::Overloaded`] when there are as many tails as there may be.
pub(super) fn answers(
    front: Front,
    held: Held,
    asked: Asked,
) -> Result<impl Stream<Item = Result<TailEventsResponse, Refusal>> + Send, Refusal> {
    let tail = Box::new(Tail::begin(front, held, asked)?);
    Ok(stream::try_unfold(tail, |mut tail| async {
        let says = tail.next().await?;
        Ok(Some((TailEventsResponse { says: Some(says) }, tail)))
    }))
}

struct Tail {
    front: Front,
    held: Held,
    bus: Uid,
    name: String,
    pattern: Option<Pattern>,
    pace: Pace,
    tap: Tap,
    changes: watch::Receiver<ControlIndex>,
    /// What is said first.
    started: Option<TailStarted>,
    /// Why it ends, once the last word is said.
    end: Option<Refusal>,
}

impl Tail {
    fn begin(front: Front, held: Held, Asked { bus, pattern, rate }: Asked) -> Result<Self, Refusal> {
        // Before the look, so that a deletion after it is heard of.
        let changes = front.rooms.viewer.changes();
        let view = front.rooms.viewer.now();
        let account = held.permit().account();
        let scope = Rooms::cluster(&view)?.scope.of_account(account);
        let name = bus.here(&scope, account, Noun::Bus)?;
        let row = view.bus(account, name).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, name)))?;
        let tap = front.rooms.put.taps().open(Uid(row.row.uid)).map_err(|why| {
            let retry = Duration::from_millis(STREAM_RETRY_MS);
            Refusal::new(Reason::Overloaded, why.to_string()).with_retry_after(retry)
        })?;
        let started =
            TailStarted { event_bus_arn: Arn::bus(&scope, &row.name).to_string(), max_events_per_second: rate };
        Ok(Self {
            bus: Uid(row.row.uid),
            name: name.to_owned(),
            pattern,
            pace: Pace::new(rate, front.rooms.clock.boot()),
            tap,
            changes,
            started: Some(started),
            end: None,
            held,
            front,
        })
    }

    /// The next thing to say. Before the end comes the last word on what was not shown, what still waits in the tap counted.
    async fn next(&mut self) -> Result<Says, Refusal> {
        if let Some(started) = self.started.take() {
            return Ok(Says::Started(started));
        }
        if let Some(end) = self.end.take() {
            return Err(end);
        }
        match self.step().await {
            Err(end) => match self.last_word() {
                Some(skipped) => {
                    self.end = Some(end);
                    Ok(Says::Skipped(skipped))
                }
                None => Err(end),
            },
            says => says,
        }
    }

    async fn step(&mut self) -> Result<Says, Refusal> {
        loop {
            self.may_go_on()?;
            if let Some(skipped) = self.pace.skipped(self.front.rooms.clock.boot()) {
                return Ok(Says::Skipped(skipped));
            }
            let Some(passed) = self.wait().await? else { continue };
            if let Some(shown) = self.look(passed).await {
                // It may have waited for long: who may not see it now does not.
                self.may_go_on()?;
                return Ok(Says::Event(shown));
            }
        }
    }

    /// Whether the caller still may, the node goes on, and the bus is there.
    fn may_go_on(&self) -> Result<(), Refusal> {
        self.held.recheck()?;
        if self.front.stack.is_draining() {
            return Err(about_to_stop().with_retry_after(Duration::from_millis(STREAM_RETRY_MS)));
        }
        match self.front.rooms.viewer.now().bus_by_uid(self.bus) {
            Some(_) => Ok(()),
            None => Err(wire::fault(Fault::not_found(Noun::Bus, self.name.as_str()))),
        }
    }

    fn last_word(&mut self) -> Option<TailSkipped> {
        while let Some(passed) = self.tap.try_next() {
            self.pace.missed(match passed {
                Passed::Missed(count) => count,
                Passed::Event(_) => 1,
            });
        }
        self.pace.last()
    }

    /// Waits for what comes through the tap, a change of the view, the node's stop, or until it is time to look around.
    async fn wait(&mut self) -> Result<Option<Passed>, Refusal> {
        let Self { front, held, tap, changes, pace, .. } = self;
        let limit_ms = pace.word_due_in_ms(front.rooms.clock.boot()).unwrap_or(TAIL_LOOK_INTERVAL_MS);
        tokio::select! {
            passed = tap.next() => Ok(Some(passed)),
            refusal = held.ended() => Err(refusal),
            () = front.stack.drained() => Ok(None),
            Ok(()) = changes.changed() => Ok(None),
            () = tokio::time::sleep(Duration::from_millis(limit_ms)) => Ok(None),
        }
    }

    /// Looks at what came through the tap and all that waits behind it, for one turn, until there is something to show.
    async fn look(&mut self, first: Passed) -> Option<TailedEvent> {
        let mut next = Some(first);
        let mut looked_bytes = 0;
        while let Some(passed) = next {
            match passed {
                Passed::Missed(count) => self.pace.missed(count),
                Passed::Event(passing) => {
                    if let Some(shown) = self.shown(&passing) {
                        return Some(shown);
                    }
                    looked_bytes += passing.text.len();
                }
            }
            if looked_bytes >= TAIL_TURN_LIMIT_BYTES {
                tokio::task::yield_now().await;
                return None;
            }
            next = self.tap.try_next();
        }
        None
    }

    /// The event, if it matches and the rate lets it.
    fn shown(&mut self, passing: &Passing) -> Option<TailedEvent> {
        // The put path parsed this text before; what it could not read it did not accept.
        let text = std::str::from_utf8(&passing.text).ok()?;
        let wanted = self.pattern.as_ref().map(|pattern| match Event::parse(text) {
            Ok(event) => pattern.matches(&event).ok(),
            Err(_) => None,
        });
        let now = self.front.rooms.clock.boot();
        match wanted {
            Some(Some(false)) => None,
            Some(None) => {
                self.pace.undecided();
                None
            }
            None | Some(Some(true)) => match self.pace.keep(now) {
                Kept::Shown => Some(TailedEvent { event_id: passing.id.to_string(), event: text.to_owned() }),
                Kept::Skipped => None,
            },
        }
    }
}
