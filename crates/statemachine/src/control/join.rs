//! Join tokens: made, taken back, and traded for a node's id once.

use sha2::{Digest, Sha256};

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{JOIN_TOKEN_LEAST_SECONDS, JOIN_TOKEN_LIMIT_SECONDS, JOIN_TOKENS_LIMIT_COUNT};
use bascule_model::name::ZoneName;

use crate::codec::control as wire;
use crate::codec::control::NodeState;
use crate::codec::control::rows::{JoinTokenRow, NodeRow};
use crate::control::desk::{Desk, Stop, room};
use crate::control::limits::JOIN_TOKEN_ID_LIMIT_CHARS;
use crate::control::membership;
use crate::control::reply::Done;
use crate::control::state::{join_token_key, node_key};
use crate::register::Table;

/// What the cluster keeps of a join token's secret.
#[must_use]
pub fn secret_hash(secret: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"join token secret");
    hash.update(secret);
    hash.finalize().into()
}

/// Bytes of SHA-256.
const HASH_BYTES: usize = 32;

pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreateJoinToken) -> Result<Done, Stop> {
    membership::of_cluster(desk)?;
    checked(create)?;
    if desk.get::<JoinTokenRow>(&join_token_key(&create.id))?.is_some() {
        return Err(Fault::already_exists(Kind::JoinToken, &create.id).into());
    }
    let open = sweep(desk)?;
    room("open join tokens", open, JOIN_TOKENS_LIMIT_COUNT)?;
    let uid = desk.mint()?;
    desk.put(JoinTokenRow {
        uid,
        id: create.id.clone(),
        secret_hash: create.secret_hash.clone(),
        zone: create.zone.clone(),
        created_ms: desk.now_ms,
        expires_ms: desk.now_ms.saturating_add(create.life_ms),
        used_by: 0,
    });
    Ok(Done::about(uid))
}

/// A node that it admitted stays.
pub(super) fn delete(desk: &mut Desk<'_, '_>, id: &str) -> Result<Done, Stop> {
    membership::of_cluster(desk)?;
    let row = desk.get::<JoinTokenRow>(&join_token_key(id))?;
    let row = row.ok_or_else(|| Fault::not_found(Kind::JoinToken, id))?;
    desk.delete(&row, Kind::JoinToken, row.uid);
    Ok(Done::about(row.uid))
}

/// A token is good for one node: it may ask again while it joins, from the same place.
pub(super) fn admit(desk: &mut Desk<'_, '_>, admit: &wire::AdmitNode) -> Result<Done, Stop> {
    membership::of_cluster(desk)?;
    // Whoever has no good token learns neither why nor whether there is one.
    let denied = || Fault::AccessDenied { reason: "the join token is not good for this node".to_owned() };
    let row = desk.get::<JoinTokenRow>(&join_token_key(&admit.token))?.unwrap_or_default();
    let good = is_equal(&row.secret_hash, &admit.secret_hash)
        && desk.now_ms < row.expires_ms
        && (row.zone.is_empty() || row.zone == admit.zone);
    if !good {
        return Err(denied().into());
    }
    if row.used_by != 0 {
        let node = desk.get::<NodeRow>(&node_key(row.used_by))?;
        let same = node.filter(|node| joins(node) && asks_again(node, admit)).ok_or_else(denied)?;
        return Ok(Done::about(same.id));
    }
    let id = membership::joins(desk, &admit.zone, admit.facts.as_ref())?;
    desk.put(JoinTokenRow { used_by: id, ..row });
    Ok(Done::about(id))
}

fn joins(node: &NodeRow) -> bool {
    node.state() == NodeState::Joining
}

fn asks_again(node: &NodeRow, admit: &wire::AdmitNode) -> bool {
    let address = |facts: &Option<wire::NodeFacts>| facts.as_ref().map(|facts| facts.address.clone());
    node.zone == admit.zone && address(&node.facts) == address(&admit.facts)
}

/// Takes away what is good for nothing any more; gives how many are open.
fn sweep(desk: &mut Desk<'_, '_>) -> Result<u32, Stop> {
    let mut open = 0;
    for row in desk.list::<JoinTokenRow>(Table::JoinTokens)? {
        let over = row.expires_ms <= desk.now_ms;
        let used = row.used_by != 0;
        let asks = used && desk.get::<NodeRow>(&node_key(row.used_by))?.is_some_and(|node| joins(&node));
        if over || (used && !asks) {
            desk.delete(&row, Kind::JoinToken, row.uid);
        } else if !used {
            open += 1;
        }
    }
    Ok(open)
}

fn checked(create: &wire::CreateJoinToken) -> Result<(), Stop> {
    if create.id.is_empty() {
        return Err(Fault::invalid("TokenId", "it must be there", "").into());
    }
    Fault::unless_at_most("TokenId", &create.id, JOIN_TOKEN_ID_LIMIT_CHARS)?;
    if create.secret_hash.len() != HASH_BYTES {
        let reason = "it must have 32 bytes";
        return Err(Fault::invalid("secret hash", reason, &create.secret_hash.len().to_string()).into());
    }
    let [least_ms, most_ms] = [JOIN_TOKEN_LEAST_SECONDS, JOIN_TOKEN_LIMIT_SECONDS].map(|s| u64::from(s) * 1_000);
    if !(least_ms..=most_ms).contains(&create.life_ms) {
        let reason = format!("it must be {least_ms} to {most_ms} ms");
        return Err(Fault::invalid("life", reason, &create.life_ms.to_string()).into());
    }
    if !create.zone.is_empty() {
        ZoneName::parse(&create.zone)?;
    }
    Ok(())
}

/// Looks at every byte whatever the first ones are. Two hashes that are not there are not equal.
fn is_equal(stored: &[u8], shown: &[u8]) -> bool {
    let differ = stored.iter().zip(shown).fold(0, |differ, (a, b)| differ | (a ^ b));
    stored.len() == HASH_BYTES && shown.len() == HASH_BYTES && differ == 0
}
