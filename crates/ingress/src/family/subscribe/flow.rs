//! What a subscription does next: its credits, how it stands, how long it pauses. Pure; time is an argument.

use bascule_api::v1::SubscriptionState as State;
use bascule_model::time::BootMillis;

use crate::limits::{
    RECEIVE_LIMIT_MESSAGES, RECEIVE_PAUSE_MS, SUBSCRIBE_LIMIT_CREDITS, SUBSCRIBE_LOOK_INTERVAL_MS,
    SUBSCRIBE_PAUSE_FIRST_MS, SUBSCRIBE_PAUSE_LIMIT_MS,
};

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for at most so many messages.
    Look { limit: u32 },
    /// Say how the stream stands, then go on.
    Tell(State),
    /// Wait until the queue may have something, or so long.
    Wait { ms: u64 },
    /// Wait so long, whatever the queue has.
    Pause { ms: u64 },
}

/// What a look brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// So many messages, which are handed out.
    Messages(u32),
    /// Nothing, as was to be expected.
    Nothing,
    /// Nothing, though some group may have something: its time may be behind, or another consumer was first.
    NothingYet,
    /// It could not be done, and why.
    Failed(State),
}

/// More credit than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OverCredit {
    /// What would be outstanding.
    pub(super) value: u64,
}

/// A subscription as its client sees it.
#[derive(Debug)]
pub(super) struct Flow {
    credits: u32,
    told: State,
    last: Looked,
    failures: u32,
    paused_until: BootMillis,
}

impl Flow {
    /// With what the client gave at first.
    pub(super) const fn new(credits: u32) -> Self {
        Self { credits, told: State::Unspecified, last: Looked::Messages(0), failures: 0, paused_until: BootMillis(0) }
    }

    /// The client lets more come.
    ///
    /// # Errors
    /// [`OverCredit`]; then nothing has changed.
    pub(super) fn credit(&mut self, more: u32) -> Result<(), OverCredit> {
        let credits = self.credits.saturating_add(more);
        if credits > SUBSCRIBE_LIMIT_CREDITS {
            return Err(OverCredit { value: u64::from(self.credits) + u64::from(more) });
        }
        self.credits = credits;
        Ok(())
    }

    /// A look was taken.
    pub(super) fn looked(&mut self, looked: Looked, now: BootMillis) {
        self.last = looked;
        let pause_ms = match looked {
            Looked::Messages(count) => {
                // A look asks for no more than there is, so that nothing is handed out on credit that nobody gave.
                debug_assert!(count <= self.credits, "{count} messages for {} credits", self.credits);
                self.credits = self.credits.saturating_sub(count);
                // Messages say by themselves that the stream is active.
                self.told = State::Active;
                0
            }
            Looked::Nothing => 0,
            Looked::NothingYet => RECEIVE_PAUSE_MS,
            Looked::Failed(_) => {
                let doubled = SUBSCRIBE_PAUSE_FIRST_MS.saturating_mul(2_u64.saturating_pow(self.failures));
                doubled.min(SUBSCRIBE_PAUSE_LIMIT_MS)
            }
        };
        self.failures = if matches!(looked, Looked::Failed(_)) { self.failures.saturating_add(1) } else { 0 };
        self.paused_until = BootMillis(now.0.saturating_add(pause_ms));
    }

    /// The queue may have something.
    pub(super) fn woken(&mut self) {
        if matches!(self.last, Looked::Nothing | Looked::NothingYet) {
            self.last = Looked::Messages(0);
        }
    }

    /// What to do at `now`.
    pub(super) fn next(&mut self, now: BootMillis) -> Step {
        // The first word says that the stream is there.
        if self.told == State::Unspecified {
            return self.tell(State::Active);
        }
        let left_ms = self.paused_until.since(now);
        let (state, wait) = match self.last {
            _ if self.credits == 0 => (State::WaitingForCredit, Step::Pause { ms: SUBSCRIBE_LOOK_INTERVAL_MS }),
            Looked::Failed(state) if left_ms > 0 => (state, Step::Pause { ms: left_ms }),
            Looked::NothingYet if left_ms > 0 => (State::WaitingForMessages, Step::Pause { ms: left_ms }),
            Looked::Nothing | Looked::NothingYet => {
                (State::WaitingForMessages, Step::Wait { ms: SUBSCRIBE_LOOK_INTERVAL_MS })
            }
            Looked::Messages(_) | Looked::Failed(_) => {
                return Step::Look { limit: self.credits.min(RECEIVE_LIMIT_MESSAGES) };
            }
        };
        if state == self.told { wait } else { self.tell(state) }
    }

