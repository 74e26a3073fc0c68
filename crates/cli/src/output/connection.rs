//! Connections as records; the contract holds no secret in answers, and nothing here asks for one.

use bascule_api::v1::{AuthorizationType, Connection, ConnectionAuthorizationView, ConnectionParameterView};

use crate::output::View;
use crate::output::record::{Item, Record};

/// Everything about a connection.
pub fn record(connection: &Connection) -> Record {
    let authorization = connection.authorization.as_ref();
    let kind = authorization.map(|it| it.authorization_type()).unwrap_or_default();
    Record::new()
        .text("Name", &connection.name)
        .text("ConnectionArn", &connection.arn)
        .choice("ConnectionState", connection.state().as_str_name(), "CONNECTION_STATE_")
        .text("StateReason", &connection.state_reason)
        .choice("AuthorizationType", kind.as_str_name(), "AUTHORIZATION_TYPE_")
        .record("AuthParameters", authorization.map(parameters).unwrap_or_default())
        .text("Description", &connection.description)
        .text("KmsKeyIdentifier", &connection.kms_key_identifier)
        .time("CreationTime", connection.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", connection.last_modified_time.as_ref().map(|time| time.seconds))
        .time("LastAuthorizedTime", connection.last_authorized_time.as_ref().map(|time| time.seconds))
}

fn parameters(view: &ConnectionAuthorizationView) -> Record {
    let method = view.http_method().as_str_name();
    let oauth = Record::new()
        .text("AuthorizationEndpoint", &view.authorization_endpoint)
        .choice("HttpMethod", method, "HTTP_METHOD_")
        .record("ClientParameters", Record::new().text("ClientID", &view.client_id))
        .list("OAuthHttpParameters", view.oauth_parameters.iter().map(parameter).collect());
    let record = Record::new()
        .record("ApiKeyAuthParameters", Record::new().text("ApiKeyName", &view.api_key_name))
        .record("BasicAuthParameters", Record::new().text("Username", &view.username))
        .record("OAuthParameters", oauth)
        .list("InvocationHttpParameters", view.invocation_parameters.iter().map(parameter).collect());
    match view.authorization_type() {
        AuthorizationType::SigningSecret => record.number("SigningSecretCount", u64::from(view.signing_secret_count)),
        _ => record,
    }
}

fn parameter(view: &ConnectionParameterView) -> Item {
    let record = Record::new()
        .choice("Place", view.place().as_str_name(), "PARAMETER_PLACE_")
        .text("Key", &view.key)
        .text("Value", &view.value)
        .flag("IsValueSecret", view.is_value_secret);
    Item::Record(record)
}

/// A list of connections.
pub fn list(connections: &[Connection]) -> View {
    let columns = [
        ("NAME", "Name"),
        ("STATE", "ConnectionState"),
        ("AUTHORIZATION", "AuthorizationType"),
        ("AUTHORIZED", "LastAuthorizedTime"),
        ("ARN", "ConnectionArn"),
    ];
    let more = [
        ("REASON", "StateReason"),
        ("DESCRIPTION", "Description"),
        ("CREATED", "CreationTime"),
        ("CHANGED", "LastModifiedTime"),
    ];
    View::list("Connections", connections.iter().map(record).collect(), &columns, &more, "no connections")
}
