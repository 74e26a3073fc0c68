//! Lanes in virtual time: every row is data, no clock runs.

use proptest::prelude::*;

use super::*;

const DAY_MS: u64 = 86_400_000;

fn limits() -> Limits {
    Limits { held: 1_000, open: 16, rate_per_s: None, retries: 185, age_ms: DAY_MS }
}

fn owed(sequence: u64) -> Owed {
    Owed { sequence: Sequence(sequence), accepted: Millis(0), attempts: 0, due: Millis(0), refused: false }
}

const FAILED: Report = Report::Failed { retry_after_ms: None, quiet_ms: 0 };

/// Runs one delivery that fails each time until it is dead; answers attempts, the limit, and the time.
fn fail_until_dead(limits: Limits, retry_after_ms: Option<u64>) -> (u32, Option<Exhausted>, Millis) {
    let mut lane = Lane::new(limits);
    lane.accept(owed(1)).unwrap();
    let mut now = Millis(0);
    for chance in 0..10_000 {
        now = lane.wake_at(now).unwrap();
        let start = lane.next(now).unwrap();
        match lane.report(start.sequence, Report::Failed { retry_after_ms, quiet_ms: 0 }, now, chance * 7_919).unwrap()
        {
            Verdict::Again { due, .. } => assert!(due > now),
            Verdict::Dead { attempts, exhausted } => return (attempts, exhausted, now),
            Verdict::Done => panic!("a failure cannot be done"),
        }
    }
    panic!("never dead");
}

#[test]
fn retries_end_at_the_limit_that_comes_first() {
    let (attempts, exhausted, _) = fail_until_dead(Limits { retries: 3, ..limits() }, None);
    assert_eq!((attempts, exhausted), (4, Some(Exhausted::Attempts)));
    let (attempts, exhausted, _) = fail_until_dead(Limits { retries: 0, ..limits() }, None);
    assert_eq!((attempts, exhausted), (1, Some(Exhausted::Attempts)));
    let (_, exhausted, at) = fail_until_dead(Limits { age_ms: 60_000, ..limits() }, None);
    assert_eq!(exhausted, Some(Exhausted::Age));
    assert!(at <= Millis(60_000), "{at:?}");
}

#[test]
fn the_default_policy_spends_most_of_its_day() {
    let (attempts, exhausted, at) = fail_until_dead(limits(), None);
    assert!(exhausted.is_some());
    assert!(attempts > 150, "{attempts}");
    assert!(at > Millis(DAY_MS / 2) && at <= Millis(DAY_MS), "{at:?}");
}

#[test]
fn a_target_down_for_a_day_keeps_the_lane_at_its_bound() {
    let mut lane = Lane::new(Limits { held: 100, ..limits() });
    let (mut now, mut next, mut attempts) = (Millis(0), 0, 0_u64);
    while now < Millis(DAY_MS) {
        while lane.accept(Owed { accepted: now, due: now, ..owed(next) }).is_ok() {
            next += 1;
        }
        assert_eq!(lane.held(), 100);
        now = lane.wake_at(now).unwrap();
        let start = lane.next(now).unwrap();
        attempts += 1;
        lane.report(start.sequence, FAILED, now, attempts * 7_919).unwrap();
    }
    // The breaker lets a dead target be asked about once a minute, however much waits for it.
    assert!(attempts < 2 * DAY_MS / BREAKER_LONGEST_MS, "{attempts}");
}

#[test]
fn a_target_that_asks_for_quiet_gets_it_for_all_its_deliveries() {
    let mut lane = Lane::new(limits());
    lane.accept(owed(1)).unwrap();
    lane.accept(owed(2)).unwrap();
    let first = lane.next(Millis(0)).unwrap();
    let verdict =
        lane.report(first.sequence, Report::Failed { retry_after_ms: Some(30_000), quiet_ms: 30_000 }, Millis(10), 0);
    assert_eq!(verdict, Some(Verdict::Again { attempts: 1, due: Millis(30_010) }));
    assert_eq!(lane.wake_at(Millis(10)), Some(Millis(30_010)));
    assert_eq!(lane.next(Millis(30_009)), None);
    assert!(lane.next(Millis(30_010)).is_some());
    let (_, exhausted, _) = fail_until_dead(limits(), Some(u64::MAX));
    assert_eq!(exhausted, Some(Exhausted::Age));
}

#[test]
fn what_one_delivery_must_wait_for_silences_no_other() {
    let mut lane = Lane::new(limits());
    lane.accept(owed(1)).unwrap();
    lane.accept(owed(2)).unwrap();
    let first = lane.next(Millis(0)).unwrap();
    let report = Report::Failed { retry_after_ms: Some(3_600_000), quiet_ms: 0 };
    let verdict = lane.report(first.sequence, report, Millis(10), 0);
    assert_eq!(verdict, Some(Verdict::Again { attempts: 1, due: Millis(3_600_010) }));
    let second = lane.next(Millis(10)).unwrap();
    let report = Report::Failed { retry_after_ms: None, quiet_ms: u64::MAX };
    lane.report(second.sequence, report, Millis(10), 0).unwrap();
    lane.accept(owed(3)).unwrap();
    assert_eq!(lane.wake_at(Millis(10)), Some(Millis(10 + QUIET_LONGEST_MS)), "no answer silences a lane for longer");
}

