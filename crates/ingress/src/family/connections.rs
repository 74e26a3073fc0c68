//! Connections: how API destinations authenticate. Secrets come in and never go out.

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::connection_authorization::Method as Given;
use bascule_api::v1::connection_parameter::Value;
use bascule_api::v1::connections_server::Connections;
use bascule_api::v1::{
    AuthorizationType, Connection, ConnectionAuthorization, ConnectionAuthorizationView, ConnectionParameter,
    ConnectionParameterView, ConnectionState, CreateConnectionRequest, CreateConnectionResponse,
    DeauthorizeConnectionRequest, DeauthorizeConnectionResponse, DeleteConnectionRequest, DeleteConnectionResponse,
    DescribeConnectionRequest, DescribeConnectionResponse, ListConnectionsRequest, ListConnectionsResponse,
    ParameterPlace, Secret as Hidden, UpdateConnectionRequest, UpdateConnectionResponse,
};
use bascule_model::arn::Arn;
use bascule_model::connection::{self, Auth, AuthKind, Parameter, Place, Secret};
use bascule_model::destination::Method;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::{DESCRIPTION_LIMIT_CHARS, NAME_LIMIT_CHARS};
use bascule_model::name::{AccountId, ConnectionName};
use bascule_model::time::Millis;
use bascule_routing::credentials;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::credentials::{Parameter as Held, Place as HeldPlace};
use bascule_statemachine::codec::control::rows::ConnectionRow;
use bascule_statemachine::codec::control::{self, Kind, Named, UpdateConnection};

use crate::family::{Front, destinations, given};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

struct Change<T> {
    kind: T,
    writing: Writing,
}

struct List {
    page: Page,
    prefix: String,
    state: ConnectionState,
    allow_stale: bool,
}

fn secret(field: &str, hidden: Option<Hidden>) -> Result<Secret, Refusal> {
    match hidden {
        Some(hidden) if !hidden.value.is_empty() => Ok(Secret::new(hidden.value)),
        _ => Err(wire::field(field, "it must be there", "")),
    }
}

fn parameters(field: &str, given: Vec<ConnectionParameter>) -> Result<Vec<Parameter>, Refusal> {
    let read = given.into_iter().enumerate().map(|(at, parameter)| {
        let field = format!("{field}[{at}]");
        let place = match parameter.place() {
            ParameterPlace::Header => Place::Header,
            ParameterPlace::QueryString => Place::Query,
            ParameterPlace::Body => Place::Body,
            ParameterPlace::Unspecified => return Err(wire::field(&field, "it has no place", "")),
        };
        if parameter.key.is_empty() {
            return Err(wire::field(&field, "it has no key", ""));
        }
        let (value, hidden) = match parameter.value {
            Some(Value::Plain(plain)) => (plain, false),
            Some(Value::Secret(secret)) => (secret.value, true),
            None => return Err(wire::field(&field, "it has no value", "")),
        };
        Ok(Parameter { place, name: parameter.key, value: Secret::new(value), hidden })
    });
    read.collect()
}

/// The credentials as a connection's, checked whole under `name`.
fn auth(name: &ConnectionName, given: ConnectionAuthorization) -> Result<control::Auth, Refusal> {
    let auth = match given.method {
        None => return Err(wire::field("AuthParameters", "it must be there", "")),
        Some(Given::ApiKey(key)) => {
            Auth::ApiKey { header: key.api_key_name, value: secret("ApiKeyValue", key.api_key_value)? }
        }
        Some(Given::Basic(basic)) => {
            Auth::Basic { user: basic.username, password: secret("Password", basic.password)? }
        }
        Some(Given::Oauth(oauth)) => Auth::Oauth {
            method: destinations::method(oauth.http_method()).unwrap_or(Method::Post),
            client_id: oauth.client_id,
            client_secret: secret("ClientSecret", oauth.client_secret)?,
            endpoint: oauth.authorization_endpoint,
            parameters: parameters("OAuthHttpParameters", oauth.parameters)?,
        },
        Some(Given::Signing(signing)) => {
            let secrets = signing.secrets.into_iter().map(|hidden| Secret::new(hidden.value)).collect();
            Auth::Signing { secrets }
        }
    };
    let parameters = parameters("InvocationHttpParameters", given.invocation_parameters)?;
    let whole = connection::Connection { name: name.clone(), description: String::new(), auth, parameters };
    whole.check().map_err(wire::fault)?;
    Ok(credentials::to_wire(&whole.auth, &whole.parameters))
}

