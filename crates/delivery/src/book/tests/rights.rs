//! Lanes that may not be invoked: nothing is attempted, nothing is held up, everything goes on by itself or grows too old.

use bascule_statemachine::codec::shard::Why;

use super::world::{Mode, World};
use super::{SECOND_MS, run, settle};
use crate::limits::LANE_REFS_LIMIT_DELIVERIES;
use crate::target::code::Code;

#[test]
fn a_forbidden_lane_is_set_aside_at_once_and_goes_on_by_itself() {
    let mut world = World::new(21);
    run(&mut world, 20, 10, 10);
    world.forbid(12);
    world.step();
    let before = world.attempts_of(12);
    run(&mut world, 100, 20, 10);
    assert_eq!((world.attempts_of(12), world.why(12), world.lanes()), (before, Some(Why::Forbidden), 1));
    run(&mut world, 1, SECOND_MS, 0);
    run(&mut world, 1, SECOND_MS, 0);
    assert_eq!(world.watermark(), 1_201, "what is forbidden holds up nobody");
    assert!(world.most_held <= LANE_REFS_LIMIT_DELIVERIES + 1_300, "{}", world.most_held);
    // The next leader finds it forbidden before it starts anything.
    world.crash();
    run(&mut world, 10, 100, 10);
    assert_eq!((world.attempts_of(12), world.why(12)), (before, Some(Why::Forbidden)));
    world.allow(12);
    run(&mut world, 10, 100, 0);
    assert!(world.attempts_of(12) > before, "it goes on within a second");
    run(&mut world, 40, 100, 0);
    assert_eq!(world.account(), "11:1300 12:1300 21:1300");
    assert_eq!(settle(&mut world), "11:1300 12:1300 21:1300");
    assert_eq!((world.lanes(), world.repeats()), (0, 0));
}

#[test]
fn an_attempt_that_finds_it_forbidden_stops_the_lane() {
    let mut world = World::new(22);
    world.mode(12, Mode::Forbidden);
    run(&mut world, 1, 10, 500);
    let attempts = world.attempts_of(12);
    assert!(attempts <= 128, "those that were open ended so, and no other began: {attempts}");
    run(&mut world, 50, 100, 10);
    assert_eq!((world.attempts_of(12), world.why(12)), (attempts, Some(Why::Forbidden)));
    assert_eq!(settle(&mut world), "11:1000 12:1000 21:1000");
    assert_eq!((world.lanes(), world.repeats(), world.codes()), (0, 0, Vec::new()));
}

#[test]
fn what_is_forbidden_for_a_day_is_dead_for_want_of_permission() {
    let mut world = World::new(23);
    run(&mut world, 1, 10, 10);
    world.forbid(12);
    let mut most = Vec::new();
    for _ in 0..26 {
        world.most_held = 0;
        run(&mut world, 360, 10 * SECOND_MS, 1);
        most.push(world.most_held);
    }
    assert!(most.iter().all(|most| *most <= LANE_REFS_LIMIT_DELIVERIES + 16), "{most:?}");
    let codes = world.codes();
    assert!(matches!(codes.as_slice(), [(Code::NoPermissions, 700..=760)]), "{codes:?}");
    let settled = settle(&mut world);
    assert!(settled.starts_with("11:9370 12:") && settled.ends_with("21:9370"), "{settled}");
    // What was not too old was delivered; one may have become so just then.
    let more: usize = world.codes().iter().map(|(_, count)| count).sum::<usize>() - codes[0].1;
    assert!(more <= 1, "{:?}", world.codes());
    assert_eq!((world.lanes(), world.problem()), (0, None));
}

#[test]
fn an_event_that_is_refused_waits_by_itself() {
    let mut world = World::new(24);
    world.mode(12, Mode::Picky);
    run(&mut world, 200, 100, 10);
    run(&mut world, 20, 100, 0);
    assert_eq!((world.account().as_str(), world.lanes()), ("11:2000 12:1960 21:2000", 0));
    let attempts = world.attempts_of(12);
    run(&mut world, 99, 100, 0);
    let looked_at = world.attempts_of(12) - attempts;
    assert!((30..=80).contains(&looked_at), "each is looked at every ten seconds: {looked_at}");
    world.mode(12, Mode::Takes);
    world.allow(12);
    run(&mut world, 10, 100, 0);
    assert_eq!(world.account(), "11:2000 12:2000 21:2000", "rights that come back are used within a second");
    assert_eq!(settle(&mut world), "11:2000 12:2000 21:2000");
    assert_eq!((world.repeats(), world.codes()), (0, Vec::new()));
}

#[test]
fn an_event_that_is_refused_for_a_day_is_dead_for_want_of_permission() {
    let mut world = World::new(25);
    world.mode(12, Mode::Picky);
    run(&mut world, 1, 10, 100);
    world.crash();
    run(&mut world, 26 * 360, 10 * SECOND_MS, 0);
    assert_eq!((world.account().as_str(), world.codes()), ("11:100 12:98+2d 21:100", vec![(Code::NoPermissions, 2)]));
}

#[test]
fn the_rows_say_why_as_it_is_now() {
    let mut world = World::new(26);
    world.mode(12, Mode::Fails);
    run(&mut world, 120, 100, 10);
    assert_eq!(world.why(12), Some(Why::Failing));
    world.forbid(12);
    run(&mut world, 4, 300, 0);
    assert_eq!(world.why(12), Some(Why::Forbidden));
    world.allow(12);
    run(&mut world, 20, 300, 0);
    assert_eq!(world.why(12), Some(Why::Failing));
    assert_eq!(settle(&mut world), "11:1200 12:1200 21:1200");
    world.forbid(12);
    run(&mut world, 20, 300, 0);
    assert_eq!(world.why(12), None, "nothing is owed to it");
}

#[test]
fn what_is_owed_to_a_forbidden_target_that_is_removed_is_cancelled() {
    let mut world = World::new(27);
    world.forbid(12);
    run(&mut world, 50, 100, 10);
    assert_eq!(world.why(12), Some(Why::Forbidden));
    world.remove(12);
    assert_eq!(settle(&mut world), "11:500 12:0+500c 21:500");
    assert_eq!(world.lanes(), 0);
}
