//! Replies as messages between nodes, and back.

use bytes::Bytes;

use bascule_model::uid::Sequence;

use crate::codec::Blank;
use crate::codec::form::{self, FormError};
use crate::codec::shard::reply as message;
use crate::codec::shard::{MessageRow, Receipt};
use crate::limits::{RECEIVE_LIMIT_ROWS, SETTLE_LIMIT_ROWS};
use crate::shard::reply::{Place, Received, Refusal, Reply, Settled};

impl Reply {
    /// Its message.
    #[must_use]
    pub fn to_wire(&self) -> message::Reply {
        use message::Kind;
        let kind = match self {
            Self::Deposed => Kind::Deposed(Blank {}),
            Self::Refused(refusal) => Kind::Refused(refusal_to_wire(*refusal) as i32),
            Self::Appended(sequences) => {
                let sequences = sequences.iter().map(|sequence| sequence.0).collect();
                Kind::Appended(message::Appended { sequences })
            }
            Self::Repeated(id) => Kind::Repeated(Bytes::copy_from_slice(id)),
            Self::TokenReused => Kind::TokenReused(Blank {}),
            Self::TokensFull => Kind::TokensFull(Blank {}),
            Self::Checkpointed { watermark, ended } => {
                Kind::Checkpointed(message::Checkpointed { watermark: watermark.0, ended: *ended })
            }
            Self::Detached { taken, refs, reached, more } => {
                Kind::Detached(message::Detached { taken: *taken, refs: *refs, reached: reached.0, more: *more })
            }
            Self::Attached(detached) => Kind::Attached(*detached),
            Self::Placed(place) => Kind::Placed(message::Placed { place: Some(place_to_wire(*place)) }),
            Self::Received(received) => {
                let messages = received.iter().map(received_to_wire).collect();
                Kind::Received(message::ReceivedMessages { messages })
            }
            Self::NoQueue => Kind::NoQueue(Blank {}),
            Self::Settled(settled) => {
                let settled = settled.iter().map(|settled| settled_to_wire(*settled) as i32).collect();
                Kind::Settled(message::Settlements { settled })
            }
            Self::Buried { rows, more } => Kind::Buried(message::Buried { rows: *rows, more: *more }),
            Self::Expired(count) => Kind::Expired(*count),
        };
        message::Reply { kind: Some(kind) }
    }

    /// Reads its message, all of it: what is missing or unknown is never taken for something else.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn from_wire(message: message::Reply) -> Result<Self, FormError> {
        use message::Kind;
        Ok(match form::need("the reply to a command", message.kind)? {
            Kind::Deposed(Blank {}) => Self::Deposed,
            Kind::Refused(number) => Self::Refused(refusal_from_wire(number)?),
            Kind::Appended(appended) => Self::Appended(appended.sequences.into_iter().map(Sequence).collect()),
            Kind::Repeated(id) => Self::Repeated(form::sixteen("the id of the repeated event", &id)?),
            Kind::TokenReused(Blank {}) => Self::TokenReused,
            Kind::TokensFull(Blank {}) => Self::TokensFull,
            Kind::Checkpointed(message::Checkpointed { watermark, ended }) => {
                Self::Checkpointed { watermark: Sequence(watermark), ended }
            }
            Kind::Detached(message::Detached { taken, refs, reached, more }) => {
                Self::Detached { taken, refs, reached: Sequence(reached), more }
            }
            Kind::Attached(detached) => Self::Attached(detached),
            Kind::Placed(placed) => Self::Placed(place_from_wire(placed)?),
            Kind::Received(received) => {
                form::most("received messages", received.messages.len() as u64, RECEIVE_LIMIT_ROWS as u64)?;
                Self::Received(received.messages.into_iter().map(received_from_wire).collect::<Result<_, _>>()?)
            }
            Kind::NoQueue(Blank {}) => Self::NoQueue,
            Kind::Settled(settled) => {
                form::most("settled receipts", settled.settled.len() as u64, SETTLE_LIMIT_ROWS as u64)?;
                Self::Settled(settled.settled.into_iter().map(settled_from_wire).collect::<Result<_, _>>()?)
            }
            Kind::Buried(message::Buried { rows, more }) => Self::Buried { rows, more },
            Kind::Expired(count) => Self::Expired(count),
        })
    }
}

