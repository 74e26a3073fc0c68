//! The form of an entry, looked at before anything is touched.

use crate::codec::shard::{Append, Command, Entry, Event, Kind, Settle, Stamp, Terminal, Why};
use crate::limits::{
    CHECKPOINT_OUTCOMES_LIMIT_ROWS, DETACH_OWED_LIMIT_ROWS, EXPIRE_LIMIT_ROWS, RECEIVE_LIMIT_ROWS, SETTLE_LIMIT_ROWS,
    STAMP_UIDS_LIMIT_COUNT, TOKEN_LIMIT_MS,
};
use crate::shard::Error;
use crate::shard::reply::Refusal;

/// The commands, if this build knows each of them and every word in it. Passing over what only a later build understands would
/// let replicas of two builds drift apart.
pub(super) fn known(entry: &Entry) -> Result<Vec<&Kind>, Error> {
    entry.commands.iter().map(|command| kind(command).ok_or(Error::Later)).collect()
}

/// What a command is, if this build knows it and every word in it.
pub(super) fn kind(command: &Command) -> Option<&Kind> {
    command.kind.as_ref().filter(|kind| match kind {
        Kind::Checkpoint(checkpoint) => checkpoint.outcomes.iter().all(|outcome| {
            Terminal::try_from(outcome.terminal).is_ok_and(|terminal| terminal != Terminal::Unspecified)
        }),
        Kind::Detach(detach) => Why::try_from(detach.why).is_ok_and(|why| why != Why::Unspecified),
        _ => true,
    })
}

/// Why a command is not tried. An error instead would stop every replica of the group at this entry for good.
pub(super) fn refusal(kind: &Kind) -> Option<Refusal> {
    let uid = |uid: u64| (uid == 0).then_some(Refusal::NoUid);
    let most = |count: usize, limit: usize| (count > limit).then_some(Refusal::TooMany);
    match kind {
        Kind::Append(append) => of_append(append),
        Kind::Checkpoint(checkpoint) => most(checkpoint.outcomes.len(), CHECKPOINT_OUTCOMES_LIMIT_ROWS),
        Kind::Detach(detach) => {
            uid(detach.target).or(uid(detach.rule)).or(most(detach.owed.len(), DETACH_OWED_LIMIT_ROWS))
        }
        Kind::Attach(attach) => uid(attach.target),
        Kind::DeadLetter(letter) => uid(letter.target),
        Kind::Enqueue(enqueue) => uid(enqueue.target).or(uid(enqueue.queue)),
        Kind::Receive(receive) => {
            let redrive = receive.redrive.as_ref();
            let redrive = redrive.and_then(|redrive| uid(redrive.queue).or(uid(u64::from(redrive.after))));
            uid(receive.queue)
                .or(redrive)
                .or(most(usize::try_from(receive.limit).unwrap_or(usize::MAX), RECEIVE_LIMIT_ROWS))
        }
        Kind::Settle(settle) => of_settle(settle),
        Kind::Tombstone(tombstone) => uid(tombstone.uid),
        Kind::Expire(expire) => uid(expire.uid).or(most(expire.items.len(), EXPIRE_LIMIT_ROWS)),
    }
}

fn of_append(append: &Append) -> Option<Refusal> {
    if let Some(token) = &append.token {
        if append.events.len() > 1 || token.kept_ms > TOKEN_LIMIT_MS {
            return Some(Refusal::TooMany);
        }
        if [&token.mac, &token.content, &token.event_id].iter().any(|field| field.len() != 16) {
            return Some(Refusal::Incomplete);
        }
        if !matches!(token.replaces.len(), 0 | 16) {
            return Some(Refusal::Incomplete);
        }
        if token.bus == 0 {
            return Some(Refusal::NoUid);
        }
    }
    append.events.iter().find_map(|event| match &event.stamp {
        None => Some(Refusal::Incomplete),
        Some(stamp) => of_event(event).or_else(|| of_stamp(stamp)),
    })
}

fn of_event(event: &Event) -> Option<Refusal> {
    if event.event_id.len() != 16 || event.arrival_id.len() != 16 {
        return Some(Refusal::Incomplete);
    }
    (event.bus == 0).then_some(Refusal::NoUid)
}

fn of_stamp(stamp: &Stamp) -> Option<Refusal> {
    if stamp.rules.len() > STAMP_UIDS_LIMIT_COUNT || stamp.direct.len() > STAMP_UIDS_LIMIT_COUNT {
        return Some(Refusal::TooMany);
    }
    if stamp.rules.first() == Some(&0) || stamp.direct.iter().any(|direct| direct.target == 0 || direct.queue == 0) {
        return Some(Refusal::NoUid);
    }
    let ascend = stamp.rules.is_sorted_by(|a, b| a < b) && stamp.direct.is_sorted_by(|a, b| a.target < b.target);
    (!ascend).then_some(Refusal::Unsorted)
}

fn of_settle(settle: &Settle) -> Option<Refusal> {
    if settle.settlements.len() > SETTLE_LIMIT_ROWS {
        return Some(Refusal::TooMany);
    }
    settle.settlements.iter().any(|settlement| settlement.receipt.is_none()).then_some(Refusal::Incomplete)
}
