//! Policies that buses and queues have of their own.

use anyhow::{Context as _, ensure};
use bascule_api::status::Refusal;
use bascule_api::v1::{
    DeleteQueuePolicyRequest, DescribeEventBusRequest, DescribeQueueRequest, PermissionCondition, PutPermissionRequest,
    PutQueuePolicyRequest, RemovePermissionRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use serde_json::Value;
use tonic::{Response, Status};

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/orders";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:inbox";

fn text(text: &str) -> String {
    text.to_owned()
}

/// Reason, field and place of what was refused.
fn refused<T>(answer: Result<Response<T>, Status>) -> (String, String, String) {
    let Err(status) = answer else { return (text("taken"), String::new(), String::new()) };
    let refusal = Refusal::from_status(&status).ok();
    let place = refusal.as_ref().and_then(|refusal| refusal.metadata.get("place").cloned());
    let field = refusal.and_then(|refusal| refusal.fields.into_iter().next());
    (reason(&status), field.map(|field| field.subject).unwrap_or_default(), place.unwrap_or_default())
}

fn is(code: &str, field: &str, place: &str) -> (String, String, String) {
    (text(code), text(field), text(place))
}

fn policy(action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"own","Effect":"Allow","Principal":"*","Action":"{action}","Resource":"{resource}"}}]}}"#
    )
}

fn whole(policy: &str) -> PutPermissionRequest {
    PutPermissionRequest { event_bus_name: text("orders"), policy: text(policy), ..PutPermissionRequest::default() }
}

fn short(sid: &str, principal: &str) -> PutPermissionRequest {
    PutPermissionRequest {
        event_bus_name: text("orders"),
        action: text("events:PutEvents"),
        principal: text(principal),
        statement_id: text(sid),
        ..PutPermissionRequest::default()
    }
}

async fn shown(client: &Client) -> Outcome<String> {
    let request = DescribeEventBusRequest { name: text("orders"), ..DescribeEventBusRequest::default() };
    let bus = client.session().event_buses().describe_event_bus(request).await?.into_inner().event_bus;
    Ok(bus.context("an answer without the bus")?.policy)
}