/// A message row with everything that says what its frame is.
pub(crate) fn whole(row: MessageRow) -> Result<MessageRow, FormError> {
    form::sixteen("the event id of a message", &row.event_id)?;
    form::sixteen("the delivery id of a message", &row.delivery_id)?;
    form::sixteen("the stamp hash of a message", &row.stamp_hash)?;
    form::uid("the bus of a message", row.bus)?;
    Ok(row)
}

fn received_to_wire(received: &Received) -> message::ReceivedMessage {
    message::ReceivedMessage { receipt: Some(received.receipt), row: Some(received.row.clone()) }
}

fn received_from_wire(message: message::ReceivedMessage) -> Result<Received, FormError> {
    let receipt: Receipt = form::need("the receipt of a message", message.receipt)?;
    form::uid("the queue of a receipt", receipt.queue)?;
    form::number("the sequence of a receipt", receipt.sequence)?;
    form::uid("the target of a receipt", receipt.target)?;
    form::number("the count of a receipt", u64::from(receipt.received))?;
    Ok(Received { receipt, row: whole(form::need("the row of a message", message.row)?)? })
}

const fn refusal_to_wire(refusal: Refusal) -> message::Refusal {
    match refusal {
        Refusal::Incomplete => message::Refusal::Incomplete,
        Refusal::Unsorted => message::Refusal::Unsorted,
        Refusal::TooMany => message::Refusal::TooMany,
        Refusal::NoUid => message::Refusal::NoUid,
    }
}

fn refusal_from_wire(number: i32) -> Result<Refusal, FormError> {
    match message::Refusal::try_from(number) {
        Ok(message::Refusal::Incomplete) => Ok(Refusal::Incomplete),
        Ok(message::Refusal::Unsorted) => Ok(Refusal::Unsorted),
        Ok(message::Refusal::TooMany) => Ok(Refusal::TooMany),
        Ok(message::Refusal::NoUid) => Ok(Refusal::NoUid),
        Ok(message::Refusal::Unspecified) | Err(_) => {
            Err(FormError::Unknown { what: "the refusal", number: i64::from(number) })
        }
    }
}

const fn place_to_wire(place: Place) -> message::Place {
    match place {
        Place::Queue(queue) => message::Place::Queue(queue.0),
        Place::Bus(bus) => message::Place::Bus(bus.0),
        Place::Full(bus) => message::Place::Full(bus.0),
        Place::Gone => message::Place::Gone(Blank {}),
        Place::Ended => message::Place::Ended(Blank {}),
    }
}

fn place_from_wire(placed: message::Placed) -> Result<Place, FormError> {
    Ok(match form::need("the place of a delivery", placed.place)? {
        message::Place::Queue(queue) => Place::Queue(form::uid("the queue of a delivery", queue)?),
        message::Place::Bus(bus) => Place::Bus(form::uid("the bus of a delivery", bus)?),
        message::Place::Full(bus) => Place::Full(form::uid("the full bus of a delivery", bus)?),
        message::Place::Gone(Blank {}) => Place::Gone,
        message::Place::Ended(Blank {}) => Place::Ended,
    })
}

const fn settled_to_wire(settled: Settled) -> message::Settled {
    match settled {
        Settled::Deleted => message::Settled::Deleted,
        Settled::Moved => message::Settled::Moved,
        Settled::Stale => message::Settled::Stale,
        Settled::Gone => message::Settled::Gone,
    }
}

