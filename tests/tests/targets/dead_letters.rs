//! Dead letters: each way to fail with its code, its retries, and the attributes that EventBridge gives them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::admin::v1::ExhaustedRetryCondition;
use bascule_api::v1::{RetryPolicy, Target};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, dead_letters_to, entry, retries, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::read_event;
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, until};

/// Time for attempts that take five seconds each, and their retries.
const LIMIT: Duration = Duration::from_secs(60);

/// One way to fail, and what is said of it.
struct Row {
    name: &'static str,
    path: &'static str,
    policy: Option<RetryPolicy>,
    code: &'static str,
    /// Condition and retries; none where the failure was final at once.
    exhausted: Option<(&'static str, u32)>,
}

const ATTEMPTS: &str = "MaximumRetryAttempts";
const AGE: &str = "MaximumEventAgeInSeconds";

const fn row(
    name: &'static str,
    path: &'static str,
    policy: Option<RetryPolicy>,
    code: &'static str,
    exhausted: Option<(&'static str, u32)>,
) -> Row {
    Row { name, path, policy, code, exhausted }
}

const ROWS: [Row; 10] = [
    row("fails", "/status/500", retries(2, 3_600), "ERROR_FROM_TARGET", Some((ATTEMPTS, 2))),
    row("unauthorised", "/status/401", retries(1, 3_600), "ERROR_FROM_TARGET", Some((ATTEMPTS, 1))),
    row("throttles", "/status/429?retry-after=2", retries(1, 3_600), "THROTTLING", Some((ATTEMPTS, 1))),
    row("too-late", "/status/503?retry-after=120", retries(185, 60), "ERROR_FROM_TARGET", Some((AGE, 0))),
    row("hangs", "/hang", retries(0, 3_600), "TIMEOUT", Some((ATTEMPTS, 0))),
    row("closes", "/close", retries(1, 3_600), "CONNECTION_FAILURE", Some((ATTEMPTS, 1))),
    row("absent", "", retries(1, 3_600), "CONNECTION_FAILURE", Some((ATTEMPTS, 1))),
    row("refuses", "/status/400", retries(9, 3_600), "SDK_CLIENT_ERROR", None),
    row("moved", "/status/302", retries(9, 3_600), "SDK_CLIENT_ERROR", None),
    row("unknown", "/status/404", retries(9, 3_600), "NO_RESOURCE", None),
];

impl Row {
    fn attempts(&self) -> usize {
        self.exhausted.map_or(1, |(_, retries)| retries as usize + 1)
    }

    /// The attributes of its dead letter but for the message.
    fn attributes(&self, rule_arn: &str, target_arn: &str) -> BTreeMap<String, String> {
        let mut all = vec![
            ("RULE_ARN", rule_arn.to_owned()),
            ("TARGET_ARN", target_arn.to_owned()),
            ("ERROR_CODE", self.code.to_owned()),
        ];
        if let Some((condition, retries)) = self.exhausted {
            all.push(("EXHAUSTED_RETRY_CONDITION", condition.to_owned()));
            all.push(("RETRY_ATTEMPTS", retries.to_string()));
        }
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// A rule of its own for each row; gives rule and target ARN by name.
async fn set_up(
    client: &Client,
    receiver: &Receiver,
    dead_to: Option<&str>,
) -> Outcome<BTreeMap<&'static str, (String, String)>> {
    let mut arns = BTreeMap::new();
    for row in &ROWS {
        // Bound and let go: nobody listens there.
        let nobody =
            || -> Outcome<String> { Ok(format!("https://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?)) };
        let url = if row.path.is_empty() { nobody()? } else { receiver.url(&labelled(row)) };
        let destination = client.destination(row.name, &url, signing()).await?;
        let rule = client.rule("", row.name, r#"{"source":["test.dead"]}"#).await?;
        let made = Target {
            retry_policy: row.policy,
            dead_letter_config: dead_to.and_then(dead_letters_to),
            ..target("only", &destination)
        };
        client.targets("", row.name, vec![made]).await?;
        arns.insert(row.name, (rule, destination));
    }
    Ok(arns)
}

/// The row's path with its name as a label, so that rows do not share one.
fn labelled(row: &Row) -> String {
    let (path, query) =
        row.path.split_once('?').map_or((row.path, String::new()), |(path, query)| (path, format!("?{query}")));
    format!("{path}/{}{query}", row.name)
}

fn attempts(receiver: &Receiver, row: &Row) -> Outcome<Vec<u64>> {
    let end = format!("/{}", row.name);
    let records = receiver.records()?;
    Ok(records.iter().filter(|record| record.path.ends_with(&end)).map(|record| record.time_ms).collect())
}

/// As many attempts as the policy says, each after the wait that it owes.
fn attempts_are_paced(receiver: &Receiver) -> Outcome {
    for row in ROWS.iter().filter(|row| !row.path.is_empty()) {
        let times = attempts(receiver, row)?;
        assert_eq!(times.len(), row.attempts(), "{}", row.name);
        let least_ms = if row.path.contains("retry-after=2") { [2_000, 2_000] } else { [500, 1_000] };
        for (wait, least_ms) in times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).zip(least_ms) {
            // Clocks of two processes, rounded each.
            ensure!(wait + 5 >= least_ms, "{}: a retry after {wait} ms", row.name);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_ones_own_gets_them_with_eventbridges_attributes() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let dead = client.queue("dead").await?;
    let arns = set_up(&client, &receiver, Some(&dead)).await?;
    let id = client.put_one(entry("test.dead", "t", r#"{"mark":"m", "n": 1.10}"#)).await?;
    let mut letters = Vec::new();
    until("every dead letter", LIMIT, async || {
        letters.extend(client.drain("dead").await?);
        Ok((letters.len() >= ROWS.len()).then_some(()))
    })
    .await?;
    assert_eq!(letters.len(), ROWS.len());
    for row in &ROWS {
        let (rule_arn, target_arn) = &arns[row.name];
        let letter = letters.iter().find(|letter| letter.attributes.get("RULE_ARN") == Some(rule_arn));
        let letter = letter.with_context(|| format!("{}: no dead letter", row.name))?;
        let mut said: BTreeMap<String, String> = letter.attributes.clone().into_iter().collect();
        let message = said.remove("ERROR_MESSAGE").unwrap_or_default();
        assert_eq!(said, row.attributes(rule_arn, target_arn), "{}: {message}", row.name);
        ensure!(!message.is_empty() && message.len() <= 1_024, "{}: `{message}`", row.name);
        let event = read_event(&letter.body).unwrap_or_default();
        ensure!(event.id == id && letter.body.contains("1.10"), "{}: not the event: {}", row.name, letter.body);
        let counts = client.counts("", row.name, "only").await?;
        assert_eq!((counts.dead_lettered, counts.delivered, counts.pending), (1, 0, 0), "{}", row.name);
    }
    ensure!(client.dead_letters("").await?.is_empty(), "the bus's table has them too");
    attempts_are_paced(&receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_keeps_those_of_targets_without_a_queue() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let arns = set_up(&client, &receiver, None).await?;
    let id = client.put_one(entry("test.dead", "t", "{}")).await?;
    until("every dead letter", LIMIT, async || Ok((client.dead_letters("").await?.len() >= ROWS.len()).then_some(())))
        .await?;
    attempts_are_paced(&receiver)?;
    // They are kept: after a restart the table says the same.
    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    let letters = client.dead_letters("").await?;
    assert_eq!(letters.len(), ROWS.len());
    for row in &ROWS {
        let (rule_arn, target_arn) = &arns[row.name];
        let letter = letters.iter().find(|letter| letter.rule_arn == *rule_arn);
        let letter = letter.with_context(|| format!("{}: no dead letter", row.name))?;
        assert_eq!((&letter.target_arn, letter.target_id.as_str()), (target_arn, "only"), "{}", row.name);
        assert_eq!(letter.error_code, row.code, "{}: {}", row.name, letter.error_message);
        let (condition, retries) = match row.exhausted {
            None => (ExhaustedRetryCondition::Unspecified, 0),
            Some((ATTEMPTS, retries)) => (ExhaustedRetryCondition::MaximumRetryAttempts, retries),
            Some((_, retries)) => (ExhaustedRetryCondition::MaximumEventAgeInSeconds, retries),
        };
        assert_eq!((letter.exhausted_retry_condition(), letter.retry_attempts), (condition, retries), "{}", row.name);
        assert_eq!(
            (letter.event_id.as_str(), read_event(&letter.event).unwrap_or_default().id.as_str()),
            (id.as_str(), id.as_str())
        );
        ensure!(!letter.error_message.is_empty() && letter.dead_lettered_time.is_some(), "{letter:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_there_is_a_dead_letter() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.dead"]}"#).await?;
    let request = bascule_api::v1::DeleteQueueRequest {
        queue_name: "inbox".to_owned(),
        ..bascule_api::v1::DeleteQueueRequest::default()
    };
    client.session().queues().delete_queue(request).await?;
    client.put_one(entry("test.dead", "t", "{}")).await?;
    let told = client.settled("", "inbox", PATIENCE).await?;
    assert_eq!((told[0].delivered, told[0].dead_lettered + told[0].cancelled), (0, 1), "{told:?}");
    Ok(())
}