fn sids(policy: &str) -> Outcome<Vec<String>> {
    let policy: Value = serde_json::from_str(policy)?;
    let statements = policy["Statement"].as_array().context("a policy without statements")?;
    Ok(statements.iter().map(|one| one["Sid"].as_str().unwrap_or_default().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_a_bus_come_and_go() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("orders").await?;
    let buses = client.session().event_buses();
    assert_eq!(shown(&client).await?, "");
    let tried = PutPermissionRequest { validate_only: true, ..short("a", "111122223333") };
    let tried = buses.clone().put_permission(tried).await?.into_inner();
    assert_eq!((sids(&tried.policy)?, shown(&client).await?), (vec![text("a")], String::new()));
    let first = PutPermissionRequest { request_id: text("first"), ..short("a", "111122223333") };
    let put = buses.clone().put_permission(first.clone()).await?.into_inner();
    assert_eq!(shown(&client).await?, put.policy);
    let condition = PermissionCondition {
        r#type: text("StringEquals"),
        key: text("aws:PrincipalOrgID"),
        value: text("o-abcdefghij"),
    };
    buses.clone().put_permission(PutPermissionRequest { condition: Some(condition), ..short("b", "*") }).await?;
    buses.clone().put_permission(short("a", "444455556666")).await?;
    // The first request's repeat is answered and does not undo what came since.
    let again = buses.clone().put_permission(first).await?.into_inner();
    assert_eq!(again.control_index, put.control_index);
    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    let buses = client.session().event_buses();
    let now = shown(&client).await?;
    assert_eq!(sids(&now)?, ["b", "a"]);
    ensure!(now.contains("arn:aws:iam::444455556666:root") && now.contains("o-abcdefghij"), "{now}");
    let remove = |sid: &str| RemovePermissionRequest {
        event_bus_name: text(BUS),
        statement_id: text(sid),
        ..RemovePermissionRequest::default()
    };
    let once = RemovePermissionRequest { request_id: text("once"), ..remove("b") };
    let left = buses.clone().remove_permission(once.clone()).await?.into_inner();
    assert_eq!(sids(&left.policy)?, ["a"]);
    assert_eq!(buses.clone().remove_permission(once.clone()).await?.into_inner(), left);
    let other = RemovePermissionRequest { statement_id: text("c"), ..once };
    assert_eq!(refused(buses.clone().remove_permission(other).await), is("REQUEST_ID_REUSED", "request_id", ""));
    let never = RemovePermissionRequest { request_id: text("never"), ..remove("b") };
    for _ in 0..2 {
        assert_eq!(refused(buses.clone().remove_permission(never.clone()).await).0, "RESOURCE_NOT_FOUND");
    }
    let absent = refused(buses.clone().remove_permission(remove("b")).await);
    assert_eq!(absent, is("RESOURCE_NOT_FOUND", "", ""));
    assert_eq!(buses.clone().remove_permission(remove("a")).await?.into_inner().policy, "");
    assert_eq!(shown(&client).await?, "");
    let own = policy("events:PutEvents", BUS);
    buses.clone().put_permission(whole(&own)).await?;
    assert_eq!(shown(&client).await?, own);
    let all = RemovePermissionRequest {
        event_bus_name: text("orders"),
        remove_all_permissions: true,
        ..RemovePermissionRequest::default()
    };
    for _ in 0..2 {
        buses.clone().remove_permission(all.clone()).await?;
    }
    assert_eq!(shown(&client).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_about_anything_else_are_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("orders").await?;
    client.queue("inbox").await?;
    let other = BUS.replace("orders", "other");
    for (request, outcome) in [
        (whole("{"), is("POLICY_INVALID", "Policy", "byte 1")),
        (whole(&policy("events:PutEvents", &other)), is("POLICY_INVALID", "Policy", "Statement[0].Resource")),
        (whole(&policy("events:PutEvents", "*")), is("POLICY_INVALID", "Policy", "Statement[0].Resource")),
        (whole(&policy("events:*", BUS)), is("POLICY_INVALID", "Policy", "Statement[0].Action")),
        (whole(&policy("events:PutPermission", BUS)), is("POLICY_INVALID", "Policy", "Statement[0].Action")),
        (whole(&policy(&"a".repeat(10_240), BUS)), is("POLICY_TOO_LONG", "Policy", "")),
        (PutPermissionRequest { policy: text("{}"), ..short("a", "*") }, is("VALIDATION_FAILED", "Policy", "")),
        (short("", "*"), is("VALIDATION_FAILED", "StatementId", "")),
        (short("a", "me"), is("VALIDATION_FAILED", "Principal", "")),
        (PutPermissionRequest { event_bus_name: text("none"), ..short("a", "*") }, is("RESOURCE_NOT_FOUND", "", "")),
    ] {
        let found = refused(client.session().event_buses().put_permission(request.clone()).await);
        assert_eq!(found, outcome, "{request:?}");
    }
    for (document, outcome) in [
        (String::new(), is("VALIDATION_FAILED", "Policy", "")),
        (policy("sqs:*", "*"), is("POLICY_INVALID", "Policy", "Statement[0].Resource")),
        (policy("events:PutEvents", QUEUE), is("POLICY_INVALID", "Policy", "Statement[0].Action")),
    ] {
        let request = PutQueuePolicyRequest { queue_name: text("inbox"), policy: document, ..Default::default() };
        assert_eq!(refused(client.session().queues().put_queue_policy(request).await), outcome);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_has_a_policy_until_it_goes() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queue("inbox").await?;
    let queues = client.session().queues();
    let described = async || {
        let request = DescribeQueueRequest { queue_name: text("inbox"), ..DescribeQueueRequest::default() };
        let answer = client.session().queues().describe_queue(request).await?.into_inner();
        anyhow::Ok(answer.queue.context("an answer without the queue")?.policy)
    };
    let own = policy("sqs:ReceiveMessage", QUEUE);
    let request = PutQueuePolicyRequest { queue_name: text(QUEUE), policy: own.clone(), ..Default::default() };
    let tried = PutQueuePolicyRequest { validate_only: true, ..request.clone() };
    queues.clone().put_queue_policy(tried).await?;
    assert_eq!(described().await?, "");
    let put = queues.clone().put_queue_policy(request).await?.into_inner();
    assert_eq!(put.queue.map(|queue| queue.policy), Some(own.clone()));
    assert_eq!(described().await?, own);
    let gone = DeleteQueuePolicyRequest { queue_name: text("inbox"), ..DeleteQueuePolicyRequest::default() };
    for _ in 0..2 {
        queues.clone().delete_queue_policy(gone.clone()).await?;
    }
    assert_eq!(described().await?, "");
    let missing = DeleteQueuePolicyRequest { queue_name: text("none"), ..DeleteQueuePolicyRequest::default() };
    assert_eq!(refused(queues.clone().delete_queue_policy(missing).await).0, "RESOURCE_NOT_FOUND");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_come_at_once_all_stay() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("orders").await?;
    let put = |nth: u32| {
        let client = client.clone();
        async move {
            loop {
                let answer = client.session().event_buses().put_permission(short(&format!("s{nth}"), "*")).await;
                match answer {
                    Ok(_) => return Ok(()),
                    Err(status) if reason(&status) == "CONCURRENT_MODIFICATION" => {}
                    Err(status) => return Err(status),
                }
            }
        }
    };
    let mut all = tokio::task::JoinSet::new();
    (0..16).for_each(|nth| drop(all.spawn(put(nth))));
    while let Some(one) = all.join_next().await {
        one??;
    }
    assert_eq!(sids(&shown(&client).await?)?.len(), 16);
    Ok(())
}
