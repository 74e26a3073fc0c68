//! `plan`, `apply` and `export`: a busy node's setup goes through a folder to an empty node, and comes back as the same bytes.

use std::fs;

use anyhow::ensure;
use bascule_api::v1::{CreateEventBusRequest, CreateQueueRequest, RedrivePolicy};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, dead_letters_to, signing, target};
use bascule_tests::daemon::{Daemon, Options};

use super::terminal::{Terminal, files};

fn terminal(daemon: &Daemon) -> Outcome<Terminal> {
    Ok(Terminal::open()?.with("BASCULE_CONTEXT", &daemon.context_path().display().to_string()))
}

/// Buses, rules, targets of each kind, connections with secrets.
async fn fill(client: &Client) -> Outcome {
    let dead = client.queue("dead").await?;
    let inbox = client.queue("inbox").await?;
    let bus = CreateEventBusRequest {
        name: "orders".to_owned(),
        description: "all: # orders".to_owned(),
        dead_letter_config: dead_letters_to(&dead),
        tags: [("team".to_owned(), "a: b".to_owned())].into(),
        ..CreateEventBusRequest::default()
    };
    client.session().event_buses().create_event_bus(bus).await?;
    let hook = client.destination("hook", "https://localhost:1/in/*", signing()).await?;
    for at in 0..20 {
        let name = format!("rule-{at}");
        let pattern = format!(r#"{{"detail":{{"n":[{{"numeric":["=",{at}]}}]}},"source":["a\u00fc \"q\""]}}"#);
        client.rule("orders", &name, &pattern).await?;
        let mut last = target("hook", &hook);
        last.http_parameters.get_or_insert_default().path_parameter_values = vec!["*".to_owned()];
        last.dead_letter_config = dead_letters_to(&dead);
        client.targets("orders", &name, vec![target("q", &inbox), last]).await?;
    }
    client.rule("", "on-default", r#"{"source":["shop"]}"#).await?;
    // Its name stands before that of the queue which it needs.
    let redrive = RedrivePolicy { dead_letter_target_arn: dead, max_receive_count: 3 };
    let again =
        CreateQueueRequest { name: "again".to_owned(), redrive_policy: Some(redrive), ..CreateQueueRequest::default() };
    client.session().queues().create_queue(again).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_goes_to_another_node_and_comes_back_the_same() -> Outcome {
    let busy = Daemon::start(&Options::default())?;
    fill(&Client::operator(&busy).await?).await?;
    let from = terminal(&busy)?;
    let first = from.path("first");
    let exported = from.ends(&format!("export {}", first.display()), 0)?;
    ensure!(exported.output.contains("BASCULE_SECRET_HOOK_SIGNING_1"), "{}", exported.output);
    let written = files(&first)?;
    let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["buses/default.yaml", "buses/orders.yaml", "connections.yaml", "destinations.yaml", "queues.yaml"];
    assert_eq!(names, expected);
    ensure!(!written.iter().any(|(_, text)| text.contains("whsec_")), "a secret was exported");
    // The node that it came from has nothing to do.
    let same = from.ends(&format!("plan {} --detailed-exitcode", first.display()), 0)?;
    assert_eq!(same.output, "nothing to do\n");

    let empty = Daemon::start(&Options::default())?;
    let to = terminal(&empty)?;
    let plan = to.ends(&format!("plan {} --detailed-exitcode -o json", first.display()), 2)?;
    ensure!(plan.output.contains("\"CreateCount\": 67"), "{}", plan.output);
    let missing = to.ends(&format!("apply {}", first.display()), 2)?;
    ensure!(missing.errors.contains("`BASCULE_SECRET_HOOK_SIGNING_1`"), "{}", missing.errors);
    to.ends("queue describe inbox", 3)?;
    let to = to.with("BASCULE_SECRET_HOOK_SIGNING_1", "whsec_bm90IGEgc2VjcmV0IGF0IGFsbCwganVzdCBieXRlcw==");
    let applied = to.ends(&format!("apply {}", first.display()), 0)?;
    ensure!(applied.errors.starts_with("1/67 created queue `dead`\n"), "{}", applied.errors);
    let again = to.ends(&format!("apply {}", first.display()), 0)?;
    assert_eq!((again.output.as_str(), again.errors.as_str()), ("nothing to do\n", ""));
    let second = to.path("second");
    to.ends(&format!("export {}", second.display()), 0)?;
    assert_eq!(files(&second)?, written);
    // Tags alone can change.
    let orders = first.join("buses/orders.yaml");
    fs::write(&orders, fs::read_to_string(&orders)?.replace("team:", "owner:"))?;
    let changed = to.ends(&format!("apply {} -o jsonl", first.display()), 0)?.output;
    ensure!(changed.contains(r#""Name":"orders","Changes":["Tags"],"State":"done""#), "{changed}");
    to.ends(&format!("plan {} --detailed-exitcode", first.display()), 0)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_deletions_and_failures_are_told() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("old", r#"{"source":["old"]}"#).await?;
    let terminal = terminal(&daemon)?;
    let dir = terminal.path("setup");
    fs::create_dir(&dir)?;
    let at = dir.display();
    let typo = "EventBus:\n  Name: default\n  Rules:\n    - Name: r\n      EventPatern: {source: [a]}\n";
    fs::write(dir.join("bus.yaml"), typo)?;
    let said = terminal.ends(&format!("plan {at}"), 2)?;
    ensure!(said.errors.contains("line 5: there is no key `EventPatern`"), "{}", said.errors);
    ensure!(said.errors.contains("did you mean `EventPattern`?"), "{}", said.errors);
    terminal.ends(&format!("plan {at} --detailed-exitcode"), 1)?;
    // A rule that is fine, and one that the cluster refuses: what was done before stays told.
    let half = typo.replace("EventPatern", "EventPattern") + "    - Name: s\n      EventPattern: {source: a}\n";
    fs::write(dir.join("bus.yaml"), &half)?;
    let plan = terminal.ends(&format!("plan {at}"), 3)?;
    ensure!(plan.output.contains("refused") && plan.output.contains("planned"), "{}", plan.output);
    let applied = terminal.ends(&format!("apply {at}"), 3)?;
    ensure!(applied.errors.starts_with("1/2 created rule `default/r`\n"), "{}", applied.errors);
    ensure!(applied.output.contains("done") && applied.output.contains("refused"), "{}", applied.output);
    fs::write(
        dir.join("bus.yaml"),
        half.replace("{source: a}", "{source: [a]}").replace("[a]}\n    - Name: s", "[b]}\n    - Name: s"),
    )?;
    let plan = terminal.ends(&format!("plan {at} -o jsonl"), 0)?.output;
    ensure!(
        plan.contains(r#""Action":"update","Kind":"rule","Name":"default/r","Changes":["EventPattern"]"#),
        "{plan}"
    );
    ensure!(!plan.contains("delete"), "{plan}");
    let left = terminal.ends(&format!("plan {at}"), 0)?.output;
    ensure!(left.contains("3 not in the folder and left alone"), "{left}");
    let pruned = terminal.ends(&format!("apply {at} --prune"), 0)?;
    ensure!(pruned.errors.ends_with("deleted queue `old`\n"), "{}", pruned.errors);
    terminal.ends("queue describe old", 3)?;
    assert_eq!(terminal.ends(&format!("plan {at} --prune"), 0)?.output, "nothing to do\n");
    Ok(())
}
