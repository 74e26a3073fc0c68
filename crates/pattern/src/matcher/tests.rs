//! The matcher beside the reference: rules and events drawn from seeds, the probes, and texts that are broken everywhere.

mod draw;
mod meet;

use draw::Dice;

use super::*;

/// What of a run is worth telling.
#[derive(Debug, Default)]
struct Tally {
    sets: usize,
    pairs: usize,
    matches: usize,
    undecided: usize,
    repeated: usize,
    or: usize,
    arrays: usize,
}

/// A rule with its text.
type Rule = (u32, String, Arc<Pattern>);

/// Rules, most of them about an event.
fn rules(dice: &mut Dice, count: usize, about: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    while rules.len() < count {
        let met = if dice.chance(70) { meet::pattern(dice, about) } else { None };
        let text = met.unwrap_or_else(|| draw::pattern(dice));
        if let Ok(pattern) = Pattern::parse(&text) {
            // Numbers are neither dense nor in order.
            rules.push(((rules.len() as u32 * 7919) % 100_003, text, Arc::new(pattern)));
        }
    }
    rules
}

fn expected(rules: &[Rule], event: &Event) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for (number, _, pattern) in rules {
        if pattern.matches(event).ok()? {
            numbers.push(*number);
        }
    }
    numbers.sort_unstable();
    Some(numbers)
}

fn one_set(seed: u64, scratch: &mut Scratch, tally: &mut Tally) {
    let mut dice = Dice(seed);
    let count = if dice.chance(4) { 400 } else { 1 + dice.roll(30) };
    let base = draw::event(&mut dice);
    let rules = rules(&mut dice, count, &base);
    let matcher = Matcher::build(rules.iter().map(|(number, _, pattern)| (*number, Arc::clone(pattern))));
    let mut found = Vec::new();
    tally.sets += 1;
    for text in meet::events(&mut dice, &base, 8) {
        let event = Event::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {text}: {error}"));
        let ours = matcher.find(&text, scratch, &mut found);
        tally.pairs += rules.len();
        tally.repeated += usize::from(event.irregular) * rules.len();
        tally.arrays += usize::from(event.elements.len() > 1) * rules.len();
        tally.or += rules.iter().filter(|(.., pattern)| pattern.alternatives.len() > 1).count();
        let Some(expected) = expected(&rules, &event) else {
            // Where the reference gives up we may know better.
            tally.undecided += 1;
            continue;
        };
        tally.matches += expected.len();
        if ours != Ok(()) || found != expected {
            let only = |one: &[u32], other: &[u32]| -> Vec<String> {
                let of =
                    |number: &u32| rules.iter().find(|(known, ..)| known == number).map(|(_, text, _)| text.clone());
                one.iter().filter(|number| !other.contains(number)).filter_map(of).collect()
            };
            panic!(
                "seed {seed}, event {text}: {ours:?}\nmissing {:#?}\ntoo many {:#?}",
                only(&expected, &found),
                only(&found, &expected)
            );
        }
    }
}

/// `BASCULE_LONG` for ten thousand rule sets, a hundred thousand in a release build; `BASCULE_SEED` to begin elsewhere.
#[test]
fn the_reference_says_the_same() {
    let first = std::env::var("BASCULE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let sets = match std::env::var_os("BASCULE_LONG") {
        Some(_) if cfg!(debug_assertions) => 10_000,
        Some(_) => 100_000,
        None => 400,
    };
    let (mut scratch, mut tally) = (Scratch::default(), Tally::default());
    for seed in first..first + sets {
        one_set(seed, &mut scratch, &mut tally);
    }
    println!("from seed {first}: {tally:?}");
    assert!(tally.matches * 5 >= tally.pairs && tally.undecided * 1_000 < tally.sets * 8, "{tally:?}");
}

#[test]
fn the_probes() {
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    for line in include_str!("../tests/probes.tsv").lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let (Ok(pattern), text) = (Pattern::parse(cells[1]), cells[2]) else { continue };
        let expected = Event::parse(text).map(|event| pattern.matches(&event).unwrap());
        let matcher = Matcher::build([(7, Arc::new(pattern.clone()))]);
        let ours = matcher.find(text, &mut scratch, &mut found).map(|()| !found.is_empty());
        match (ours, expected) {
            (Ok(ours), Ok(expected)) => assert_eq!(ours, expected, "{line}"),
            (Err(Unmatched::Event(ours)), Err(expected)) => assert_eq!(ours, expected, "{line}"),
            (ours, expected) => panic!("{line}: {ours:?}, expected {expected:?}"),
        }
    }
}

/// A text is refused exactly if the reference refuses it, with its reason.
#[test]
fn broken_texts() {
    let mut dice = Dice(11);
    let rules = rules(&mut dice, 20, "{}");
    let matcher = Matcher::build(rules.iter().map(|(number, _, pattern)| (*number, Arc::clone(pattern))));
    let (mut scratch, mut found, mut refused) = (Scratch::default(), Vec::new(), 0);
    for _ in 0..20_000 {
        let mut text = draw::event(&mut dice).into_bytes();
        for _ in 0..dice.roll(3) {
            let at = dice.roll(text.len());
            match dice.roll(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, b"{}[]\",:\\u0e-+.truefalsn \t\x01\x7f"[dice.roll(26)]),
                _ => text.truncate(at),
            }
            if text.is_empty() {
                break;
            }
        }
        let Ok(text) = String::from_utf8(text) else { continue };
        let event = Event::parse(&text);
        refused += usize::from(event.is_err());
        match (matcher.find(&text, &mut scratch, &mut found), event) {
            (Ok(()) | Err(Unmatched::TooManyCombinations(_)), Ok(_)) => {}
            (Err(Unmatched::Event(ours)), Err(expected)) => assert_eq!(ours, expected, "{text}"),
            (ours, expected) => panic!("{text}: {ours:?}, expected {:?}", expected.map(|_| ())),
        }
    }
    assert!(refused > 4_000, "{refused} refused");
}

