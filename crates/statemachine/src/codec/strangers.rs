//! What no node of ours wrote: random and mutated bytes through every reader of another node's messages.

use std::collections::BTreeMap;

use bascule_model::uid::GroupId;
use bytes::Bytes;

use crate::codec;
use crate::codec::control::{Command, Entry as ControlEntry, Init, Kind};
use crate::codec::shard::Entry;
use crate::control;
use crate::overlay::{InMemory, Overlay};
use crate::ports::ask::AskError;
use crate::ports::ask::question::Question;
use crate::ports::ask::wire::tests::{answers, failures, questions};
use crate::ports::ask::wire::write_answer;
use crate::ports::propose::wire::tests::{GROUP, changes, errors};
use crate::ports::propose::{Change, ProposeError};
use crate::shard;
use crate::shard::forward::tests::commands;
use crate::shard::forward::{read_commands, read_replies, write_commands, write_replies};
use crate::shard::reply::wire::tests::every;

/// Inputs of this test, each for every reader.
const INPUTS_COUNT: u64 = 30_000;
const SEED: u64 = 0x5eed;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.draw() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }

    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below(length - from + 1).min(40)
    }
}

/// A sound message with a few changes; now and then nothing but chance behind a sound version.
fn input(corpus: &[Bytes], chance: &mut Chance) -> Bytes {
    if chance.below(8) == 0 {
        let noise = (0..chance.below(40)).map(|_| chance.byte()).collect::<Vec<_>>();
        return Bytes::from([&[codec::VERSION][..], &noise].concat());
    }
    let mut bytes = corpus[chance.below(corpus.len())].to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len() + 1);
        match chance.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 if at < bytes.len() => bytes[at] = chance.byte(),
            2 => bytes.insert(at, chance.byte()),
            3 => drop(bytes.drain(chance.stretch(bytes.len()))),
            4 => {
                let piece = bytes[chance.stretch(bytes.len())].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            5 => {
                let other = &corpus[chance.below(corpus.len())];
                let piece = other[chance.stretch(other.len())].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => bytes.truncate(at),
        }
    }
    Bytes::from(bytes)
}

/// Every sound message, by its reader.
fn corpus() -> BTreeMap<&'static str, Vec<Bytes>> {
    let mut answered: Vec<Bytes> = answers().into_iter().map(|(_, answer)| write_answer(&Ok(answer))).collect();
    answered.extend(failures().into_iter().map(|failure| write_answer(&Err(failure))));
    let commands = commands();
    let mut forwarded: Vec<Bytes> = commands.iter().map(|command| write_commands(vec![command.clone()])).collect();
    forwarded.push(write_commands(commands));
    let mut replies: Vec<Bytes> = every().iter().map(|reply| write_replies(std::slice::from_ref(reply))).collect();
    replies.push(write_replies(&every()));
    // The longest rows of limits are of no use here: almost every change to one lands in its middle.
    let short = |all: Vec<Bytes>| all.into_iter().filter(|bytes| bytes.len() < 2_000).collect();
    BTreeMap::from([
        ("answers", short(answered)),
        ("changes", changes().into_iter().map(Change::write).collect()),
        ("commands", forwarded),
        ("errors", errors().iter().map(ProposeError::write).collect()),
        ("questions", questions().iter().map(Question::write).collect()),
        ("replies", short(replies)),
    ])
}

/// A cluster that has begun, to apply changes to.
fn begun() -> InMemory {
    let groups = vec![1];
    let init = Init {
        cluster_id: Bytes::from_static(&[1; 16]),
        incarnation: 1,
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        groups,
        ..Init::default()
    };
    let command = Command { account: 1, kind: Some(Kind::Init(init)), ..Command::default() };
    let entry = ControlEntry { command: Some(command), ..ControlEntry::default() };
    let mut rows = InMemory::default();
    let mut overlay = Overlay::over(&rows);
    control::apply(&mut overlay, control::Place { index: 1, term: 1 }, &entry).unwrap();
    let batch = overlay.into_batch();
    rows.write(batch);
    rows
}

/// Nothing that is let through stops the group that applies it.
fn apply_commands(input: &Bytes) -> Option<Bytes> {
    let commands = read_commands(input).ok()?;
    let rows = InMemory::default();
    let entry = Entry { time_ms: 1, only_in_term: 0, commands: commands.clone() };
    let applied = shard::apply(&mut Overlay::over(&rows), 1, &entry).unwrap();
    assert_eq!(applied.replies.len(), commands.len());
    Some(write_commands(commands))
}

fn apply_change(rows: &InMemory, input: &Bytes) -> Option<Bytes> {
    let change = Change::read(input).ok()?;
    let entry = ControlEntry { command: Some(change.command.clone()), ..ControlEntry::default() };
    control::apply(&mut Overlay::over(rows), control::Place { index: 2, term: 1 }, &entry).unwrap();
    Some(change.write())
}

fn answer(question: Question, input: &Bytes) -> Option<Bytes> {
    let group = question.group().unwrap_or(GroupId::CONTROL);
    let read = question.answered(group, input);
    match question.read_answer(input) {
        // What is no answer says that nothing is known; no error that can be read says so wrongly.
        Err(error) if read.is_err() => {
            let AskError::Propose(error) = error else { panic!("`{error}` for what cannot be read") };
            assert!(!error.nothing_written(), "{error}");
        }
        again => assert_eq!(Ok(again), read),
    }
    read.ok().map(|answer| write_answer(&answer))
}

#[test]
fn strangers_are_read_to_the_byte_or_refused() {
    let (corpus, rows, mut chance) = (corpus(), begun(), Chance(SEED));
    let asked: Vec<Question> = answers().into_iter().map(|(question, _)| question).collect();
    let mut read: BTreeMap<&str, usize> = BTreeMap::new();
    for nth in 0..INPUTS_COUNT {
        let (name, sound) = corpus.iter().nth(chance.below(corpus.len())).unwrap();
        let input = input(sound, &mut chance);
        let again = match *name {
            "answers" => answer(asked[chance.below(asked.len())], &input),
            "changes" => apply_change(&rows, &input),
            "commands" => apply_commands(&input),
            "errors" => {
                let message = codec::decode_foreign(&input).ok();
                let error = message.and_then(|message| ProposeError::from_wire(GROUP, message).ok());
                let read = ProposeError::read(GROUP, &input);
                assert!(error.is_some() || !read.nothing_written(), "{read}");
                error.map(|error| error.write())
            }
            "questions" => Question::read(&input).ok().map(|question| question.write()),
            _ => {
                let count = [1, every().len()][chance.below(2)];
                read_replies(&input, count).ok().map(|replies| write_replies(&replies))
            }
        };
        if let Some(again) = again {
            assert_eq!(again, input, "{name}, input {nth}: `{}`", input.escape_ascii());
            *read.entry(name).or_default() += 1;
        }
    }
    // Changes that leave a message sound are rare, but not so rare that nothing was looked at.
    assert!(corpus.keys().all(|name| read.get(name).is_some_and(|count| *count > 100)), "{read:?}");
}
