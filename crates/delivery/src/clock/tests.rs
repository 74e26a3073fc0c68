//! Schedules in virtual time, over the real control machine: leaders come and go, and die between the put and its word.

use std::collections::BTreeMap;

use bascule_keyring::secret::KeyId;
use bascule_model::schedule::Schedule;
use bascule_model::uid::Uid;
use bascule_routing::limits::SCHEDULE_TOKEN_KEPT_MS;
use bascule_statemachine::codec::control::{Command, DataKey, Entry, Init, Kind, Rule as Put, RuleState};
use bascule_statemachine::codec::shard;
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::{Place, apply};
use bascule_statemachine::overlay::{InMemory, Overlay};

use bascule_statemachine::shard::read;
use bascule_statemachine::shard::reply::Reply;

use super::*;

const MINUTE_MS: u64 = 60_000;
const ACCOUNT: u64 = 12;

struct World {
    rows: InMemory,
    view: View,
    index: u64,
    now: Millis,
    /// What this leader knows.
    calendar: Calendar,
    /// The group where the events go.
    shard: InMemory,
    /// Events of a rule's due time, and repeats that came to nothing.
    puts: BTreeMap<(u64, Millis), (u32, u32)>,
}

impl World {
    fn at(text: &str) -> Self {
        let now = Millis::parse(text).unwrap();
        let mut world = Self {
            rows: InMemory::default(),
            view: View::default(),
            index: 0,
            now,
            calendar: Calendar::default(),
            shard: InMemory::default(),
            puts: BTreeMap::new(),
        };
        let key_id = Bytes::copy_from_slice(KeyId::from_random([1; 12]).as_bytes());
        let data_key = Some(DataKey { key_id, wrapped: Bytes::from_static(b"wrapped") });
        world.change(Kind::Init(Init {
            cluster_id: Bytes::from_static(&[2; 16]),
            incarnation: 1,
            partition: "aws".to_owned(),
            region: "us-east-1".to_owned(),
            groups: vec![1],
            data_key,
            ..Init::default()
        }));
        world
    }

    fn change(&mut self, kind: Kind) {
        let word = matches!(kind, Kind::Fired(_));
        self.index += 1;
        let command = Command { account: ACCOUNT, kind: Some(kind), ..Command::default() };
        let entry = Entry { time_ms: self.now.0, command: Some(command), ..Entry::default() };
        let mut overlay = Overlay::over(&self.rows);
        let place = Place { index: self.index, term: 1 };
        let (reply, effects) = apply(&mut overlay, place, &entry).unwrap();
        assert!(word || matches!(reply.outcome, Outcome::Done(_)), "{reply:?}");
        let batch = overlay.into_batch();
        self.rows.write(batch);
        effects.into_iter().for_each(|effect| self.view.absorb(effect));
        self.view.index = reply.index;
    }

    fn rule(&mut self, name: &str, schedule: &str, state: RuleState) -> u64 {
        self.change(Kind::PutRule(Put {
            bus: "default".to_owned(),
            name: name.to_owned(),
            schedule: schedule.to_owned(),
            state: state.into(),
            ..Put::default()
        }));
        self.view.buses(bascule_model::name::AccountId::from_number(ACCOUNT).unwrap()).next().unwrap().rules[name]
            .row
            .uid
    }

