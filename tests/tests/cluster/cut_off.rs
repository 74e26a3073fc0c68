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
/// Half of a turn of one that flaps.
const FLAP_SPAN: Duration = Duration::from_millis(400);
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

/// How a node is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Both ways.
    Off,
    /// It hears nobody, and is heard.
    Deaf,
    /// Nobody hears it, and it hears everybody.
    Mute,
}

impl Cut {
    fn strike(self, nodes: &Nodes, victim: u64) {
        for other in nodes.others(victim) {
            match self {
                Self::Off => nodes.links().cut_off(victim),
                Self::Deaf => nodes.links().cut(other, victim),
                Self::Mute => nodes.links().cut(victim, other),
            }
        }
    }

    /// One that hears everybody may have heard that the right is gone.
    fn may_say(self, reason: &str) -> bool {
        reason == "STALE_VIEW" || (self == Self::Mute && reason == "ACCESS_DENIED")
    }
}

/// A user with one right, who calls at the node that is cut off, and everybody who matters.
struct Cast {
    victim: u64,
    user: String,
    alice: Client,
    operator: Client,
    others: Client,
}

impl Cast {
    async fn at(nodes: &Nodes, victim: u64, user: &str) -> Outcome<Self> {
        let rest = nodes.others(victim);
        let others = nodes.client(rest[0]).await?;
        let people = People::of(nodes.node(rest[0])?).await?;
        let context = people.user_by(&others, user, &allow(PUT, "*")).await?;
        let alice = Client::connect(&nodes.at(victim, &context)?).await?;
        let operator = nodes.client(victim).await?;
        wait::until("the user may put", PATIENCE, async || Ok(put(&alice).await.is_none().then_some(()))).await?;
        Ok(Self { victim, user: user.to_owned(), alice, operator, others })
    }

    /// The others take the right away; gives how long after that the last put began that it let in, and why the next was refused.
    async fn revoke(&self) -> Outcome<(Duration, String)> {
        let denied = document(&[("Deny", PUT, "*")]);
        let revoke = async || Ok(self.others.allow(&self.user, &denied).await.ok());
        wait::until("the others revoke the right", PATIENCE, revoke).await?;
        let revoked = Instant::now();
        let mut last = revoked;
        let told = wait::until("the right is of no use", STALE_LIMIT + LOOK_SPAN, async || {
            let began = Instant::now();
            let told = put(&self.alice).await;
            if told.is_none() {
                last = began;
            }
            Ok(told)
        });
        let told = told.await?;
        Ok((last.duration_since(revoked), told))
    }
}

/// A node that leads the control group, or one that does not, and not the one that the operator asks.
async fn check(victim: u64, nodes: &Nodes, cut: Cut, user: &str) -> Outcome {
    let cast = Cast::at(nodes, victim, user).await?;
    let Cast { alice, operator, .. } = &cast;
    let short = Deadlines { attempt_ms: 3_000, call_ms: 3_000 };
    let brief = Client::over(operator.session().clone().with_deadlines(short));

    cut.strike(nodes, victim);
    let refused = tokio::time::timeout(WRITE_LIMIT, write(&brief, "cut-off")).await.context("no answer to a write")?;
    ensure!(refused.is_some(), "node {victim} wrote although it was cut off, {cut:?}");
    let (used, told) = cast.revoke().await?;
    ensure!(cut.may_say(&told), "the put was refused for `{told}` {used:?} after the right was gone, {cut:?}");
    ensure!(used <= STALE_LIMIT, "the right was of use for {used:?} after it was gone, {cut:?}");

    wait::until("nobody is let in", STALE_LIMIT + LOOK_SPAN, async || {
        Ok((put(operator).await.as_deref() == Some("STALE_VIEW")).then_some(()))
    })
    .await?;
    wait::stays("nobody is let in", WATCH_SPAN, async || {
        Ok(put(alice).await.is_some() && put(operator).await.as_deref() == Some("STALE_VIEW"))
    })
    .await?;
    let refused = write(&brief, "stale").await;
    ensure!(refused.as_deref() == Some("STALE_VIEW"), "a write was answered {refused:?}, {cut:?}");

    nodes.links().heal();
    demand_back(nodes, &cast).await
}

async fn demand_back(nodes: &Nodes, cast: &Cast) -> Outcome {
    let Cast { victim, alice, operator, .. } = cast;
    nodes.whole(FORM_LIMIT).await?;
    let told = wait::until("the user is refused by the node that is back", PATIENCE, async || {
        Ok(put(alice).await.filter(|reason| reason != "STALE_VIEW"))
    })
    .await?;
    ensure!(told == "ACCESS_DENIED", "the put was refused for `{told}` at node {victim} after the cut was healed");
    wait::until("the operator may put", PATIENCE, async || Ok(put(operator).await.is_none().then_some(()))).await
}

/// Cuts a node off and heals it, again and again.
async fn flap(nodes: &Nodes, victim: u64) -> Outcome {
    loop {
        nodes.links().cut_off(victim);
        tokio::time::sleep(FLAP_SPAN).await;
        nodes.links().heal();
        tokio::time::sleep(FLAP_SPAN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_cut_off_writes_nothing_and_lets_nobody_in() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    for (cut, user) in [(Cut::Off, "alice"), (Cut::Mute, "bob")] {
        let leader = nodes.leader(0, &nodes.numbers()).await?;
        check(nodes.others(leader)[0], &nodes, cut, user).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_leader_that_is_cut_off_writes_nothing_and_lets_nobody_in() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    for (cut, user) in [(Cut::Off, "alice"), (Cut::Deaf, "bob")] {
        check(nodes.leader(0, &nodes.numbers()).await?, &nodes, cut, user).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_leader_that_is_cut_off_again_and_again_soon_knows_what_the_others_wrote() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    let victim = nodes.leader(0, &nodes.numbers()).await?;
    let cast = Cast::at(&nodes, victim, "alice").await?;
    let (used, told) = tokio::select! {
        revoked = cast.revoke() => revoked?,
        flapping = flap(&nodes, victim) => return flapping,
    };
    ensure!(used <= STALE_LIMIT, "the right was of use for {used:?} after it was gone, and then refused for `{told}`");
    nodes.links().heal();
    demand_back(&nodes, &cast).await
}
