//! Ways round a right that somebody once found, each as it was used.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    AssumeRoleRequest, ContextEntry, DeleteUserRequest, GetCallerIdentityRequest, PolicyDecision, PutRolePolicyRequest,
    SimulatePrincipalPolicyRequest,
};
use bascule_api::v1::{
    PutEventsRequest, PutPermissionRequest, PutQueuePolicyRequest, PutRuleRequest, ReceiveMessageRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{ACCOUNT, People, allow, document, trust};

const B: &str = "111111111111";

/// Who may put targets on a rule does not get its role by leaving the target's out.
#[tokio::test(flavor = "multi_thread")]
async fn a_rules_role_takes_pass_role_too() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let b = people.account(B, "").await?;
    let queue = b.queue("vault").await?;
    let role = operator
        .role("deliver", &trust(r#"{"Service":"events.amazonaws.com"}"#), &allow("sqs:SendMessage", "*"))
        .await?;
    let rule = PutRuleRequest {
        name: "feed".to_owned(),
        event_pattern: r#"{"source":["shop"]}"#.to_owned(),
        role_arn: role.clone(),
        ..PutRuleRequest::default()
    };
    operator.session().rules().put_rule(rule).await?;
    let rule = format!("arn:aws:events:us-east-1:{ACCOUNT}:rule/feed");
    let alice = people.user("alice", &allow("events:PutTargets", &rule)).await?;
    let told = alice.targets("", "feed", vec![target("forged", &queue)]).await.err().map(|error| error.to_string());
    ensure!(told.as_ref().is_some_and(|told| told.contains(&format!("may not iam:PassRole on `{role}`"))), "{told:?}");
    let both = document(&[("Allow", "events:PutTargets", &rule), ("Allow", "iam:PassRole", &role)]);
    operator.allow("alice", &both).await?;
    alice.targets("", "feed", vec![target("meant", &queue)]).await?;
    Ok(())
}

/// A name that may not be said to a role is not carried into it by a chain.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_carries_no_name_where_it_could_not_be_said() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let plain = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{ACCOUNT}"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    operator.role("partner", &plain, &allow("events:PutEvents", "*")).await?;
    operator.role("hop", &trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#)), &allow("sts:*", "*")).await?;
    let wish = |role: &str, source: &str| AssumeRoleRequest {
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
        role_session_name: "night".to_owned(),
        source_identity: source.to_owned(),
        ..AssumeRoleRequest::default()
    };
    let assume = async |client: &Client, request: AssumeRoleRequest| {
        client.session().sessions().assume_role(request).await.map(tonic::Response::into_inner)
    };
    let hop = operator.with_token(&assume(operator, wish("hop", "ceo")).await?.session_token)?;
    for source in ["", "ceo"] {
        let Err(status) = assume(&hop, wish("partner", source)).await else {
            anyhow::bail!("{source:?} was carried in")
        };
        ensure!(status.message().contains("sts:SetSourceIdentity"), "{status:?}");
    }
    // Without a name the same chain is open.
    let hop = operator.with_token(&assume(operator, wish("hop", "")).await?.session_token)?;
    assume(&hop, wish("partner", "")).await?;
    Ok(())
}

/// A simulation shows no more of another account than a call would.
#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_shows_no_others_policies() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let b = people.account(B, "").await?;
    people.user("mallory", &allow("*", "*")).await?;
    b.bus("shared").await?;
    let bus = format!("arn:aws:events:us-east-1:{B}:event-bus/shared");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"OfNobodysBusiness","Effect":"Deny","Principal":"*",
            "Action":"events:PutEvents","Resource":"{bus}","Condition":{{"StringEquals":{{"events:source":"manhattan"}}}}}}]}}"#
    );
    let request =
        PutPermissionRequest { event_bus_name: "shared".to_owned(), policy, ..PutPermissionRequest::default() };
    b.session().event_buses().put_permission(request).await?;
    let request = SimulatePrincipalPolicyRequest {
        policy_source_arn: format!("arn:aws:iam::{ACCOUNT}:user/mallory"),
        action_names: vec!["events:PutEvents".to_owned()],
        resource_arns: vec![bus.clone(), bus.replace("shared", "absent")],
        ..SimulatePrincipalPolicyRequest::default()
    };
    let answer = people.operator().session().authorization().simulate_principal_policy(request).await?.into_inner();
    for result in &answer.results {
        let shown = format!("{result:?}");
        ensure!(!shown.contains("Business") && !shown.contains("events:source"), "{shown}");
        ensure!(result.reason == "no resource policy allows it", "{shown}");
        ensure!(result.decision() == PolicyDecision::ImplicitDeny, "{shown}");
    }
    let [there, absent] = &answer.results[..] else { anyhow::bail!("{answer:?}") };
    ensure!(there.statements == absent.statements && there.missing_context_keys == absent.missing_context_keys);
    Ok(())
}

