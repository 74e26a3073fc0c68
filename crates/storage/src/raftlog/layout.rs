//! Keys of the log database, append-only: group as u64, kind, index, all big endian.

use bascule_model::uid::GroupId;

/// How many votes were saved, and the last.
pub const VOTE: u8 = 0;
/// One entry.
pub const ENTRY: u8 = 1;
/// The purged id.
pub const PURGED: u8 = 2;
/// The committed id, a hint.
pub const COMMITTED: u8 = 3;
/// The generation of the group's tables that is in force.
pub const GENERATION: u8 = 4;

/// The key of `kind` at `index`; every kind but [`ENTRY`] has only index 0.
#[must_use]
pub fn key(group: GroupId, kind: u8, index: u64) -> Vec<u8> {
    [&u64::from(group.0).to_be_bytes()[..], &[kind], &index.to_be_bytes()].concat()
}

/// The first key behind all entries of a group.
#[must_use]
pub fn entries_end(group: GroupId) -> Vec<u8> {
    [&u64::from(group.0).to_be_bytes()[..], &[ENTRY + 1]].concat()
}

/// Group, kind and index of a key; `None` if this build could not have written it.
#[must_use]
pub fn parse(key: &[u8]) -> Option<(GroupId, u8, u64)> {
    let (group, rest) = key.split_first_chunk::<8>()?;
    let (&kind, index) = rest.split_first()?;
    let group = u32::try_from(u64::from_be_bytes(*group)).ok()?;
    Some((GroupId(group), kind, u64::from_be_bytes(index.try_into().ok()?)))
}

/// Where the log database says which generation of a group's tables is in force.
#[must_use]
pub fn generation_key(group: GroupId) -> Vec<u8> {
    key(group, GENERATION, 0)
}
