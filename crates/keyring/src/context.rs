//! What a frame is bound to: copied to another bus, event, kind or stamp it does not open.

use bascule_model::id::{ClusterId, EventId};
use bascule_model::uid::Uid;

/// What was sealed. An append-only register: a number is never reused or given another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// An event as it was put.
    Event = 1,
    /// What one target is to get, after its transformation.
    Input = 2,
    /// A message that a queue's user sent.
    Message = 3,
    /// An audit record inside its control command.
    Audit = 4,
    /// Credentials of a connection.
    Credentials = 5,
    /// A rule's or target's definition.
    Definition = 6,
    /// The secret of an access key.
    AccessKey = 7,
}

impl RecordKind {
    /// Every kind, in order of number.
    pub const ALL: &'static [Self] =
        &[Self::Event, Self::Input, Self::Message, Self::Audit, Self::Credentials, Self::Definition, Self::AccessKey];

    /// The kind of a number; `None` for numbers that this build does not know.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u8 == number)
    }
}

/// The place of a frame, its associated data together with the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The cluster.
    pub cluster: ClusterId,
    /// The bus that the event was put on, or the owner of what is sealed.
    pub bus: Uid,
    /// The event; for other kinds the id that stands for it.
    pub event: EventId,
    /// What is sealed.
    pub kind: RecordKind,
    /// Hash of the canonical stamp as `model::id` makes them, zeros where there is none.
    pub stamp_hash: [u8; 16],
}

/// Bytes of an encoded context.
pub(crate) const CONTEXT_BYTES: usize = LABEL.len() + 1 + 16 + 8 + 16 + 1 + 16;
const LABEL: &[u8; 13] = b"bascule frame";

impl Context {
    /// Every field at a fixed width, so that no two contexts share their bytes.
    pub(crate) fn encode(&self, format: u8) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONTEXT_BYTES);
        bytes.extend_from_slice(LABEL);
        bytes.push(format);
        bytes.extend_from_slice(&self.cluster.0);
        bytes.extend_from_slice(&self.bus.0.to_be_bytes());
        bytes.extend_from_slice(&self.event.0);
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(&self.stamp_hash);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        let numbers: Vec<u8> = RecordKind::ALL.iter().map(|kind| *kind as u8).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_number(*kind as u8), Some(*kind));
        }
        assert_eq!(RecordKind::from_number(0), None);
        assert_eq!(RecordKind::from_number(8), None);
    }
}
