//! Questions and answers as messages between nodes, and back.

use bytes::Bytes;

use bascule_model::id::EventId;
use bascule_model::uid::{ControlIndex, GroupId, Sequence, Uid};

use crate::codec::ask as message;
use crate::codec::ask::{Answered, Asked};
use crate::codec::form::{self, FormError};
use crate::codec::shard::{EventRow, Why};
use crate::codec::{self, Blank};
use crate::limits::{
    ANSWER_LIMIT_BYTES, GROUPS_LIMIT_COUNT, LETTERS_LIMIT_ROWS, QUESTION_LIMIT_BYTES, VISIBLE_LIMIT_MS,
};
use crate::ports::ask::question::{Answer, Question};
use crate::ports::ask::{AskError, Delivery, Depth, Letter, PurgeMark, Standing, Tracked};
use crate::ports::propose::ProposeError;
use crate::ports::tables::TableError;
use crate::shard::reply::wire::whole;

impl Question {
    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let asked = match *self {
            Self::Hinted { queue } => Asked::Hinted(message::Hinted { queue: queue.0 }),
            Self::Visible { queue, limit_ms } => Asked::Visible(message::Visible { queue: queue.0, limit_ms }),
            Self::Depth { group, queue } => Asked::Depth(message::DepthOf { group: group.0, queue: queue.0 }),
            Self::Letters { group, bus, after, limit_rows } => Asked::Letters(message::LettersOf {
                group: group.0,
                bus: bus.0,
                after_sequence: after.0.0,
                after_target: after.1.0,
                limit_rows: u32::try_from(limit_rows).unwrap_or(u32::MAX),
            }),
            Self::Standing { group, target, rule, minted } => Asked::Standing(message::StandingOf {
                group: group.0,
                target: target.0,
                rule: rule.0,
                minted: minted.0,
            }),
            Self::Event { group, bus, id } => {
                Asked::Event(message::EventOf { group: group.0, bus: bus.0, id: Bytes::copy_from_slice(&id.0) })
            }
            Self::Purge { group, queue, mark } => {
                Asked::Purge(message::Purge { group: group.0, queue: queue.0, mark: mark.map(mark_to_wire) })
            }
        };
        codec::encode(&message::Question { asked: Some(asked) })
    }

    /// Reads what [`Question::write`] of another node wrote.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn read(bytes: &Bytes) -> Result<Self, FormError> {
        let message::Question { asked } = form::read(bytes, QUESTION_LIMIT_BYTES)?;
        let queue = |uid| form::uid("the queue of a question", uid);
        let bus = |uid| form::uid("the bus of a question", uid);
        Ok(match form::need("the question", asked)? {
            Asked::Hinted(asked) => Self::Hinted { queue: queue(asked.queue)? },
            Asked::Visible(message::Visible { queue: uid, limit_ms }) => {
                form::most("milliseconds of waiting", limit_ms, VISIBLE_LIMIT_MS)?;
                Self::Visible { queue: queue(uid)?, limit_ms }
            }
            Asked::Depth(asked) => Self::Depth { group: form::shard_group(asked.group)?, queue: queue(asked.queue)? },
            Asked::Letters(asked) => {
                let limit_rows = form::number("the limit of a question", u64::from(asked.limit_rows))?;
                form::most("dead letters", limit_rows, LETTERS_LIMIT_ROWS as u64)?;
                Self::Letters {
                    group: form::shard_group(asked.group)?,
                    bus: bus(asked.bus)?,
                    after: (Sequence(asked.after_sequence), Uid(asked.after_target)),
                    limit_rows: form::bytes_count("dead letters", limit_rows)?,
                }
            }
            Asked::Standing(asked) => Self::Standing {
                group: form::shard_group(asked.group)?,
                target: form::uid("the target of a question", asked.target)?,
                rule: form::uid("the rule of a question", asked.rule)?,
                minted: ControlIndex(asked.minted),
            },
            Asked::Event(asked) => Self::Event {
                group: form::shard_group(asked.group)?,
                bus: bus(asked.bus)?,
                id: EventId(form::sixteen("the event id of a question", &asked.id)?),
            },
            Asked::Purge(asked) => Self::Purge {
                group: form::shard_group(asked.group)?,
                queue: queue(asked.queue)?,
                mark: asked.mark.map(mark_from_wire),
            },
        })
    }

    /// Reads what [`write_answer`] of another node wrote to this question. An answer that cannot be read, or is one to another
    /// question, is an outcome that is unknown.
    ///
    /// # Errors
    /// [`AskError`]: that of the other node, or the nearest to it that it lets this one say.
    pub fn read_answer(&self, bytes: &Bytes) -> Result<Answer, AskError> {
        // A question about all groups has no failures of its own; one that comes all the same needs some group's name.
        let group = self.group().unwrap_or(GroupId::CONTROL);
        self.answered(group, bytes).unwrap_or_else(|error| Err(ProposeError::unread(group, &error).into()))
    }

    /// The answer or failure in `bytes`, if they are one.
    pub(crate) fn answered(&self, group: GroupId, bytes: &Bytes) -> Result<Result<Answer, AskError>, FormError> {
        let message::Answer { answered } = form::read(bytes, ANSWER_LIMIT_BYTES)?;
        Ok(Ok(match (self, form::need("the answer", answered)?) {
            (_, Answered::Failed(failure)) => return failure_from_wire(group, failure).map(Err),
            (Self::Hinted { .. } | Self::Visible { .. }, Answered::Groups(groups)) => {
                form::most("groups", groups.groups.len() as u64, GROUPS_LIMIT_COUNT as u64)?;
                Answer::Groups(groups.groups.into_iter().map(form::shard_group).collect::<Result<_, _>>()?)
            }
            (Self::Depth { .. }, Answered::Depth(message::Depth { visible, in_flight, oldest_ms, more })) => {
                Answer::Depth(Depth { visible, in_flight, oldest_ms, more })
            }
            (Self::Letters { group, after, limit_rows, .. }, Answered::Letters(letters)) => {
                letters_from_wire(*group, *after, *limit_rows, letters)?
            }
            (Self::Standing { .. }, Answered::Standing(standing)) => Answer::Standing(standing_from_wire(standing)?),
            (Self::Event { bus, id, .. }, Answered::Event(found)) => {
                Answer::Event(found.tracked.map(|tracked| tracked_from_wire(*bus, *id, tracked)).transpose()?)
            }
            (Self::Purge { .. }, Answered::Purged(message::Purged { count, mark })) => {
                Answer::Purged { count, mark: mark.map(mark_from_wire) }
            }
            _ => return Err(FormError::Mismatch { why: "it is of another kind" }),
        }))
    }
}