fn settled_from_wire(number: i32) -> Result<Settled, FormError> {
    match message::Settled::try_from(number) {
        Ok(message::Settled::Deleted) => Ok(Settled::Deleted),
        Ok(message::Settled::Moved) => Ok(Settled::Moved),
        Ok(message::Settled::Stale) => Ok(Settled::Stale),
        Ok(message::Settled::Gone) => Ok(Settled::Gone),
        Ok(message::Settled::Unspecified) | Err(_) => {
            Err(FormError::Unknown { what: "the end of a settlement", number: i64::from(number) })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bascule_model::uid::Uid;

    use super::*;
    use crate::codec;
    use crate::codec::shard::{Attribute, KIND_BODY};

    /// A message with every field, its numbers as great as they can be.
    pub(crate) fn row() -> MessageRow {
        let attribute = Attribute { name: "ERROR_CODE".to_owned(), value: "ß".to_owned() };
        MessageRow {
            event_id: Bytes::from_static(&[1; 16]),
            delivery_id: Bytes::from_static(&[0; 16]),
            bus: u64::MAX,
            stamp_hash: Bytes::from_static(&[3; 16]),
            frame: Bytes::from(vec![4; 300]),
            enqueued_ms: u64::MAX,
            due_ms: u64::MAX,
            received: u32::MAX,
            attributes: vec![attribute, Attribute::default()],
            kind: KIND_BODY,
            first_received_ms: u64::MAX,
        }
    }

    /// A message with what must be there alone.
    pub(crate) fn bare_row() -> MessageRow {
        let id = || Bytes::from_static(&[0; 16]);
        MessageRow { event_id: id(), delivery_id: id(), stamp_hash: id(), bus: 1, ..MessageRow::default() }
    }

    fn received(receipt: [u64; 3], count: u32, row: MessageRow) -> Received {
        let [queue, sequence, target] = receipt;
        Received { receipt: Receipt { queue, sequence, target, received: count }, row }
    }

    /// Every variant, with nothing in it and with as much as there can be.
    pub(crate) fn every() -> Vec<Reply> {
        let most = Sequence(u64::MAX);
        let detached = |taken, reached, more| Reply::Detached { taken, refs: taken, reached, more };
        let messages = vec![received([u64::MAX; 3], u32::MAX, row()), received([1, 2, 3], 4, bare_row())];
        let mut replies = vec![
            Reply::Deposed,
            Reply::Appended(Vec::new()),
            Reply::Appended(vec![Sequence(0), Sequence(1), most]),
            Reply::Repeated([0; 16]),
            Reply::Repeated([0xff; 16]),
            Reply::TokenReused,
            Reply::TokensFull,
            Reply::Checkpointed { watermark: Sequence(0), ended: 0 },
            Reply::Checkpointed { watermark: most, ended: u32::MAX },
            detached(0, Sequence(0), false),
            detached(u32::MAX, most, true),
            Reply::Attached(false),
            Reply::Attached(true),
            Reply::Received(Vec::new()),
            Reply::Received(messages),
            Reply::Received(vec![received([1, 2, 3], 4, bare_row()); RECEIVE_LIMIT_ROWS]),
            Reply::NoQueue,
            Reply::Settled(Vec::new()),
            Reply::Settled(vec![Settled::Deleted, Settled::Moved, Settled::Stale, Settled::Gone]),
            Reply::Settled(vec![Settled::Deleted; SETTLE_LIMIT_ROWS]),
            Reply::Buried { rows: 0, more: false },
            Reply::Buried { rows: u32::MAX, more: true },
            Reply::Expired(0),
            Reply::Expired(u32::MAX),
        ];
        let refusals = [Refusal::Incomplete, Refusal::Unsorted, Refusal::TooMany, Refusal::NoUid];
        replies.extend(refusals.map(Reply::Refused));
        let places = [Place::Queue(Uid(1)), Place::Bus(Uid(u64::MAX)), Place::Full(Uid(2)), Place::Gone, Place::Ended];
        replies.extend(places.map(Reply::Placed));
        replies
    }

    #[test]
    fn replies_read_back() {
        for reply in every() {
            let bytes = codec::encode(&reply.to_wire());
            assert_eq!(Reply::from_wire(codec::decode_foreign(&bytes).unwrap()), Ok(reply));
        }
        let numbers: std::collections::BTreeSet<_> =
            every().iter().map(|reply| codec::encode(&reply.to_wire())[1] >> 3).collect();
        assert_eq!(numbers, (1..=15).collect(), "each variant has a row and a number of its own");
    }

    #[test]
    fn what_is_no_reply_is_told() {
        use message::Kind;
        let check = |kind: Option<Kind>, said: &str| {
            let error = Reply::from_wire(message::Reply { kind: kind.clone() }).unwrap_err();
            assert_eq!(error.to_string(), said, "{kind:?}");
        };
        let received = |receipt: Option<Receipt>, row: Option<MessageRow>| {
            let messages = vec![message::ReceivedMessage { receipt, row }];
            Some(Kind::Received(message::ReceivedMessages { messages }))
        };
        let sound = Receipt { queue: 1, sequence: 2, target: 3, received: 4 };
        let receipt = Some(sound);
        let placed = |place| Some(Kind::Placed(message::Placed { place }));
        let settled = |settled| Some(Kind::Settled(message::Settlements { settled }));
        let other = |change: fn(&mut MessageRow)| {
            let mut row = bare_row();
            change(&mut row);
            Some(row)
        };
        check(None, "the message lacks the reply to a command");
        check(Some(Kind::Refused(0)), "the refusal `0` is none that this build knows");
        check(Some(Kind::Refused(5)), "the refusal `5` is none that this build knows");
        check(Some(Kind::Refused(-1)), "the refusal `-1` is none that this build knows");
        check(Some(Kind::Repeated(Bytes::new())), "the id of the repeated event has `0` bytes instead of `16`");
        check(
            Some(Kind::Repeated(Bytes::from_static(&[1; 17]))),
            "the id of the repeated event has `17` bytes instead of `16`",
        );
        check(placed(None), "the message lacks the place of a delivery");
        check(placed(Some(message::Place::Queue(0))), "the message lacks the queue of a delivery");
        check(placed(Some(message::Place::Bus(0))), "the message lacks the bus of a delivery");
        check(placed(Some(message::Place::Full(0))), "the message lacks the full bus of a delivery");
        check(settled(vec![1, 0]), "the end of a settlement `0` is none that this build knows");
        check(settled(vec![5]), "the end of a settlement `5` is none that this build knows");
        check(settled(vec![1; SETTLE_LIMIT_ROWS + 1]), "there are `1025` settled receipts, the limit is 1024");
        check(received(None, other(|_| {})), "the message lacks the receipt of a message");
        check(received(receipt, None), "the message lacks the row of a message");
        let lacks = |change: fn(&mut Receipt)| {
            let mut receipt = sound;
            change(&mut receipt);
            received(Some(receipt), other(|_| {}))
        };
        check(lacks(|receipt| receipt.queue = 0), "the message lacks the queue of a receipt");
        check(lacks(|receipt| receipt.sequence = 0), "the message lacks the sequence of a receipt");
        check(lacks(|receipt| receipt.target = 0), "the message lacks the target of a receipt");
        check(lacks(|receipt| receipt.received = 0), "the message lacks the count of a receipt");
        let with = |change| received(receipt, other(change));
        check(with(|row| row.event_id.clear()), "the event id of a message has `0` bytes instead of `16`");
        check(with(|row| row.delivery_id.truncate(8)), "the delivery id of a message has `8` bytes instead of `16`");
        check(with(|row| row.stamp_hash.clear()), "the stamp hash of a message has `0` bytes instead of `16`");
        check(with(|row| row.bus = 0), "the message lacks the bus of a message");
        let message = message::ReceivedMessage { receipt, row: Some(bare_row()) };
        let messages = vec![message; RECEIVE_LIMIT_ROWS + 1];
        let many = Some(Kind::Received(message::ReceivedMessages { messages }));
        check(many, "there are `11` received messages, the limit is 10");
    }
}