    /// The put of a due time, as the put path says it to the shard's machine.
    fn put(&mut self, due: &Due) {
        let row = &due.rule.row;
        let [name, before] = [due.at, Millis(row.fired_ms)]
            .map(|due| Bytes::copy_from_slice(&bascule_routing::put::due_name(row.uid, due)));
        let event = shard::Event {
            event_id: name.clone(),
            arrival_id: name.clone(),
            bus: row.bus_uid,
            stamp: Some(shard::Stamp { rules: vec![row.uid], ..shard::Stamp::default() }),
            frame: Bytes::from_static(b"sealed"),
        };
        let token = shard::Token {
            bus: row.bus_uid,
            mac: name.clone(),
            content: name.clone(),
            event_id: name,
            kept_ms: SCHEDULE_TOKEN_KEPT_MS,
            replaces: before,
        };
        let append = shard::Kind::Append(shard::Append { events: vec![event], token: Some(token) });
        let entry = shard::Entry {
            time_ms: self.now.0,
            only_in_term: 0,
            commands: vec![shard::Command { kind: Some(append) }],
        };
        let mut overlay = Overlay::over(&self.shard);
        let replies = bascule_statemachine::shard::apply(&mut overlay, 1, &entry).unwrap().replies;
        let batch = overlay.into_batch();
        self.shard.write(batch);
        let put = self.puts.entry((row.uid, due.at)).or_default();
        match replies.as_slice() {
            [Reply::Appended(_)] => put.0 += 1,
            [Reply::Repeated(_)] => put.1 += 1,
            other => panic!("{other:?}"),
        }
    }

    /// One look of a leader, who dies behind its first `dies_after` puts, before their word; the next one knows nothing.
    fn look(&mut self, dies_after: Option<usize>) {
        for (nth, due) in self.calendar.due(&self.view, self.now, BootMillis(0)).into_iter().enumerate() {
            self.put(&due);
            if dies_after == Some(nth) {
                self.calendar = Calendar::default();
                return;
            }
            let rule = Some(RuleName { bus: "default".to_owned(), name: due.rule.name.as_str().to_owned() });
            self.change(Kind::Fired(Fired { rule, uid: due.rule.row.uid, due_ms: due.at.0 }));
        }
    }

    fn times(&self, uid: u64) -> Vec<String> {
        let of = self.puts.keys().filter(|(rule, _)| *rule == uid);
        of.map(|(_, due)| due.rfc3339_seconds()).collect()
    }
}

/// A generator without a state of the world: xorshift64*.
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[test]
fn every_due_time_fires_whatever_leaders_do() {
    for seed in 1..40_u64 {
        let mut chance = seed;
        let mut world = World::at("2028-02-20T00:00:30Z");
        let rules = ["rate(7 minutes)", "cron(0 0 L * ? *)", "cron(0/20 9-17 ? * MON-FRI *)", "cron(30 3 29 2 ? *)"]
            .map(|schedule| (world.rule(&format!("r{}", schedule.len()), schedule, RuleState::Enabled), schedule));
        let began = world.now;
        while world.now < Millis::parse("2028-03-03T00:00:00Z").unwrap() {
            // Never away for as long as a due time and the next lie apart, and a clock that now and then stands still.
            world.now = world.now.plus(random(&mut chance) % (5 * MINUTE_MS));
            let dies = random(&mut chance).is_multiple_of(3).then(|| random(&mut chance) as usize % 2);
            world.look(dies);
        }
        world.look(None);
        for (uid, schedule) in rules {
            let (schedule, mut expected, mut at) = (Schedule::parse(schedule).unwrap(), Vec::new(), began);
            while let Some(next) = schedule.next_after(at, began).filter(|next| *next <= world.now) {
                expected.push(next.rfc3339_seconds());
                at = next;
            }
            assert_eq!(world.times(uid), expected, "seed {seed}");
        }
        assert!(world.puts.values().all(|(events, _)| *events == 1), "seed {seed}: {:?}", world.puts);
        assert!(world.puts.values().any(|(_, repeats)| *repeats > 0), "seed {seed} kills nobody");
        // The token of what fired goes with the next; one whose word a death swallowed, with its time.
        let (tokens, puts) = (read::meta(&world.shard).unwrap().tokens, world.puts.len() as u64);
        assert!(tokens * 20 < puts, "seed {seed}: {tokens} tokens are left of {puts} puts");
    }
}

