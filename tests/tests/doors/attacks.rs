//! Attacks on decisions and on input, each named after its row of the security reference's matrix. Those on names, TLS, pace and
//! sessions have files of their own.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bascule_api::iam::v1::{CreatePolicyRequest, PutUserPolicyRequest};
use bascule_api::v1::{
    CreateApiDestinationRequest, HttpMethod, PutEventsRequestEntry, PutPermissionRequest, PutQueuePolicyRequest,
    PutRuleRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{People, allow, document};
use tonic::Status;

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";

/// The code of one entry; empty if it was taken.
async fn put(client: &Client, entry: PutEventsRequestEntry) -> Outcome<String> {
    Ok(client.try_put(vec![entry]).await?.entries.remove(0).error_code)
}

/// A document with one statement that allows puts on a condition.
fn on_condition(condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"events:PutEvents","Resource":"{BUS}",
            "Condition":{condition}}}]}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_an_allow_before_a_deny_does_not_win() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let user = people.user("user", &document(&[("Allow", "events:*", "*"), ("Deny", "events:PutEvents", BUS)])).await?;
    ensure!(put(&user, entry("shop", "sold", "{}")).await? == "ACCESS_DENIED");
    people.operator().allow("user", &document(&[("Deny", "events:PutEvents", BUS), ("Allow", "*", "*")])).await?;
    ensure!(put(&user, entry("shop", "sold", "{}")).await? == "ACCESS_DENIED");
    people.operator().allow("user", &allow("events:PutEvents", BUS)).await?;
    ensure!(put(&user, entry("shop", "sold", "{}")).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_02_a_star_in_a_variables_value_is_a_letter() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let own = on_condition(r#"{"StringLike":{"events:detail-type":"${events:source}.*"}}"#);
    let user = people.user("user", &own).await?;
    for (source, detail_type, expected) in [
        ("shop", "shop.sold", ""),
        ("bank", "shop.sold", "ACCESS_DENIED"),
        ("*", "shop.sold", "ACCESS_DENIED"),
        ("sh?p", "shop.sold", "ACCESS_DENIED"),
        ("s*", "shop.sold", "ACCESS_DENIED"),
        ("${*}", "shop.sold", "ACCESS_DENIED"),
        ("*", "*.sold", ""),
    ] {
        let code = put(&user, entry(source, detail_type, "{}")).await?;
        ensure!(code == expected, "{source} {detail_type}: {code}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_03_a_negated_operator_holds_for_a_key_that_is_not_there() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let user = people.user("user", "").await?;
    for (condition, expected) in [
        (r#"{"StringNotEquals":{"aws:PrincipalTag/team":"night"}}"#, ""),
        (r#"{"StringEquals":{"aws:PrincipalTag/team":"night"}}"#, "ACCESS_DENIED"),
        (
            r#"{"StringNotEquals":{"aws:PrincipalTag/team":"night"},"Null":{"aws:PrincipalTag/team":"false"}}"#,
            "ACCESS_DENIED",
        ),
    ] {
        people.operator().allow("user", &on_condition(condition)).await?;
        let code = put(&user, entry("shop", "sold", "{}")).await?;
        ensure!(code == expected, "{condition}: {code}");
    }
    Ok(())
}

/// Fields that name something else than what the call is on.
#[tokio::test(flavor = "multi_thread")]
async fn row_05_no_field_reaches_what_its_caller_may_not() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let queue = operator.queue("secret").await?;
    let connection = operator.connection("vault", signing()).await?;
    let rule = "arn:aws:events:us-east-1:000000000000:rule/own";
    let destination = "arn:aws:events:us-east-1:000000000000:api-destination/own";
    let own = document(&[
        ("Allow", "events:PutRule", rule),
        ("Allow", "events:PutTargets", rule),
        ("Allow", "events:CreateApiDestination", destination),
        ("Allow", "events:PutEvents", BUS),
    ]);
    let user = people.user("user", &own).await?;
    let role = "arn:aws:iam::000000000000:role/deliver".to_owned();
    let by_rule = PutRuleRequest {
        name: "own".to_owned(),
        event_pattern: r#"{"source":["shop"]}"#.to_owned(),
        ..PutRuleRequest::default()
    };
    let with_role = PutRuleRequest { role_arn: role.clone(), ..by_rule.clone() };
    let denied = |what: &str, answer: Result<(), Status>| {
        let told = answer.err().map(|status| reason(&status));
        if told.as_deref() == Some("ACCESS_DENIED") { Ok(()) } else { Err(anyhow::anyhow!("{what}: {told:?}")) }
    };
    user.session().rules().put_rule(by_rule).await?;
    denied("a rule's role", user.session().rules().put_rule(with_role).await.map(drop))?;
    for (what, target) in [
        ("a target's role", bascule_api::v1::Target { role_arn: role, ..target("a", &queue) }),
        ("a target without one", target("b", &queue)),
    ] {
        let told = user.targets("", "own", vec![target]).await.err().map(|error| error.to_string());
        ensure!(told.as_ref().is_some_and(|told| told.contains("may not")), "{what}: {told:?}");
    }
    let request = CreateApiDestinationRequest {
        name: "own".to_owned(),
        connection_arn: connection,
        invocation_endpoint: "https://shop.example/".to_owned(),
        http_method: HttpMethod::Post.into(),
        ..CreateApiDestinationRequest::default()
    };
    let created = user.session().api_destinations().create_api_destination(request).await;
    denied("a destination's connection", created.map(drop))?;
    // An entry's bus, named in either way.
    for bus in ["other", "arn:aws:events:us-east-1:000000000000:event-bus/other"] {
        let entry = PutEventsRequestEntry { event_bus_name: bus.to_owned(), ..entry("shop", "sold", "{}") };
        ensure!(put(&user, entry).await? == "ACCESS_DENIED", "{bus}");
    }
    // What is only tried out takes the same right.
    let tried = PutRuleRequest { name: "others".to_owned(), validate_only: true, ..PutRuleRequest::default() };
    denied("a rule that is tried out", user.session().rules().put_rule(tried).await.map(drop))
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_nobody_speaks_in_the_name_of_the_house() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let user = people.user("user", &allow("events:PutEvents", BUS)).await?;
    for client in [people.operator(), &user] {
        for (source, good) in [
            ("aws.ec2", false),
            ("aws.", false),
            ("bascule.audit", false),
            ("bascule.", false),
            ("aws", true),
            ("awsome.shop", true),
            ("my.aws.shop", true),
        ] {
            let code = put(client, entry(source, "sold", "{}")).await?;
            ensure!(code.is_empty() == good, "{source}: {code}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_json_that_is_made_to_hurt_is_refused_at_once() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let operator = Client::operator(&daemon).await?;
    operator.queued("inbox", r#"{"detail":{"a":[{"exists":true}]}}"#).await?;
    let before = daemon.rss_bytes()?;
    let nested =
        |open: &str, close: &str, count: usize| format!(r#"{{"a":{}1{}}}"#, open.repeat(count), close.repeat(count));
    let keys: String = (0..80_000).map(|at| format!(r#""k{at}":1,"#)).collect();
    for (what, detail, taken) in [
        ("depth in arrays", nested("[", "]", 100_000), Some(false)),
        ("depth in objects", nested(r#"{"a":"#, "}", 40_000), Some(false)),
        ("only opened", format!(r#"{{"a":{}"#, "[".repeat(200_000)), Some(false)),
        ("many keys", format!(r#"{{{keys}"a":1}}"#), None),
        ("the same key twice", r#"{"a":1,"a":2}"#.to_owned(), None),
        ("a huge number", format!(r#"{{"a":1{}}}"#, "0".repeat(100_000)), None),
        ("a huge exponent", r#"{"a":1e999999999}"#.to_owned(), None),
        ("a lone surrogate", r#"{"a":"\ud800"}"#.to_owned(), None),
        ("NUL", "{\"a\":\"\0\"}".to_owned(), Some(false)),
        ("a byte order mark", "\u{feff}{\"a\":1}".to_owned(), Some(false)),
        ("two values", r#"{"a":1}{"a":1}"#.to_owned(), Some(false)),
        ("no object", "[1]".to_owned(), Some(false)),
    ] {
        let began = Instant::now();
        let code = put(&operator, entry("shop", "sold", &detail)).await?;
        // Loosely: nothing here may take what a stack or a square would.
        ensure!(began.elapsed() < Duration::from_secs(2), "{what} took {:?}", began.elapsed());
        if let Some(taken) = taken {
            ensure!(code.is_empty() == taken, "{what}: {code}");
        }
        ensure!(code != "INTERNAL", "{what}: {code}");
    }
    let grown = daemon.rss_bytes()?.saturating_sub(before);
    ensure!(grown < 64 * 1_024 * 1_024, "it grew by {grown} bytes");
    operator.put_one(entry("shop", "sold", r#"{"a":1}"#)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_20_no_pattern_makes_a_match_slow() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let operator = Client::operator(&daemon).await?;
    let queue = operator.queue("inbox").await?;
    let stars = |count: usize| format!(r#"{{"detail":{{"a":[{{"wildcard":"{}b"}}]}}}}"#, "a*".repeat(count));
    let alternatives = |count: usize| {
        let each = |name: char| (0..count).map(|at| format!(r#"{{"{name}":["{at}"]}}"#)).collect::<Vec<_>>().join(",");
        let or = |name: char| format!(r#"{{"$or":[{}]}}"#, each(name));
        format!(r#"{{"detail":{{"x":{},"y":{}}}}}"#, or('a'), or('b'))
    };
    for (what, pattern) in [
        ("many stars", stars(1_000)),
        ("stars side by side", r#"{"detail":{"a":[{"wildcard":"a**b"}]}}"#.to_owned()),
        ("many alternatives", alternatives(40)),
        ("depth", format!(r#"{{"detail":{}["x"]{}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200))),
    ] {
        let told = operator.rule("", "slow", &pattern).await.err().map(|error| error.to_string());
        ensure!(told.is_some(), "{what} was taken");
    }
    // The dearest that are taken end in no time.
    let dearest = stars(4);
    operator.rule("", "slow", &dearest).await?;
    operator.targets("", "slow", vec![target("inbox", &queue)]).await?;
    let detail = format!(r#"{{"a":"{}"}}"#, "a".repeat(200_000));
    let began = Instant::now();
    operator.put_one(entry("shop", "sold", &detail)).await?;
    ensure!(began.elapsed() < Duration::from_secs(2), "a match took {:?}", began.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_33_policies_that_are_too_much_are_refused_when_they_come() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    people.user("user", "").await?;
    operator.queue("inbox").await?;
    let statements = |count: usize| {
        let one = r#"{"Effect":"Allow","Action":"a:b","Resource":"*"}"#;
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, vec![one; count].join(","))
    };
    let operator_of = |name: &str| on_condition(&format!(r#"{{"{name}":{{"aws:SourceIp":"10.0.0.0/8"}}}}"#));
    for (what, document) in [
        ("20 KiB", allow("events:PutEvents", "*") + &" ".repeat(2_000_000)),
        ("20 KiB of statements", statements(400)),
        ("10,000 statements", statements(10_000)),
        ("an unknown operator", operator_of("StringSimilar")),
        ("an operator with another's suffix", operator_of("NullIfExists")),
        ("no version's variables", r#"{"Version":"2024-01-01","Statement":[]}"#.to_owned()),
        (
            "NotPrincipal with Allow",
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","NotPrincipal":{{"AWS":"*"}},"Action":"events:PutEvents","Resource":"{BUS}"}}]}}"#
            ),
        ),
        ("depth", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        ("nothing", String::new()),
    ] {
        let (user_name, policy_name) = ("user".to_owned(), "p".to_owned());
        let inline = PutUserPolicyRequest {
            user_name,
            policy_name: policy_name.clone(),
            policy_document: document.clone(),
            ..PutUserPolicyRequest::default()
        };
        let managed =
            CreatePolicyRequest { policy_name, policy_document: document.clone(), ..CreatePolicyRequest::default() };
        let bus = PutPermissionRequest { policy: document.clone(), ..PutPermissionRequest::default() };
        let queue = PutQueuePolicyRequest {
            queue_name: "inbox".to_owned(),
            policy: document,
            ..PutQueuePolicyRequest::default()
        };
        let session = operator.session();
        for (place, answer) in [
            ("inline", session.users().put_user_policy(inline).await.map(drop)),
            ("managed", session.policies().create_policy(managed).await.map(drop)),
            ("bus", session.event_buses().put_permission(bus).await.map(drop)),
            ("queue", session.queues().put_queue_policy(queue).await.map(drop)),
        ] {
            let Err(status) = answer else { anyhow::bail!("{what} was taken, {place}") };
            let told = reason(&status);
            let fine =
                ["POLICY_INVALID", "POLICY_TOO_LONG", "VALIDATION_FAILED", "LIMIT_EXCEEDED", "REQUEST_TOO_LARGE"];
            ensure!(fine.contains(&told.as_str()), "{what}, {place}: {status:?}");
        }
    }
    Ok(())
}
