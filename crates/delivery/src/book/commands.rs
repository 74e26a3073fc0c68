//! What the book says to the rows: parks, detaches, dead letters, attaches, and the checkpoint behind them all.

use std::collections::BTreeSet;

use bascule_model::time::Millis;
use bascule_model::uid::{Sequence, Uid};
use bascule_statemachine::codec;
use bascule_statemachine::codec::shard::{
    Attach, Checkpoint, Command, DeadLetter, Kind, Outcome, Owed as OwedRow, Why,
};
use bascule_statemachine::limits::CHECKPOINT_OUTCOMES_LIMIT_ROWS;

use crate::book::track::{Source, Standing};
use crate::book::{Book, Scope};
use crate::limits::{COMMANDS_LIMIT_BYTES, COMMANDS_LIMIT_COUNT, PARK_LIMIT_ROWS};

/// A command on its way, as the book must remember it to take its answer or to say it again.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Checkpoint { outcomes: Vec<Outcome> },
    Park { target: Uid, rows: Vec<OwedRow> },
    Detach { target: Uid, owed: BTreeSet<Sequence>, followed: Sequence, why: Why },
    Attach { target: Uid },
    Dead(DeadLetter),
}

impl Sent {
    pub(super) fn unconfirmed(&self) -> usize {
        match self {
            Self::Checkpoint { outcomes } => outcomes.len(),
            Self::Dead(_) => 1,
            Self::Park { .. } | Self::Detach { .. } | Self::Attach { .. } => 0,
        }
    }
}

/// Commands of one proposal, as long as there is room.
#[derive(Default)]
struct Batch {
    commands: Vec<Command>,
    bytes: usize,
}

impl Batch {
    fn has_room(&self) -> bool {
        self.bytes < COMMANDS_LIMIT_BYTES && self.commands.len() < COMMANDS_LIMIT_COUNT
    }

    fn add(&mut self, kind: Kind) {
        let command = Command { kind: Some(kind) };
        self.bytes += codec::size(&command);
        self.commands.push(command);
    }
}

impl Book {
    /// Commands for what happened since the last ones; none while those are on their way. [`Book::answered`] or
    /// [`Book::unanswered`] takes what becomes of them.
    pub fn commands(&mut self, now: Millis) -> Vec<Command> {
        if !self.sent.is_empty() {
            return Vec::new();
        }
        let mut batch = Batch::default();
        self.parks(&mut batch);
        self.detaches(&mut batch, now);
        while batch.has_room()
            && let Some(letter) = self.dead.pop_front()
        {
            self.sent.push(Sent::Dead(letter.clone()));
            batch.add(Kind::DeadLetter(letter));
        }
        self.attaches(&mut batch, now);
        self.checkpoint(&mut batch);
        batch.commands
    }

    /// Last, so that it stands behind every command whose delivery its watermark passes over.
    fn checkpoint(&mut self, batch: &mut Batch) {
        let rises = self.rises();
        if self.ended.is_empty() && rises.is_none() {
            return;
        }
        let outcomes: Vec<Outcome> = self.ended.drain(..self.ended.len().min(CHECKPOINT_OUTCOMES_LIMIT_ROWS)).collect();
        // With outcomes left over, the watermark waits: behind it nobody could tell whether they are repeats.
        let watermark = if self.ended.is_empty() { rises } else { None }.unwrap_or(self.watermark);
        self.sent.push(Sent::Checkpoint { outcomes: outcomes.clone() });
        batch.add(Kind::Checkpoint(Checkpoint { watermark: watermark.0, outcomes }));
    }

    fn parks(&mut self, batch: &mut Batch) {
        for track in self.tracks.values_mut() {
            while batch.has_room() && !track.parks.is_empty() {
                let mut rows = Vec::new();
                while rows.len() < PARK_LIMIT_ROWS
                    && let Some((sequence, row)) = track.parks.pop_first()
                {
                    if track.held.get(&sequence) == Some(&Source::Window) {
                        track.held.insert(sequence, Source::Parking);
                    }
                    rows.push(row);
                }
                self.sent.push(Sent::Park { target: track.target.uid, rows: rows.clone() });
                batch.add(Kind::Detach(track.detach(rows, self.followed, Scope::Single, track.why)));
            }
        }
    }

    /// Lanes that are too far behind.
    fn detaches(&mut self, batch: &mut Batch, now: Millis) {
        let late = self.late(now);
        for track in self.tracks.values_mut().filter(|track| track.is_behind(&late)) {
            if !batch.has_room() {
                return;
            }
            let why = track.reason(now);
            let owed: BTreeSet<Sequence> = track.following().collect();
            let rows = owed.iter().map(|sequence| OwedRow { sequence: sequence.0, ..OwedRow::default() }).collect();
            track.standing = Standing::Detaching;
            batch.add(Kind::Detach(track.detach(rows, self.followed, Scope::Lane, why)));
            self.sent.push(Sent::Detach { target: track.target.uid, owed, followed: self.followed, why });
        }
    }

    fn attaches(&mut self, batch: &mut Batch, now: Millis) {
        for track in self.tracks.values_mut().filter(|track| track.keeps_up(now)) {
            if !batch.has_room() {
                return;
            }
            track.standing = Standing::Attaching;
            self.sent.push(Sent::Attach { target: track.target.uid });
            batch.add(Kind::Attach(Attach { target: track.target.uid.0 }));
        }
    }
}
