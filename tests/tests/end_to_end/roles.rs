//! Roles of targets: what they may do is delivered, and nothing else; what they lose stops, and goes on when it is back.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::admin::v1::{DeliveryState, TargetDelivery};
use bascule_api::iam::v1::{DeleteRoleRequest, PutRolePolicyRequest, UpdateAssumeRolePolicyRequest};
use bascule_api::v1::{
    DeadLetterConfig, PutPermissionRequest, PutQueuePolicyRequest, PutRuleRequest, PutTargetsRequest,
    RemovePermissionRequest, RetryPolicy, Target,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, dead_letters_to, entry, reason, retries, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{People, allow, document, trust};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, stays, until};

const EVENTS: &str = r#"{"Service":"events.amazonaws.com"}"#;
const FAR: &str = "111122223333";
/// In which a change of rights is felt.
const FELT: Duration = Duration::from_secs(1);
/// Longer than the longest wait before a second retry, so that a delivery that still lived would show.
const QUIET: Duration = Duration::from_millis(2_500);

fn pattern(source: &str) -> String {
    format!(r#"{{"source":["{source}"]}}"#)
}

fn by(role: &str, id: &str, arn: &str) -> Target {
    Target { role_arn: role.to_owned(), ..target(id, arn) }
}

async fn told(client: &Client, rule: &str) -> Outcome<TargetDelivery> {
    client.deliveries("", rule).await?.pop().context("no target")
}

/// Waits until the rule's one target is, or is not, forbidden, with everything accounted for.
async fn stands(client: &Client, rule: &str, state: DeliveryState) -> Outcome<TargetDelivery> {
    until(&format!("`{rule}` is {state:?}"), PATIENCE, async || {
        let told = told(client, rule).await?;
        Ok((told.state() == state).then_some(told))
    })
    .await
}

async fn put_many(client: &Client, source: &str, count: usize) -> Outcome {
    for _ in 0..count / 10 {
        client.put((0..10).map(|_| entry(source, "t", "{}")).collect()).await?;
    }
    Ok(())
}

async fn may(client: &Client, role: &str, policy: &str) -> Outcome {
    let request = PutRolePolicyRequest {
        role_name: role.to_owned(),
        policy_name: "test".to_owned(),
        policy_document: policy.to_owned(),
        ..PutRolePolicyRequest::default()
    };
    client.session().roles().put_role_policy(request).await?;
    Ok(())
}

async fn trusts(client: &Client, role: &str, document: &str) -> Outcome {
    let request = UpdateAssumeRolePolicyRequest {
        role_name: role.to_owned(),
        assume_role_policy_document: document.to_owned(),
        ..UpdateAssumeRolePolicyRequest::default()
    };
    client.session().roles().update_assume_role_policy(request).await?;
    Ok(())
}

fn trust_for(rule: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{EVENTS},"Action":"sts:AssumeRole","Condition":{{"ArnEquals":{{"aws:SourceArn":"{rule}"}}}}}}]}}"#
    )
}

