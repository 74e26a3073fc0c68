//! API destinations: HTTPS endpoints that rules call through a connection.

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::api_destinations_server::ApiDestinations;
use bascule_api::v1::{
    ApiDestination, ApiDestinationState, CreateApiDestinationRequest, CreateApiDestinationResponse,
    DeleteApiDestinationRequest, DeleteApiDestinationResponse, DescribeApiDestinationRequest,
    DescribeApiDestinationResponse, HttpMethod, ListApiDestinationsRequest, ListApiDestinationsResponse,
    UpdateApiDestinationRequest, UpdateApiDestinationResponse,
};
use bascule_model::arn::Arn;
use bascule_model::destination::{Destination, Method};
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::{DESCRIPTION_LIMIT_CHARS, DESTINATION_RATE_DEFAULT_PER_SECOND, NAME_LIMIT_CHARS};
use bascule_model::name::{AccountId, ConnectionName, DestinationName};
use bascule_model::time::Millis;
use bascule_model::uid::Uid;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::rows::DestinationRow;
use bascule_statemachine::codec::control::{self, Kind, Named, UpdateDestination};

use crate::family::{Front, given};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

struct Change<T> {
    kind: T,
    /// ARN of the connection, where one was given.
    connection: Option<Arn>,
    writing: Writing,
}

struct List {
    page: Page,
    prefix: String,
    connection: Option<Arn>,
    allow_stale: bool,
}

pub(super) fn method(method: HttpMethod) -> Option<Method> {
    match method {
        HttpMethod::Unspecified => None,
        HttpMethod::Post => Some(Method::Post),
        HttpMethod::Get => Some(Method::Get),
        HttpMethod::Head => Some(Method::Head),
        HttpMethod::Options => Some(Method::Options),
        HttpMethod::Put => Some(Method::Put),
        HttpMethod::Patch => Some(Method::Patch),
        HttpMethod::Delete => Some(Method::Delete),
    }
}

pub(super) fn shown_method(word: &str) -> HttpMethod {
    match Method::parse(word) {
        Ok(Method::Post) => HttpMethod::Post,
        Ok(Method::Get) => HttpMethod::Get,
        Ok(Method::Head) => HttpMethod::Head,
        Ok(Method::Options) => HttpMethod::Options,
        Ok(Method::Put) => HttpMethod::Put,
        Ok(Method::Patch) => HttpMethod::Patch,
        Ok(Method::Delete) => HttpMethod::Delete,
        Err(_) => HttpMethod::Unspecified,
    }
}

/// The name in a connection's ARN; a real one has a uuid behind it, which is passed over.
fn connection_name(arn: &Arn) -> Result<ConnectionName, Refusal> {
    let name = arn.resource().strip_prefix("connection/").filter(|_| arn.service() == "events");
    let name = name.map(|rest| rest.split_once('/').map_or(rest, |(name, _)| name));
    let refused = || wire::field("ConnectionArn", "it is no connection's ARN", &arn.to_string());
    ConnectionName::parse(name.ok_or_else(refused)?).map_err(wire::fault)
}

fn check_create(_: &Permitted, request: CreateApiDestinationRequest) -> Result<Change<control::Destination>, Refusal> {
    let connection = Arn::parse("ConnectionArn", &request.connection_arn).map_err(wire::fault)?;
    let missing = || wire::field("HttpMethod", "it must be there", "");
    let destination = Destination {
        name: DestinationName::parse(&request.name).map_err(wire::fault)?,
        description: request.description.clone(),
        connection: connection.clone(),
        endpoint: request.invocation_endpoint.clone(),
        method: method(request.http_method()).ok_or_else(missing)?,
        rate_per_second: match request.invocation_rate_limit_per_second {
            0 => DESTINATION_RATE_DEFAULT_PER_SECOND,
            rate => rate,
        },
    };
    destination.check().map_err(wire::fault)?;
    let kind = control::Destination {
        name: destination.name.as_str().to_owned(),
        description: destination.description,
        connection: connection_name(&connection)?.as_str().to_owned(),
        endpoint: destination.endpoint,
        method: destination.method.word().to_owned(),
        rate_per_second: destination.rate_per_second,
    };
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Change { kind, connection: Some(connection), writing })
}

