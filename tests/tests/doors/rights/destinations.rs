//! Connections and API destinations: who gives a destination a connection must have the right on both.

use bascule_api::v1::{
    ConnectionAuthorization, CreateApiDestinationRequest, CreateConnectionRequest, DeauthorizeConnectionRequest,
    DeleteApiDestinationRequest, DeleteConnectionRequest, DescribeApiDestinationRequest, DescribeConnectionRequest,
    HttpMethod, ListApiDestinationsRequest, ListConnectionsRequest, UpdateApiDestinationRequest,
    UpdateConnectionRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, signing};

use super::{Row, row, text};

const CONNECTION: &str = "events:connection/own";
const GIVEN: &str = "events:connection/given";
const DESTINATION: &str = "events:api-destination/crm";

/// A connection `given`; its ARN, which has more behind the name.
pub async fn set_up(operator: &Client) -> Outcome<String> {
    operator.connection("given", signing()).await
}

/// The connection `own` is made, the destination `crm` over the one that is given, and both go again.
pub fn rows(given: &str) -> Vec<Row> {
    let mut rows = connections();
    rows.extend(destinations(given));
    rows.extend(gone());
    rows
}

fn connections() -> Vec<Row> {
    let authorization = ConnectionAuthorization { method: Some(signing()), invocation_parameters: Vec::new() };
    vec![
        row(
            "bascule.v1.Connections/CreateConnection",
            &CreateConnectionRequest {
                name: text("own"),
                authorization: Some(authorization),
                ..CreateConnectionRequest::default()
            },
            &[("events:CreateConnection", CONNECTION)],
        ),
        row(
            "bascule.v1.Connections/DescribeConnection",
            &DescribeConnectionRequest { name: text("own"), ..DescribeConnectionRequest::default() },
            &[("events:DescribeConnection", CONNECTION)],
        ),
        row(
            "bascule.v1.Connections/UpdateConnection",
            &UpdateConnectionRequest {
                name: text("own"),
                description: Some(text("to the crm")),
                ..UpdateConnectionRequest::default()
            },
            &[("events:UpdateConnection", CONNECTION)],
        ),
        row(
            "bascule.v1.Connections/ListConnections",
            &ListConnectionsRequest::default(),
            &[("events:ListConnections", "*")],
        ),
    ]
}

fn destinations(given: &str) -> Vec<Row> {
    vec![
        row(
            "bascule.v1.ApiDestinations/CreateApiDestination",
            &CreateApiDestinationRequest {
                name: text("crm"),
                connection_arn: text(given),
                invocation_endpoint: text("https://127.0.0.1:9/"),
                http_method: HttpMethod::Post.into(),
                ..CreateApiDestinationRequest::default()
            },
            &[("events:CreateApiDestination", DESTINATION), ("events:CreateApiDestination", GIVEN)],
        ),
        row(
            "bascule.v1.ApiDestinations/DescribeApiDestination",
            &DescribeApiDestinationRequest { name: text("crm"), ..DescribeApiDestinationRequest::default() },
            &[("events:DescribeApiDestination", DESTINATION)],
        ),
        row(
            "bascule.v1.ApiDestinations/UpdateApiDestination",
            &UpdateApiDestinationRequest {
                name: text("crm"),
                description: Some(text("the crm")),
                ..UpdateApiDestinationRequest::default()
            },
            &[("events:UpdateApiDestination", DESTINATION)],
        ),
        row(
            "bascule.v1.ApiDestinations/UpdateApiDestination",
            &UpdateApiDestinationRequest {
                name: text("crm"),
                connection_arn: Some(text(given)),
                ..UpdateApiDestinationRequest::default()
            },
            &[("events:UpdateApiDestination", DESTINATION), ("events:UpdateApiDestination", GIVEN)],
        ),
        row(
            "bascule.v1.ApiDestinations/ListApiDestinations",
            &ListApiDestinationsRequest::default(),
            &[("events:ListApiDestinations", "*")],
        ),
    ]
}

fn gone() -> Vec<Row> {
    vec![
        row(
            "bascule.v1.ApiDestinations/DeleteApiDestination",
            &DeleteApiDestinationRequest { name: text("crm"), ..DeleteApiDestinationRequest::default() },
            &[("events:DeleteApiDestination", DESTINATION)],
        ),
        row(
            "bascule.v1.Connections/DeauthorizeConnection",
            &DeauthorizeConnectionRequest { name: text("own"), ..DeauthorizeConnectionRequest::default() },
            &[("events:DeauthorizeConnection", CONNECTION)],
        ),
        row(
            "bascule.v1.Connections/DeleteConnection",
            &DeleteConnectionRequest { name: text("own"), ..DeleteConnectionRequest::default() },
            &[("events:DeleteConnection", CONNECTION)],
        ),
    ]
}