/// The bytes of an answer, or of why there is none.
#[must_use]
pub fn write_answer(answer: &Result<Answer, AskError>) -> Bytes {
    let answered = match answer {
        Err(error) => Answered::Failed(failure_to_wire(error)),
        Ok(Answer::Groups(groups)) => {
            Answered::Groups(message::Groups { groups: groups.iter().map(|group| group.0).collect() })
        }
        Ok(Answer::Depth(Depth { visible, in_flight, oldest_ms, more })) => Answered::Depth(message::Depth {
            visible: *visible,
            in_flight: *in_flight,
            oldest_ms: *oldest_ms,
            more: *more,
        }),
        Ok(Answer::Letters { letters, more }) => {
            let letter =
                |letter: &Letter| message::Letter { sequence: letter.sequence.0, row: Some(letter.row.clone()) };
            Answered::Letters(message::Letters { letters: letters.iter().map(letter).collect(), more: *more })
        }
        Ok(Answer::Standing(standing)) => Answered::Standing(message::Standing {
            counts: Some(standing.counts),
            pending: standing.pending,
            oldest_ms: standing.oldest_ms,
            more: standing.more,
            detached: standing.detached.map(|why| why as i32),
        }),
        Ok(Answer::Event(tracked)) => {
            Answered::Event(message::Found { tracked: tracked.as_ref().map(tracked_to_wire) })
        }
        Ok(Answer::Purged { count, mark }) => {
            Answered::Purged(message::Purged { count: *count, mark: mark.map(mark_to_wire) })
        }
    };
    codec::encode(&message::Answer { answered: Some(answered) })
}

fn failure_to_wire(error: &AskError) -> message::Failure {
    use message::Reason;
    let reason = match error {
        AskError::Propose(error) => Reason::Propose(error.to_wire()),
        AskError::NoLeader { .. } => Reason::NoLeader(Blank {}),
        AskError::NoQueue => Reason::NoQueue(Blank {}),
        AskError::Behind { index, .. } => Reason::Behind(index.0),
        AskError::Tables(TableError::Disk { why, .. }) => Reason::Rows(form::cut(why)),
        AskError::Tables(error) => Reason::Rows(form::cut(&error.to_string())),
        AskError::Rows { source, .. } => Reason::Rows(form::cut(&format!("{error}: {source}"))),
    };
    message::Failure { reason: Some(reason) }
}

