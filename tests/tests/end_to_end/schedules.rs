//! Scheduled rules over a real daemon: the event of a due time, to the rule's own targets alone.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::v1::{DescribeRuleRequest, PutRuleRequest, RuleState};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::wait::until;

/// A due time comes each minute; a machine that is busy takes a little longer.
const LIMIT: Duration = Duration::from_secs(100);

fn rule(name: &str, schedule: &str) -> PutRuleRequest {
    PutRuleRequest { name: name.to_owned(), schedule_expression: schedule.to_owned(), ..PutRuleRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_time_fires_once_over_a_kill() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let arn = client.queue("minutes").await?;
    client.session().rules().put_rule(rule("minutes", "cron(* * * * ? *)")).await?;
    client.targets("", "minutes", vec![target("t", &arn)]).await?;
    // A rule that wants everything is not asked about scheduled events.
    client.queued("everything", r#"{"source":[{"prefix":""}]}"#).await?;
    let first = until("a due time", LIMIT, async || Ok(client.receive("minutes", Some(600)).await?.pop())).await?;
    let event: serde_json::Value = serde_json::from_str(&first.body)?;
    let expected = serde_json::json!({
        "version": "0",
        "id": event["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": event["time"],
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/minutes"],
        "detail": {},
    });
    assert_eq!(event, expected);
    ensure!(event["time"].as_str().context("no time")?.ends_with(":00Z"), "{event}");
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    let counts = client.counts("", "minutes", "t").await?;
    // The leader that comes back looks twice a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let again = client.receive("minutes", Some(600)).await?;
    let same = again.iter().filter(|message| message.body == first.body).count();
    ensure!(same == 0 && counts.delivered >= 1, "one due time fired twice: {again:?}");
    ensure!(client.receive("everything", None).await?.is_empty(), "another rule got a scheduled event");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_shown_and_bad_ones_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.session().rules().put_rule(rule("daily", "cron(0 9 ? * MON-FRI *)")).await?;
    let request = DescribeRuleRequest { name: "daily".to_owned(), ..DescribeRuleRequest::default() };
    let shown = client.session().rules().describe_rule(request).await?.into_inner().rule.context("no rule")?;
    assert_eq!(shown.schedule_expression, "cron(0 9 ? * MON-FRI *)");
    client.bus("other").await?;
    let third = RuleState::EnabledWithAllCloudtrailManagementEvents;
    for (bad, code, told) in [
        (rule("r", "rate(1 minutes)"), "SCHEDULE_INVALID", "singular"),
        (rule("r", "cron(0 9 1 * MON *)"), "SCHEDULE_INVALID", "must be `?`"),
        (rule("r", "at(2030-01-01T00:00:00)"), "SCHEDULE_INVALID", "rate"),
        (
            PutRuleRequest { event_bus_name: "other".to_owned(), ..rule("r", "rate(1 day)") },
            "SCHEDULE_INVALID",
            "only on the default event bus",
        ),
        (PutRuleRequest { state: third.into(), ..rule("r", "rate(1 day)") }, "VALIDATION_FAILED", "State"),
    ] {
        let Err(status) = client.session().rules().put_rule(bad).await else { anyhow::bail!("{told}: taken") };
        ensure!(
            reason(&status) == code && status.message().contains(told),
            "{told}: {} {}",
            reason(&status),
            status.message()
        );
    }
    Ok(())
}