    const fn tell(&mut self, state: State) -> Step {
        self.told = state;
        Step::Tell(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Step = Step::Wait { ms: SUBSCRIBE_LOOK_INTERVAL_MS };
    const STARVED: Step = Step::Pause { ms: SUBSCRIBE_LOOK_INTERVAL_MS };

    enum Do {
        Credit(u32),
        Looked(Looked),
        Woken,
        After(u64),
    }

    use Do::{After, Credit, Woken};

    fn look(limit: u32) -> Step {
        Step::Look { limit }
    }

    fn pause(ms: u64) -> Step {
        Step::Pause { ms }
    }

    fn check(what: &str, credits: u32, rows: Vec<(Do, Vec<Step>)>) {
        let (mut flow, mut now) = (Flow::new(credits), BootMillis(1_000));
        assert_eq!(flow.next(now), Step::Tell(State::Active), "{what}");
        for (nth, (done, steps)) in rows.into_iter().enumerate() {
            match done {
                Credit(more) => flow.credit(more).unwrap(),
                Do::Looked(looked) => flow.looked(looked, now),
                Woken => flow.woken(),
                After(ms) => now = BootMillis(now.0 + ms),
            }
            for step in steps {
                assert_eq!(flow.next(now), step, "{what}, row {nth}");
            }
        }
    }

    #[test]
    fn messages_cost_credits() {
        let got = |count| Do::Looked(Looked::Messages(count));
        let empty = || Do::Looked(Looked::Nothing);
        check(
            "all is used and given again",
            12,
            vec![
                (After(0), vec![look(10), look(10)]),
                (got(10), vec![look(2)]),
                (got(2), vec![Step::Tell(State::WaitingForCredit), STARVED, STARVED]),
                (Woken, vec![STARVED]),
                (After(60_000), vec![STARVED]),
                (Credit(1), vec![look(1)]),
                (got(1), vec![Step::Tell(State::WaitingForCredit), STARVED]),
            ],
        );
        check(
            "the queue is empty, and then not",
            3,
            vec![
                (empty(), vec![Step::Tell(State::WaitingForMessages), WAIT, WAIT]),
                (Credit(2), vec![WAIT]),
                (Woken, vec![look(5)]),
                (got(4), vec![look(1)]),
                (empty(), vec![Step::Tell(State::WaitingForMessages), WAIT]),
            ],
        );
    }

    #[test]
    fn nothing_is_asked_without_a_pause() {
        let failed = |state| Do::Looked(Looked::Failed(state));
        let yet = || Do::Looked(Looked::NothingYet);
        let messages = Step::Tell(State::WaitingForMessages);
        check(
            "others were first",
            9,
            vec![
                (yet(), vec![messages, pause(RECEIVE_PAUSE_MS)]),
                (Credit(1), vec![pause(RECEIVE_PAUSE_MS)]),
                (After(RECEIVE_PAUSE_MS), vec![WAIT]),
                (Woken, vec![look(10)]),
                (yet(), vec![pause(RECEIVE_PAUSE_MS)]),
            ],
        );
        check(
            "pauses double to their limit, and begin anew",
            9,
            vec![
                (failed(State::NoLeader), vec![Step::Tell(State::NoLeader), pause(250)]),
                (Woken, vec![pause(250)]),
                (After(100), vec![pause(150)]),
                (After(150), vec![look(9)]),
                (failed(State::NoLeader), vec![pause(500)]),
                (After(500), vec![look(9)]),
                (failed(State::KeyUnavailable), vec![Step::Tell(State::KeyUnavailable), pause(1_000)]),
                (failed(State::KeyUnavailable), vec![pause(2_000)]),
                (failed(State::KeyUnavailable), vec![pause(4_000)]),
                (failed(State::KeyUnavailable), vec![pause(4_000)]),
                (After(4_000), vec![look(9)]),
                (Do::Looked(Looked::Messages(1)), vec![look(8)]),
                (failed(State::Overloaded), vec![Step::Tell(State::Overloaded), pause(250)]),
            ],
        );
    }

    #[test]
    fn credits_stay_in_their_bounds() {
        for (at_first, more, expected) in [
            (1, 999, Ok(1_000)),
            (1_000, 1, Err(1_001)),
            (600, 500, Err(1_100)),
            (1, u32::MAX, Err(u64::from(u32::MAX) + 1)),
        ] {
            let mut flow = Flow::new(at_first);
            let given = flow.credit(more).map(|()| flow.credits).map_err(|over| over.value);
            assert_eq!(given, expected, "{at_first} and {more}");
            assert!(flow.credits <= SUBSCRIBE_LIMIT_CREDITS);
        }
        // No order of events hands out what nobody gave.
        let mut flow = Flow::new(7);
        let (mut given, mut handed) = (7_u64, 0_u64);
        for turn in 0..5_000_u64 {
            match flow.next(BootMillis(turn)) {
                Step::Look { limit } => {
                    let count = limit.min(u32::try_from(turn % 11).unwrap());
                    handed += u64::from(count);
                    flow.looked(Looked::Messages(count), BootMillis(turn));
                }
                _ if flow.credit(u32::try_from(turn % 400).unwrap()).is_ok() => given += turn % 400,
                _ => {}
            }
            assert_eq!(given - handed, u64::from(flow.credits));
        }
        assert!(handed > 1_000);
    }
}
