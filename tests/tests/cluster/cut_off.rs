//! A node that is cut off from a majority: it writes nothing, and after ten seconds lets nobody in by what it last knew.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::client::Deadlines;
use bascule_api::v1::PutRuleRequest;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason};
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::people::{People, allow, document};
use bascule_tests::wait::{self, PATIENCE};

/// For how long a node may let callers in by what it last knew.
const STALE_LIMIT: Duration = Duration::from_secs(10);
/// What a look may take on a machine that does other work too.
const LOOK_SPAN: Duration = Duration::from_secs(1);
/// How long the node is watched after that.
const WATCH_SPAN: Duration = Duration::from_secs(3);
/// How long it may take to answer that it cannot write.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// The one right of the test's user.
const PUT: &str = "events:PutEvents";

/// The reason of the refusal of a put that nothing wants; none if it is taken. Such a put needs no group.
async fn put(client: &Client) -> Option<String> {
    match client.try_put(vec![entry("test.nothing", "put", "{}")]).await {
        Ok(answer) => answer.entries.into_iter().map(|told| told.error_code).find(|code| !code.is_empty()),
        Err(status) => Some(reason(&status)),
    }
}

async fn write(client: &Client, name: &str) -> Option<String> {
    let request = PutRuleRequest {
        name: name.to_owned(),
        event_pattern: r#"{"source":["test.nothing"]}"#.to_owned(),
        ..PutRuleRequest::default()
    };
    client.session().rules().put_rule(request).await.err().map(|status| reason(&status))
}

/// A node that leads the control group, or one that does not, and not the one that the operator asks.
async fn check(victim: u64, nodes: &Nodes) -> Outcome {
    let rest = nodes.others(victim);
    let others = nodes.client(rest[0]).await?;
    let people = People::of(nodes.node(rest[0])?).await?;
    let user = people.user_by(&others, "alice", &allow(PUT, "*")).await?;
    let alice = Client::connect(&nodes.at(victim, &user)?).await?;
    let operator = nodes.client(victim).await?;
    let short = Deadlines { attempt_ms: 3_000, call_ms: 3_000 };
    let brief = Client::over(operator.session().clone().with_deadlines(short));
    wait::until("the user may put", PATIENCE, async || Ok(put(&alice).await.is_none().then_some(()))).await?;

    nodes.links().cut_off(victim);
    let cut = Instant::now();
    let denied = document(&[("Deny", PUT, "*")]);
    wait::until("the others revoke the right", PATIENCE, async || Ok(others.allow("alice", &denied).await.ok()))
        .await?;
    let revoked = Instant::now();
    let refused = tokio::time::timeout(WRITE_LIMIT, write(&brief, "cut-off")).await.context("no answer to a write")?;
    ensure!(refused.is_some(), "node {victim} wrote although it was cut off");

    let left = STALE_LIMIT.saturating_sub(revoked.elapsed()) + LOOK_SPAN;
    let told = wait::until("the right is of no use", left, async || Ok(put(&alice).await)).await?;
    ensure!(told == "STALE_VIEW", "the put was refused for `{told}` {:?} after the cut", cut.elapsed());
    wait::stays("nobody is let in", WATCH_SPAN, async || {
        Ok(put(&alice).await.is_some() && put(&operator).await.as_deref() == Some("STALE_VIEW"))
    })
    .await?;
    let refused = write(&brief, "stale").await;
    ensure!(refused.as_deref() == Some("STALE_VIEW"), "a write was answered {refused:?}");

    nodes.links().heal();
    nodes.whole(FORM_LIMIT).await?;
    let told = wait::until("the user is refused by the node that is back", PATIENCE, async || {
        Ok(put(&alice).await.filter(|reason| reason != "STALE_VIEW"))
    })
    .await?;
    ensure!(told == "ACCESS_DENIED", "the put was refused for `{told}` after the cut was healed");
    wait::until("the operator may put", PATIENCE, async || Ok(put(&operator).await.is_none().then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_cut_off_writes_nothing_and_lets_nobody_in() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    let leader = nodes.leader(0, &nodes.numbers()).await?;
    check(nodes.others(leader)[0], &nodes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_leader_that_is_cut_off_writes_nothing_and_lets_nobody_in() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    check(nodes.leader(0, &nodes.numbers()).await?, &nodes).await
}
