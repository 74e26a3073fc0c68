//! Sessions of roles: who gets one, what it may do, to whom it belongs, and how it ends.

use std::collections::BTreeMap;

use anyhow::ensure;
use bascule_api::client::Session;
use bascule_api::iam::v1::{
    AssumeRoleRequest, AssumeRoleResponse, DeleteRoleRequest, GetCallerIdentityRequest, RevokeRoleSessionsRequest,
    UpdateAssumeRolePolicyRequest,
};
use bascule_api::v1::ListEventBusesRequest;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{ACCOUNT, People, allow, document, trust};
use tonic::{Code, Status};

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const OTHER: &str = "arn:aws:events:us-east-1:000000000000:event-bus/other";

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn wish(role: &str) -> AssumeRoleRequest {
    AssumeRoleRequest {
        role_arn: role_arn(role),
        role_session_name: "night".to_owned(),
        ..AssumeRoleRequest::default()
    }
}

async fn assume(session: &Session, request: AssumeRoleRequest) -> Result<AssumeRoleResponse, Status> {
    Ok(session.sessions().assume_role(request).await?.into_inner())
}

/// What a put on a bus is answered: nothing, or the code of its entry.
async fn put(client: &Client, bus: &str) -> Outcome<String> {
    let entry =
        bascule_api::v1::PutEventsRequestEntry { event_bus_name: bus.to_owned(), ..entry("shop", "sold", "{}") };
    Ok(client.try_put(vec![entry]).await?.entries.remove(0).error_code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_role_and_not_its_caller() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    people.operator().bus("other").await?;
    let own = document(&[
        ("Allow", "sts:AssumeRole", &role_arn("putter")),
        ("Allow", "events:PutEvents", OTHER),
        ("Allow", "sts:GetCallerIdentity", "*"),
    ]);
    let ann = people.user("ann", &own).await?;
    let of_role = document(&[("Allow", "events:PutEvents", BUS), ("Allow", "sts:GetCallerIdentity", "*")]);
    people.operator().role("putter", &trust(r#"{"AWS":"000000000000"}"#), &of_role).await?;
    let session = ann.assume(&role_arn("putter"), "night").await?;
    ensure!(put(&ann, "default").await? == "ACCESS_DENIED" && put(&ann, "other").await?.is_empty());
    ensure!(put(&session, "default").await?.is_empty(), "the session may not what its role may");
    ensure!(put(&session, "other").await? == "ACCESS_DENIED", "the session may what its caller may");
    let who = |client: &Client| {
        let mut sessions = client.session().sessions();
        async move { sessions.get_caller_identity(GetCallerIdentityRequest {}).await.map(tonic::Response::into_inner) }
    };
    let shown = who(&session).await?;
    ensure!(shown.arn == format!("arn:aws:sts::{ACCOUNT}:assumed-role/putter/night"), "{shown:?}");
    ensure!(shown.user_id.ends_with(":night") && shown.account == ACCOUNT, "{shown:?}");
    let shown = who(&ann).await?;
    ensure!(shown.arn == format!("arn:aws:iam::{ACCOUNT}:user/ann") && shown.identity.ends_with("/ann"), "{shown:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_policy_only_narrows() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    people.operator().bus("other").await?;
    let of_role = document(&[("Allow", "events:PutEvents", BUS)]);
    people.operator().role("putter", &trust(r#"{"AWS":"000000000000"}"#), &of_role).await?;
    let session = people.operator().session();
    for (policy, default) in [
        (document(&[("Allow", "events:PutEvents", BUS), ("Allow", "events:PutEvents", OTHER)]), ""),
        (allow("events:PutEvents", OTHER), "ACCESS_DENIED"),
        (document(&[("Allow", "*", "*"), ("Deny", "events:PutEvents", BUS)]), "ACCESS_DENIED"),
    ] {
        let answer = assume(session, AssumeRoleRequest { policy: policy.clone(), ..wish("putter") }).await?;
        let narrowed = people.operator().with_token(&answer.session_token)?;
        ensure!(put(&narrowed, "default").await? == default, "{policy}");
        ensure!(put(&narrowed, "other").await? == "ACCESS_DENIED", "{policy}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_the_same_as_of_no_role() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let every = allow("sts:AssumeRole", "*");
    let ann = people.user("ann", &every).await?;
    let bob = people.user("bob", "").await?;
    people
        .operator()
        .role("shut", &trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/other"}}"#)), &every)
        .await?;
    people.operator().role("open", &trust(r#"{"AWS":"000000000000"}"#), &every).await?;
    let told = |client: &Client, role: &str| {
        let (session, role) = (client.session().clone(), role.to_owned());
        async move {
            let answer = assume(&session, wish(&role)).await;
            answer.err().map(|status| (reason(&status), status.message().replace(&role, "ROLE")))
        }
    };
    ensure!(told(&ann, "open").await.is_none(), "{:?}", told(&ann, "open").await);
    let shut = told(&ann, "shut").await;
    ensure!(shut.as_ref().is_some_and(|(reason, _)| reason == "ACCESS_DENIED"), "{shut:?}");
    ensure!(shut == told(&ann, "absent").await, "{shut:?} {:?}", told(&ann, "absent").await);
    // Without the caller's own right it makes no difference either.
    let bobs = [told(&bob, "shut").await, told(&bob, "absent").await];
    ensure!(bobs[0].is_some() && bobs[0] == bobs[1], "{bobs:?}");
    ensure!(told(&bob, "open").await.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_is_asked_with_is_checked() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let condition = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},
        "Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"of-the-shop"}}}]}"#;
    people.operator().role("asked", condition, &allow("events:PutEvents", BUS)).await?;
    let session = people.operator().session();
    let good = || AssumeRoleRequest { external_id: "of-the-shop".to_owned(), ..wish("asked") };
    assume(session, good()).await?;
    let tags: BTreeMap<String, String> = [("team".to_owned(), "night".to_owned())].into();
    assume(session, AssumeRoleRequest { tags: tags.clone(), ..good() }).await?;
    for (request, expected) in [
        (wish("asked"), "ACCESS_DENIED"),
        (AssumeRoleRequest { external_id: "of-the-shops".to_owned(), ..wish("asked") }, "ACCESS_DENIED"),
        (AssumeRoleRequest { source_identity: "ann".to_owned(), ..good() }, "ACCESS_DENIED"),
        (AssumeRoleRequest { role_session_name: String::new(), ..good() }, "VALIDATION_FAILED"),
        (AssumeRoleRequest { role_session_name: "a/b".to_owned(), ..good() }, "VALIDATION_FAILED"),
        (AssumeRoleRequest { duration_seconds: 899, ..good() }, "VALIDATION_FAILED"),
        (AssumeRoleRequest { duration_seconds: 3_601, ..good() }, "VALIDATION_FAILED"),
        (AssumeRoleRequest { duration_seconds: 43_201, ..good() }, "VALIDATION_FAILED"),
        (AssumeRoleRequest { policy: "{}".to_owned(), ..good() }, "POLICY_INVALID"),
        (AssumeRoleRequest { policy: allow(&"x".repeat(2_048), "*"), ..good() }, "POLICY_TOO_LONG"),
        (AssumeRoleRequest { tags: [(String::new(), String::new())].into(), ..good() }, "VALIDATION_FAILED"),
    ] {
        let Err(status) = assume(session, request.clone()).await else { anyhow::bail!("{request:?} was answered") };
        ensure!(reason(&status) == expected, "{request:?}: {status:?}");
    }
    // A chain is short, whatever the role allows, and says for good who began it.
    let itself = trust(r#"{"AWS":"000000000000"}"#);
    people.operator().role("chain", &itself, &allow("sts:*", &role_arn("chain"))).await?;
    let first = AssumeRoleRequest { source_identity: "ann".to_owned(), ..wish("chain") };
    let token = assume(session, first).await?.session_token;
    let chained = session.clone().with_session_token(&token)?;
    assume(&chained, wish("chain")).await?;
    for (request, field) in [
        (AssumeRoleRequest { duration_seconds: 3_601, ..wish("chain") }, "DurationSeconds"),
        (AssumeRoleRequest { source_identity: "bob".to_owned(), ..wish("chain") }, "SourceIdentity"),
    ] {
        let Err(status) = assume(&chained, request).await else { anyhow::bail!("{field} was answered") };
        ensure!(reason(&status) == "VALIDATION_FAILED" && status.message().contains(field), "{status:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_with_what_they_stand_on() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let open = trust(r#"{"AWS":"000000000000"}"#);
    let arn = operator.role("putter", &open, &allow("events:PutEvents", BUS)).await?;
    let old = operator.assume(&arn, "old").await?;
    ensure!(put(&old, "default").await?.is_empty());
    // Another trust lets nobody new in, and throws nobody out.
    let shut = UpdateAssumeRolePolicyRequest {
        role_name: "putter".to_owned(),
        assume_role_policy_document: trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/other"}}"#)),
        ..UpdateAssumeRolePolicyRequest::default()
    };
    operator.session().roles().update_assume_role_policy(shut).await?;
    ensure!(put(&old, "default").await?.is_empty());
    ensure!(operator.assume(&arn, "next").await.is_err(), "a trust that is gone lets in");
    // Revoked ones are over, later ones are not.
    let again = UpdateAssumeRolePolicyRequest {
        role_name: "putter".to_owned(),
        assume_role_policy_document: open.clone(),
        ..UpdateAssumeRolePolicyRequest::default()
    };
    operator.session().roles().update_assume_role_policy(again).await?;
    let revoke = RevokeRoleSessionsRequest { role_name: "putter".to_owned(), ..RevokeRoleSessionsRequest::default() };
    operator.session().roles().revoke_role_sessions(revoke).await?;
    ensure!(put(&old, "default").await? == "ACCESS_DENIED", "a revoked session goes on");
    let new = operator.assume(&arn, "new").await?;
    ensure!(put(&new, "default").await?.is_empty(), "a session after the revocation is over");
    // A role of the same name is another.
    let delete = DeleteRoleRequest { role_name: "putter".to_owned(), ..DeleteRoleRequest::default() };
    operator.session().roles().delete_role(delete).await?;
    ensure!(put(&new, "default").await? == "ACCESS_DENIED", "a session outlives its role");
    operator.role("putter", &open, &allow("events:PutEvents", BUS)).await?;
    ensure!(put(&new, "default").await? == "ACCESS_DENIED", "a session is of a later role");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_06_a_token_is_nobody_elses() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let arn = operator.role("all", &trust(r#"{"AWS":"000000000000"}"#), &allow("*", "*")).await?;
    let request = AssumeRoleRequest { role_session_name: "night".to_owned(), role_arn: arn, ..wish("all") };
    let token = assume(operator.session(), request.clone()).await?.session_token;
    let thief = people.user("thief", "").await?;
    let other = Daemon::start(&Options::default())?;
    let elsewhere = Client::operator(&other).await?;
    let flipped = format!("{}{}", if token.starts_with('A') { 'B' } else { 'A' }, &token[1..]);
    let cut = token[..token.len() - 1].to_owned();
    for (who, client, token) in [
        ("another's certificate", &thief, &token),
        ("another cluster", &elsewhere, &token),
        ("a bit that differs", operator, &flipped),
        ("cut", operator, &cut),
        ("nothing", operator, &String::new()),
        ("text", operator, &"hunter2".to_owned()),
    ] {
        // Never as who they would be without it, and never with a warning alone.
        let session = client.with_token(token)?;
        let listed = session.session().event_buses().list_event_buses(ListEventBusesRequest::default()).await;
        let Err(status) = listed else { anyhow::bail!("{who}: let in") };
        ensure!(status.code() == Code::Unauthenticated && reason(&status) == "UNAUTHENTICATED", "{who}: {status:?}");
        ensure!(!status.message().contains(token.as_str()) || token.is_empty(), "{who}: it is told");
    }
    let session = operator.with_token(&token)?;
    session.session().event_buses().list_event_buses(ListEventBusesRequest::default()).await?;
    // Nor does a log show it.
    let log = std::fs::read_to_string(daemon.log_path())?;
    ensure!(!log.contains(&token) && !log.contains(&token[8..40]), "the log shows a token");
    Ok(())
}