#[test]
fn what_was_not_made_is_no_attempt() {
    let mut lane = Lane::new(Limits { retries: 0, ..limits() });
    lane.accept(owed(1)).unwrap();
    let mut now = Millis(0);
    for _ in 0..50 {
        now = lane.wake_at(now).unwrap();
        let start = lane.next(now).unwrap();
        assert_eq!(start.attempts, 1);
        let verdict = lane.report(start.sequence, Report::Held, now, 7).unwrap();
        assert!(matches!(verdict, Verdict::Again { attempts: 0, due } if due > now), "{verdict:?}");
    }
    assert!(lane.is_flowing(now));
    lane.hold(now.plus(90_000));
    assert_eq!(lane.wake_at(now), Some(now.plus(90_000)));
}

#[test]
fn a_refusal_is_final_and_keeps_the_breaker_closed() {
    let mut lane = Lane::new(limits());
    for sequence in 0..50 {
        lane.accept(owed(sequence)).unwrap();
        let start = lane.next(Millis(0)).unwrap();
        let verdict = lane.report(start.sequence, Report::Refused, Millis(0), 0);
        assert_eq!(verdict, Some(Verdict::Dead { attempts: 1, exhausted: None }));
    }
    assert_eq!(lane.held(), 0);
}

#[test]
fn the_breaker_probes_with_one_and_closes_on_success() {
    let mut lane = Lane::new(Limits { open: 100, ..limits() });
    for sequence in 0..30 {
        lane.accept(owed(sequence)).unwrap();
    }
    for _ in 0..BREAKER_FAILURES {
        let start = lane.next(Millis(0)).unwrap();
        lane.report(start.sequence, FAILED, Millis(0), 0).unwrap();
    }
    assert_eq!(lane.next(Millis(0)), None);
    assert_eq!(lane.wake_at(Millis(0)), Some(Millis(BREAKER_FIRST_MS)));
    let probe = lane.next(Millis(BREAKER_FIRST_MS)).unwrap();
    assert_eq!(lane.next(Millis(BREAKER_FIRST_MS)), None, "only one probe");
    assert_eq!(lane.wake_at(Millis(BREAKER_FIRST_MS)), None, "the probe's report wakes it");
    lane.report(probe.sequence, FAILED, Millis(1_000), 0).unwrap();
    assert_eq!(lane.wake_at(Millis(1_000)), Some(Millis(1_000 + 2 * BREAKER_FIRST_MS)));
    let probe = lane.next(Millis(3_000)).unwrap();
    assert_eq!(lane.report(probe.sequence, Report::Taken, Millis(3_000), 0), Some(Verdict::Done));
    assert!(lane.next(Millis(3_000)).is_some());
    assert!(lane.next(Millis(3_000)).is_some());
}

#[test]
fn what_failed_before_neither_opens_the_breaker_nor_keeps_it_open() {
    let mut lane = Lane::new(Limits { open: 100, ..limits() });
    for sequence in 0..30 {
        lane.accept(Owed { attempts: 3, ..owed(sequence) }).unwrap();
    }
    while let Some(start) = lane.next(Millis(0)) {
        lane.report(start.sequence, FAILED, Millis(0), 0).unwrap();
    }
    assert!(lane.is_flowing(Millis(0)), "thirty poison events are no dead target");
    for sequence in 30..30 + u64::from(BREAKER_FAILURES) + 1 {
        lane.accept(owed(sequence)).unwrap();
    }
    for _ in 0..BREAKER_FAILURES {
        let start = lane.next(Millis(0)).unwrap();
        lane.report(start.sequence, FAILED, Millis(0), 0).unwrap();
    }
    assert!(!lane.is_flowing(Millis(0)));
    let probe = lane.next(Millis(500_000)).unwrap();
    assert_eq!(probe.attempts, 1, "the probe is one that has not failed yet");
}

#[test]
fn a_rate_holds_over_any_stretch_longer_than_its_burst() {
    for rate in [1, 7, 300, 5_000] {
        let mut lane = Lane::new(Limits { held: usize::MAX, open: usize::MAX, rate_per_s: Some(rate), ..limits() });
        let (mut started, seconds) = (0_u64, 10);
        let mut sequence = 0;
        for now in 0..seconds * 1_000 {
            for _ in 0..8 {
                sequence += 1;
                lane.accept(owed(sequence)).unwrap();
            }
            while let Some(start) = lane.next(Millis(now)) {
                started += 1;
                lane.report(start.sequence, Report::Taken, Millis(now), 0).unwrap();
            }
        }
        let (rate, most) = (u64::from(rate), u64::from(rate) * (seconds + 1));
        assert!(started <= most && started >= rate * (seconds - 1), "rate {rate}: {started} in {seconds} s");
    }
}

