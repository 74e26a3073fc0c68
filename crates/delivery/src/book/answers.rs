//! What the rows say to the book: answers to its commands, or that there is none.

use std::collections::BTreeSet;

use bascule_model::time::Millis;
use bascule_model::uid::{Sequence, Uid};
use bascule_statemachine::codec::shard::{Owed as OwedRow, Why};
use bascule_statemachine::shard::reply::Reply;

use crate::book::Book;
use crate::book::commands::Sent;
use crate::book::track::{Source, Standing};

/// An answer that no machine gives to this command while the term lasts: nothing more may be committed by this book.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the machine answered `{0:?}` to a command of its leader")]
pub struct Unexpected(pub Option<Reply>);

impl Book {
    /// Takes the answers to what [`Book::commands`] gave, in order.
    ///
    /// # Errors
    /// [`Unexpected`]: the book must be dropped, for what it thinks and what stands in the rows may differ.
    pub fn answered(&mut self, replies: &[Reply], now: Millis) -> Result<(), Unexpected> {
        for (nth, sent) in std::mem::take(&mut self.sent).into_iter().enumerate() {
            match (sent, replies.get(nth)) {
                (Sent::Checkpoint { outcomes }, Some(Reply::Checkpointed { watermark, .. })) => {
                    self.watermark = self.watermark.max(*watermark);
                    for outcome in outcomes {
                        if let Some(track) = self.tracks.get_mut(&Uid(outcome.target)) {
                            track.settling.remove(&Sequence(outcome.sequence));
                        }
                    }
                }
                (Sent::Park { target, rows }, Some(Reply::Detached { taken, .. })) => {
                    self.parked(target, rows, *taken as usize, now);
                }
                (Sent::Detach { target, owed, followed, why }, Some(Reply::Detached { more, .. })) => {
                    self.lane_detached(target, &owed, followed, if *more { None } else { Some(why) });
                }
                (Sent::Attach { target }, Some(Reply::Attached(_))) => {
                    if let Some(track) = self.tracks.get_mut(&target) {
                        track.standing = Standing::Attached;
                        track.told = None;
                    }
                }
                (Sent::Dead(letter), Some(Reply::Placed(_))) => {
                    self.release(Uid(letter.target), Sequence(letter.sequence));
                }
                (_, other) => return Err(Unexpected(other.cloned())),
            }
        }
        self.tracks.retain(|_, track| !track.is_idle(now));
        Ok(())
    }

    /// The commands were not written, or nobody knows: what they said is said again. Applied twice, each changes nothing more.
    pub fn unanswered(&mut self) {
        for sent in std::mem::take(&mut self.sent) {
            match sent {
                Sent::Checkpoint { outcomes } => drop(self.ended.splice(0..0, outcomes)),
                Sent::Park { target, rows } => self.park_again(target, rows),
                // Whichever it is in the rows: one that is thought to be detached detaches again what is late, and attaches
                // again when it keeps up.
                Sent::Detach { target, .. } | Sent::Attach { target } => {
                    if let Some(track) = self.tracks.get_mut(&target) {
                        track.standing = Standing::Detached;
                    }
                }
                Sent::Dead(letter) => self.dead.push_back(letter),
            }
        }
    }

    fn parked(&mut self, target: Uid, mut rows: Vec<OwedRow>, taken: usize, now: Millis) {
        // A step has a bound; the rest is parked by the next one.
        let rest = rows.split_off(taken.min(rows.len()));
        for row in rows {
            let sequence = Sequence(row.sequence);
            let Some(track) = self.tracks.get_mut(&target) else { return };
            track.seen = track.seen.max(sequence);
            // It may have ended meanwhile: its outcome then finds the reference.
            if track.held.get(&sequence) == Some(&Source::Parking) {
                track.held.insert(sequence, Source::Reference);
                track.references += 1;
                self.unwait(target, sequence);
            }
            if let Some(track) = self.tracks.get_mut(&target)
                && !track.parks.contains_key(&sequence)
            {
                track.put_off(sequence, Millis(row.due_ms), now);
            }
        }
        self.park_again(target, rest);
        if let Some(track) = self.tracks.get_mut(&target) {
            track.shed();
        }
    }

    fn park_again(&mut self, target: Uid, rows: Vec<OwedRow>) {
        let Some(track) = self.tracks.get_mut(&target) else { return };
        for row in rows {
            let sequence = Sequence(row.sequence);
            if let Some(source) = track.held.get_mut(&sequence) {
                if *source == Source::Parking {
                    *source = Source::Window;
                }
                // A later attempt may have said more already.
                track.parks.entry(sequence).or_insert(row);
            }
        }
    }

    /// `why`, if the rows say so of the lane now; else there is more to do, and only references were written.
    ///
    /// What the command named has a reference now, and so has everything above what was followed then. Nothing else has: what
    /// was on its way into a reference at that time may have stayed behind.
    fn lane_detached(&mut self, target: Uid, owed: &BTreeSet<Sequence>, followed: Sequence, why: Option<Why>) {
        let Some(track) = self.tracks.get_mut(&target) else { return };
        if why.is_none() {
            // References alone are a park each: the next detach finds less to do.
            track.standing = if track.told.is_some() { Standing::Detached } else { Standing::Attached };
            return;
        }
        track.told = why;
        track.standing = Standing::Detached;
        track.reading = Some(Sequence(0));
        let named = |sequence: &Sequence| *sequence > followed || owed.contains(sequence);
        let following: Vec<Sequence> = track.following().filter(named).collect();
        for sequence in &following {
            track.held.insert(*sequence, Source::Reference);
        }
        track.references += following.len();
        track.shed();
        for sequence in following {
            self.unwait(target, sequence);
        }
    }
}
