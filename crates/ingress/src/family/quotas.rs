//! Quotas of the cluster, for operators.

use tonic::{Request, Response, Status};

use bascule_api::admin::v1::quotas_server::Quotas;
use bascule_api::admin::v1::{
    DescribeQuotasRequest, DescribeQuotasResponse, QuotaValues, UpdateQuotasRequest, UpdateQuotasResponse,
};
use bascule_api::status::Refusal;
use bascule_model::limits;
use bascule_statemachine::codec::control::{self, Kind};
use bascule_statemachine::control::updated;

use crate::family::{Front, given};
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// What is to be set.
struct Update {
    quotas: control::UpdateQuotas,
    writing: Writing,
}

fn check_update(_: &Permitted, request: UpdateQuotasRequest) -> Result<Update, Refusal> {
    let quotas = control::UpdateQuotas {
        account_buses: request.event_buses_per_account,
        bus_rules: request.rules_per_event_bus,
        rule_targets: request.targets_per_rule,
        account_connections: request.connections_per_account,
        account_destinations: request.api_destinations_per_account,
        account_queues: request.queues_per_account,
        pattern_chars: request.event_pattern_characters,
    };
    updated(limits::Quotas::default(), &quotas).check().map_err(wire::fault)?;
    Ok(Update { quotas, writing: given::writing(request.request_id, request.validate_only)? })
}

fn shown(quotas: &limits::Quotas) -> QuotaValues {
    QuotaValues {
        event_buses_per_account: quotas.account_buses,
        rules_per_event_bus: quotas.bus_rules,
        targets_per_rule: quotas.rule_targets,
        connections_per_account: quotas.account_connections,
        api_destinations_per_account: quotas.account_destinations,
        queues_per_account: quotas.account_queues,
        event_pattern_characters: quotas.pattern_chars,
    }
}

impl Front {
    async fn describe_the_quotas(&self, checked: Checked<bool>) -> Result<DescribeQuotasResponse, Refusal> {
        let (_, allow_stale) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let quotas = Some(shown(&Rooms::cluster(&view)?.quotas));
        Ok(DescribeQuotasResponse { quotas, defaults: Some(shown(&limits::Quotas::default())) })
    }

    async fn update_the_quotas(&self, checked: Checked<Update>) -> Result<UpdateQuotasResponse, Refusal> {
        let (permit, Update { quotas, writing }) = checked.into_parts();
        let tried = writing.validate_only;
        let changed = self.rooms.change(&permit, writing, [0; 16], Kind::UpdateQuotas(quotas)).await?;
        let now = Rooms::cluster(&changed.view)?.quotas;
        let now = if tried { updated(now, &quotas) } else { now };
        Ok(UpdateQuotasResponse { quotas: Some(shown(&now)), control_index: changed.index.0 })
    }
}

#[tonic::async_trait]
impl Quotas for Front {
    async fn describe_quotas(
        &self,
        request: Request<DescribeQuotasRequest>,
    ) -> Result<Response<DescribeQuotasResponse>, Status> {
        let check = |_: &Permitted, request: DescribeQuotasRequest| Ok(request.allow_stale);
        self.stack.run(request, check, |checked| self.describe_the_quotas(checked)).await
    }

    async fn update_quotas(
        &self,
        request: Request<UpdateQuotasRequest>,
    ) -> Result<Response<UpdateQuotasResponse>, Status> {
        self.stack.run(request, check_update, |checked| self.update_the_quotas(checked)).await
    }
}
