//! The targets: which one a delivery goes to, and how each kind is called.
//!
//! In: an opened event, its delivery id, and what the view says of its target.
//! Out: how the attempt went.
//! Never: a retry, a secret in a message, an address that the operator has not allowed.

mod bus;
pub mod code;
pub mod egress;
mod http;
pub mod log;
mod queue;

use std::sync::Arc;

use bascule_model::ambient::{Clock, Spawn};
use bascule_model::arn::Arn;
use bascule_model::connection::Connection;
use bascule_model::destination::Destination;
use bascule_model::id::DeliveryId;
use bascule_model::name::ConnectionName;
use bascule_model::target::{HttpParameters, Target, TargetKind};
use bascule_model::time::BootMillis;
use bascule_model::uid::{GroupId, Uid};
use bascule_pki::client::OutboundConfig;
use bascule_routing::credentials;
use bascule_routing::vault::Place;
use bascule_routing::view::View;
use bascule_statemachine::codec::payload::Payload;

use crate::book::{Attempted, Start};
use crate::service::Shared;
use crate::target::code::Code;
use crate::target::egress::Egress;
use crate::target::http::Http;
use crate::target::log::Sink;

/// Where a target's ARN leads to now.
pub(crate) enum Call {
    /// An API destination, by its connection.
    Http {
        /// Uid of the connection and when it was changed last, which its tokens belong to.
        connection_uid: (Uid, u64),
        destination: Destination,
        connection: Box<Connection>,
    },
    /// A built-in queue.
    Queue(Uid),
    /// A log group.
    Log(String),
    /// Another bus.
    Bus(Uid),
    /// Nowhere, for this reason.
    Nowhere { kind: &'static str, code: Code, why: String, passes: bool },
}

impl Call {
    /// What the view says of the target.
    pub(crate) fn of(view: &View, target: &Target) -> Self {
        match &target.kind {
            TargetKind::Queue(name) => match view.queue_of(&target.arn) {
                Some(row) => Self::Queue(Uid(row.uid)),
                None => Self::missing("queue", &format!("queue `{}`", name.as_str())),
            },
            TargetKind::Log(group) => Self::Log(group.clone()),
            TargetKind::Destination(name) => Self::http(view, target, name.as_str()),
            TargetKind::Bus(name) => {
                let account = view.account_here(&target.arn);
                match account.and_then(|account| view.bus(account, name.as_str())) {
                    Some(bus) => Self::Bus(Uid(bus.row.uid)),
                    None => Self::missing("bus", &format!("bus `{}`", name.as_str())),
                }
            }
            TargetKind::Wire { .. } => {
                let why = "this build does not send to this kind of target".to_owned();
                Self::Nowhere { kind: "other", code: Code::InvalidParameter, why, passes: true }
            }
        }
    }

    fn http(view: &View, target: &Target, name: &str) -> Self {
        let kind = "http";
        let Some(row) = view.destination_of(&target.arn) else {
            return Self::missing(kind, &format!("API destination `{name}`"));
        };
        let Some(connection) = view.connection_by_uid(Uid(row.connection_uid)) else {
            return Self::missing(kind, &format!("the connection of API destination `{name}`"));
        };
        let Some(opened) = credentials::connection(connection) else {
            let why = format!("connection `{}` is not authorised", connection.name);
            return Self::Nowhere { kind, code: Code::NoPermissions, why, passes: true };
        };
        let arn = ConnectionName::parse(&connection.name).ok().zip(view.cluster.as_ref());
        let arn = arn.map(|(name, cluster)| Arn::connection(&cluster.scope, &name));
        match arn.map(|arn| credentials::destination(row, arn)) {
            Some(Ok(destination)) => Self::Http {
                connection_uid: (Uid(connection.uid), connection.changed_at),
                destination,
                connection: Box::new(opened),
            },
            _ => {
                let why = format!("API destination `{name}` is of a later build");
                Self::Nowhere { kind, code: Code::InternalError, why, passes: true }
            }
        }
    }

    fn missing(kind: &'static str, what: &str) -> Self {
        Self::Nowhere { kind, code: Code::NoResource, why: format!("{what} does not exist"), passes: false }
    }

    /// A short word for signals.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Queue(_) => "queue",
            Self::Log(_) => "log",
            Self::Bus(_) => "bus",
            Self::Nowhere { kind, .. } => kind,
        }
    }
}

/// What is to be delivered.
pub(crate) struct Order<'lane> {
    pub(crate) group: GroupId,
    pub(crate) term: u64,
    pub(crate) start: Start,
    pub(crate) view: Arc<View>,
    pub(crate) delivery: DeliveryId,
    /// Where the event was sealed.
    pub(crate) place: Place,
    /// How many buses the event was on before.
    pub(crate) hops: u32,
    /// The event as JSON, and what travels with it.
    pub(crate) payload: Payload,
    pub(crate) http: &'lane HttpParameters,
}

/// All kinds of targets.
pub(crate) struct Targets {
    http: Http,
    log: Arc<dyn Sink>,
}

impl Targets {
    pub(crate) fn new(
        outbound: OutboundConfig,
        egress: Egress,
        log: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
        spawn: Arc<dyn Spawn>,
    ) -> Self {
        Self { http: Http::new(outbound, egress, clock, spawn), log }
    }

    /// Leave for one attempt of a lane, where its destination's rate is shared by all lanes and groups of this node.
    ///
    /// # Errors
    /// The milliseconds until there is a place.
    pub(crate) fn gate(&self, view: &View, target: Uid, now: BootMillis) -> Result<(), u64> {
        let lane = view.lane(target).filter(|lane| matches!(lane.target.kind, TargetKind::Destination(_)));
        let Some(row) = lane.and_then(|lane| view.destination_of(&lane.target.arn)) else { return Ok(()) };
        let rate_per_s = row.destination.as_ref().map_or(1, |destination| destination.rate_per_second);
        self.http.gate(Uid(row.uid), rate_per_s, now)
    }

    pub(crate) async fn send(&self, shared: &Shared, call: Call, order: Order<'_>) -> Attempted {
        match call {
            Call::Http { connection_uid, destination, connection } => {
                self.http.send(connection_uid, &destination, &connection, &order).await
            }
            Call::Queue(queue) => queue::send(shared, queue, order).await,
            Call::Log(group) => log::send(&*self.log, &group, &order),
            Call::Bus(bus) => bus::send(shared, bus, order).await,
            Call::Nowhere { code, why, passes: true, .. } => {
                Attempted::Failed { code, message: why, retry_after_ms: None, quiet_ms: 0 }
            }
            Call::Nowhere { code, why, .. } => Attempted::Refused { code, message: why },
        }
    }
}
