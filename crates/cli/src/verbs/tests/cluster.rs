//! A cluster in this process that notes what it is asked and answers what is made up here.

// Of some answers all fields are named, of others a few, by the same macro.
#![allow(clippy::needless_update)]

use std::sync::{Arc, Mutex};

use bascule_api::admin::v1::cluster_server::ClusterServer;
use bascule_api::admin::v1::dead_letters_server::{DeadLetters, DeadLettersServer};
use bascule_api::admin::v1::deliveries_server::{Deliveries, DeliveriesServer};
use bascule_api::admin::v1::quotas_server::{Quotas, QuotasServer};
use bascule_api::admin::v1::*;
use bascule_api::iam::v1::access_keys_server::AccessKeysServer;
use bascule_api::iam::v1::authorization_server::AuthorizationServer;
use bascule_api::iam::v1::organizations_server::OrganizationsServer;
use bascule_api::iam::v1::policies_server::PoliciesServer;
use bascule_api::iam::v1::roles_server::RolesServer;
use bascule_api::iam::v1::sessions_server::SessionsServer;
use bascule_api::iam::v1::users_server::UsersServer;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::v1::api_destinations_server::{ApiDestinations, ApiDestinationsServer};
use bascule_api::v1::connections_server::{Connections, ConnectionsServer};
use bascule_api::v1::event_buses_server::{EventBuses, EventBusesServer};
use bascule_api::v1::events_server::{Events, EventsServer};
use bascule_api::v1::queues_server::{Queues, QueuesServer};
use bascule_api::v1::rules_server::{Rules, RulesServer};
use bascule_api::v1::tags_server::{Tags, TagsServer};
use bascule_api::v1::targets_server::{Targets, TargetsServer};
use bascule_api::v1::*;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Response, Status, Streaming};

/// Notes each request and answers.
#[derive(Clone, Default)]
pub struct Fake {
    /// The debug text of each request.
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn note(&self, request: &impl std::fmt::Debug) {
        self.seen.lock().unwrap().push(format!("{request:?}"));
    }
}

/// A server of every service.
pub fn served(mut server: Server, fake: &Fake) -> Router {
    server
        .add_service(EventsServer::new(fake.clone()))
        .add_service(EventBusesServer::new(fake.clone()))
        .add_service(RulesServer::new(fake.clone()))
        .add_service(TargetsServer::new(fake.clone()))
        .add_service(ApiDestinationsServer::new(fake.clone()))
        .add_service(ConnectionsServer::new(fake.clone()))
        .add_service(QueuesServer::new(fake.clone()))
        .add_service(TagsServer::new(fake.clone()))
        .add_service(QuotasServer::new(fake.clone()))
        .add_service(ClusterServer::new(fake.clone()))
        .add_service(DeadLettersServer::new(fake.clone()))
        .add_service(DeliveriesServer::new(fake.clone()))
        .add_service(UsersServer::new(fake.clone()))
        .add_service(AccessKeysServer::new(fake.clone()))
        .add_service(RolesServer::new(fake.clone()))
        .add_service(PoliciesServer::new(fake.clone()))
        .add_service(OrganizationsServer::new(fake.clone()))
        .add_service(SessionsServer::new(fake.clone()))
        .add_service(AuthorizationServer::new(fake.clone()))
}

/// The answers of a service: each method with a function from its request to its answer.
macro_rules! answers {
    ($service:ident $({ $($whole:tt)* })?: $($method:ident($ask:ident) -> $tell:ident = $answer:expr;)+) => {
        #[tonic::async_trait]
        impl $service for Fake {
            $($($whole)*)?
            $(async fn $method(&self, request: Request<$ask>) -> Result<Response<$tell>, Status> {
                let request = request.into_inner();
                self.note(&request);
                let answer: fn($ask) -> Result<$tell, Status> = $answer;
                answer(request).map(Response::new)
            })+
        }
    };
}

/// An answer with these fields.
macro_rules! with {
    ($tell:ident $($field:ident: $value:expr),*) => { Ok($tell { $($field: $value,)* ..Default::default() }) };
}

mod iam;
mod nodes;
mod session;
mod stream;

/// Two pages: the first names the second.
fn page<T>(token: &str, item: impl Fn(&'static str) -> T) -> (Vec<T>, String) {
    match token {
        "" => (vec![item("one")], "more".into()),
        _ => (vec![item("two")], String::new()),
    }
}

/// The deletion of something that is not there if it is called `gone`.
fn gone<T>(kind: &str, name: &str, answer: T) -> Result<T, Status> {
    match name {
        "gone" => Err(Refusal::new(Reason::ResourceNotFound, format!("{kind} `{name}` does not exist"))
            .with_resource(kind, name)
            .to_status()),
        _ => Ok(answer),
    }
}

fn bus(name: impl Into<String>) -> EventBus {
    EventBus { name: name.into(), ..Default::default() }
}

/// What a resource policy says.
const SAYS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"shop","Effect":"Allow","Principal":"*","Action":"*"}]}"#;