/// Simulations are bounded, and whoever runs the dearest of them stops nobody's calls.
#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_holds_up_nobody() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let auditor = people.user("auditor", &allow("iam:SimulatePrincipalPolicy", "*")).await?;
    let names = |count: usize| (0..count).map(|nth| format!("events:Put{nth}")).collect::<Vec<_>>();
    let dearest = format!("{}{}b*", "*", "?a".repeat(500));
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"events:source":"{dearest}"}}}}}}]}}"#
    );
    let wish = |actions: usize, resources: usize| SimulatePrincipalPolicyRequest {
        policy_source_arn: format!("arn:aws:iam::{ACCOUNT}:user/auditor"),
        action_names: names(actions),
        resource_arns: (0..resources).map(|nth| format!("arn:aws:events:us-east-1:{ACCOUNT}:rule/r{nth}")).collect(),
        context_entries: vec![ContextEntry { key: "events:source".to_owned(), values: vec!["a".repeat(2_047)] }],
        policy_input_list: vec![policy.clone()],
        ..SimulatePrincipalPolicyRequest::default()
    };
    let simulate = |wish| {
        let session = auditor.session().clone();
        async move { session.authorization().simulate_principal_policy(wish).await }
    };
    let Err(status) = simulate(wish(9, 8)).await else { anyhow::bail!("72 decisions were taken at once") };
    ensure!(reason(&status) == "VALIDATION_FAILED" && status.message().contains("1 to 64"), "{status:?}");
    let mut running = tokio::task::JoinSet::new();
    (0..3).for_each(|_| drop(running.spawn(simulate(wish(8, 8)))));
    let mut worst = Duration::ZERO;
    while running.try_join_next().is_none() {
        let began = Instant::now();
        // A connection of its own each time: a handshake needs its turn as well.
        Client::operator(&daemon).await?.put_one(entry("shop", "sold", "{}")).await?;
        worst = worst.max(began.elapsed());
    }
    running.shutdown().await;
    // Loosely: before, nobody was served for 20 s.
    ensure!(worst < Duration::from_secs(5), "a call took {worst:?} beside simulations");
    Ok(())
}

/// What one denies oneself teaches nothing about tags and places of others.
#[tokio::test(flavor = "multi_thread")]
async fn ones_own_denial_is_no_lamp() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let b = people.account(B, "").await?;
    b.bus("hidden").await?;
    let own = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},
                {{"Sid":"Lamp","Effect":"Deny","Action":"events:DescribeEventBus","Resource":"*","Condition":{condition}}}]}}"#
        )
    };
    let bob = people.user("bob", "").await?;
    for condition in [
        r#"{"Null":{"aws:ResourceTag/project":"true"}}"#,
        r#"{"Null":{"aws:ResourceOrgID":"false"}}"#,
        r#"{"Null":{"aws:ResourceOrgID":"true"}}"#,
    ] {
        people.operator().allow("bob", &own(condition)).await?;
        let mut told = Vec::new();
        for arn in
            [format!("{B}:event-bus/hidden"), format!("{B}:event-bus/absent"), "222222222222:event-bus/x".to_owned()]
        {
            let name = format!("arn:aws:events:us-east-1:{arn}");
            let request = bascule_api::v1::DescribeEventBusRequest { name: name.clone(), ..Default::default() };
            let answer = bob.session().event_buses().describe_event_bus(request).await;
            let status = answer.err().with_context(|| format!("{arn} was described"))?;
            told.push(status.message().replace(&name, "BUS"));
        }
        ensure!(told.iter().all(|one| *one == told[0] && one.ends_with("no resource policy allows it")), "{told:#?}");
    }
    Ok(())
}

