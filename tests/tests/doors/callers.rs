//! Who may do what: strangers get no answer, known callers who are not the operator get none but a refusal, for every operation.

use anyhow::{Context as _, ensure};
use bascule_api::client::Context;
use bascule_api::status::Refusal;
use bascule_api::v1::event_buses_client::EventBusesClient;
use bascule_api::v1::queues_client::QueuesClient;
use bascule_api::v1::{ListEventBusesRequest, PutEventsRequestEntry, SubscribeRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::outsiders::Outsiders;
use bytes::Bytes;
use tonic::codegen::tokio_stream;
use tonic::{Code, Status};

use super::{contract, raw};

/// What a call of a stranger ends with: no connection, or one that breaks before an answer.
async fn refused_at_the_door(who: &str, context: &Context, identity: bool) -> Outcome {
    for method in contract::methods() {
        // In TLS 1.3 a client's certificate is judged after the client believes to be connected.
        let Ok(channel) = raw::channel(context, identity).await else { continue };
        let answer = raw::call(&channel, &method, Bytes::new()).await;
        let status = answer.err().with_context(|| format!("{who}: {method} was answered"))?;
        let from_the_house = bascule_api::status::Refusal::from_status(&status).is_ok();
        ensure!(!from_the_house, "{who}: {method} got past the handshake: {}", reason(&status));
        // Such a code is the client's own word for a connection that broke.
        let broken = matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled);
        ensure!(broken, "{who}: {method}: {status:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_in_the_handshake() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let outsiders = Outsiders::of(&daemon)?;
    refused_at_the_door("no certificate", &daemon.context()?, false).await?;
    refused_at_the_door("another authority's", &outsiders.foreign()?, true).await?;
    refused_at_the_door("an expired one", &outsiders.expired()?, true).await?;
    refused_at_the_door("a server's", &outsiders.server()?, true).await?;
    // The door is not simply shut.
    Client::operator(&daemon).await?.bus("open").await?;
    let log = std::fs::read_to_string(daemon.log_path())?;
    ensure!(log.contains("a connection was refused"), "refusals are not in the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_caller_who_is_not_the_operator_may_do_nothing() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let outsiders = Outsiders::of(&daemon)?;
    let operator = Client::operator(&daemon).await?;
    operator.queued("inbox", r#"{"source":["test"]}"#).await?;
    let as_operator = raw::channel(&daemon.context()?, true).await?;
    for path in ["nobody", "operator/deputy", "Operator", "node/1"] {
        let known = outsiders.known(path)?;
        let channel = raw::channel(&known, true).await?;
        for method in contract::methods() {
            for message in [Bytes::new(), Bytes::from_static(b"\xff\xff\xff")] {
                // What cannot be decoded is refused before anybody asks who sends it.
                let garbled = !message.is_empty();
                let Err(status) = raw::call(&channel, &method, message).await else {
                    anyhow::bail!("{path}: {method} was answered")
                };
                ensure!(garbled || reason(&status) == "ACCESS_DENIED", "{path}: {method}: {status:?}");
                ensure!(garbled || status.code() == Code::PermissionDenied, "{path}: {method}: {status:?}");
                if !garbled {
                    names_action_and_resource(&method, &status)?;
                }
            }
        }
        // Nothing is told of what is there and what is not.
        let client = Client::connect(&known).await?;
        let told = |queue: &'static str| {
            let client = client.clone();
            async move { client.receive(queue, None).await.err().map(|error| error.to_string()) }
        };
        // But for the name, which is the caller's own.
        let told_of_inbox = told("inbox").await.map(|told| told.replace("inbox", "absent"));
        ensure!(told_of_inbox.is_some() && told_of_inbox == told("absent").await, "{path}: {told_of_inbox:?}");
        every_entry_is_refused(&client, path).await?;
        ensure!(client.bus("mine").await.is_err(), "{path} made a bus");
    }
    // The same calls are let in for the operator: whatever they are told, it is not that they may not.
    for method in contract::methods() {
        if let Err(status) = raw::call(&as_operator, &method, Bytes::new()).await {
            let code = status.code();
            // A role that is not there lets nobody in.
            let assumes = method.ends_with("/AssumeRole") && code == Code::PermissionDenied;
            let let_in =
                assumes || !matches!(code, Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented);
            ensure!(let_in && code != Code::Internal && code != Code::Unknown, "{method}: {status:?}");
        }
    }
    ensure!(operator.receive("inbox", None).await?.is_empty(), "an event of a stranger arrived");
    Ok(())
}

/// Whoever is refused is told by what action on what resource, and nothing else that is not their own.
fn names_action_and_resource(method: &str, status: &Status) -> Outcome {
    let refusal = Refusal::from_status(status)?;
    let told =
        |key: &str| refusal.metadata.get(key).cloned().with_context(|| format!("{method}: no {key}: {status:?}"));
    let (action, resource, principal) = (told("action")?, told("resource")?, told("principal")?);
    let service = action.split_once(':').map(|(service, _)| service);
    let known = ["events", "sqs", "bascule", "iam", "organizations", "sts"];
    ensure!(service.is_some_and(|service| known.contains(&service)), "{method}: {action}");
    ensure!(resource == "*" || resource.starts_with("arn:aws:"), "{method}: {resource}");
    ensure!(method.ends_with(&format!("/{}", told("operation")?)), "{method}: {status:?}");
    let message = format!("`{principal}` may not {action} on `{resource}`: no user has this certificate's identity");
    ensure!(refusal.message == message, "{method}: {}", refusal.message);
    Ok(())
}

/// A batch is answered entry by entry, and alike whether a bus is there, could be, or could not.
async fn every_entry_is_refused(client: &Client, path: &str) -> Outcome {
    let on = |bus: &str, detail: &str| {
        let event_bus_name = bus.to_owned();
        PutEventsRequestEntry { event_bus_name, ..bascule_tests::client::entry("test", "t", detail) }
    };
    let bad = PutEventsRequestEntry { time: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }), ..on("", "") };
    let aws = PutEventsRequestEntry { source: "aws.ec2".to_owned(), ..on("default", "{}") };
    let foreign = "arn:aws:events:us-east-1:999999999999:event-bus/default";
    let entries = vec![
        on("default", "{}"),
        on("absent", "{}"),
        on("no name", "{}"),
        on(foreign, "{}"),
        on("default", "no JSON"),
        aws,
        bad,
    ];
    let count = entries.len();
    let answer = client.try_put(entries).await?;
    ensure!(answer.entries.len() == count && answer.failed_entry_count as usize == count, "{path}: {answer:?}");
    ensure!(answer.control_index == 0, "{path} is told of the control index");
    for entry in &answer.entries {
        ensure!(entry.error_code == "ACCESS_DENIED" && entry.event_id.is_empty(), "{path}: {entry:?}");
        ensure!(entry.error_message.contains(" may not events:PutEvents on `"), "{path}: {entry:?}");
    }
    // More than a call may have are refused as a whole, and not for their number.
    let many = client.try_put(vec![on("default", "{}"); 11]).await.err().map(|error| error.to_string());
    ensure!(many.as_ref().is_some_and(|told| told.contains("may not events:PutEvents")), "{path}: {many:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_end_is_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let channel = raw::channel(&daemon.context()?, true).await?;
    let mut buses = EventBusesClient::new(channel);
    let Err(status) = buses.list_event_buses(ListEventBusesRequest::default()).await else {
        anyhow::bail!("it was answered")
    };
    assert_eq!(reason(&status), "DEADLINE_MISSING");
    // A stream needs none: what is refused is something else.
    let mut queues = QueuesClient::new(raw::channel(&daemon.context()?, true).await?);
    let mut answers = queues.subscribe(tokio_stream::once(SubscribeRequest::default())).await?.into_inner();
    let Err(status) = answers.message().await else { anyhow::bail!("an empty request was answered") };
    assert_eq!(reason(&status), "VALIDATION_FAILED");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_none_are_refused_too() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let channel = raw::channel(&daemon.context()?, true).await?;
    for method in ["bascule.v1.Events/Absent", "bascule.v2.Events/PutEvents", "x/y", "grpc.health.v1.Health/Absent"] {
        let Err(status) = raw::call(&channel, method, Bytes::new()).await else {
            anyhow::bail!("{method} was answered")
        };
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "OPERATION_UNKNOWN"), "{method}");
    }
    Ok(())
}
