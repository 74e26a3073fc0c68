//! Buses: create, describe, update, delete, list; their policies are set in `permissions`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::event_buses_server::EventBuses;
use bascule_api::v1::{
    CreateEventBusRequest, CreateEventBusResponse, DeadLetterConfig, DeleteEventBusRequest, DeleteEventBusResponse,
    DescribeEventBusRequest, DescribeEventBusResponse, EventBus, ListEventBusesRequest, ListEventBusesResponse,
    LogConfig, LogLevel, PutPermissionRequest, PutPermissionResponse, RemovePermissionRequest,
    RemovePermissionResponse, UpdateEventBusRequest, UpdateEventBusResponse,
};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id;
use bascule_model::limits::{BUS_NAME_LIMIT_CHARS, DESCRIPTION_LIMIT_CHARS};
use bascule_model::name::{AccountId, BusName};
use bascule_model::time::Millis;
use bascule_routing::view::{Bus, View};
use bascule_statemachine::codec;
use bascule_statemachine::codec::control::{self, Kind, Named, UpdateBus};

use crate::family::{Front, given, permissions, tags};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

struct Change<T> {
    kind: T,
    writing: Writing,
}

struct Read {
    bus: given::NameOrArn,
    allow_stale: bool,
}

fn no_logs(config: Option<&LogConfig>) -> Result<(), Refusal> {
    let level = config.map_or(LogLevel::Unspecified, LogConfig::level);
    if matches!(level, LogLevel::Unspecified | LogLevel::Off) {
        return Ok(());
    }
    Err(wire::field(
        "LogConfig.Level",
        "this build writes no logs of a bus; use a rule with a log target",
        level.as_str_name(),
    ))
}

fn check_create(_: &Permitted, request: CreateEventBusRequest) -> Result<Change<control::Bus>, Refusal> {
    let name = BusName::parse_custom(&request.name).map_err(wire::fault)?;
    if !request.event_source_name.is_empty() {
        return Err(wire::field(
            "EventSourceName",
            "this build has no partner event sources",
            &request.event_source_name,
        ));
    }
    if name.is_default() {
        return Err(wire::fault(Fault::already_exists(Noun::Bus, BusName::DEFAULT)));
    }
    Fault::unless_at_most("Description", &request.description, DESCRIPTION_LIMIT_CHARS).map_err(wire::fault)?;
    given::no_own_key(&request.kms_key_identifier)?;
    no_logs(request.log_config.as_ref())?;
    let dead_letter = given::dead_letter(request.dead_letter_config.as_ref())?;
    let kind = control::Bus {
        name: name.as_str().to_owned(),
        description: request.description,
        key_identifier: String::new(),
        dead_letter: given::text(dead_letter.as_ref()),
        data_key: None,
        tags: tags::pairs(request.tags)?,
    };
    Ok(Change { kind, writing: given::writing(request.request_id, request.validate_only)? })
}

fn check_update(_: &Permitted, request: UpdateEventBusRequest) -> Result<Change<UpdateBus>, Refusal> {
    let name = if request.name.is_empty() { BusName::DEFAULT } else { &request.name };
    let name = BusName::parse(name).map_err(wire::fault)?;
    if let Some(description) = &request.description {
        Fault::unless_at_most("Description", description, DESCRIPTION_LIMIT_CHARS).map_err(wire::fault)?;
    }
    given::no_own_key(request.kms_key_identifier.as_deref().unwrap_or_default())?;
    no_logs(request.log_config.as_ref())?;
    let dead_letter = match &request.dead_letter_config {
        None => None,
        given => Some(given::text(given::dead_letter(given.as_ref())?.as_ref())),
    };
    let name = name.as_str().to_owned();
    let kind = UpdateBus { name, description: request.description, key_identifier: None, dead_letter, data_key: None };
    Ok(Change { kind, writing: given::writing(request.request_id, request.validate_only)? })
}

fn check_delete(_: &Permitted, request: DeleteEventBusRequest) -> Result<Change<Named>, Refusal> {
    let name = BusName::parse(&request.name).map_err(wire::fault)?;
    let kind = Named { name: name.as_str().to_owned() };
    Ok(Change { kind, writing: given::writing(request.request_id, request.validate_only)? })
}

fn check_describe(_: &Permitted, request: DescribeEventBusRequest) -> Result<Read, Refusal> {
    Ok(Read { bus: given::bus("Name", &request.name)?, allow_stale: request.allow_stale })
}

fn check_list(permit: &Permitted, request: ListEventBusesRequest) -> Result<(Page, String, bool), Refusal> {
    let prefix = request.name_prefix;
    Fault::unless_at_most("NamePrefix", &prefix, BUS_NAME_LIMIT_CHARS).map_err(wire::fault)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&prefix])?;
    Ok((page, prefix, request.allow_stale))
}

