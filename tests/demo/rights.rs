//! Least privilege: a service with a certificate of its own that may put events and nothing else, and a role by which the rules'
//! targets are invoked, with just the targets in it.

use anyhow::{Context as _, ensure};
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::daemon::Daemon;
use bascule_tests::outsiders::Outsiders;
use serde_json::Value;

use crate::commands::{Commands, Shown};
use crate::{BUS, say};

/// The account of `basculed dev`.
const ACCOUNT: &str = "000000000000";
/// The service.
const PUBLISHER: &str = "checkout";
/// The role of all targets.
const ROLE: &str = "deliver";

/// Makes the service's user, with the shipped policy for publishers; gives where and as whom it calls.
///
/// # Errors
/// A command failed.
pub fn publisher(commands: &Commands, daemon: &Daemon) -> Outcome<Context> {
    let (context, identity) = Outsiders::of(daemon)?.named(PUBLISHER)?;
    let words = ["user", "create", PUBLISHER, "--identity", &identity, "--attach", "BasculePublisher"];
    commands.run(&words, Shown::Yes)?;
    Ok(context)
}

/// Makes the role that targets are invoked as; gives its ARN.
///
/// # Errors
/// A command failed.
pub fn role(commands: &Commands) -> Outcome<String> {
    let made = commands.run(&["role", "create", ROLE, "--for-rules", "--source-account", ACCOUNT], Shown::Yes)?;
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Sid":"Queues","Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:{ACCOUNT}:*"}},
            {{"Sid":"Receiver","Effect":"Allow","Action":"events:InvokeApiDestination","Resource":"arn:aws:events:us-east-1:{ACCOUNT}:api-destination/*"}}]}}"#
    );
    let file = commands.file("deliver.json", &document)?;
    let words = ["role", "put-policy", ROLE, "--policy-name", "targets", "--document", &file];
    commands.run(&words, Shown::Yes)?;
    arn(&made)
}

/// Shows that the service is refused what is not its work, and which statement lets it do what is.
///
/// # Errors
/// It was let, or a command failed.
pub fn refused(commands: &Commands, context: &Context) -> Outcome {
    let pattern = r#"{"source":[{"prefix":""}]}"#;
    let told = commands.refused(&["rule", "put", "everything", "--bus", BUS, "--pattern", pattern], context)?;
    ensure!(told.contains("events:PutRule"), "the refusal names no action: {told}");
    let bus = format!("arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{BUS}");
    commands.show(&["authz", "explain", &format!("user/{PUBLISHER}"), "events:PutEvents", &bus])
}

fn arn(answer: &Value) -> Outcome<String> {
    let arn = answer["Arn"].as_str().with_context(|| format!("an answer without `Arn`: {answer}"))?;
    say(&format!("     {arn}"));
    Ok(arn.to_owned())
}
