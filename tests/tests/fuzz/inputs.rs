//! What owners of rules write beside patterns: schedules, input paths and templates.

use bascule_model::schedule::Schedule;
use bascule_model::target::Input;
use bascule_model::time::Millis;
use bascule_routing::limits::TRANSFORMED_LIMIT_BYTES;
use bascule_routing::transform::{About, Path, Transform};

use super::{patterns, run};

const ABOUT: About<'_> =
    About { rule_arn: "arn:aws:events:us-east-1:000000000000:rule/r", rule_name: "r", accepted: Millis(0) };

#[test]
fn schedules_are_read_or_refused() {
    let corpus = run::corpus([
        "rate(5 minutes)",
        "rate(1 day)",
        "cron(0/15 8-17 ? * MON-FRI *)",
        "cron(0 9 LW JAN,6 ? 2026/4)",
        "cron(59 23 31W * ? 1970-2199)",
        "cron(0 0 ? 2 6#5 *)",
        "cron(0 0 ? * FRIL *)",
    ]);
    run::each("schedules", &corpus, |input| {
        let Ok(schedule) = Schedule::parse(&String::from_utf8_lossy(input)) else { return };
        for after in [0, 1_795_426_200_000, 7_258_118_340_000, u64::MAX] {
            let (after, anchor) = (Millis(after), Millis(1_000));
            let next = schedule.next_after(after, anchor);
            assert!(next.is_none_or(|next| next > after || next.0 == u64::MAX), "{schedule:?} {next:?}");
            let last = schedule.last_until(after, anchor, anchor);
            assert!(last.is_none_or(|last| last <= after && last > anchor), "{schedule:?} {last:?}");
        }
    });
}

#[test]
fn paths_find_or_find_nothing() {
    let corpus = run::corpus([
        "$",
        "$.detail.a-b_c/d[0]",
        "$.resources[*]",
        "$.detail.*.x[12].*",
        "$.detail.items[0].tags[*].key",
    ]);
    let events = patterns::events();
    run::each("input paths", &corpus, |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(path) = Path::parse(&text) else { return };
        assert_eq!(Path::parse(&text).as_ref(), Ok(&path));
        let transform = Transform::Path(path);
        for event in events.iter().step_by(16) {
            let event = str::from_utf8(event).expect("good events are text");
            if let Ok(found) = transform.apply(event, ABOUT) {
                serde_json::from_str::<serde_json::Value>(&found).expect("what is found is JSON");
            }
        }
    });
}

#[test]
fn templates_make_json_or_nothing() {
    let corpus = run::corpus([
        r#""<a> is in <b>""#,
        r#"{"a": <a>, "b": "<b>", "c": [1, <c>, "\"<a>\""], "d": {"e": <aws.events.event>}}"#,
        r#"{"rule": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}"#,
        "<aws.events.event.json>",
        "\"one <a>\"\n\"two <b>\"",
    ]);
    let events = patterns::events();
    let paths = [("a", "$.detail.a"), ("b", "$.source"), ("c", "$.detail")];
    let paths: Vec<_> = paths.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
    run::each("input templates", &corpus, |input| {
        let template = String::from_utf8_lossy(input).into_owned();
        let Ok(transform) = Transform::compile("t", &Input::Template { paths: paths.clone(), template }) else {
            return;
        };
        for event in events.iter().step_by(16) {
            let event = str::from_utf8(event).expect("good events are text");
            if let Ok(made) = transform.apply(event, ABOUT) {
                assert!(made.len() <= 2 * TRANSFORMED_LIMIT_BYTES);
                let values = serde_json::Deserializer::from_str(&made).into_iter::<serde::de::IgnoredAny>();
                assert!(values.inspect(|value| assert!(value.is_ok(), "what is made is JSON: {made}")).count() > 0);
            }
        }
    });
}
