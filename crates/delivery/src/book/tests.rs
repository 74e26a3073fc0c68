//! The book over the real shard machine in virtual time: random appends, targets, lost answers and crashes; then everything
//! heals, and each delivery must have ended exactly once.

mod rights;
mod world;

use proptest::prelude::*;

use crate::limits::LANE_REFS_LIMIT_DELIVERIES;
use world::{Mode, TARGETS, World};

const SECOND_MS: u64 = 1_000;

/// Steps of `step_ms`, with `appends` events before each.
fn run(world: &mut World, steps: u64, step_ms: u64, appends: u64) {
    for _ in 0..steps {
        for _ in 0..appends {
            world.append(&[10, 20]);
        }
        world.advance(step_ms);
        world.step();
    }
}

/// Lets everything end, and says how each target stands.
fn settle(world: &mut World) -> String {
    for target in TARGETS {
        world.mode(target, Mode::Takes);
        world.allow(target);
    }
    for _ in 0..20_000 {
        world.advance(50);
        world.step();
        if world.is_settled() {
            return world.account();
        }
    }
    panic!("it never settled: {} {:?}", world.account(), world.book);
}

#[test]
fn what_is_taken_is_delivered_once() {
    let mut world = World::new(1);
    run(&mut world, 50, 10, 20);
    assert_eq!(settle(&mut world), "11:1000 12:1000 21:1000");
    assert_eq!((world.repeats(), world.lanes()), (0, 0));
}

#[test]
fn a_refusal_is_a_dead_letter_and_holds_up_nobody() {
    let mut world = World::new(2);
    world.mode(12, Mode::Refuses);
    run(&mut world, 20, 10, 10);
    world.advance(300);
    world.step();
    world.step();
    assert_eq!(world.account(), "11:200 12:0+200d 21:200");
    assert_eq!(settle(&mut world), "11:200 12:0+200d 21:200");
}

#[test]
fn a_lane_that_fails_is_detached_and_comes_back_from_references() {
    let mut world = World::new(3);
    world.mode(12, Mode::Fails);
    run(&mut world, 120, 100, 10);
    run(&mut world, 5, 100, 0);
    assert!(world.lanes() == 1 && world.account().starts_with("11:1200 12:0 "), "{}", world.account());
    assert!(world.watermark() > 900, "one dead target holds up nobody: {}", world.watermark());
    assert!(world.most_held <= LANE_REFS_LIMIT_DELIVERIES + 1_300, "{}", world.most_held);
    assert_eq!(settle(&mut world), "11:1200 12:1200 21:1200");
    assert_eq!((world.lanes(), world.repeats()), (0, 0));
}

#[test]
fn a_target_down_for_a_day_keeps_memory_flat_and_dead_letters_by_age() {
    let mut world = World::new(4);
    world.mode(12, Mode::Fails);
    let mut most = Vec::new();
    for _ in 0..26 {
        world.most_held = 0;
        run(&mut world, 360, 10 * SECOND_MS, 1);
        most.push(world.most_held);
    }
    // Nothing grows with the time; from the second day on what is too old is read, found dead and let go.
    assert!(most.iter().all(|most| *most <= LANE_REFS_LIMIT_DELIVERIES + 8), "{most:?}");
    let account = world.account();
    let dead: u64 = account.split("12:0+").nth(1).and_then(|rest| rest.split('d').next()).unwrap().parse().unwrap();
    assert!((700..=760).contains(&dead), "{account}");
    assert_eq!(world.attempts_of(11), 26 * 360);
    let settled = settle(&mut world);
    assert!(settled.starts_with("11:9360 ") && settled.contains("+") && settled.ends_with("21:9360"), "{settled}");
}

#[test]
fn poison_events_take_no_room_from_the_others() {
    let mut world = World::new(8);
    world.mode(12, Mode::Fails);
    run(&mut world, 120, 100, 100);
    assert_eq!(world.lanes(), 1);
    world.mode(12, Mode::Poisoned);
    run(&mut world, 1_200, 100, 10);
    run(&mut world, 100, 100, 0);
    // 480 of 24,000 fail for good, and each of the others is delivered though as many wait for their next attempt.
    assert_eq!(world.account(), "11:24000 12:23520 21:24000");
    assert_eq!(settle(&mut world), "11:24000 12:24000 21:24000");
    assert_eq!(world.repeats(), 0);
}

