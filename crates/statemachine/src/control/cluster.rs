//! `Init`, which begins the cluster, and the groups' word that they know of something deleted.

use bascule_model::arn::Scope;
use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::Quotas;
use bascule_model::name::{AccountId, BusName};
use bascule_model::uid::Uid;

use crate::codec::control as wire;
use crate::codec::control::rows::{DeletedRow, MetaRow};
use crate::control::desk::{Desk, Stop};
use crate::control::reply::Done;
use crate::control::{bus, membership, organization, state};
use crate::key::{Key, Part};
use crate::register::Table;

pub(super) fn init(desk: &mut Desk<'_, '_>, init: &wire::Init, initialised: bool) -> Result<Done, Stop> {
    if initialised {
        return Err(Fault::already_exists(Kind::Cluster, id(desk)).into());
    }
    let refused = |field: &str, reason: &str, value: &str| Err(Fault::invalid(field, reason, value).into());
    if init.cluster_id.len() != 16 {
        return refused("cluster id", "it must have 16 bytes", &init.cluster_id.len().to_string());
    }
    if init.incarnation == 0 || init.incarnation > u32::from(u16::MAX) {
        return refused("incarnation", "it must be 1 to 65535", &init.incarnation.to_string());
    }
    if init.groups.is_empty() || !init.groups.is_sorted_by(|a, b| a < b) || init.groups.contains(&0) {
        return refused("groups", "they must be ascending shard groups", &init.groups.len().to_string());
    }
    let account = AccountId::from_number(desk.account).unwrap_or_default();
    Scope::new(&init.partition, &init.region, account)?;
    desk.meta = MetaRow {
        cluster_id: init.cluster_id.clone(),
        incarnation: init.incarnation,
        next_uid: 1,
        time_ms: desk.now_ms,
        partition: init.partition.clone(),
        region: init.region.clone(),
        account: desk.account,
        groups: init.groups.clone(),
        quotas: Some(init.quotas.unwrap_or_else(|| state::quotas_message(&Quotas::default()))),
        accounts: Vec::new(),
        placement_at: 0,
    };
    let default =
        wire::Bus { name: BusName::DEFAULT.to_owned(), data_key: init.data_key.clone(), ..wire::Bus::default() };
    let done = bus::create(desk, &default)?;
    if let Some(organize) = &init.organization {
        organization::organize(desk, organize)?;
    }
    if let Some(first) = &init.first {
        membership::first(desk, first)?;
    }
    Ok(done)
}

/// The cluster's id, in hexadecimal.
pub(super) fn id(desk: &Desk<'_, '_>) -> String {
    desk.meta.cluster_id.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn confirm(desk: &mut Desk<'_, '_>, confirm: &wire::ConfirmTombstone) -> Result<Done, Stop> {
    let found = desk.get::<DeletedRow>(&Key::new(Table::Deleted, [Part::Number(confirm.uid)]))?;
    let mut row = found.ok_or_else(|| Fault::not_found(Kind::Tombstone, Uid(confirm.uid).to_string()))?;
    // A second word of the same group is as good as the first: the leader asks again when it does not know.
    if let Ok(place) = row.waiting.binary_search(&confirm.group) {
        row.waiting.remove(place);
        desk.put(row);
    }
    Ok(Done::about(confirm.uid))
}

/// Quotas that are below what is there forbid more of it, and take nothing away.
pub(super) fn update_quotas(desk: &mut Desk<'_, '_>, update: &wire::UpdateQuotas) -> Result<Done, Stop> {
    let quotas = updated(desk.quotas(), update);
    quotas.check()?;
    desk.meta.quotas = Some(state::quotas_message(&quotas));
    Ok(Done::default())
}

/// The quotas after an update.
#[must_use]
pub fn updated(now: Quotas, update: &wire::UpdateQuotas) -> Quotas {
    Quotas {
        account_buses: update.account_buses.unwrap_or(now.account_buses),
        bus_rules: update.bus_rules.unwrap_or(now.bus_rules),
        rule_targets: update.rule_targets.unwrap_or(now.rule_targets),
        account_connections: update.account_connections.unwrap_or(now.account_connections),
        account_destinations: update.account_destinations.unwrap_or(now.account_destinations),
        account_queues: update.account_queues.unwrap_or(now.account_queues),
        pattern_chars: update.pattern_chars.unwrap_or(now.pattern_chars),
    }
}