/// A call that waits does not outlive its right.
#[tokio::test(flavor = "multi_thread")]
async fn a_receive_that_waits_ends_with_its_right() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    operator.queued("inbox", r#"{"source":["shop"]}"#).await?;
    let own = allow("sqs:ReceiveMessage", &format!("arn:aws:sqs:us-east-1:{ACCOUNT}:inbox"));
    let leaver = people.user("leaver", &own).await?;
    let waiting = tokio::spawn(async move {
        let request = ReceiveMessageRequest {
            queue_name: "inbox".to_owned(),
            wait_seconds: 20,
            ..ReceiveMessageRequest::default()
        };
        leaver.session().queues().receive_message(request).await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let delete = DeleteUserRequest { user_name: "leaver".to_owned(), ..DeleteUserRequest::default() };
    operator.session().users().delete_user(delete).await?;
    operator.put_one(entry("shop", "sold", "{}")).await?;
    let answer = waiting.await?;
    let told = answer.map(|answer| answer.into_inner().messages.len()).map_err(|status| reason(&status));
    ensure!(told == Err("ACCESS_DENIED".to_owned()), "{told:?}");
    let left = operator.receive("inbox", None).await?;
    ensure!(left.len() == 1, "the message is not there for others");
    Ok(())
}

/// A put that waits for a change is decided by what holds after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_waits_is_decided_by_what_it_waits_for() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let bus = format!("arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default");
    let leaver = people.user("leaver", &allow("events:PutEvents", &bus)).await?;
    operator.queue("any").await?;
    let policy = PutQueuePolicyRequest {
        queue_name: "any".to_owned(),
        policy: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:{ACCOUNT}:any"}}]}}"#
        ),
        ..PutQueuePolicyRequest::default()
    };
    let now = operator.session().queues().put_queue_policy(policy).await?.into_inner().control_index;
    let waiting = tokio::spawn(async move {
        let request = PutEventsRequest {
            entries: vec![entry("shop", "sold", "{}")],
            min_control_index: now + 1,
            ..PutEventsRequest::default()
        };
        leaver.session().events().put_events(request).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    operator.allow("leaver", &allow("events:PutEvents", &format!("{bus}x"))).await?;
    let answer = waiting.await??.into_inner();
    ensure!(answer.entries.iter().all(|entry| entry.error_code == "ACCESS_DENIED"), "{answer:?}");
    Ok(())
}

/// Many sessions are one caller.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_share_their_callers_rate() -> Outcome {
    let daemon = Daemon::start(&Options::default().set("limits.principal_calls_per_second=40"))?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let role = operator.role("many", &trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#)), "").await?;
    let request = PutRolePolicyRequest {
        role_name: "many".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: allow("sts:GetCallerIdentity", "*"),
        ..PutRolePolicyRequest::default()
    };
    operator.session().roles().put_role_policy(request).await?;
    let mut sessions = Vec::new();
    for nth in 0..4 {
        sessions.push(operator.assume(&role, &format!("session-{nth}")).await?);
    }
    let mut refused = 0;
    for nth in 0..200 {
        let mut session = sessions[nth % sessions.len()].session().sessions();
        refused += usize::from(session.get_caller_identity(GetCallerIdentityRequest {}).await.is_err());
    }
    ensure!(refused >= 50, "only {refused} of 200 calls were refused");
    Ok(())
}