#[test]
fn a_park_that_was_taken_in_part_leaves_nothing_behind() {
    let mut world = World::new(9);
    // A park writes 32 MiB of rows again at most; 64 deliveries of this size that fail at once are more.
    world.frame = vec![7; 700 * 1_024].into();
    world.mode(12, Mode::Hangs);
    run(&mut world, 60, 100, 1);
    for _ in 0..4 {
        world.append(&[10]);
    }
    run(&mut world, 5, 10, 0);
    world.mode(12, Mode::Fails);
    run(&mut world, 40, 100, 0);
    assert_eq!(settle(&mut world), "11:64 12:64 21:60");
    assert_eq!(world.problem(), None);
}

#[test]
fn half_of_the_attempts_failing_keeps_memory_flat() {
    let mut world = World::new(5);
    world.mode(11, Mode::Half);
    world.mode(21, Mode::Half);
    run(&mut world, 400, 100, 50);
    assert!(world.most_held < 3 * LANE_REFS_LIMIT_DELIVERIES + 6_000, "{}", world.most_held);
    assert_eq!(settle(&mut world), "11:20000 12:20000 21:20000");
    assert_eq!(world.repeats(), 0);
}

#[test]
fn what_is_owed_to_a_target_that_is_gone_is_cancelled() {
    let mut world = World::new(6);
    world.mode(12, Mode::Fails);
    world.mode(21, Mode::Fails);
    run(&mut world, 100, 100, 10);
    world.remove(12);
    world.remove(21);
    world.crash();
    run(&mut world, 1, 100, 0);
    for _ in 0..100 {
        world.advance(100);
        world.step();
    }
    run(&mut world, 10, 100, 10);
    assert_eq!(settle(&mut world), "11:1100 12:0+1000c 21:0+1000c");
    // What nobody had read when its rule went is counted under the rule's uid.
    world.append(&[20]);
    world.append(&[20]);
    world.remove_rule(20);
    assert_eq!(settle(&mut world), "11:1100 12:0+1000c 21:0+1000c 20:2c");
    assert_eq!(world.lanes(), 0);
}

#[test]
fn a_crash_repeats_no_more_than_was_unconfirmed() {
    let mut world = World::new(7);
    for crash in 1..=20 {
        run(&mut world, 7, 40, 200);
        world.crash();
        assert!(world.repeats() <= crash * world.unconfirmed_limit, "{}", world.repeats());
    }
    let settled = settle(&mut world);
    assert_eq!(settled, "11:28000 12:28000 21:28000");
    assert!(world.repeats() > 0, "no crash hit anything");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Whatever the order of appends, failures, lost answers, removals and crashes: everything ends exactly once.
    #[test]
    fn everything_ends_exactly_once(seed in any::<u64>()) {
        let mut world = World::new(seed);
        world.loses_answers = true;
        for _ in 0..150 {
            let chance = world.chance();
            match chance % 16 {
                0 => world.crash(),
                1..=4 => {
                    let modes = [
                        Mode::Takes,
                        Mode::Fails,
                        Mode::Half,
                        Mode::Refuses,
                        Mode::Hangs,
                        Mode::Forbidden,
                        Mode::Picky,
                    ];
                    let target = TARGETS[(chance >> 8) as usize % TARGETS.len()];
                    world.mode(target, modes[(chance >> 16) as usize % modes.len()]);
                }
                5 => world.advance(chance >> 8 & 0x3_ffff),
                6 if chance >> 40 & 7 == 0 => world.remove(12),
                7 => world.forbid(TARGETS[(chance >> 8) as usize % TARGETS.len()]),
                8 => world.allow(TARGETS[(chance >> 8) as usize % TARGETS.len()]),
                _ => {}
            }
            let rules: &[u64] = match chance >> 4 & 3 { 0 => &[10], 1 => &[20], _ => &[10, 20] };
            for _ in 0..(chance >> 24 & 31) {
                world.append(rules);
            }
            world.advance(chance >> 32 & 0xff);
            world.step();
        }
        settle(&mut world);
        let problem = world.problem();
        prop_assert!(problem.is_none(), "seed {seed}: {problem:?}");
    }
}