#[test]
fn deep_texts() {
    let pattern = Pattern::parse(r#"{"a":{"b":[1]}}"#).unwrap();
    let matcher = Matcher::build([(1, Arc::new(pattern))]);
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    for key in ["a", "x"] {
        for (open, close) in [("[", "]"), ("{\"b\":", "}"), ("{\"a\":", "}")] {
            for depth in [999, 1_000, 1_001, 1_002] {
                let text = format!("{{\"{key}\":{}1{}}}", open.repeat(depth), close.repeat(depth));
                let ours = matcher.find(&text, &mut scratch, &mut found);
                assert_eq!(ours.is_ok(), Event::parse(&text).is_ok(), "{key} {open} {depth}");
            }
        }
    }
}

/// Rules come and go, one by one and in crowds; the matcher is always as one that is built anew, and copies stay as they were.
#[test]
fn changes_are_as_a_fresh_build() {
    let (mut scratch, mut found, mut again) = (Scratch::default(), Vec::new(), Vec::new());
    for seed in 0..25 {
        let mut dice = Dice(seed + 1_000_000);
        let base = draw::event(&mut dice);
        let drawn = rules(&mut dice, 60, &base);
        let (mut matcher, mut now): (Matcher, BTreeMap<u32, Arc<Pattern>>) = (Matcher::default(), BTreeMap::new());
        let mut kept: Option<(Matcher, String, Vec<u32>)> = None;
        for step in 0..40 {
            let crowd = if dice.chance(5) { 700 } else { 1 };
            let (mut gone, mut new) = (Vec::new(), Vec::new());
            for _ in 0..crowd {
                let number = dice.roll(if crowd > 1 { 1_000 } else { 40 }) as u32;
                if dice.chance(60) {
                    new.push((number, Arc::clone(&drawn[dice.roll(drawn.len())].2)));
                } else {
                    gone.push(number);
                }
            }
            gone.iter().for_each(|number| drop(now.remove(number)));
            now.extend(new.iter().cloned());
            matcher.change(gone, new);
            if dice.chance(10) {
                matcher.settle();
                assert!(!matcher.is_unsettled() && matcher.parts.len() < 12, "seed {seed}, step {step}");
            }
            assert_eq!(matcher.len(), now.len(), "seed {seed}, step {step}");
            let text = meet::events(&mut dice, &base, 1).remove(0);
            let fresh = Matcher::build(now.clone());
            let answers = (matcher.find(&text, &mut scratch, &mut found), fresh.find(&text, &mut scratch, &mut again));
            assert_eq!((&answers.0, &found), (&answers.1, &again), "seed {seed}, step {step}, event {text}");
            if let Some((before, text, numbers)) = &kept {
                before.find(text, &mut scratch, &mut again).unwrap();
                assert_eq!(&again, numbers, "seed {seed}, step {step}: a copy changed");
            }
            if answers.0.is_ok() {
                kept = Some((matcher.clone(), text, found.clone()));
            }
        }
    }
}

/// Fields that are not written down are matched as if they were.
#[test]
fn known_fields_are_as_written() {
    let (mut scratch, mut found, mut again) = (Scratch::default(), Vec::new(), Vec::new());
    let texts = ["x", "", "a\"b", "10.0.0.1"].map(str::to_owned);
    for seed in 0..300 {
        let mut dice = Dice(seed + 2_000_000);
        let detail = draw::event(&mut dice);
        let some = &texts[..dice.roll(texts.len() + 1)];
        let source = &texts[dice.roll(texts.len())];
        let whole = format!(
            "{{\"a\":{},\"b\":{},\"c\":{detail}}}",
            serde_json::Value::from(source.as_str()),
            serde_json::Value::from(some)
        );
        let drawn = rules(&mut dice, 20, &whole);
        let matcher = Matcher::build(drawn.iter().map(|(number, _, pattern)| (*number, Arc::clone(pattern))));
        let fields = [("a", Known::Text(source)), ("b", Known::Texts(some))];
        let ours = matcher.find_in(&fields, ("c", &detail), &mut scratch, &mut found);
        assert_eq!(ours, matcher.find(&whole, &mut scratch, &mut again), "seed {seed}, {whole}");
        assert_eq!(found, again, "seed {seed}, {whole}");
    }
}

/// Each element has the key that leads to the rule: looked at as often, 60,000 leaves each time, this would take hours.
#[test]
fn an_array_is_joined_once_an_event() {
    let pattern = Pattern::parse(r#"{"a": {"x": [1], "y": [1]}}"#).unwrap();
    let matcher = Matcher::build([(7, Arc::new(pattern))]);
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    for (element, expected) in [(r#"{"x":1,"y":1}"#, &[7][..]), (r#"{"x":1,"y":2}"#, &[])] {
        let elements = vec![element; 30_000].join(",");
        matcher.find(&format!(r#"{{"a":[{elements}]}}"#), &mut scratch, &mut found).unwrap();
        assert_eq!(found, expected, "{element}");
    }
}