fn failure_from_wire(group: GroupId, failure: message::Failure) -> Result<AskError, FormError> {
    use message::Reason;
    Ok(match form::need("why there is no answer", failure.reason)? {
        Reason::Propose(error) => ProposeError::from_wire(group, error)?.into(),
        Reason::NoLeader(Blank {}) => AskError::NoLeader { group },
        Reason::NoQueue(Blank {}) => AskError::NoQueue,
        Reason::Behind(index) => AskError::Behind { group, index: ControlIndex(index) },
        // Which row is damaged, and how, is for the log of the node that has it.
        Reason::Rows(why) => TableError::Disk { group, verb: "read", why: form::short(why)? }.into(),
    })
}

const fn mark_to_wire(mark: PurgeMark) -> message::PurgeMark {
    message::PurgeMark { end: mark.end.0, due_ms: mark.due_ms }
}

const fn mark_from_wire(mark: message::PurgeMark) -> PurgeMark {
    PurgeMark { end: Sequence(mark.end), due_ms: mark.due_ms }
}

fn letters_from_wire(
    group: GroupId,
    after: (Sequence, Uid),
    limit_rows: usize,
    message: message::Letters,
) -> Result<Answer, FormError> {
    form::most("dead letters", message.letters.len() as u64, limit_rows as u64)?;
    let mut last = after;
    let mut letters = Vec::with_capacity(message.letters.len());
    for message::Letter { sequence, row } in message.letters {
        let mut row = form::need("the row of a dead letter", row)?;
        row.message = Some(whole(form::need("the message of a dead letter", row.message)?)?);
        let place = (Sequence(sequence), form::uid("the target of a dead letter", row.target)?);
        // Who goes on behind the last one would go round in a circle.
        if place <= last {
            return Err(FormError::Mismatch { why: "its dead letters do not ascend from where they were asked for" });
        }
        last = place;
        letters.push(Letter { group, sequence: place.0, row });
    }
    if message.more && letters.is_empty() {
        return Err(FormError::Missing { what: "the first dead letter" });
    }
    Ok(Answer::Letters { letters, more: message.more })
}

fn standing_from_wire(message: message::Standing) -> Result<Standing, FormError> {
    let detached = message.detached.map(|number| match Why::try_from(number) {
        Ok(Why::Unspecified) | Err(_) => {
            Err(FormError::Unknown { what: "the reason of a detached lane", number: i64::from(number) })
        }
        Ok(why) => Ok(why),
    });
    Ok(Standing {
        counts: form::need("the counts of a target", message.counts)?,
        pending: message.pending,
        oldest_ms: message.oldest_ms,
        more: message.more,
        detached: detached.transpose()?,
    })
}

fn tracked_to_wire(tracked: &Tracked) -> message::Tracked {
    let deliveries = tracked.deliveries.iter().map(|(target, delivery)| {
        let stands = match delivery {
            Delivery::Ended => message::Stands::Ended(Blank {}),
            Delivery::Waits => message::Stands::Waits(Blank {}),
            Delivery::Parked(row) => message::Stands::Parked(row.clone()),
        };
        message::Delivery { target: target.0, stands: Some(stands) }
    });
    message::Tracked { row: Some(tracked.row.clone()), deliveries: deliveries.collect() }
}

fn tracked_from_wire(bus: Uid, id: EventId, message: message::Tracked) -> Result<Tracked, FormError> {
    let row: EventRow = form::need("the row of an event", message.row)?;
    let event = form::need("the event of a row", row.event.as_ref())?;
    form::sixteen("the arrival id of an event", &event.arrival_id)?;
    form::need("the stamp of an event", event.stamp.as_ref())?;
    if form::sixteen("the id of an event", &event.event_id)? != id.0 || event.bus != bus.0 {
        return Err(FormError::Mismatch { why: "it is about another event" });
    }
    let mut deliveries = Vec::with_capacity(message.deliveries.len());
    for message::Delivery { target, stands } in message.deliveries {
        let delivery = match form::need("how a delivery stands", stands)? {
            message::Stands::Ended(Blank {}) => Delivery::Ended,
            message::Stands::Waits(Blank {}) => Delivery::Waits,
            message::Stands::Parked(row) => Delivery::Parked(row),
        };
        deliveries.push((form::uid("the target of a delivery", target)?, delivery));
    }
    Ok(Tracked { row, deliveries })
}

#[cfg(test)]
pub(crate) mod tests;
