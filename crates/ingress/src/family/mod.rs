//! Handlers, one file for each family of the API.
//!
//! In: checked requests.
//! Out: answers made of the view, or of what a proposal did.
//! Never: a request that did not come through the stack.

mod authorization;
mod cluster;
mod connections;
mod dead_letters;
mod deliveries;
mod destinations;
mod event;
mod event_buses;
mod events;
mod given;
mod iam;
mod permissions;
mod queues;
mod quotas;
mod receipts;
mod rules;
mod sessions;
mod subscribe;
mod tags;
mod tail;
mod targets;

use std::sync::Arc;

use tonic::transport::server::Router;

use bascule_api::admin::v1::cluster_server::ClusterServer;
use bascule_api::admin::v1::dead_letters_server::DeadLettersServer;
use bascule_api::admin::v1::deliveries_server::DeliveriesServer;
use bascule_api::admin::v1::quotas_server::QuotasServer;
use bascule_api::iam::v1::access_keys_server::AccessKeysServer;
use bascule_api::iam::v1::authorization_server::AuthorizationServer;
use bascule_api::iam::v1::organizations_server::OrganizationsServer;
use bascule_api::iam::v1::policies_server::PoliciesServer;
use bascule_api::iam::v1::roles_server::RolesServer;
use bascule_api::iam::v1::sessions_server::SessionsServer;
use bascule_api::iam::v1::users_server::UsersServer;
use bascule_api::v1::api_destinations_server::ApiDestinationsServer;
use bascule_api::v1::connections_server::ConnectionsServer;
use bascule_api::v1::event_buses_server::EventBusesServer;
use bascule_api::v1::events_server::EventsServer;
use bascule_api::v1::queues_server::QueuesServer;
use bascule_api::v1::rules_server::RulesServer;
use bascule_api::v1::tags_server::TagsServer;
use bascule_api::v1::targets_server::TargetsServer;

use crate::rooms::Rooms;
use crate::stack::Stack;

/// Every service of the contract, for health.
pub(crate) const SERVICES: [&str; 19] = [
    "bascule.v1.Events",
    "bascule.v1.EventBuses",
    "bascule.v1.Rules",
    "bascule.v1.Targets",
    "bascule.v1.ApiDestinations",
    "bascule.v1.Connections",
    "bascule.v1.Queues",
    "bascule.v1.Tags",
    "bascule.admin.v1.DeadLetters",
    "bascule.admin.v1.Deliveries",
    "bascule.admin.v1.Quotas",
    "bascule.admin.v1.Cluster",
    "bascule.iam.v1.Users",
    "bascule.iam.v1.AccessKeys",
    "bascule.iam.v1.Roles",
    "bascule.iam.v1.Policies",
    "bascule.iam.v1.Organizations",
    "bascule.iam.v1.Sessions",
    "bascule.iam.v1.Authorization",
];

/// What every family stands on.
#[derive(Clone)]
pub(crate) struct Front {
    stack: Arc<Stack>,
    rooms: Rooms,
}

/// Adds every family to a router.
pub(crate) fn add<L>(router: Router<L>, stack: &Arc<Stack>, rooms: &Rooms, max_bytes: usize) -> Router<L>
where
    L: Clone,
{
    let front = Front { stack: Arc::clone(stack), rooms: rooms.clone() };
    macro_rules! with {
        ($server:ident) => {
            $server::new(front.clone()).max_decoding_message_size(max_bytes).max_encoding_message_size(max_bytes)
        };
    }
    router
        .add_service(with!(EventsServer))
        .add_service(with!(EventBusesServer))
        .add_service(with!(RulesServer))
        .add_service(with!(TargetsServer))
        .add_service(with!(ApiDestinationsServer))
        .add_service(with!(ConnectionsServer))
        .add_service(with!(QueuesServer))
        .add_service(with!(DeadLettersServer))
        .add_service(with!(DeliveriesServer))
        .add_service(with!(TagsServer))
        .add_service(with!(QuotasServer))
        .add_service(with!(ClusterServer))
        .add_service(with!(UsersServer))
        .add_service(with!(AccessKeysServer))
        .add_service(with!(RolesServer))
        .add_service(with!(PoliciesServer))
        .add_service(with!(OrganizationsServer))
        .add_service(with!(SessionsServer))
        .add_service(with!(AuthorizationServer))
}