fn check_update(_: &Permitted, request: UpdateApiDestinationRequest) -> Result<Change<UpdateDestination>, Refusal> {
    let name = DestinationName::parse(&request.name).map_err(wire::fault)?;
    let connection = given::arn("ConnectionArn", request.connection_arn.as_deref().unwrap_or_default())?;
    let method = method(request.http_method());
    if let Some(description) = &request.description {
        Fault::unless_at_most("Description", description, DESCRIPTION_LIMIT_CHARS).map_err(wire::fault)?;
    }
    if let Some(endpoint) = &request.invocation_endpoint {
        // The other fields stand in for what stays as it is.
        let stand_in = Destination {
            name: name.clone(),
            description: String::new(),
            connection: Arn::connection(&stand_in_scope()?, &ConnectionName::parse("c").map_err(wire::fault)?),
            endpoint: endpoint.clone(),
            method: Method::Post,
            rate_per_second: 1,
        };
        stand_in.check().map_err(wire::fault)?;
    }
    if request.invocation_rate_limit_per_second == Some(0) {
        return Err(wire::field("InvocationRateLimitPerSecond", "it must be at least 1", "0"));
    }
    let kind = UpdateDestination {
        name: name.as_str().to_owned(),
        description: request.description.clone(),
        connection: connection
            .as_ref()
            .map(|arn| connection_name(arn).map(|name| name.as_str().to_owned()))
            .transpose()?,
        endpoint: request.invocation_endpoint.clone(),
        method: method.map(|method| method.word().to_owned()),
        rate_per_second: request.invocation_rate_limit_per_second,
    };
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Change { kind, connection, writing })
}

fn stand_in_scope() -> Result<bascule_model::arn::Scope, Refusal> {
    bascule_model::arn::Scope::new("aws", "us-east-1", AccountId::default()).map_err(wire::fault)
}

fn check_delete(_: &Permitted, request: DeleteApiDestinationRequest) -> Result<Change<Named>, Refusal> {
    let name = DestinationName::parse(&request.name).map_err(wire::fault)?;
    let kind = Named { name: name.as_str().to_owned() };
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Change { kind, connection: None, writing })
}

fn check_describe(_: &Permitted, request: DescribeApiDestinationRequest) -> Result<(DestinationName, bool), Refusal> {
    Ok((DestinationName::parse(&request.name).map_err(wire::fault)?, request.allow_stale))
}

fn check_list(permit: &Permitted, request: ListApiDestinationsRequest) -> Result<List, Refusal> {
    let prefix = request.name_prefix;
    Fault::unless_at_most("NamePrefix", &prefix, NAME_LIMIT_CHARS).map_err(wire::fault)?;
    let connection = given::arn("ConnectionArn", &request.connection_arn)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&prefix, &request.connection_arn])?;
    Ok(List { page, prefix, connection, allow_stale: request.allow_stale })
}

fn shown(view: &View, row: &DestinationRow) -> Result<ApiDestination, Refusal> {
    let scope = Rooms::cluster(view)?.scope.of_account(AccountId::from_number(row.account).unwrap_or_default());
    let destination = row.destination.clone().unwrap_or_default();
    let name = DestinationName::parse(&destination.name).map_err(wire::fault)?;
    let connection = ConnectionName::parse(&destination.connection).map_err(wire::fault)?;
    // By uid: a later connection of the same name is not meant.
    let active = view.connection_by_uid(Uid(row.connection_uid)).is_some_and(|connection| connection.authorized);
    let state = if active { ApiDestinationState::Active } else { ApiDestinationState::Inactive };
    Ok(ApiDestination {
        arn: Arn::destination(&scope, &name).to_string(),
        connection_arn: Arn::connection(&scope, &connection).to_string(),
        name: destination.name,
        description: destination.description,
        invocation_endpoint: destination.endpoint,
        http_method: shown_method(&destination.method).into(),
        invocation_rate_limit_per_second: destination.rate_per_second,
        state: state.into(),
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    })
}

