//! API destinations as records.

use bascule_api::v1::ApiDestination;

use crate::output::View;
use crate::output::record::Record;

/// Everything about a destination.
pub fn record(destination: &ApiDestination) -> Record {
    Record::new()
        .text("Name", &destination.name)
        .text("ApiDestinationArn", &destination.arn)
        .choice("ApiDestinationState", destination.state().as_str_name(), "API_DESTINATION_STATE_")
        .text("ConnectionArn", &destination.connection_arn)
        .text("InvocationEndpoint", &destination.invocation_endpoint)
        .choice("HttpMethod", destination.http_method().as_str_name(), "HTTP_METHOD_")
        .number("InvocationRateLimitPerSecond", u64::from(destination.invocation_rate_limit_per_second))
        .text("Description", &destination.description)
        .time("CreationTime", destination.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", destination.last_modified_time.as_ref().map(|time| time.seconds))
}

/// A list of destinations.
pub fn list(destinations: &[ApiDestination]) -> View {
    let columns = [
        ("NAME", "Name"),
        ("STATE", "ApiDestinationState"),
        ("METHOD", "HttpMethod"),
        ("ENDPOINT", "InvocationEndpoint"),
        ("RATE/S", "InvocationRateLimitPerSecond"),
    ];
    let more = [
        ("CONNECTION", "ConnectionArn"),
        ("DESCRIPTION", "Description"),
        ("CREATED", "CreationTime"),
        ("ARN", "ApiDestinationArn"),
    ];
    View::list("ApiDestinations", destinations.iter().map(record).collect(), &columns, &more, "no destinations")
}