/// A document that is refused if it says so.
fn document<T>(field: &str, text: &str, answer: T) -> Result<T, Status> {
    match text.contains("refused") {
        true => Err(Refusal::new(Reason::PolicyInvalid, "Statement[0]: `Effect` is missing")
            .with_field(field, "Statement[0]: `Effect` is missing")
            .to_status()),
        false => Ok(answer),
    }
}

answers! { EventBuses:
    create_event_bus(CreateEventBusRequest) -> CreateEventBusResponse = |it| with!(CreateEventBusResponse event_bus: (!it.validate_only).then(|| bus(it.name)), control_index: 7);
    describe_event_bus(DescribeEventBusRequest) -> DescribeEventBusResponse = |it| match it.name.as_str() {
        "none" => with!(DescribeEventBusResponse event_bus: None),
        "hidden" => Err(Refusal::new(Reason::ResourceNotFound, "no such bus").to_status()),
        "open" => with!(DescribeEventBusResponse event_bus: Some(EventBus { policy: SAYS.into(), ..bus(it.name) })),
        _ => with!(DescribeEventBusResponse event_bus: Some(bus(it.name))),
    };
    update_event_bus(UpdateEventBusRequest) -> UpdateEventBusResponse = |it| with!(UpdateEventBusResponse event_bus: Some(bus(it.name)));
    put_permission(PutPermissionRequest) -> PutPermissionResponse = |it| document("policy", &it.policy, PutPermissionResponse { policy: SAYS.into(), control_index: 7 });
    remove_permission(RemovePermissionRequest) -> RemovePermissionResponse = |it| gone("event bus", &it.event_bus_name, RemovePermissionResponse { policy: String::new(), control_index: 7 });
    delete_event_bus(DeleteEventBusRequest) -> DeleteEventBusResponse = |_| with!(DeleteEventBusResponse control_index: 7);
    list_event_buses(ListEventBusesRequest) -> ListEventBusesResponse = |it| {
        let (event_buses, next_page_token) = page(&it.page_token, bus);
        Ok(ListEventBusesResponse { event_buses, next_page_token })
    };
}

answers! { Events {
    type TailEventsStream = tonic::codegen::BoxStream<TailEventsResponse>;
    async fn tail_events(&self, asked: Request<TailEventsRequest>) -> Result<Response<Self::TailEventsStream>, Status> {
        let asked = asked.into_inner();
        self.note(&asked);
        gone("event bus", &asked.event_bus_name, ()).map(|()| Response::new(stream::tailed()))
    }
}:
    put_events(PutEventsRequest) -> PutEventsResponse = |_| Err(Status::unimplemented("events are put elsewhere"));
    get_event(GetEventRequest) -> GetEventResponse = |it| {
        let delivery = EventDelivery { rule_name: "paid".into(), target_id: "hook".into(), state: EventDeliveryState::Pending.into(), ..Default::default() };
        gone("event", &it.event_id.clone(), GetEventResponse { event_id: it.event_id, event: "{}".into(), deliveries: vec![delivery], ..Default::default() })
    };
}

answers! { Rules:
    put_rule(PutRuleRequest) -> PutRuleResponse = |_| with!(PutRuleResponse rule_arn: "arn:r".into());
    describe_rule(DescribeRuleRequest) -> DescribeRuleResponse = |it| with!(DescribeRuleResponse rule: Some(Rule { name: it.name, ..Default::default() }));
    list_rules(ListRulesRequest) -> ListRulesResponse = |it| {
        let (rules, next_page_token) = page(&it.page_token, |name| Rule { name: name.into(), ..Default::default() });
        Ok(ListRulesResponse { rules, next_page_token })
    };
    enable_rule(EnableRuleRequest) -> EnableRuleResponse = |_| with!(EnableRuleResponse);
    disable_rule(DisableRuleRequest) -> DisableRuleResponse = |_| with!(DisableRuleResponse);
    delete_rule(DeleteRuleRequest) -> DeleteRuleResponse = |it| match it.name.as_str() {
        "busy" => Err(Refusal::new(Reason::RuleHasTargets, "the rule has 2 targets").with_resource("rule", "busy").to_status()),
        _ => with!(DeleteRuleResponse),
    };
    test_event_pattern(TestEventPatternRequest) -> TestEventPatternResponse = |it| with!(TestEventPatternResponse result: it.event == "{}");
}

