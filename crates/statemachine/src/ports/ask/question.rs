//! Questions and answers as values, for those who hand them on to another node.

use bascule_model::id::EventId;
use bascule_model::uid::{ControlIndex, GroupId, Sequence, Uid};

use crate::codec;
use crate::codec::ask::Letter as LetterMessage;
use crate::limits::{LETTERS_LIMIT_BYTES, LETTERS_LIMIT_ROWS};
use crate::ports::ask::{Depth, Letter, PurgeMark, Standing, Tracked};

/// What [`Ask`](super::Ask) is asked that is no command, and that another node may have to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// [`Ask::hinted`](super::Ask::hinted), for the groups that the asked node leads.
    Hinted {
        /// The queue.
        queue: Uid,
    },
    /// [`Ask::visible`](super::Ask::visible), for the groups that the asked node leads. It is answered with the groups that have
    /// something visible then; none, if the time ran out.
    Visible {
        /// The queue.
        queue: Uid,
        /// At most so long, up to [`VISIBLE_LIMIT_MS`](crate::limits::VISIBLE_LIMIT_MS).
        limit_ms: u64,
    },
    /// [`Ask::depth`](super::Ask::depth).
    Depth {
        /// The group.
        group: GroupId,
        /// The queue.
        queue: Uid,
    },
    /// [`Ask::letters`](super::Ask::letters). One answer may hold fewer than there are.
    Letters {
        /// The group.
        group: GroupId,
        /// The bus.
        bus: Uid,
        /// Those behind this sequence and target.
        after: (Sequence, Uid),
        /// At most so many, 1 to [`LETTERS_LIMIT_ROWS`].
        limit_rows: usize,
    },
    /// [`Ask::standing`](super::Ask::standing).
    Standing {
        /// The group.
        group: GroupId,
        /// The target.
        target: Uid,
        /// Its rule.
        rule: Uid,
        /// When the target was minted.
        minted: ControlIndex,
    },
    /// [`Ask::event`](super::Ask::event).
    Event {
        /// The group.
        group: GroupId,
        /// The bus.
        bus: Uid,
        /// The event.
        id: EventId,
    },
    /// [`Ask::purge`](super::Ask::purge). It changes rows, so that without an answer its outcome is unknown.
    Purge {
        /// The group.
        group: GroupId,
        /// The queue.
        queue: Uid,
        /// How far it has come; none at its beginning.
        mark: Option<PurgeMark>,
    },
}

impl Question {
    /// The group that it is about, if it is about one.
    #[must_use]
    pub const fn group(&self) -> Option<GroupId> {
        match self {
            Self::Hinted { .. } | Self::Visible { .. } => None,
            Self::Depth { group, .. }
            | Self::Letters { group, .. }
            | Self::Standing { group, .. }
            | Self::Event { group, .. }
            | Self::Purge { group, .. } => Some(*group),
        }
    }
}

/// What a [`Question`] is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Question::Hinted`] and [`Question::Visible`]: those with the oldest message first.
    Groups(Vec<GroupId>),
    /// To [`Question::Depth`].
    Depth(Depth),
    /// To [`Question::Letters`].
    Letters {
        /// In order, all of the group that was asked about.
        letters: Vec<Letter>,
        /// Whether the answer had no room for all that were found: ask again for those behind the last.
        more: bool,
    },
    /// To [`Question::Standing`].
    Standing(Standing),
    /// To [`Question::Event`].
    Event(Option<Tracked>),
    /// To [`Question::Purge`].
    Purged {
        /// Messages deleted.
        count: u64,
        /// Where to go on, if there may be more.
        mark: Option<PurgeMark>,
    },
}

impl Answer {
    /// The first of `letters`, as many as an answer has room for; one at least.
    #[must_use]
    pub fn letters(mut letters: Vec<Letter>) -> Self {
        let found = letters.len();
        let mut bytes = 0;
        let room = letters.iter().take(LETTERS_LIMIT_ROWS).take_while(|letter| {
            let is_first = bytes == 0;
            bytes += codec::size(&LetterMessage { sequence: letter.sequence.0, row: Some(letter.row.clone()) });
            is_first || bytes <= LETTERS_LIMIT_BYTES
        });
        let room = room.count();
        letters.truncate(room);
        Self::Letters { more: room < found, letters }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::shard::{DeadLetterRow, MessageRow};

    #[test]
    fn letters_are_cut_by_rows_and_bytes() {
        let check = |sizes: &[usize], expected: (usize, bool)| {
            let letter = |(place, size): (usize, &usize)| {
                let message = MessageRow { frame: Bytes::from(vec![0; *size]), ..MessageRow::default() };
                let row = DeadLetterRow { message: Some(message), target: 1 };
                Letter { group: GroupId(1), sequence: Sequence(place as u64 + 1), row }
            };
            let all: Vec<Letter> = sizes.iter().enumerate().map(letter).collect();
            let Answer::Letters { letters, more } = Answer::letters(all.clone()) else { panic!("no letters") };
            assert_eq!((letters.len(), more), expected, "{sizes:?}");
            assert_eq!(letters, all[..letters.len()], "from the first on");
        };
        let half = LETTERS_LIMIT_BYTES / 2;
        check(&[], (0, false));
        check(&[1, 2, 3], (3, false));
        check(&[half, half - 64], (2, false));
        check(&[half, half], (1, true));
        check(&[LETTERS_LIMIT_BYTES * 2], (1, false));
        check(&[LETTERS_LIMIT_BYTES * 2, 1], (1, true));
        check(&[1, LETTERS_LIMIT_BYTES * 2, 1], (1, true));
        check(&[0; LETTERS_LIMIT_ROWS], (LETTERS_LIMIT_ROWS, false));
        check(&[0; LETTERS_LIMIT_ROWS + 1], (LETTERS_LIMIT_ROWS, true));
    }
}