impl Front {
    /// A connection that is named must be one of this account here.
    fn connection_here(&self, permit: &Permitted, arn: Option<&Arn>) -> Result<(), Refusal> {
        let Some(arn) = arn else {
            return Ok(());
        };
        let here = self.rooms.viewer.now().account_here(arn) == Some(permit.account());
        if here { Ok(()) } else { Err(wire::fault(Fault::not_found(Noun::Connection, arn.to_string()))) }
    }

    async fn change_destination<T>(
        &self,
        checked: Checked<Change<T>>,
        name: impl FnOnce(&T) -> String,
        kind: impl FnOnce(T) -> Kind,
    ) -> Result<(Option<ApiDestination>, u64), Refusal> {
        let (permit, change) = checked.into_parts();
        self.connection_here(&permit, change.connection.as_ref())?;
        let name = name(&change.kind);
        let changed = self.rooms.change(&permit, change.writing, [0; 16], kind(change.kind)).await?;
        let view = &changed.view;
        let found = view.destination(permit.account(), &name).map(|row| shown(view, row)).transpose()?;
        Ok((found, changed.index.0))
    }

    async fn describe_destination(
        &self,
        checked: Checked<(DestinationName, bool)>,
    ) -> Result<DescribeApiDestinationResponse, Refusal> {
        let (permit, (name, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let row = view.destination(permit.account(), name.as_str());
        let row = row.ok_or_else(|| wire::fault(Fault::not_found(Noun::Destination, name.as_str())))?;
        Ok(DescribeApiDestinationResponse { api_destination: Some(shown(&view, row)?) })
    }

    async fn list_destinations(&self, checked: Checked<List>) -> Result<ListApiDestinationsResponse, Refusal> {
        let (permit, List { page, prefix, connection, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let connection = connection.map(|arn| connection_name(&arn)).transpose()?;
        let rows = view.destinations(permit.account()).filter_map(|row| {
            let destination = row.destination.as_ref()?;
            let wanted = connection.as_ref().is_none_or(|name| name.as_str() == destination.connection);
            (wanted && destination.name.starts_with(&prefix)).then_some((destination.name.as_str(), row))
        });
        let (rows, next_page_token) = page.take(&self.rooms.handles, rows)?;
        let api_destinations = rows.into_iter().map(|row| shown(&view, row)).collect::<Result<_, _>>()?;
        Ok(ListApiDestinationsResponse { api_destinations, next_page_token })
    }
}

#[tonic::async_trait]
impl ApiDestinations for Front {
    async fn create_api_destination(
        &self,
        request: Request<CreateApiDestinationRequest>,
    ) -> Result<Response<CreateApiDestinationResponse>, Status> {
        let handle = |checked| async {
            let change = self.change_destination(checked, |kind| kind.name.clone(), Kind::CreateDestination);
            let (api_destination, control_index) = change.await?;
            Ok(CreateApiDestinationResponse { api_destination, control_index })
        };
        self.stack.run(request, check_create, handle).await
    }

    async fn describe_api_destination(
        &self,
        request: Request<DescribeApiDestinationRequest>,
    ) -> Result<Response<DescribeApiDestinationResponse>, Status> {
        self.stack.run(request, check_describe, |checked| self.describe_destination(checked)).await
    }

    async fn update_api_destination(
        &self,
        request: Request<UpdateApiDestinationRequest>,
    ) -> Result<Response<UpdateApiDestinationResponse>, Status> {
        let handle = |checked| async {
            let change = self.change_destination(checked, |kind| kind.name.clone(), Kind::UpdateDestination);
            let (api_destination, control_index) = change.await?;
            Ok(UpdateApiDestinationResponse { api_destination, control_index })
        };
        self.stack.run(request, check_update, handle).await
    }

    async fn delete_api_destination(
        &self,
        request: Request<DeleteApiDestinationRequest>,
    ) -> Result<Response<DeleteApiDestinationResponse>, Status> {
        let handle = |checked| async {
            let change = self.change_destination(checked, |kind| kind.name.clone(), Kind::DeleteDestination);
            let (_, control_index) = change.await?;
            Ok(DeleteApiDestinationResponse { control_index })
        };
        self.stack.run(request, check_delete, handle).await
    }

    async fn list_api_destinations(
        &self,
        request: Request<ListApiDestinationsRequest>,
    ) -> Result<Response<ListApiDestinationsResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_destinations(checked)).await
    }
}