answers! { Targets:
    put_targets(PutTargetsRequest) -> PutTargetsResponse = |_| with!(PutTargetsResponse);
    remove_targets(RemoveTargetsRequest) -> RemoveTargetsResponse = |it| {
        let failed = TargetFailure { target_id: it.ids[0].clone(), error_code: "INTERNAL".into(), ..Default::default() };
        with!(RemoveTargetsResponse failed_entry_count: 1, failed_entries: vec![failed])
    };
    list_targets_by_rule(ListTargetsByRuleRequest) -> ListTargetsByRuleResponse = |it| {
        let (targets, next_page_token) = page(&it.page_token, |id| Target { id: id.into(), ..Default::default() });
        Ok(ListTargetsByRuleResponse { targets, next_page_token })
    };
    list_rule_names_by_target(ListRuleNamesByTargetRequest) -> ListRuleNamesByTargetResponse = |it| {
        let (rule_names, next_page_token) = page(&it.page_token, str::to_owned);
        Ok(ListRuleNamesByTargetResponse { rule_names, next_page_token })
    };
}

fn destination(name: impl Into<String>) -> ApiDestination {
    ApiDestination { name: name.into(), http_method: HttpMethod::Post.into(), ..Default::default() }
}

answers! { ApiDestinations:
    create_api_destination(CreateApiDestinationRequest) -> CreateApiDestinationResponse = |it| with!(CreateApiDestinationResponse api_destination: Some(destination(it.name)));
    describe_api_destination(DescribeApiDestinationRequest) -> DescribeApiDestinationResponse = |it| with!(DescribeApiDestinationResponse api_destination: Some(destination(it.name)));
    update_api_destination(UpdateApiDestinationRequest) -> UpdateApiDestinationResponse = |it| with!(UpdateApiDestinationResponse api_destination: Some(destination(it.name)));
    delete_api_destination(DeleteApiDestinationRequest) -> DeleteApiDestinationResponse = |it| gone("api destination", &it.name, DeleteApiDestinationResponse::default());
    list_api_destinations(ListApiDestinationsRequest) -> ListApiDestinationsResponse = |it| {
        let (api_destinations, next_page_token) = page(&it.page_token, destination);
        Ok(ListApiDestinationsResponse { api_destinations, next_page_token })
    };
}

fn connection(name: impl Into<String>) -> Connection {
    let authorization = ConnectionAuthorizationView {
        authorization_type: AuthorizationType::Basic.into(),
        username: "me".into(),
        ..Default::default()
    };
    Connection { name: name.into(), authorization: Some(authorization), ..Default::default() }
}

answers! { Connections:
    create_connection(CreateConnectionRequest) -> CreateConnectionResponse = |it| with!(CreateConnectionResponse connection: (!it.validate_only).then(|| connection(it.name)));
    describe_connection(DescribeConnectionRequest) -> DescribeConnectionResponse = |it| with!(DescribeConnectionResponse connection: Some(connection(it.name)));
    update_connection(UpdateConnectionRequest) -> UpdateConnectionResponse = |it| with!(UpdateConnectionResponse connection: Some(connection(it.name)));
    delete_connection(DeleteConnectionRequest) -> DeleteConnectionResponse = |it| gone("connection", &it.name, DeleteConnectionResponse::default());
    list_connections(ListConnectionsRequest) -> ListConnectionsResponse = |it| {
        let (connections, next_page_token) = page(&it.page_token, connection);
        Ok(ListConnectionsResponse { connections, next_page_token })
    };
    deauthorize_connection(DeauthorizeConnectionRequest) -> DeauthorizeConnectionResponse = |it| with!(DeauthorizeConnectionResponse connection: Some(connection(it.name)));
}

fn queue(name: impl Into<String>) -> Queue {
    Queue { name: name.into(), ..Default::default() }
}

