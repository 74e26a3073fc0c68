//! Events and buses.

use anyhow::ensure;
use bascule_api::v1::{
    CreateEventBusRequest, DeleteEventBusRequest, DescribeEventBusRequest, GetEventRequest, GetEventResponse,
    ListEventBusesRequest, PutEventsRequest, PutEventsRequestEntry, PutEventsResponse, PutPermissionRequest,
    RemovePermissionRequest, TailEventsRequest, UpdateEventBusRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, signing};
use bascule_tests::wait;
use prost::Message as _;

use super::{Row, Shape, row, text};

const BUS: &str = "events:event-bus/orders";
/// Nobody listens there, so that an event stays owed.
const NOWHERE: &str = "https://127.0.0.1:9/";

/// An event that is owed for longer than the test; gives its id.
pub async fn set_up(operator: &Client) -> Outcome<String> {
    let destination = operator.destination("nowhere", NOWHERE, signing()).await?;
    operator.rule("", "owed", r#"{"source":["owed"]}"#).await?;
    operator.targets("", "owed", vec![bascule_tests::client::target("t", &destination)]).await?;
    let id = operator.put_one(entry("owed", "t", "{}")).await?;
    wait::until("the event is owed", wait::PATIENCE, async || {
        let request = GetEventRequest { event_id: id.clone(), event_bus_name: String::new() };
        Ok(operator.session().events().get_event(request).await.is_ok().then_some(()))
    })
    .await?;
    Ok(id)
}

/// The bus `orders` is made and used; of the event `owed` there is more to read.
pub fn made(owed: &str) -> Vec<Row> {
    let mut rows = vec![
        row(
            "bascule.v1.EventBuses/CreateEventBus",
            &CreateEventBusRequest {
                name: text("orders"),
                tags: [(text("stage"), text("prod"))].into(),
                ..CreateEventBusRequest::default()
            },
            &[("events:CreateEventBus", BUS), ("events:TagResource", BUS)],
        ),
        row(
            "bascule.v1.EventBuses/DescribeEventBus",
            &DescribeEventBusRequest { name: text("orders"), ..DescribeEventBusRequest::default() },
            &[("events:DescribeEventBus", BUS)],
        ),
        row(
            "bascule.v1.EventBuses/UpdateEventBus",
            &UpdateEventBusRequest {
                name: text("orders"),
                description: Some(text("what was ordered")),
                ..UpdateEventBusRequest::default()
            },
            &[("events:UpdateEventBus", BUS)],
        ),
        row(
            "bascule.v1.EventBuses/ListEventBuses",
            &ListEventBusesRequest::default(),
            &[("events:ListEventBuses", "*")],
        ),
    ];
    rows.extend(permissions());
    rows.extend(events(owed));
    rows
}

fn permissions() -> Vec<Row> {
    let event_bus_name = || text("orders");
    vec![
        row(
            "bascule.v1.EventBuses/PutPermission",
            &PutPermissionRequest {
                event_bus_name: event_bus_name(),
                action: text("events:PutEvents"),
                principal: text("444455556666"),
                statement_id: text("theirs"),
                ..PutPermissionRequest::default()
            },
            &[("events:PutPermission", BUS)],
        ),
        row(
            "bascule.v1.EventBuses/RemovePermission",
            &RemovePermissionRequest {
                event_bus_name: event_bus_name(),
                statement_id: text("theirs"),
                ..RemovePermissionRequest::default()
            },
            &[("events:RemovePermission", BUS)],
        ),
    ]
}

fn events(owed: &str) -> Vec<Row> {
    let entry = PutEventsRequestEntry { event_bus_name: text("orders"), ..entry("shop", "sold", "{}") };
    vec![
        row(
            "bascule.v1.Events/PutEvents",
            &PutEventsRequest { entries: vec![entry], ..PutEventsRequest::default() },
            &[("events:PutEvents", BUS)],
        )
        .shaped(Shape::Entry)
        .good(|answer| {
            let answer = PutEventsResponse::decode(answer.clone())?;
            ensure!(answer.failed_entry_count == 0 && !answer.entries[0].event_id.is_empty(), "{answer:?}");
            Ok(())
        }),
        row(
            "bascule.v1.Events/TailEvents",
            &TailEventsRequest { event_bus_name: text("orders"), ..TailEventsRequest::default() },
            &[("bascule:TailEvents", BUS)],
        ),
        row(
            "bascule.v1.Events/GetEvent",
            &GetEventRequest { event_id: text(owed), event_bus_name: String::new() },
            &[("bascule:GetEvent", "events:event-bus/default")],
        )
        .good(|answer| {
            let answer = GetEventResponse::decode(answer.clone())?;
            ensure!(answer.event.contains("owed"), "{answer:?}");
            Ok(())
        }),
    ]
}

/// The bus goes again, once its rules have gone.
pub fn gone() -> Vec<Row> {
    vec![row(
        "bascule.v1.EventBuses/DeleteEventBus",
        &DeleteEventBusRequest { name: text("orders"), ..DeleteEventBusRequest::default() },
        &[("events:DeleteEventBus", BUS)],
    )]
}
