//! What a command is answered, and its form on the wire and in `Requests`.

use bascule_model::fault::{Fault, Kind};
use bascule_model::uid::{ControlIndex, Uid};

use crate::codec::control as wire;

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where the change, or the refusal, stands; a repeated request gets the first one's.
    pub index: ControlIndex,
    /// How it went.
    pub outcome: Outcome,
}

/// How a command went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Applied.
    Done(Done),
    /// Nothing of it was applied.
    Refused(Fault),
    /// It was proposed for another term; nothing of it was applied.
    Dropped,
}

/// What an applied command gives back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Uid of what it is about, a node's own id for a node; zero if there is none.
    pub uid: Uid,
    /// Ids of refused targets, each with its fault, in the order of the call.
    pub failed: Vec<(String, Fault)>,
}

impl Done {
    /// Done, about `uid`.
    #[must_use]
    pub const fn about(uid: u64) -> Self {
        Self { uid: Uid(uid), failed: Vec::new() }
    }
}

impl Reply {
    /// Its message.
    #[must_use]
    pub fn to_wire(&self) -> wire::Reply {
        let empty = wire::Reply { index: self.index.0, ..wire::Reply::default() };
        match &self.outcome {
            Outcome::Done(done) => {
                let failed = done.failed.iter();
                let failed =
                    failed.map(|(id, fault)| wire::Failed { id: id.clone(), fault: Some(fault_to_wire(fault)) });
                wire::Reply { uid: done.uid.0, failed: failed.collect(), ..empty }
            }
            Outcome::Refused(fault) => wire::Reply { fault: Some(fault_to_wire(fault)), ..empty },
            Outcome::Dropped => wire::Reply { dropped: true, ..empty },
        }
    }

    /// Reads its message. A fault that this build does not know becomes [`Fault::Internal`].
    #[must_use]
    pub fn from_wire(message: &wire::Reply) -> Self {
        let outcome = if message.dropped {
            Outcome::Dropped
        } else if let Some(fault) = &message.fault {
            Outcome::Refused(fault_from_wire(fault))
        } else {
            let failed = message.failed.iter();
            let failed =
                failed.map(|failed| (failed.id.clone(), fault_from_wire(&failed.fault.clone().unwrap_or_default())));
            Outcome::Done(Done { uid: Uid(message.uid), failed: failed.collect() })
        };
        Self { index: ControlIndex(message.index), outcome }
    }
}

const fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::Cluster => 1,
        Kind::Bus => 2,
        Kind::Rule => 3,
        Kind::Target => 4,
        Kind::Connection => 5,
        Kind::Destination => 6,
        Kind::Queue => 7,
        Kind::DataKey => 8,
        Kind::Tombstone => 9,
        Kind::Event => 10,
        Kind::Organization => 11,
        Kind::Unit => 12,
        Kind::Account => 13,
        Kind::Role => 14,
        Kind::User => 15,
        Kind::Policy => 16,
        Kind::PolicyVersion => 17,
        Kind::Identity => 18,
        Kind::AccessKey => 19,
        Kind::Node => 30,
        Kind::JoinToken => 31,
    }
}

fn fault_to_wire(fault: &Fault) -> wire::Fault {
    let of = |number, kind: Option<Kind>, texts: &[&String], numbers: &[u64]| wire::Fault {
        number,
        kind: kind.map_or(0, kind_number),
        texts: texts.iter().map(|text| (*text).clone()).collect(),
        numbers: numbers.to_vec(),
    };
    match fault {
        Fault::NotFound { kind, name } => of(1, Some(*kind), &[name], &[]),
        Fault::AlreadyExists { kind, name } => of(2, Some(*kind), &[name], &[]),
        Fault::LimitExceeded { limit, value, max } => of(3, None, &[limit], &[*value, *max]),
        Fault::Invalid { field, reason, value } => of(4, None, &[field, reason, value], &[]),
        Fault::InvalidPattern { reason } => of(5, None, &[reason], &[]),
        Fault::InvalidState { kind, name, reason } => of(6, Some(*kind), &[name, reason], &[]),
        Fault::ConcurrentModification { kind, name } => of(7, Some(*kind), &[name], &[]),
        Fault::Conflict { index } => of(8, None, &[], &[index.0]),
        Fault::RequestReused { request_id } => of(9, None, &[request_id], &[]),
        Fault::AccessDenied { reason } => of(10, None, &[reason], &[]),
        Fault::Throttled { retry_after_ms } => of(11, None, &[], &[*retry_after_ms]),
        Fault::Unavailable { reason } => of(12, None, &[reason], &[]),
        Fault::Internal { reason } => of(13, None, &[reason], &[]),
    }
}

fn fault_from_wire(message: &wire::Fault) -> Fault {
    let text = |place: usize| message.texts.get(place).cloned().unwrap_or_default();
    let number = |place: usize| message.numbers.get(place).copied().unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|kind| kind_number(*kind) == message.kind);
    match (message.number, kind) {
        (1, Some(kind)) => Fault::NotFound { kind, name: text(0) },
        (2, Some(kind)) => Fault::AlreadyExists { kind, name: text(0) },
        (3, _) => Fault::LimitExceeded { limit: text(0), value: number(0), max: number(1) },
        (4, _) => Fault::Invalid { field: text(0), reason: text(1), value: text(2) },
        (5, _) => Fault::InvalidPattern { reason: text(0) },
        (6, Some(kind)) => Fault::InvalidState { kind, name: text(0), reason: text(1) },
        (7, Some(kind)) => Fault::ConcurrentModification { kind, name: text(0) },
        (8, _) => Fault::Conflict { index: ControlIndex(number(0)) },
        (9, _) => Fault::RequestReused { request_id: text(0) },
        (10, _) => Fault::AccessDenied { reason: text(0) },
        (11, _) => Fault::Throttled { retry_after_ms: number(0) },
        (12, _) => Fault::Unavailable { reason: text(0) },
        (13, _) => Fault::Internal { reason: text(0) },
        _ => Fault::Internal { reason: "a fault of a later build".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn replies_read_back() {
        let text = || "t".to_owned();
        let kind = Kind::Tombstone;
        let faults = vec![
            Fault::NotFound { kind, name: text() },
            Fault::AlreadyExists { kind, name: text() },
            Fault::LimitExceeded { limit: text(), value: 2, max: 1 },
            Fault::Invalid { field: text(), reason: String::new(), value: text() },
            Fault::InvalidPattern { reason: text() },
            Fault::InvalidState { kind, name: text(), reason: "r".to_owned() },
            Fault::ConcurrentModification { kind, name: text() },
            Fault::Conflict { index: ControlIndex(9) },
            Fault::RequestReused { request_id: text() },
            Fault::AccessDenied { reason: text() },
            Fault::Throttled { retry_after_ms: 5 },
            Fault::Unavailable { reason: text() },
            Fault::Internal { reason: text() },
        ];
        let failed = faults.iter().map(|fault| ("id".to_owned(), fault.clone())).collect();
        let mut outcomes: Vec<Outcome> = faults.into_iter().map(Outcome::Refused).collect();
        outcomes.extend([Outcome::Dropped, Outcome::Done(Done { uid: Uid(4), failed })]);
        for outcome in outcomes {
            let reply = Reply { index: ControlIndex(7), outcome };
            let bytes = codec::encode(&reply.to_wire());
            assert_eq!(Reply::from_wire(&codec::decode(&bytes).unwrap()), reply);
        }
        for kind in Kind::ALL {
            let fault = Fault::NotFound { kind, name: text() };
            assert_eq!(fault_from_wire(&fault_to_wire(&fault)), fault);
        }
    }
}