fn shown(view: &View, bus: &Bus) -> Result<EventBus, Refusal> {
    let account = AccountId::from_number(bus.row.account).unwrap_or_default();
    let scope = Rooms::cluster(view)?.scope.of_account(account);
    let row = &bus.row;
    let dead_letter = (!row.dead_letter.is_empty()).then(|| DeadLetterConfig { arn: row.dead_letter.clone() });
    Ok(EventBus {
        name: row.name.clone(),
        arn: Arn::bus(&scope, &bus.name).to_string(),
        description: row.description.clone(),
        kms_key_identifier: row.key_identifier.clone(),
        dead_letter_config: dead_letter,
        log_config: None,
        policy: row.policy.clone(),
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    })
}

impl Front {
    async fn create_bus(&self, checked: Checked<Change<control::Bus>>) -> Result<CreateEventBusResponse, Refusal> {
        let (permit, Change { mut kind, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let cluster = Rooms::cluster(&view)?.id;
        // Of what the caller sent, without the key drawn here: a repeat draws another.
        let content = id::hash("content", &[&codec::encode(&kind)]);
        let name = kind.name.clone();
        kind.data_key = Some(self.rooms.vault.draw(cluster).await.map_err(|error| wire::sealed(&error))?);
        let changed = self.rooms.change(&permit, writing, content, Kind::CreateBus(kind)).await?;
        let event_bus = changed.view.bus(permit.account(), &name).map(|bus| shown(&changed.view, bus)).transpose()?;
        Ok(CreateEventBusResponse { event_bus, control_index: changed.index.0 })
    }

    async fn update_bus(&self, checked: Checked<Change<UpdateBus>>) -> Result<UpdateEventBusResponse, Refusal> {
        let (permit, Change { kind, writing }) = checked.into_parts();
        let name = kind.name.clone();
        let changed = self.rooms.change(&permit, writing, [0; 16], Kind::UpdateBus(kind)).await?;
        let event_bus = changed.view.bus(permit.account(), &name).map(|bus| shown(&changed.view, bus)).transpose()?;
        Ok(UpdateEventBusResponse { event_bus, control_index: changed.index.0 })
    }

    async fn delete_bus(&self, checked: Checked<Change<Named>>) -> Result<DeleteEventBusResponse, Refusal> {
        let (permit, Change { kind, writing }) = checked.into_parts();
        let changed = self.rooms.change(&permit, writing, [0; 16], Kind::DeleteBus(kind)).await?;
        Ok(DeleteEventBusResponse { control_index: changed.index.0 })
    }

    async fn describe_bus(&self, checked: Checked<Read>) -> Result<DescribeEventBusResponse, Refusal> {
        let (permit, Read { bus, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let name = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let found = view.bus(permit.account(), name).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, name)))?;
        Ok(DescribeEventBusResponse { event_bus: Some(shown(&view, found)?) })
    }

    async fn list_buses(&self, checked: Checked<(Page, String, bool)>) -> Result<ListEventBusesResponse, Refusal> {
        let (permit, (page, prefix, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let buses = view.buses(permit.account()).filter(|bus| bus.row.name.starts_with(&prefix));
        let (buses, next_page_token) = page.take(&self.rooms.handles, buses.map(|bus| (bus.row.name.as_str(), bus)))?;
        // A page of long policies would be no message.
        let shown = |bus| Ok(EventBus { policy: String::new(), ..shown(&view, bus)? });
        let event_buses = buses.into_iter().map(|bus: &Arc<Bus>| shown(bus)).collect::<Result<_, Refusal>>()?;
        Ok(ListEventBusesResponse { event_buses, next_page_token })
    }
}

#[tonic::async_trait]
impl EventBuses for Front {
    async fn create_event_bus(
        &self,
        request: Request<CreateEventBusRequest>,
    ) -> Result<Response<CreateEventBusResponse>, Status> {
        self.stack.run(request, check_create, |checked| self.create_bus(checked)).await
    }

    async fn describe_event_bus(
        &self,
        request: Request<DescribeEventBusRequest>,
    ) -> Result<Response<DescribeEventBusResponse>, Status> {
        self.stack.run(request, check_describe, |checked| self.describe_bus(checked)).await
    }

    async fn update_event_bus(
        &self,
        request: Request<UpdateEventBusRequest>,
    ) -> Result<Response<UpdateEventBusResponse>, Status> {
        self.stack.run(request, check_update, |checked| self.update_bus(checked)).await
    }

    async fn delete_event_bus(
        &self,
        request: Request<DeleteEventBusRequest>,
    ) -> Result<Response<DeleteEventBusResponse>, Status> {
        self.stack.run(request, check_delete, |checked| self.delete_bus(checked)).await
    }

    async fn list_event_buses(
        &self,
        request: Request<ListEventBusesRequest>,
    ) -> Result<Response<ListEventBusesResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_buses(checked)).await
    }

    async fn put_permission(
        &self,
        request: Request<PutPermissionRequest>,
    ) -> Result<Response<PutPermissionResponse>, Status> {
        self.stack.run(request, permissions::check_put, |checked| self.put_the_permission(checked)).await
    }

    async fn remove_permission(
        &self,
        request: Request<RemovePermissionRequest>,
    ) -> Result<Response<RemovePermissionResponse>, Status> {
        self.stack.run(request, permissions::check_remove, |checked| self.remove_the_permission(checked)).await
    }
}