fn check_create(_: &Permitted, request: CreateConnectionRequest) -> Result<Change<control::Connection>, Refusal> {
    let name = ConnectionName::parse(&request.name).map_err(wire::fault)?;
    Fault::unless_at_most("Description", &request.description, DESCRIPTION_LIMIT_CHARS).map_err(wire::fault)?;
    given::no_own_key(&request.kms_key_identifier)?;
    let auth = Some(auth(&name, request.authorization.unwrap_or_default())?);
    let kind = control::Connection { name: name.as_str().to_owned(), description: request.description, auth };
    Ok(Change { kind, writing: given::writing(request.request_id, request.validate_only)? })
}

fn check_update(_: &Permitted, request: UpdateConnectionRequest) -> Result<Change<UpdateConnection>, Refusal> {
    let name = ConnectionName::parse(&request.name).map_err(wire::fault)?;
    if let Some(description) = &request.description {
        Fault::unless_at_most("Description", description, DESCRIPTION_LIMIT_CHARS).map_err(wire::fault)?;
    }
    given::no_own_key(request.kms_key_identifier.as_deref().unwrap_or_default())?;
    let auth = request.authorization.map(|given| auth(&name, given)).transpose()?;
    let kind = UpdateConnection { name: name.as_str().to_owned(), description: request.description, auth };
    Ok(Change { kind, writing: given::writing(request.request_id, request.validate_only)? })
}

fn named(name: &str, request_id: String, validate_only: bool) -> Result<Change<Named>, Refusal> {
    let name = ConnectionName::parse(name).map_err(wire::fault)?;
    let kind = Named { name: name.as_str().to_owned() };
    Ok(Change { kind, writing: given::writing(request_id, validate_only)? })
}

fn check_describe(_: &Permitted, request: DescribeConnectionRequest) -> Result<(ConnectionName, bool), Refusal> {
    Ok((ConnectionName::parse(&request.name).map_err(wire::fault)?, request.allow_stale))
}

fn check_list(permit: &Permitted, request: ListConnectionsRequest) -> Result<List, Refusal> {
    let state = request.connection_state();
    let prefix = request.name_prefix;
    Fault::unless_at_most("NamePrefix", &prefix, NAME_LIMIT_CHARS).map_err(wire::fault)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&prefix, state.as_str_name()])?;
    Ok(List { page, prefix, state, allow_stale: request.allow_stale })
}

fn shown_parameters(held: &[Held]) -> Vec<ConnectionParameterView> {
    let shown = held.iter().map(|parameter| {
        let place = match parameter.place() {
            HeldPlace::Header => ParameterPlace::Header,
            HeldPlace::Query => ParameterPlace::QueryString,
            HeldPlace::Body => ParameterPlace::Body,
            HeldPlace::Unspecified => ParameterPlace::Unspecified,
        };
        ConnectionParameterView {
            place: place.into(),
            key: parameter.name.clone(),
            // Empty in what may be shown, if it is a secret.
            value: parameter.value.clone(),
            is_value_secret: parameter.hidden,
        }
    });
    shown.collect()
}

fn shown_auth(row: &ConnectionRow) -> Option<ConnectionAuthorizationView> {
    let (kind, held) = credentials::shown(row)?;
    let kept = |of: AuthKind, text: &str| if kind == of { text.to_owned() } else { String::new() };
    let authorization_type = match kind {
        AuthKind::ApiKey => AuthorizationType::ApiKey,
        AuthKind::Basic => AuthorizationType::Basic,
        AuthKind::Oauth => AuthorizationType::OauthClientCredentials,
        AuthKind::Signing => AuthorizationType::SigningSecret,
    };
    Some(ConnectionAuthorizationView {
        authorization_type: authorization_type.into(),
        api_key_name: kept(AuthKind::ApiKey, &held.name),
        username: kept(AuthKind::Basic, &held.name),
        client_id: kept(AuthKind::Oauth, &held.name),
        authorization_endpoint: held.endpoint.clone(),
        http_method: destinations::shown_method(&held.method).into(),
        oauth_parameters: shown_parameters(&held.token_parameters),
        signing_secret_count: if kind == AuthKind::Signing { held.secret_count } else { 0 },
        invocation_parameters: shown_parameters(&held.parameters),
    })
}

fn state(row: &ConnectionRow) -> ConnectionState {
    if row.authorized { ConnectionState::Authorized } else { ConnectionState::Deauthorized }
}

fn shown(view: &View, row: &ConnectionRow) -> Result<Connection, Refusal> {
    let scope = Rooms::cluster(view)?.scope.of_account(AccountId::from_number(row.account).unwrap_or_default());
    let name = ConnectionName::parse(&row.name).map_err(wire::fault)?;
    Ok(Connection {
        name: row.name.clone(),
        arn: Arn::connection(&scope, &name).to_string(),
        description: row.description.clone(),
        state: state(row).into(),
        state_reason: String::new(),
        authorization: shown_auth(row),
        kms_key_identifier: String::new(),
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
        last_authorized_time: Some(timestamp(Millis(row.authorized_ms))),
    })
}

