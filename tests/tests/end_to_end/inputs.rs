//! What a target gets instead of the event: a constant, a part, a template; and what happens to what cannot be made.

use anyhow::{Context as _, ensure};
use bascule_api::v1::{HttpParameters, InputTransformer, ListTargetsByRuleRequest, PutTargetsRequest, Target};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, until};

const DETAIL: &str = r#"{"id":"i-1","state":"on","n":1.10,"tags":{"a":["b"]}}"#;

fn template(paths: &[(&str, &str)], template: &str) -> Target {
    let input_paths_map = paths.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
    let transformer = InputTransformer { input_paths_map, input_template: template.to_owned() };
    Target { input_transformer: Some(transformer), ..Target::default() }
}

fn path(path: &str) -> Target {
    Target { input_path: Some(path.to_owned()), ..Target::default() }
}

fn constant(input: &str) -> Target {
    Target { input: Some(input.to_owned()), ..Target::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_gets_what_its_input_makes_of_the_event() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let rows = [
        ("constant", constant(r#"{"k": 1}"#), r#"{"k": 1}"#),
        ("part", path("$.detail.tags"), r#"{"a":["b"]}"#),
        ("text", template(&[("id", "$.detail.id"), ("s", "$.detail.state")], r#""<id> is <s>""#), r#""i-1 is on""#),
        (
            "object",
            template(
                &[("n", "$.detail.n"), ("gone", "$.detail.gone")],
                r#"{"n":<n>,"g":"<gone>","r":<aws.events.rule-name>}"#,
            ),
            r#"{"n":1.10,"g":"","r":"object"}"#,
        ),
    ];
    for (name, input, _) in &rows {
        let arn = client.queue(name).await?;
        let rule_arn = client.rule("", name, r#"{"source":["test.input"]}"#).await?;
        ensure!(rule_arn.ends_with(name), "{rule_arn}");
        let target = Target { id: "t".to_owned(), arn, ..input.clone() };
        client.targets("", name, vec![target.clone()]).await?;
        let request = ListTargetsByRuleRequest { rule: (*name).to_owned(), ..ListTargetsByRuleRequest::default() };
        let listed = client.session().targets().list_targets_by_rule(request).await?.into_inner().targets;
        let listed = listed.first().context("no target")?;
        assert_eq!(
            (&listed.input, &listed.input_path, &listed.input_transformer),
            (&target.input, &target.input_path, &target.input_transformer)
        );
    }
    client.put_one(entry("test.input", "t", DETAIL)).await?;
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    for (name, _, expected) in &rows {
        let messages = client.drain_at_least(name, 1).await?;
        assert_eq!(messages.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), [*expected], "{name}");
        let counts = client.counts("", name, "t").await?;
        assert_eq!((counts.delivered, counts.pending, counts.dead_lettered), (1, 0, 0), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn http_targets_get_bodies_and_parameters_of_the_event() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let arn = client.destination("hook", &receiver.url("/hook/*"), signing()).await?;
    client.rule("", "hook", r#"{"source":["test.input"]}"#).await?;
    let http_parameters = Some(HttpParameters {
        path_parameter_values: vec!["$.detail.id".to_owned()],
        header_parameters: [("x-state".to_owned(), "$.detail.state".to_owned())].into(),
        ..HttpParameters::default()
    });
    let made = template(&[("s", "$.detail.state")], r#"{"state":<s>}"#);
    client.targets("", "hook", vec![Target { id: "t".to_owned(), arn, http_parameters, ..made }]).await?;
    client.put_one(entry("test.input", "t", DETAIL)).await?;
    let record = until("the call", PATIENCE, async || Ok(receiver.at("/hook/i-1")?.pop())).await?;
    let header = record.headers.get("x-state").map(String::as_str);
    ensure!(record.body == r#"{"state":"on"}"# && header == Some("on"), "{record:?}");
    // What an event does not have makes no call, and is not tried again.
    client.put_one(entry("test.input", "t", r#"{"state":"on"}"#)).await?;
    let letter = until("the dead letter", PATIENCE, async || Ok(client.dead_letters("").await?.pop())).await?;
    assert_eq!((letter.error_code.as_str(), letter.retry_attempts), ("INVALID_PARAMETER", 0));
    ensure!(letter.error_message.contains("`$.detail.id`"), "{}", letter.error_message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_a_dead_letter_with_the_event_in_it() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let arn = client.queue("inbox").await?;
    client.rule("", "inbox", r#"{"source":["test.input"]}"#).await?;
    let made = template(&[("gone", "$.detail.gone")], r#"{"a": <gone>}"#);
    client.targets("", "inbox", vec![Target { id: "t".to_owned(), arn, ..made }]).await?;
    client.put_one(entry("test.input", "t", DETAIL)).await?;
    let letter = until("the dead letter", PATIENCE, async || Ok(client.dead_letters("").await?.pop())).await?;
    assert_eq!(letter.error_code, "INVALID_JSON");
    ensure!(letter.event.contains(DETAIL), "{}", letter.event);
    ensure!(client.receive("inbox", None).await?.is_empty(), "it arrived all the same");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_can_never_be_are_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let arn = client.queue("inbox").await?;
    client.rule("", "inbox", r#"{"source":["test.input"]}"#).await?;
    let rows = [
        (
            Target { input_path: Some("$".to_owned()), ..constant("1") },
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        (constant("{"), "no JSON text"),
        (path("detail"), "begins with `$`"),
        (template(&[], "<who>"), "InputTemplate for target t contains invalid placeholder who."),
        (template(&[], ""), "InputTemplate"),
        (template(&[("a", "$.b")], r#"{"<a>":1}"#), "object key"),
        (template(&[("a", "$.b")], "no <a>"), "Invalid InputTemplate for target t"),
        (
            Target {
                http_parameters: Some(HttpParameters {
                    path_parameter_values: vec!["$.a b".to_owned()],
                    ..HttpParameters::default()
                }),
                ..Target::default()
            },
            "HttpParameters.PathParameterValues",
        ),
    ];
    for (bad, told) in rows {
        let request = PutTargetsRequest {
            rule: "inbox".to_owned(),
            targets: vec![Target { id: "t".to_owned(), arn: arn.clone(), ..bad }, target("good", &arn)],
            validate_only: true,
            ..PutTargetsRequest::default()
        };
        let answer =
            client.session().targets().put_targets(request).await.map_err(|status| anyhow::anyhow!(reason(&status)))?;
        let failed = answer.into_inner().failed_entries;
        ensure!(failed.len() == 1 && failed[0].target_id == "t", "{failed:?}");
        ensure!(failed[0].error_message.contains(told), "{told}: {}", failed[0].error_message);
    }
    Ok(())
}
