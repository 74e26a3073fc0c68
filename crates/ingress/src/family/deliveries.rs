//! Accounts of delivery, for operators: what is owed to each target, and how the rest ended.

use tonic::{Request, Response, Status};

use bascule_api::admin::v1::deliveries_server::Deliveries;
use bascule_api::admin::v1::{DeliveryState, DescribeDeliveryRequest, DescribeDeliveryResponse, TargetDelivery};
use bascule_api::status::Refusal;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::name::{RuleName, TargetId};
use bascule_model::time::Millis;
use bascule_routing::rights::invoking::{self, Leave};
use bascule_routing::view::{Lane, View};
use bascule_statemachine::codec::shard::Why;

use crate::family::{Front, given};
use crate::rooms::Rooms;
use crate::stack::{Checked, Permitted};
use crate::wire;

struct Describe {
    bus: given::NameOrArn,
    rule: RuleName,
    target: Option<TargetId>,
}

fn check(_: &Permitted, request: DescribeDeliveryRequest) -> Result<Describe, Refusal> {
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let rule = RuleName::parse(&request.rule).map_err(wire::fault)?;
    let target = match request.target_id.as_str() {
        "" => None,
        id => Some(TargetId::parse(id).map_err(wire::fault)?),
    };
    Ok(Describe { bus, rule, target })
}

impl Front {
    async fn describe_deliveries(&self, checked: Checked<Describe>) -> Result<DescribeDeliveryResponse, Refusal> {
        let (permit, Describe { bus, rule, target }) = checked.into_parts();
        let view = self.rooms.view(false).await?;
        let name = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), name).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, name)))?;
        let missing = || wire::fault(Fault::not_found(Noun::Rule, rule.as_str()));
        let rule = bus.rules.get(rule.as_str()).ok_or_else(missing)?;
        let mut targets = Vec::new();
        for lane in rule.targets.values() {
            if target.as_ref().is_none_or(|id| *id == lane.target.id) {
                targets.push(self.describe_lane(&view, lane).await?);
            }
        }
        match target {
            Some(id) if targets.is_empty() => Err(wire::fault(Fault::not_found(Noun::Target, id.as_str()))),
            _ => Ok(DescribeDeliveryResponse { targets }),
        }
    }

    async fn describe_lane(&self, view: &View, lane: &Lane) -> Result<TargetDelivery, Refusal> {
        let mut shown = TargetDelivery {
            target_id: lane.target.id.as_str().to_owned(),
            target_arn: lane.target.arn.to_string(),
            ..TargetDelivery::default()
        };
        if let Leave::Never(refused) = invoking::leave(view, lane, self.rooms.clock.wall()) {
            shown.reason = refused.told;
        }
        let mut state = DeliveryState::Flowing;
        let mut oldest_ms = u64::MAX;
        for group in self.rooms.ask.groups() {
            let standing = self.rooms.ask.standing(group, lane.uid, lane.rule, lane.minted).await;
            let standing = standing.map_err(|error| wire::asked(&error))?;
            shown.delivered += standing.counts.delivered;
            shown.dead_lettered += standing.counts.dead_lettered;
            shown.cancelled += standing.counts.cancelled;
            shown.expired += standing.counts.expired;
            shown.undecryptable += standing.counts.undecryptable;
            shown.pending += standing.pending;
            state = state.max(standing.detached.map_or(DeliveryState::Flowing, state_of));
            if standing.oldest_ms > 0 {
                oldest_ms = oldest_ms.min(standing.oldest_ms);
            }
        }
        shown.state = state.into();
        if oldest_ms != u64::MAX {
            shown.oldest_pending_age_seconds = self.rooms.clock.wall().since(Millis(oldest_ms)) / 1_000;
        }
        Ok(shown)
    }
}

/// Graver ones have higher numbers.
const fn state_of(why: Why) -> DeliveryState {
    match why {
        Why::Unspecified | Why::Slow => DeliveryState::Slow,
        Why::Failing => DeliveryState::Failing,
        Why::Key => DeliveryState::NoKey,
        Why::Forbidden => DeliveryState::Forbidden,
    }
}

#[tonic::async_trait]
impl Deliveries for Front {
    async fn describe_delivery(
        &self,
        request: Request<DescribeDeliveryRequest>,
    ) -> Result<Response<DescribeDeliveryResponse>, Status> {
        self.stack.run(request, check, |checked| self.describe_deliveries(checked)).await
    }
}