#[test]
fn what_grows_too_old_ends_without_an_attempt_and_what_is_let_go_is_gone() {
    let mut lane = Lane::new(Limits { age_ms: 60_000, ..limits() });
    for (sequence, accepted, due) in [(1, 0, 500_000), (2, 10, 0), (3, 90_000, 70_000)] {
        lane.accept(Owed { accepted: Millis(accepted), due: Millis(due), ..owed(sequence) }).unwrap();
    }
    assert_eq!(lane.expires_at(), Some(Millis(60_001)));
    assert_eq!(lane.expire(Millis(60_000)), None);
    let last_first: Vec<u64> = lane.waiting_last_first().map(|owed| owed.sequence.0).collect();
    assert_eq!(last_first, [1, 3, 2]);
    assert_eq!(lane.expire(Millis(60_011)).map(|owed| owed.sequence), Some(Sequence(1)));
    assert_eq!(lane.expire(Millis(60_011)).map(|owed| owed.sequence), Some(Sequence(2)));
    assert_eq!(lane.expire(Millis(60_011)), None);
    assert!(lane.forget(Sequence(3)) && !lane.forget(Sequence(3)));
    assert_eq!((lane.held(), lane.expires_at()), (0, None));
}

#[test]
fn a_report_without_an_attempt_changes_nothing() {
    let mut lane = Lane::new(limits());
    lane.accept(owed(1)).unwrap();
    lane.accept(owed(1)).unwrap();
    assert_eq!(lane.held(), 1);
    assert_eq!(lane.report(Sequence(1), Report::Taken, Millis(0), 0), None);
    assert_eq!(lane.held(), 1);
}

proptest! {
    /// Whatever happens, each delivery ends once, bounds hold, and no attempt starts before it is due.
    #[test]
    fn every_delivery_ends_exactly_once(steps in prop::collection::vec((0_u8..6, any::<u64>(), 0_u64..5_000), 1..400)) {
        let mut lane = Lane::new(Limits { held: 20, open: 4, rate_per_s: Some(50), retries: 3, age_ms: 600_000 });
        let (mut now, mut next) = (Millis(0), 0);
        let (mut accepted, mut ended) = (0_usize, 0_usize);
        let mut open: Vec<Sequence> = Vec::new();
        for (kind, chance, pass_ms) in steps {
            now = now.plus(pass_ms);
            match kind {
                0 | 1 => {
                    next += 1;
                    accepted += usize::from(lane.accept(Owed { accepted: now, due: now, ..owed(next) }).is_ok());
                }
                2 => {
                    if let Some(start) = lane.next(now) {
                        prop_assert!(start.due <= now && start.attempts <= 4);
                        open.push(start.sequence);
                    }
                }
                _ if !open.is_empty() => {
                    let sequence = open.swap_remove((chance % open.len() as u64) as usize);
                    let report = [Report::Taken, FAILED, Report::Refused][usize::from(kind - 3)];
                    let verdict = lane.report(sequence, report, now, chance).unwrap();
                    ended += usize::from(!matches!(verdict, Verdict::Again { .. }));
                }
                _ => {}
            }
            prop_assert_eq!(lane.held(), accepted - ended);
            prop_assert!(lane.held() <= 20 && open.len() <= 4);
        }
    }
}

#[test]
fn what_a_policy_refuses_is_no_attempt_and_due_again_when_rights_change() {
    let mut lane = Lane::new(limits());
    for sequence in 1..=3 {
        lane.accept(owed(sequence)).unwrap();
    }
    let now = Millis(1_000);
    let first = lane.next(now).unwrap();
    let verdict = lane.report(first.sequence, Report::Forbidden { wait_ms: Some(10_000) }, now, 0);
    assert_eq!(verdict, Some(Verdict::Again { attempts: 0, due: Millis(11_000) }));
    // With its lane it is due as soon as that goes on, before what waits by itself.
    let second = lane.next(now).unwrap();
    let verdict = lane.report(second.sequence, Report::Forbidden { wait_ms: None }, now, 0);
    assert_eq!(verdict, Some(Verdict::Again { attempts: 0, due: now }));
    assert_eq!(lane.next(now).map(|owed| owed.sequence), Some(Sequence(3)));
    assert_eq!(lane.next(now).map(|owed| owed.sequence), Some(second.sequence));
    assert_eq!(lane.next(now), None);
    lane.hurry(Millis(1_500));
    let again = lane.next(Millis(1_500)).unwrap();
    assert_eq!((again.sequence, again.attempts, again.refused), (first.sequence, 1, false));
}
