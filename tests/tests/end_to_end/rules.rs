//! Which rule gets which event: none, one, several; enabled and disabled; each target of a rule by itself.

use anyhow::ensure;
use bascule_api::v1::{DeleteRuleRequest, DisableRuleRequest, EnableRuleRequest, PutEventsRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::{Fate, Ledger, Put, read_event};
use bascule_tests::wait::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_gets_what_it_matches_and_nothing_else() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let queues = ["red", "large", "all"];
    let patterns = [
        r#"{"detail":{"colour":["red"]}}"#,
        r#"{"detail":{"size":[{"numeric":[">",10]}]}}"#,
        r#"{"source":[{"prefix":"test."}]}"#,
    ];
    for (queue, pattern) in queues.iter().zip(patterns) {
        client.queued(queue, pattern).await?;
    }
    let mut ledger = Ledger::default();
    for (source, colour, size, lanes) in [
        ("test.a", "red", 1, &["red", "all"][..]),
        ("test.a", "blue", 11, &["large", "all"]),
        ("test.b", "red", 11, &["red", "large", "all"]),
        ("test.b", "blue", 10, &["all"]),
        ("other", "red", 1, &["red"]),
        ("other", "blue", 1, &[]),
    ] {
        let mark = format!("{source}-{colour}-{size}");
        let detail = format!(r#"{{"mark":"{mark}","colour":"{colour}","size":{size}}}"#);
        let id = client.put_one(entry(source, "t", &detail)).await?;
        ledger.put(&Put { mark, fate: Fate::Acknowledged(id) }, lanes);
    }
    for (queue, count) in queues.iter().zip([3, 2, 4]) {
        for message in client.drain_at_least(queue, count).await? {
            ledger.delivered(queue, &read_event(&message.body).unwrap_or_default());
        }
        ledger.counted(queue, client.counts("", queue, queue).await?);
    }
    ledger.account().demand_exact()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_nothing_wants_are_acknowledged_and_gone() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let before = client.put_one(entry("test.nobody", "t", "{}")).await?;
    ensure!(before.len() == 36, "no id: {before}");
    // A rule sees what is put after it, and nothing that was before.
    client.queued("late", r#"{"source":["test.nobody"]}"#).await?;
    let after = client.put_one(entry("test.nobody", "t", "{}")).await?;
    let ids: Vec<String> = client.drain_at_least("late", 1).await?.iter().map(|message| id(&message.body)).collect();
    assert_eq!(ids, [after]);
    // A rule without targets wants nothing either.
    client.rule("", "bare", r#"{"source":["test.bare"]}"#).await?;
    client.put_one(entry("test.bare", "t", "{}")).await?;
    ensure!(client.deliveries("", "bare").await?.is_empty(), "a rule without targets counts deliveries");
    Ok(())
}

fn id(event: &str) -> String {
    read_event(event).unwrap_or_default().id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_rule_matches_nothing_until_it_is_enabled() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("switch", r#"{"source":["test.switch"]}"#).await?;
    let put = async |at_least: u64| -> Outcome<String> {
        let request = PutEventsRequest {
            entries: vec![entry("test.switch", "t", "{}")],
            min_control_index: at_least,
            ..PutEventsRequest::default()
        };
        let answer = client.session().events().put_events(request).await?.into_inner();
        ensure!(answer.control_index >= at_least, "decided by an older view: {answer:?}");
        Ok(answer.entries[0].event_id.clone())
    };
    let mut rules = client.session().rules();
    let first = put(0).await?;
    let request = DisableRuleRequest { name: "switch".to_owned(), ..DisableRuleRequest::default() };
    let disabled = rules.disable_rule(request).await?.into_inner().control_index;
    let while_disabled = put(disabled).await?;
    let request = EnableRuleRequest { name: "switch".to_owned(), ..EnableRuleRequest::default() };
    let enabled = rules.enable_rule(request).await?.into_inner().control_index;
    ensure!(enabled > disabled && !while_disabled.is_empty(), "{disabled} {enabled}");
    let last = put(enabled).await?;
    let drained = client.drain_at_least("switch", 2).await?;
    let mut got: Vec<String> = drained.iter().map(|message| id(&message.body)).collect();
    let mut wanted = vec![first, last];
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_targets_of_a_rule_get_each_event_and_buses_are_apart() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("other").await?;
    let (one, two) = (client.queue("one").await?, client.queue("two").await?);
    let pattern = r#"{"source":["test.bus"]}"#;
    client.rule("other", "both", pattern).await?;
    client.targets("other", "both", vec![target("1", &one), target("2", &two)]).await?;
    client.rule("", "default", pattern).await?;
    let default = client.queue("default").await?;
    client.targets("", "default", vec![target("d", &default)]).await?;
    let mut elsewhere = entry("test.bus", "t", "{}");
    elsewhere.event_bus_name = "arn:aws:events:us-east-1:000000000000:event-bus/other".to_owned();
    let ids = client.put(vec![elsewhere, entry("test.bus", "t", "{}")]).await?;
    for (queue, wanted) in [("one", &ids[0]), ("two", &ids[0]), ("default", &ids[1])] {
        let got: Vec<String> = client.drain_at_least(queue, 1).await?.iter().map(|m| id(&m.body)).collect();
        assert_eq!(got, std::slice::from_ref(wanted), "{queue}");
    }
    let told = client.settled("other", "both", PATIENCE).await?;
    assert_eq!(
        told.iter().map(|one| (one.target_id.as_str(), one.delivered)).collect::<Vec<_>>(),
        [("1", 1), ("2", 1)]
    );
    let request = DeleteRuleRequest { name: "absent".to_owned(), ..DeleteRuleRequest::default() };
    client.session().rules().delete_rule(request).await?;
    Ok(())
}
