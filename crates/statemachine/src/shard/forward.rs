//! Commands on their way to the node that leads their group, and its replies on their way back.

use bytes::Bytes;

use crate::codec;
use crate::codec::form::{self, FormError};
use crate::codec::shard::reply::Replies;
use crate::codec::shard::{Command, Commands};
use crate::limits::{ANSWER_LIMIT_BYTES, COMMANDS_LIMIT_BYTES, COMMANDS_LIMIT_COUNT};
use crate::shard;
use crate::shard::reply::Reply;

/// The bytes of `commands`, in order.
#[must_use]
pub fn write_commands(commands: Vec<Command>) -> Bytes {
    codec::encode(&Commands { commands })
}

/// Reads what [`write_commands`] of another node wrote: at most 1,024 commands in 2 MiB, all of which this build knows. What it
/// does not know would stop every replica of the group once it is committed.
///
/// # Errors
/// [`FormError`]; then nothing of them may be proposed.
pub fn read_commands(bytes: &Bytes) -> Result<Vec<Command>, FormError> {
    let Commands { commands } =
        form::read_list("forwarded commands", bytes, COMMANDS_LIMIT_BYTES, COMMANDS_LIMIT_COUNT)?;
    if commands.iter().any(|command| shard::form::kind(command).is_none()) {
        return Err(FormError::Later);
    }
    Ok(commands)
}

/// The bytes of the replies to all commands of a call, in order.
#[must_use]
pub fn write_replies(replies: &[Reply]) -> Bytes {
    codec::encode(&Replies { replies: replies.iter().map(Reply::to_wire).collect() })
}

/// Reads what [`write_replies`] of another node wrote: one reply for each of `commands` commands.
///
/// # Errors
/// [`FormError`]; the commands may have been applied all the same, so that the outcome of each is unknown.
pub fn read_replies(bytes: &Bytes, commands: usize) -> Result<Vec<Reply>, FormError> {
    let Replies { replies } = form::read_list("replies", bytes, ANSWER_LIMIT_BYTES, commands)?;
    if replies.len() < commands {
        return Err(FormError::Missing { what: "replies to some commands" });
    }
    replies.into_iter().map(Reply::from_wire).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::codec::CodecError;
    use crate::codec::shard::{
        Append, Attach, Checkpoint, DeadLetter, Detach, Enqueue, Event, Expire, Item, Kind, Outcome, Owed, Receipt,
        Receive, Redrive, Settle, Settlement, Stamp, Terminal, Token, Tombstone, Why,
    };
    use crate::shard::reply::wire::tests::every;

    fn command(kind: Kind) -> Command {
        Command { kind: Some(kind) }
    }

    /// Every kind of command.
    pub(crate) fn commands() -> Vec<Command> {
        let id = || Bytes::from_static(&[7; 16]);
        let stamp = Some(Stamp { control_index: 5, rules: vec![3, 4], ..Stamp::default() });
        let event = Event { event_id: id(), arrival_id: id(), bus: 2, stamp, frame: Bytes::from_static(&[9; 40]) };
        let token =
            Some(Token { bus: 2, mac: id(), content: id(), event_id: id(), kept_ms: 9, replaces: Bytes::new() });
        let (terminal, reason) = (Terminal::Cancelled as i32, "rule-gone".to_owned());
        let outcomes = vec![Outcome { sequence: 8, target: 12, terminal, reason }];
        let owed = vec![Owed { sequence: 1, attempts: 2, due_ms: u64::MAX, fault: "TIMEOUT".to_owned() }];
        let why = Why::Slow as i32;
        let receipt = Some(Receipt { queue: 5, sequence: 1, target: 12, received: 1 });
        let settlements = vec![Settlement { receipt, visible_in_ms: Some(0), unseen: true }];
        let redrive = Some(Redrive { queue: 6, after: 3, source: "arn".to_owned() });
        let kinds = [
            Kind::Append(Append { events: vec![event], token }),
            Kind::Checkpoint(Checkpoint { watermark: 1, outcomes }),
            Kind::Detach(Detach { target: 12, rule: 4, owed, followed: 1, lane: true, why, minted: 5 }),
            Kind::Attach(Attach { target: 12 }),
            Kind::DeadLetter(DeadLetter { sequence: 1, target: 12, ..DeadLetter::default() }),
            Kind::Enqueue(Enqueue { sequence: 1, target: 12, queue: 5, frame: Bytes::from_static(&[1; 9]) }),
            Kind::Receive(Receive { queue: 5, limit: 10, visibility_ms: 30_000, redrive }),
            Kind::Settle(Settle { settlements }),
            Kind::Tombstone(Tombstone { uid: 5 }),
            Kind::Expire(Expire { uid: 5, kept_ms: 0, items: vec![Item { sequence: 1, target: 12 }] }),
        ];
        kinds.map(command).to_vec()
    }

    #[test]
    fn commands_read_back() {
        for commands in
            [Vec::new(), commands(), vec![command(Kind::Attach(Attach { target: 1 })); COMMANDS_LIMIT_COUNT]]
        {
            assert_eq!(read_commands(&write_commands(commands.clone())), Ok(commands));
        }
    }

    #[test]
    fn commands_that_no_leader_may_propose_are_told() {
        let check = |commands: Vec<Command>, said: &str| {
            assert_eq!(read_commands(&write_commands(commands)).unwrap_err().to_string(), said);
        };
        let later = "the command is one of a later build";
        let outcome = |terminal| {
            let outcomes = vec![Outcome { sequence: 1, target: 1, terminal, reason: String::new() }];
            command(Kind::Checkpoint(Checkpoint { watermark: 1, outcomes }))
        };
        check(vec![Command::default()], later);
        check(vec![outcome(1), outcome(6)], later);
        check(vec![outcome(0)], later);
        check(vec![command(Kind::Detach(Detach { target: 1, rule: 1, why: 9, ..Detach::default() }))], later);
        let attach = command(Kind::Attach(Attach { target: 1 }));
        check(vec![attach; COMMANDS_LIMIT_COUNT + 1], "there are `1025` forwarded commands, the limit is 1024");
        // Two bytes each, so that the count is what is refused.
        check(vec![Command::default(); 5_000], "there are `1025` forwarded commands, the limit is 1024");
        let frame = Bytes::from(vec![0; COMMANDS_LIMIT_BYTES]);
        let large = command(Kind::Enqueue(Enqueue { frame, ..Enqueue::default() }));
        check(vec![large], "there are `2097168` bytes of a message, the limit is 2097152");
        let newer = Bytes::from_static(&[1, 0x0a, 2, 0x5a, 0]);
        assert_eq!(read_commands(&newer), Err(CodecError::NotCanonical.into()), "kind 11 is a later build's");
    }

    #[test]
    fn replies_are_one_for_each_command() {
        let (replies, count) = (every(), every().len());
        let bytes = write_replies(&replies);
        assert_eq!(read_replies(&bytes, count), Ok(replies));
        assert_eq!(read_replies(&write_replies(&[]), 0), Ok(Vec::new()));
        let many = FormError::TooMany { what: "replies", count: count as u64, limit: count as u64 - 1 };
        assert_eq!(read_replies(&bytes, count - 1), Err(many));
        let few = FormError::Missing { what: "replies to some commands" };
        assert_eq!(read_replies(&bytes, count + 1), Err(few.clone()));
        assert_eq!(read_replies(&write_replies(&[]), 1), Err(few));
        assert_eq!(read_replies(&Bytes::new(), 0), Err(CodecError::Empty.into()));
    }
}
