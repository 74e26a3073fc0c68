//! Entries of a put: what the envelope is made of. What it accepts, the matcher must be able to read.

use bascule_model::arn::Scope;
use bascule_model::event::Entry;
use bascule_model::id::EventId;
use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_pattern::Event;
use bascule_routing::envelope;

use super::run;

const DETAILS: [&str; 6] = [
    r#"{"a":1,"b":[true,null,{"c":"\ud83e\udd8a"}],"d":{"e":{"f":-1.5e-7}}}"#,
    r#"{ "a" : "tab\t quote\" back\\ solidus\/ control\u0001" , "b" : [ ] }"#,
    r#"{"a":12345678901234567890,"a":{"a.b":[[],[[]]]}}"#,
    r#"{"Ω":"日本語","":{"":""}}"#,
    "{}",
    " {\"a\":\"\u{feff}\"}\r\n",
];

#[test]
fn entries_become_events_or_are_refused() {
    let scope = Scope::new("aws", "us-east-1", AccountId::parse("000000000000").unwrap()).unwrap();
    let (mut taken, mut refused) = (0, 0);
    run::each("entries", &run::corpus(DETAILS), |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let short: String = text.chars().take(200).collect();
        let entry = Entry {
            source: short.clone(),
            detail_type: short.chars().rev().collect(),
            detail: text,
            resources: vec![short.clone(), String::new()],
            bus: Some(short.clone()),
            trace_header: Some(short),
            ..Entry::default()
        };
        let checked = entry.check();
        match envelope::render(&entry, EventId([7; 16]), &scope, Millis(1_764_000_000_000)) {
            Ok(event) => {
                taken += 1;
                let read = Event::parse(&event);
                assert!(read.is_ok_and(|event| event.is_testable()), "what was accepted can be matched: {event}");
            }
            Err(refusal) => {
                refused += 1;
                assert!(refusal.message.len() < 4_096, "a refusal repeats no whole input");
            }
        }
        // A refusal of one field says nothing of the others, so both may refuse.
        drop(checked);
    });
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}