answers! { Queues {
    type SubscribeStream = tonic::codegen::BoxStream<SubscribeResponse>;
    async fn subscribe(&self, asked: Request<Streaming<SubscribeRequest>>) -> Result<Response<Self::SubscribeStream>, Status> {
        Ok(Response::new(stream::followed(self.clone(), asked.into_inner())))
    }
}:
    purge_queue(PurgeQueueRequest) -> PurgeQueueResponse = |it| gone("queue", &it.queue_name, PurgeQueueResponse { deleted_message_count: 3, control_index: 7 });
    create_queue(CreateQueueRequest) -> CreateQueueResponse = |it| with!(CreateQueueResponse queue: (!it.validate_only).then(|| queue(it.name)));
    delete_queue(DeleteQueueRequest) -> DeleteQueueResponse = |it| match it.queue_name.as_str() {
        "slow" => Err(Status::unknown("connection reset")),
        _ => gone("queue", &it.queue_name, DeleteQueueResponse::default()),
    };
    describe_queue(DescribeQueueRequest) -> DescribeQueueResponse = |it| match it.queue_name.as_str() {
        "hidden" => Err(Refusal::new(Reason::AccessDenied, "no").to_status()),
        "open" => with!(DescribeQueueResponse queue: Some(Queue { policy: SAYS.into(), ..queue("open") })),
        name => {
            let policy = (name == "redriven").then(|| RedrivePolicy { dead_letter_target_arn: "arn:dead".into(), max_receive_count: 3 });
            with!(DescribeQueueResponse queue: Some(Queue { redrive_policy: policy, ..queue(name) }))
        }
    };
    put_queue_policy(PutQueuePolicyRequest) -> PutQueuePolicyResponse = |it| {
        let written = Queue { policy: SAYS.into(), ..queue(it.queue_name) };
        document("policy", &it.policy, PutQueuePolicyResponse { queue: Some(written), control_index: 7 })
    };
    delete_queue_policy(DeleteQueuePolicyRequest) -> DeleteQueuePolicyResponse = |it| gone("queue", &it.queue_name.clone(), DeleteQueuePolicyResponse { queue: Some(queue(it.queue_name)), control_index: 7 });
    list_queues(ListQueuesRequest) -> ListQueuesResponse = |it| {
        let (queues, next_page_token) = page(&it.page_token, queue);
        Ok(ListQueuesResponse { queues, next_page_token })
    };
    receive_message(ReceiveMessageRequest) -> ReceiveMessageResponse = |_| with!(ReceiveMessageResponse);
    delete_message(DeleteMessageRequest) -> DeleteMessageResponse = |it| {
        if it.receipt_handles.iter().any(|handle| handle == "lost") {
            return Err(Refusal::new(Reason::OutcomeUnknown, "the leader changed").to_status());
        }
        let result = |handle: &String| DeleteMessageResult { receipt_handle: handle.clone(), ..Default::default() };
        with!(DeleteMessageResponse results: it.receipt_handles.iter().map(result).collect())
    };
    change_message_visibility(ChangeMessageVisibilityRequest) -> ChangeMessageVisibilityResponse = |_| with!(ChangeMessageVisibilityResponse);
}

answers! { Tags:
    tag_resource(TagResourceRequest) -> TagResourceResponse = |_| with!(TagResourceResponse control_index: 7);
    untag_resource(UntagResourceRequest) -> UntagResourceResponse = |_| with!(UntagResourceResponse control_index: 7);
    list_tags_for_resource(ListTagsForResourceRequest) -> ListTagsForResourceResponse = |it| match it.resource_arn.as_str() {
        "gone" => Err(Refusal::new(Reason::ResourceNotFound, "no such rule").to_status()),
        _ => with!(ListTagsForResourceResponse tags: [("team".to_owned(), "a".to_owned())].into()),
    };
}

answers! { Quotas:
    describe_quotas(DescribeQuotasRequest) -> DescribeQuotasResponse = |_| with!(DescribeQuotasResponse quotas: Some(QuotaValues { queues_per_account: 5, ..Default::default() }));
    update_quotas(UpdateQuotasRequest) -> UpdateQuotasResponse = |_| with!(UpdateQuotasResponse quotas: Some(QuotaValues::default()));
}

answers! { DeadLetters:
    list_dead_letters(ListDeadLettersRequest) -> ListDeadLettersResponse = |it| {
        let (dead_letters, next_page_token) = page(&it.page_token, |id| DeadLetter { event_id: id.into(), ..Default::default() });
        Ok(ListDeadLettersResponse { dead_letters, next_page_token })
    };
}

answers! { Deliveries:
    describe_delivery(DescribeDeliveryRequest) -> DescribeDeliveryResponse = |it| {
        let target = |id: &str, state: DeliveryState, reason: &str| TargetDelivery { target_id: id.into(), state: state.into(), reason: reason.into(), ..Default::default() };
        let well = target("q", DeliveryState::Flowing, "");
        let targets = match it.rule.as_str() {
            "shut" => vec![well, target("hook", DeliveryState::Forbidden, "no identity policy allows it")],
            "shutting" => vec![target("hook", DeliveryState::Flowing, "no identity policy allows it")],
            "opening" => vec![target("hook", DeliveryState::Forbidden, "")],
            _ => vec![well],
        };
        with!(DescribeDeliveryResponse targets: targets)
    };
}