async fn queue_says(client: &Client, queue: &str, effect: &str, arn: &str) -> Outcome {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{EVENTS},"Action":"sqs:SendMessage","Resource":"{arn}"}}]}}"#
    );
    let request = PutQueuePolicyRequest { queue_name: queue.to_owned(), policy, ..PutQueuePolicyRequest::default() };
    client.session().queues().put_queue_policy(request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_reaches_its_own_queue_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let (own, other) = (client.queue("own").await?, client.queue("other").await?);
    let role = client.role("carry", &trust(EVENTS), &allow("sqs:SendMessage", &own)).await?;
    for (rule, arn) in [("own", &own), ("made", &own), ("other", &other)] {
        client.rule("", rule, &pattern("test.own")).await?;
        let input = (rule == "made").then(|| r#""made""#.to_owned());
        client.targets("", rule, vec![Target { input, ..by(&role, rule, arn) }]).await?;
    }
    put_many(&client, "test.own", 10).await?;
    assert_eq!(client.drain_at_least("own", 20).await?.len(), 20);
    for rule in ["own", "made"] {
        assert_eq!(client.counts("", rule, rule).await?.delivered, 10);
        assert_eq!(told(&client, rule).await?.reason, "");
    }
    let other = stands(&client, "other", DeliveryState::Forbidden).await?;
    ensure!(other.pending == 10 && other.reason.contains("no identity policy allows it"), "{other:?}");
    may(&client, "carry", &allow("sqs:SendMessage", "*")).await?;
    assert_eq!(client.drain_at_least("other", 10).await?.len(), 10);
    stands(&client, "other", DeliveryState::Flowing).await?;
    // What comes from now on is a message at once again.
    client.put_one(entry("test.own", "t", "{}")).await?;
    client.drain_at_least("other", 1).await?;
    Ok(())
}

async fn role_for(client: &Client, destination: &str) -> Outcome<String> {
    client.role("carry", &trust(EVENTS), &allow("events:InvokeApiDestination", destination)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_deleted_stops_a_thousand_deliveries_and_brings_them_back() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let path = "/status/503/role";
    let destination = client.destination("hook", &receiver.url(path), signing()).await?;
    let role = role_for(&client, &destination).await?;
    client.rule("", "hook", &pattern("test.role")).await?;
    client.targets("", "hook", vec![by(&role, "hook", &destination)]).await?;
    put_many(&client, "test.role", 1_000).await?;
    until("some were tried", PATIENCE, async || Ok((receiver.at(path)?.len() >= 10).then_some(()))).await?;
    let request = DeleteRoleRequest { role_name: "carry".to_owned(), ..DeleteRoleRequest::default() };
    client.session().roles().delete_role(request).await?;
    tokio::time::sleep(FELT).await;
    let before = receiver.at(path)?.len();
    receiver.behave(path, "/ok")?;
    put_many(&client, "test.role", 10).await?;
    let silence = async || Ok(receiver.at(path)?.len() == before);
    stays("silence without the role", QUIET, silence).await?;
    let found = stands(&client, "hook", DeliveryState::Forbidden).await?;
    assert_eq!((found.pending, found.delivered, found.dead_lettered), (1_010, 0, 0));
    ensure!(found.reason.contains("is not there"), "{found:?}");
    // The next leader makes no attempt either.
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    stays("silence after a crash", QUIET, silence).await?;
    assert_eq!(told(&client, "hook").await?.pending, 1_010);
    role_for(&client, &destination).await?;
    until("it goes on", FELT, async || Ok((receiver.at(path)?.len() > before).then_some(()))).await?;
    let found = client.settled("", "hook", PATIENCE * 2).await?;
    assert_eq!((found[0].delivered, found[0].dead_lettered), (1_010, 0));
    stands(&client, "hook", DeliveryState::Flowing).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_and_trust_of_a_role_are_asked_each_time() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let queue = client.queue("inbox").await?;
    let full = allow("sqs:SendMessage", &queue);
    let role = client.role("carry", &trust(EVENTS), &full).await?;
    let rule = client.rule("", "ship", &pattern("test.ship")).await?;
    client.targets("", "ship", vec![by(&role, "ship", &queue)]).await?;
    let waits = async |why: &str| {
        tokio::time::sleep(FELT).await;
        client.put_one(entry("test.ship", "t", "{}")).await?;
        stays("nothing comes", FELT, async || Ok(client.receive("inbox", None).await?.is_empty())).await?;
        let found = stands(&client, "ship", DeliveryState::Forbidden).await?;
        ensure!(found.pending == 1 && found.reason.contains(why), "{found:?}");
        Ok::<_, anyhow::Error>(())
    };
    may(&client, "carry", &allow("sqs:ReceiveMessage", "*")).await?;
    waits("no identity policy allows it").await?;
    may(&client, "carry", &full).await?;
    client.drain_at_least("inbox", 1).await?;
    trusts(&client, "carry", &trust_for(&format!("{rule}-other"))).await?;
    waits("cannot be assumed").await?;
    trusts(&client, "carry", &trust_for(&rule)).await?;
    client.drain_at_least("inbox", 1).await?;
    let found = client.settled("", "ship", PATIENCE).await?;
    assert_eq!((found[0].delivered, found[0].dead_lettered), (2, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_another_account_takes_what_both_sides_allow() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let (client, far) = (people.operator(), people.account(FAR, "").await?);
    far.bus("inbound").await?;
    let queue = far.queue("inbox").await?;
    far.rule("inbound", "keep", &pattern("test.far")).await?;
    far.targets("inbound", "keep", vec![target("keep", &queue)]).await?;
    let bus = format!("arn:aws:events:us-east-1:{FAR}:event-bus/inbound");
    let full = allow("events:PutEvents", &bus);
    let role = client.role("carry", &trust(EVENTS), &full).await?;
    client.rule("", "hop", &pattern("test.far")).await?;
    client.targets("", "hop", vec![by(&role, "hop", &bus)]).await?;
    let open = async || {
        let request = PutPermissionRequest {
            event_bus_name: "inbound".to_owned(),
            action: "events:PutEvents".to_owned(),
            principal: "000000000000".to_owned(),
            statement_id: "hop".to_owned(),
            ..PutPermissionRequest::default()
        };
        far.session().event_buses().put_permission(request).await.map(drop)
    };
    let waits = async |pending: u64, why: &str| {
        client.put_one(entry("test.far", "t", "{}")).await?;
        stays("nothing comes", QUIET, async || Ok(far.receive("inbox", None).await?.is_empty())).await?;
        let found = stands(client, "hop", DeliveryState::Forbidden).await?;
        ensure!(found.pending == pending && found.reason.contains(why), "{found:?}");
        Ok::<_, anyhow::Error>(())
    };
    waits(1, "no resource policy allows it").await?;
    open().await?;
    far.drain_at_least("inbox", 1).await?;
    client.put_one(entry("test.far", "t", "{}")).await?;
    let message = far.drain_at_least("inbox", 1).await?.remove(0);
    ensure!(message.body.contains(r#""account":"000000000000""#), "{}", message.body);
    let request = RemovePermissionRequest {
        event_bus_name: "inbound".to_owned(),
        statement_id: "hop".to_owned(),
        ..RemovePermissionRequest::default()
    };
    far.session().event_buses().remove_permission(request).await?;
    tokio::time::sleep(FELT).await;
    waits(1, "no resource policy allows it").await?;
    open().await?;
    far.drain_at_least("inbox", 1).await?;
    may(client, "carry", &allow("events:PutEvents", "arn:aws:events:*:*:event-bus/other")).await?;
    tokio::time::sleep(FELT).await;
    waits(1, "no identity policy allows it").await?;
    may(client, "carry", &full).await?;
    far.drain_at_least("inbox", 1).await?;
    let found = client.settled("", "hop", PATIENCE).await?;
    assert_eq!((found[0].delivered, found[0].dead_lettered), (4, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_policy_refuses_waits_by_itself() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("other").await?;
    let queue = client.queue("inbox").await?;
    client.rule("other", "keep", r#"{"source":[{"prefix":"test."}]}"#).await?;
    client.targets("other", "keep", vec![target("keep", &queue)]).await?;
    let just = |source: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"events:PutEvents","Resource":"*","Condition":{{"StringLike":{{"events:source":"{source}"}}}}}}]}}"#
        )
    };
    let role = client.role("carry", &trust(EVENTS), &just("test.shop")).await?;
    client.rule("", "hop", r#"{"source":[{"prefix":"test."}]}"#).await?;
    client.targets("", "hop", vec![by(&role, "hop", "arn:aws:events:us-east-1:000000000000:event-bus/other")]).await?;
    client.put(vec![entry("test.bank", "t", "{}"), entry("test.shop", "t", "{}")]).await?;
    let message = client.drain_at_least("inbox", 1).await?.remove(0);
    ensure!(message.body.contains("test.shop"), "{}", message.body);
    let held = async || Ok(client.receive("inbox", None).await?.is_empty());
    stays("the other one waits", QUIET, held).await?;
    let found = told(&client, "hop").await?;
    assert_eq!((found.delivered, found.pending, found.state()), (1, 1, DeliveryState::Flowing));
    may(&client, "carry", &just("test.*")).await?;
    let message = client.drain_at_least("inbox", 1).await?.remove(0);
    ensure!(message.body.contains("test.bank"), "{}", message.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_role_the_service_goes_where_it_is_let() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let (client, far) = (people.operator(), people.account(FAR, "").await?);
    let (own, foreign) = (client.queue("inbox").await?, far.queue("inbox").await?);
    for (rule, arn) in [("own", &own), ("foreign", &foreign)] {
        client.rule("", rule, &pattern("test.alone")).await?;
        client.targets("", rule, vec![target(rule, arn)]).await?;
    }
    client.put_one(entry("test.alone", "t", "{}")).await?;
    client.drain_at_least("inbox", 1).await?;
    let found = stands(client, "foreign", DeliveryState::Forbidden).await?;
    ensure!(found.pending == 1 && found.reason.contains("no resource policy allows it"), "{found:?}");
    queue_says(&far, "inbox", "Allow", &foreign).await?;
    far.drain_at_least("inbox", 1).await?;
    // In its own account a denial cuts it.
    queue_says(client, "inbox", "Deny", &own).await?;
    tokio::time::sleep(FELT).await;
    client.put_one(entry("test.alone", "t", "{}")).await?;
    far.drain_at_least("inbox", 1).await?;
    let found = stands(client, "own", DeliveryState::Forbidden).await?;
    ensure!(found.pending == 1 && found.reason.contains("denied by"), "{found:?}");
    ensure!(client.receive("inbox", None).await?.is_empty(), "it came in spite of the denial");
    queue_says(client, "inbox", "Allow", &own).await?;
    client.drain_at_least("inbox", 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_puts_a_target_without_a_role_needs_its_right() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let client = people.operator();
    let (queue, letters) = (client.queue("inbox").await?, client.queue("letters").await?);
    client.rule("", "ship", &pattern("test.ship")).await?;
    let role = client.role("carry", &trust(EVENTS), &allow("sqs:SendMessage", "*")).await?;
    let put = ("Allow", "events:PutTargets", "*");
    let setter = people.user("setter", &document(&[put])).await?;
    let try_put = async |target: Target| {
        let targets = vec![target];
        let request = PutTargetsRequest { rule: "ship".to_owned(), targets, ..PutTargetsRequest::default() };
        setter.session().targets().put_targets(request).await.map_err(|status| reason(&status)).map(drop)
    };
    let denied = Err("ACCESS_DENIED".to_owned());
    let alone = || target("t", &queue);
    let with_letters = || Target { dead_letter_config: dead_letters_to(&letters), ..by(&role, "t", &queue) };
    for target in [alone(), by(&role, "t", &queue)] {
        assert_eq!(try_put(target).await, denied);
    }
    client.allow("setter", &document(&[put, ("Allow", "sqs:SendMessage", &queue)])).await?;
    assert_eq!(try_put(alone()).await, Ok(()));
    client.allow("setter", &document(&[put, ("Allow", "iam:PassRole", &role)])).await?;
    assert_eq!((try_put(by(&role, "t", &queue)).await, try_put(with_letters()).await), (Ok(()), denied.clone()));
    let letters = ("Allow", "sqs:SendMessage", letters.as_str());
    client.allow("setter", &document(&[put, ("Allow", "iam:PassRole", &role), letters])).await?;
    assert_eq!((try_put(with_letters()).await, try_put(alone()).await), (Ok(()), denied));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_the_service_cannot_take_is_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let (client, far) = (people.operator(), people.account(FAR, "").await?);
    let queue = client.queue("inbox").await?;
    let other_service = client.role("lambda", &trust(r#"{"Service":"lambda.amazonaws.com"}"#), "").await?;
    let foreign = far.role("carry", &trust(EVENTS), "").await?;
    client.rule("", "ship", &pattern("test.ship")).await?;
    let absent = "arn:aws:iam::000000000000:role/none".to_owned();
    let put = async |role: &str| {
        let targets = vec![by(role, "t", &queue)];
        let request = PutTargetsRequest { rule: "ship".to_owned(), targets, ..PutTargetsRequest::default() };
        client.session().targets().put_targets(request).await
    };
    // Nobody passes what is another account's.
    assert_eq!(put(&foreign).await.map(drop).map_err(|status| reason(&status)), Err("ACCESS_DENIED".to_owned()));
    for (role, why) in [(&absent, "is not there"), (&other_service, "allows it")] {
        let failed = put(role).await?.into_inner().failed_entries;
        let words = format!("Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'");
        ensure!(failed.len() == 1 && failed[0].error_message.contains(&words), "{failed:?}");
        ensure!(failed[0].error_message.contains(why), "{failed:?}");
        let request = PutRuleRequest {
            name: "ship".to_owned(),
            event_pattern: pattern("test.ship"),
            role_arn: role.clone(),
            ..PutRuleRequest::default()
        };
        let refusal = client.session().rules().put_rule(request).await.unwrap_err();
        ensure!(refusal.message().contains(&words), "{refusal:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_laid_where_the_service_may() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let destination = client.destination("hook", &receiver.url("/status/400/dead"), signing()).await?;
    let letters = client.queue("letters").await?;
    client.rule("", "hook", &pattern("test.dead")).await?;
    let target = Target { dead_letter_config: dead_letters_to(&letters), ..target("hook", &destination) };
    client.targets("", "hook", vec![target]).await?;
    client.put_one(entry("test.dead", "t", "{}")).await?;
    client.drain_at_least("letters", 1).await?;
    queue_says(&client, "letters", "Deny", &letters).await?;
    tokio::time::sleep(FELT).await;
    let id = client.put_one(entry("test.dead", "t", "{}")).await?;
    let letter = until("the dead letter", PATIENCE, async || Ok(client.dead_letters("").await?.pop())).await?;
    assert_eq!(letter.event_id, id);
    ensure!(client.receive("letters", None).await?.is_empty(), "it came in spite of the denial");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_for_too_long_is_dead_for_want_of_permission() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let (queue, letters) = (client.queue("inbox").await?, client.queue("letters").await?);
    let role = client.role("carry", &trust(EVENTS), "").await?;
    client.rule("", "ship", &pattern("test.old")).await?;
    let retry_policy: Option<RetryPolicy> = retries(185, 60);
    let dead_letter_config: Option<DeadLetterConfig> = dead_letters_to(&letters);
    client.targets("", "ship", vec![Target { retry_policy, dead_letter_config, ..by(&role, "ship", &queue) }]).await?;
    client.put_one(entry("test.old", "t", "{}")).await?;
    stands(&client, "ship", DeliveryState::Forbidden).await?;
    let mut found = Vec::new();
    until("the dead letter", Duration::from_secs(90), async || {
        found.extend(client.drain("letters").await?);
        Ok((!found.is_empty()).then_some(()))
    })
    .await?;
    let attributes = &found[0].attributes;
    let of = |name: &str| attributes.get(name).map_or("", String::as_str);
    assert_eq!((of("ERROR_CODE"), of("EXHAUSTED_RETRY_CONDITION")), ("NO_PERMISSIONS", "MaximumEventAgeInSeconds"));
    ensure!(of("ERROR_MESSAGE").contains("no identity policy allows it"), "{attributes:?}");
    assert_eq!(told(&client, "ship").await?.dead_lettered, 1);
    Ok(())
}