#[test]
fn of_what_was_missed_the_last_is_caught_up_with_once() {
    let mut world = World::at("2026-11-20T08:00:00Z");
    let daily = world.rule("daily", "cron(0 9 * * ? *)", RuleState::Enabled);
    let often = world.rule("often", "rate(5 minutes)", RuleState::Enabled);
    world.now = Millis::parse("2026-11-26T08:02:00Z").unwrap();
    (0..3).for_each(|_| world.look(None));
    assert_eq!(world.times(daily), ["2026-11-25T09:00:00Z"]);
    assert_eq!(world.times(often), ["2026-11-26T08:00:00Z"]);
    // A clock that goes back finds nothing due that was.
    world.now = Millis::parse("2026-11-26T08:00:01Z").unwrap();
    world.look(None);
    assert_eq!((world.times(daily).len(), world.times(often).len()), (1, 1));
}

#[test]
fn rules_that_are_off_or_changed_begin_anew() {
    let mut world = World::at("2026-11-20T08:00:00Z");
    let rule = world.rule("r", "rate(10 minutes)", RuleState::Disabled);
    world.now = Millis::parse("2026-11-20T08:35:00Z").unwrap();
    world.look(None);
    assert!(world.times(rule).is_empty());
    let name = || RuleName { bus: "default".to_owned(), name: "r".to_owned() };
    world.change(Kind::EnableRule(name()));
    world.look(None);
    assert!(world.times(rule).is_empty(), "what was due while it was off is not caught up with");
    world.now = Millis::parse("2026-11-20T08:45:00Z").unwrap();
    world.look(None);
    assert_eq!(world.times(rule), ["2026-11-20T08:45:00Z"]);
    // Another schedule counts from its change; a description does not.
    world.now = Millis::parse("2026-11-20T08:50:00Z").unwrap();
    assert_eq!(world.rule("r", "rate(1 hour)", RuleState::Enabled), rule);
    world.now = Millis::parse("2026-11-20T09:50:00Z").unwrap();
    world.look(None);
    assert_eq!(world.times(rule), ["2026-11-20T08:45:00Z", "2026-11-20T09:50:00Z"]);
    // A rule of the same name that came later has its own times, and the word of the old one says nothing about it.
    world.change(Kind::DeleteRule(name()));
    let other = world.rule("r", "rate(1 hour)", RuleState::Enabled);
    world.change(Kind::Fired(Fired { rule: Some(name()), uid: rule, due_ms: world.now.0 }));
    world.now = Millis::parse("2026-11-20T10:50:00Z").unwrap();
    world.look(None);
    assert_eq!((world.times(other).len(), world.view.rule(Uid(other)).unwrap().row.fired_ms), (1, world.now.0));
}

#[test]
fn a_clock_that_is_wrong_for_a_moment_silences_nothing() {
    let at = |text: &str| Millis::parse(text).unwrap();
    // The machine takes no word of a time that lies ahead.
    let mut world = World::at("2026-11-26T08:00:00Z");
    let rule = world.rule("r", "rate(5 minutes)", RuleState::Enabled);
    let name = || Some(RuleName { bus: "default".to_owned(), name: "r".to_owned() });
    world.change(Kind::Fired(Fired { rule: name(), uid: rule, due_ms: at("2030-01-01T00:00:00Z").0 }));
    assert_eq!(world.view.rule(Uid(rule)).unwrap().row.fired_ms, 0);
    world.now = world.now.plus(5 * MINUTE_MS);
    world.look(None);
    assert_eq!(world.times(rule), ["2026-11-26T08:05:00Z"]);
}

#[test]
fn a_rule_that_fails_is_put_off() {
    let mut world = World::at("2026-11-26T08:00:00Z");
    let rule = world.rule("r", "rate(5 minutes)", RuleState::Enabled);
    world.now = world.now.plus(5 * MINUTE_MS);
    let mut calendar = Calendar::default();
    let mut waits = Vec::new();
    let mut boot = BootMillis(0);
    for _ in 0..9 {
        assert_eq!(calendar.due(&world.view, world.now, boot).len(), 1);
        calendar.failed(rule, boot);
        let began = boot;
        while calendar.due(&world.view, world.now, boot).is_empty() {
            boot = BootMillis(boot.0 + 500);
        }
        waits.push((boot.0 - began.0) / 1_000);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}