impl Front {
    async fn change_connection<T>(
        &self,
        checked: Checked<Change<T>>,
        name: impl FnOnce(&T) -> String,
        kind: impl FnOnce(T) -> Kind,
    ) -> Result<(Option<Connection>, u64), Refusal> {
        let (permit, change) = checked.into_parts();
        let name = name(&change.kind);
        let changed = self.rooms.change(&permit, change.writing, [0; 16], kind(change.kind)).await?;
        let view = &changed.view;
        let found = view.connection(permit.account(), &name).map(|row| shown(view, row)).transpose()?;
        Ok((found, changed.index.0))
    }

    async fn describe_the_connection(
        &self,
        checked: Checked<(ConnectionName, bool)>,
    ) -> Result<DescribeConnectionResponse, Refusal> {
        let (permit, (name, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let row = view.connection(permit.account(), name.as_str());
        let row = row.ok_or_else(|| wire::fault(Fault::not_found(Noun::Connection, name.as_str())))?;
        Ok(DescribeConnectionResponse { connection: Some(shown(&view, row)?) })
    }

    async fn list_the_connections(&self, checked: Checked<List>) -> Result<ListConnectionsResponse, Refusal> {
        let (permit, List { page, prefix, state: wanted, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let rows = view.connections(permit.account()).filter(|row| row.name.starts_with(&prefix));
        let rows = rows.filter(|row| wanted == ConnectionState::Unspecified || wanted == state(row));
        let (rows, next_page_token) = page.take(&self.rooms.handles, rows.map(|row| (row.name.as_str(), row)))?;
        let connections = rows.into_iter().map(|row| shown(&view, row)).collect::<Result<_, _>>()?;
        Ok(ListConnectionsResponse { connections, next_page_token })
    }
}

#[tonic::async_trait]
impl Connections for Front {
    async fn create_connection(
        &self,
        request: Request<CreateConnectionRequest>,
    ) -> Result<Response<CreateConnectionResponse>, Status> {
        let handle = |checked| async {
            let change = self.change_connection(checked, |kind| kind.name.clone(), Kind::CreateConnection);
            let (connection, control_index) = change.await?;
            Ok(CreateConnectionResponse { connection, control_index })
        };
        self.stack.run(request, check_create, handle).await
    }

    async fn describe_connection(
        &self,
        request: Request<DescribeConnectionRequest>,
    ) -> Result<Response<DescribeConnectionResponse>, Status> {
        self.stack.run(request, check_describe, |checked| self.describe_the_connection(checked)).await
    }

    async fn update_connection(
        &self,
        request: Request<UpdateConnectionRequest>,
    ) -> Result<Response<UpdateConnectionResponse>, Status> {
        let handle = |checked| async {
            let change = self.change_connection(checked, |kind| kind.name.clone(), Kind::UpdateConnection);
            let (connection, control_index) = change.await?;
            Ok(UpdateConnectionResponse { connection, control_index })
        };
        self.stack.run(request, check_update, handle).await
    }

    async fn delete_connection(
        &self,
        request: Request<DeleteConnectionRequest>,
    ) -> Result<Response<DeleteConnectionResponse>, Status> {
        let check = |_: &Permitted, request: DeleteConnectionRequest| {
            named(&request.name, request.request_id, request.validate_only)
        };
        let handle = |checked| async {
            let change = self.change_connection(checked, |kind| kind.name.clone(), Kind::DeleteConnection);
            let (_, control_index) = change.await?;
            Ok(DeleteConnectionResponse { control_index })
        };
        self.stack.run(request, check, handle).await
    }

    async fn list_connections(
        &self,
        request: Request<ListConnectionsRequest>,
    ) -> Result<Response<ListConnectionsResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_connections(checked)).await
    }

    async fn deauthorize_connection(
        &self,
        request: Request<DeauthorizeConnectionRequest>,
    ) -> Result<Response<DeauthorizeConnectionResponse>, Status> {
        let check = |_: &Permitted, request: DeauthorizeConnectionRequest| {
            named(&request.name, request.request_id, request.validate_only)
        };
        let handle = |checked| async {
            let change = self.change_connection(checked, |kind| kind.name.clone(), Kind::DeauthorizeConnection);
            let (connection, control_index) = change.await?;
            Ok(DeauthorizeConnectionResponse { connection, control_index })
        };
        self.stack.run(request, check, handle).await
    }
}
