//! Separation of duties: three services with three certificates, each with the shipped policy of its work and nothing else.

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    AttachUserPolicyRequest, EvaluationResult, PolicyDecision, PutUserPolicyRequest, SimulatePrincipalPolicyRequest,
};
use bascule_api::v1::{DeleteMessageRequest, ListRulesRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{ACCOUNT, People, allow};
use bascule_tests::wait;

const RULES: &str = "arn:aws:events:us-east-1:000000000000:rule/orders";
const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:inbox";

async fn attach(people: &People, user: &str, policy: &str) -> Outcome {
    let request = AttachUserPolicyRequest {
        user_name: user.to_owned(),
        policy_arn: format!("arn:aws:iam::aws:policy/{policy}"),
        ..AttachUserPolicyRequest::default()
    };
    people.operator().session().users().attach_user_policy(request).await?;
    Ok(())
}

/// The three, each able to do its work.
struct Services {
    publisher: Client,
    manager: Client,
    consumer: Client,
}

impl Services {
    async fn hired(people: &People) -> Outcome<Self> {
        let publisher = people.user("publisher", "").await?;
        let manager = people.user("manager", "").await?;
        let consumer = people.user("consumer", "").await?;
        attach(people, "publisher", "BasculePublisher").await?;
        attach(people, "manager", "BasculeRuleManager").await?;
        attach(people, "consumer", "BasculeConsumer").await?;
        // Whoever sets up rules passes one role to them, and no other.
        let request = PutUserPolicyRequest {
            user_name: "manager".to_owned(),
            policy_name: "pass".to_owned(),
            policy_document: allow("iam:PassRole", &format!("arn:aws:iam::{ACCOUNT}:role/deliver")),
            ..PutUserPolicyRequest::default()
        };
        people.operator().session().users().put_user_policy(request).await?;
        Ok(Self { publisher, manager, consumer })
    }
}

async fn work(people: &People, services: &Services) -> Outcome {
    let operator = people.operator();
    operator.queue("inbox").await?;
    let trust = bascule_tests::people::trust(r#"{"Service":"events.amazonaws.com"}"#);
    let role = operator.role("deliver", &trust, &allow("sqs:SendMessage", QUEUE)).await?;
    services.manager.rule("", "orders", r#"{"source":["shop"]}"#).await?;
    let to_inbox = bascule_api::v1::Target { role_arn: role, ..target("inbox", QUEUE) };
    let index = services.manager.targets("", "orders", vec![to_inbox]).await?;
    ensure!(index > 0, "targets without an index");
    services.publisher.put_one(entry("shop", "sold", r#"{"n":1}"#)).await?;
    let next = async || Ok(services.consumer.receive("inbox", None).await?.into_iter().next());
    let message = wait::until("the event", wait::PATIENCE, next).await?;
    let delete = DeleteMessageRequest {
        queue_name: "inbox".to_owned(),
        receipt_handles: vec![message.receipt_handle],
        ..DeleteMessageRequest::default()
    };
    services.consumer.session().queues().delete_message(delete).await?;
    Ok(())
}

async fn each_is_refused_the_others_work(services: &Services) -> Outcome {
    for (who, client) in [("manager", &services.manager), ("consumer", &services.consumer)] {
        let answer = client.try_put(vec![entry("shop", "sold", "{}")]).await?;
        ensure!(answer.entries[0].error_code == "ACCESS_DENIED", "{who} publishes: {answer:?}");
    }
    for (who, client) in [("publisher", &services.publisher), ("consumer", &services.consumer)] {
        let told = client.rule("", "own", r#"{"source":["shop"]}"#).await.err().map(|error| error.to_string());
        ensure!(told.as_ref().is_some_and(|told| told.contains("events:PutRule")), "{who} makes a rule: {told:?}");
        let listed = client.session().rules().list_rules(ListRulesRequest::default()).await;
        ensure!(listed.is_err_and(|status| reason(&status) == "ACCESS_DENIED"), "{who} lists rules");
    }
    for (who, client) in [("publisher", &services.publisher), ("manager", &services.manager)] {
        let told = client.receive("inbox", None).await.err().map(|error| error.to_string());
        ensure!(told.as_ref().is_some_and(|told| told.contains("sqs:ReceiveMessage")), "{who} receives: {told:?}");
    }
    // A role that the manager may not pass.
    let other =
        bascule_api::v1::Target { role_arn: format!("arn:aws:iam::{ACCOUNT}:role/OfOthers"), ..target("other", QUEUE) };
    let told = services.manager.targets("", "orders", vec![other]).await.err().map(|error| error.to_string());
    ensure!(told.as_ref().is_some_and(|told| told.contains("iam:PassRole")), "{told:?}");
    // Nor may they use the queue in their own name.
    let told = services.manager.targets("", "orders", vec![target("own", QUEUE)]).await.err();
    ensure!(told.as_ref().is_some_and(|told| told.to_string().contains("sqs:SendMessage")), "{told:?}");
    Ok(())
}

async fn explained(people: &People, user: &str, action: &str, resource: &str) -> Outcome<EvaluationResult> {
    let request = SimulatePrincipalPolicyRequest {
        policy_source_arn: format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
        action_names: vec![action.to_owned()],
        resource_arns: vec![resource.to_owned()],
        ..SimulatePrincipalPolicyRequest::default()
    };
    let answer = people.operator().session().authorization().simulate_principal_policy(request).await?.into_inner();
    answer.results.into_iter().next().context("an answer without a result")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_services_do_their_work_and_no_others() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let services = Services::hired(&people).await?;
    work(&people, &services).await?;
    each_is_refused_the_others_work(&services).await?;
    // Whoever may ask is told which statement it is.
    for (user, action, resource, sid) in [
        ("publisher", "events:PutEvents", BUS, "Publish"),
        ("manager", "events:PutTargets", RULES, "Rules"),
        ("consumer", "sqs:ReceiveMessage", QUEUE, "Consume"),
    ] {
        let result = explained(&people, user, action, resource).await?;
        ensure!(result.decision() == PolicyDecision::Allowed, "{user}: {result:?}");
        ensure!(result.reason.contains(&format!("statement `{sid}`")), "{user}: {}", result.reason);
        let applies = result.statements.iter().any(|statement| statement.applies && statement.sid == sid);
        ensure!(applies, "{user}: {result:?}");
    }
    for (user, action, resource) in [
        ("publisher", "events:PutRule", RULES),
        ("manager", "events:PutEvents", BUS),
        ("consumer", "sqs:SendMessage", QUEUE),
    ] {
        let result = explained(&people, user, action, resource).await?;
        ensure!(result.decision() == PolicyDecision::ImplicitDeny, "{user}: {result:?}");
        ensure!(result.reason == "no identity policy allows it", "{user}: {}", result.reason);
    }
    Ok(())
}
