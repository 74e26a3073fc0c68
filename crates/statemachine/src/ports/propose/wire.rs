//! Changes and errors of proposals as messages between nodes, and back.

use bytes::Bytes;

use bascule_model::uid::{GroupId, NodeId};

use crate::codec;
use crate::codec::form::{self, FormError};
use crate::codec::propose as message;
use crate::control;
use crate::limits::{ANSWER_LIMIT_BYTES, COMMANDS_LIMIT_BYTES};
use crate::ports::propose::{Change, ProposeError};

impl Change {
    /// Its bytes.
    #[must_use]
    pub fn write(self) -> Bytes {
        let Self { command, record, only_in_term } = self;
        codec::encode(&message::Change { command: Some(command), record, only_in_term })
    }

    /// Reads what [`Change::write`] of another node wrote: a command that this build knows, in at most 2 MiB. What it does not
    /// know would stop every replica of the group once it is committed.
    ///
    /// # Errors
    /// [`FormError`]; then nothing of it may be proposed.
    pub fn read(bytes: &Bytes) -> Result<Self, FormError> {
        let message::Change { command, record, only_in_term } = form::read(bytes, COMMANDS_LIMIT_BYTES)?;
        let command = form::need("the command of a change", command)?;
        if !control::form::is_known(&command) {
            return Err(FormError::Later);
        }
        // In an entry a zero is no term at all: what was to be dropped by every term but one would be taken by any.
        if let Some(term) = only_in_term {
            form::number("the term of a change", term)?;
        }
        Ok(Self { command, record, only_in_term })
    }
}

impl ProposeError {
    /// Its message, without its group.
    #[must_use]
    pub fn to_wire(&self) -> message::ProposeError {
        use message::{Exceeded, Reason};
        let exceeded =
            |bytes: usize, limit_bytes: usize| Exceeded { bytes: bytes as u64, limit_bytes: limit_bytes as u64 };
        let reason = match self {
            Self::NotLeading { leader, .. } => {
                Reason::NotLeading(message::NotLeading { leader: leader.map(|NodeId(id)| id) })
            }
            Self::Busy { waiting_bytes, limit_bytes, .. } => Reason::Busy(exceeded(*waiting_bytes, *limit_bytes)),
            Self::TooLarge { bytes, limit_bytes, .. } => Reason::TooLarge(exceeded(*bytes, *limit_bytes)),
            Self::Unknown { why, .. } => Reason::Unknown(form::cut(why)),
        };
        message::ProposeError { reason: Some(reason) }
    }

    /// Reads the message of a node that was asked about `group`.
    ///
    /// # Errors
    /// [`FormError`]; then it is [`ProposeError::unread`].
    pub fn from_wire(group: GroupId, message: message::ProposeError) -> Result<Self, FormError> {
        use message::Reason;
        let count = |count| form::bytes_count("bytes of a proposal", count);
        Ok(match form::need("why there is no answer", message.reason)? {
            Reason::NotLeading(message::NotLeading { leader }) => {
                Self::NotLeading { group, leader: leader.map(NodeId) }
            }
            Reason::Busy(message::Exceeded { bytes, limit_bytes }) => {
                Self::Busy { group, waiting_bytes: count(bytes)?, limit_bytes: count(limit_bytes)? }
            }
            Reason::TooLarge(message::Exceeded { bytes, limit_bytes }) => {
                Self::TooLarge { group, bytes: count(bytes)?, limit_bytes: count(limit_bytes)? }
            }
            Reason::Unknown(why) => Self::Unknown { group, why: form::short(why)? },
        })
    }

    /// What the answer of another node comes to that cannot be read: it may have written the proposal or not.
    #[must_use]
    pub fn unread(group: GroupId, error: &FormError) -> Self {
        Self::Unknown { group, why: form::cut(&format!("its leader's answer cannot be read: {error}")) }
    }

    /// Its bytes, without its group.
    #[must_use]
    pub fn write(&self) -> Bytes {
        codec::encode(&self.to_wire())
    }

    /// Reads what [`ProposeError::write`] of another node wrote that was asked about `group`. Whatever cannot be read is
    /// [`ProposeError::Unknown`], never an error that says that nothing was written.
    #[must_use]
    pub fn read(group: GroupId, bytes: &Bytes) -> Self {
        let read = form::read(bytes, ANSWER_LIMIT_BYTES).and_then(|message| Self::from_wire(group, message));
        read.unwrap_or_else(|error| Self::unread(group, &error))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::codec::CodecError;
    use crate::codec::control::{
        Auth, Command, Connection, CreatePolicy, CreateUser, Identity, Init, Kind, Named, Organize, PolicyVersion,
        Principal, PutInlinePolicy, ResourceName, Rule, SetIdentities,
    };
    use crate::codec::control::{PolicyName, UpdateConnection};
    use crate::limits::WHY_LIMIT_CHARS;

    /// The group that all errors here are about.
    pub(crate) const GROUP: GroupId = GroupId(7);

    /// Every error, with as little and as much in it as there can be.
    pub(crate) fn errors() -> Vec<ProposeError> {
        let group = GROUP;
        let unknown = |why: String| ProposeError::Unknown { group, why };
        vec![
            ProposeError::NotLeading { group, leader: None },
            ProposeError::NotLeading { group, leader: Some(NodeId(0)) },
            ProposeError::NotLeading { group, leader: Some(NodeId(u64::MAX)) },
            ProposeError::Busy { group, waiting_bytes: 0, limit_bytes: 0 },
            ProposeError::Busy { group, waiting_bytes: usize::MAX, limit_bytes: 1 },
            ProposeError::TooLarge { group, bytes: 1, limit_bytes: usize::MAX },
            unknown(String::new()),
            unknown("ß".repeat(WHY_LIMIT_CHARS)),
        ]
    }

    fn change(kind: Kind) -> Change {
        let command = Command { account: 1, request_id: "i".to_owned(), kind: Some(kind), ..Command::default() };
        Change { command, record: Bytes::new(), only_in_term: None }
    }

    /// Changes of all forms.
    pub(crate) fn changes() -> Vec<Change> {
        let rule = |state| change(Kind::PutRule(Rule { bus: "b".to_owned(), state, ..Rule::default() }));
        vec![
            change(Kind::DeleteQueue(Named { name: "q".to_owned() })),
            rule(1),
            Change { record: Bytes::from_static(b"sealed"), only_in_term: Some(u64::MAX), ..rule(0) },
            change(Kind::CreateUser(user(1))),
        ]
    }

    fn user(kind: i32) -> CreateUser {
        let identities = vec![Identity { kind, value: "a".to_owned() }];
        CreateUser { name: "u".to_owned(), identities, ..CreateUser::default() }
    }

    #[test]
    fn errors_read_back() {
        for error in errors() {
            assert_eq!(ProposeError::read(GROUP, &error.write()), error);
        }
        let long = ProposeError::Unknown { group: GROUP, why: "ß".repeat(WHY_LIMIT_CHARS + 1) };
        let short = ProposeError::Unknown { group: GROUP, why: "ß".repeat(WHY_LIMIT_CHARS) };
        assert_eq!(ProposeError::read(GROUP, &long.write()), short);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        use message::{Exceeded, Reason};
        let check = |bytes: Bytes, said: &str| {
            let why = format!("its leader's answer cannot be read: {said}");
            assert_eq!(ProposeError::read(GROUP, &bytes), ProposeError::Unknown { group: GROUP, why });
        };
        let encoded = |reason| codec::encode(&message::ProposeError { reason });
        check(Bytes::new(), "the record is empty");
        check(Bytes::from_static(&[2]), "the record has version 2, newer than this build's 1");
        check(Bytes::from_static(&[1]), "the message lacks why there is no answer");
        check(Bytes::from_static(&[1, 0x2a, 0]), "the record is not in canonical form");
        // Another leads, and then the reason is another: of two reasons neither holds.
        check(Bytes::from_static(&[1, 0x0a, 0, 0x22, 1, b'w']), "the record is not in canonical form");
        let long = encoded(Some(Reason::Unknown("w".repeat(WHY_LIMIT_CHARS + 1))));
        check(long, "there are `257` characters of a reason, the limit is 256");
        let cut = encoded(Some(Reason::Busy(Exceeded { bytes: 300, limit_bytes: 300 })));
        for end in 0..cut.len() {
            assert!(!ProposeError::read(GROUP, &cut.slice(..end)).nothing_written(), "cut at {end}");
        }
    }

    #[test]
    fn changes_read_back() {
        for change in changes() {
            assert_eq!(Change::read(&change.clone().write()), Ok(change));
        }
    }

    #[test]
    fn changes_that_no_leader_may_propose_are_told() {
        let check = |change: Change, said: &str| {
            let kind = format!("{:?}", change.command.kind);
            assert_eq!(Change::read(&change.write()).unwrap_err().to_string(), said, "{kind}");
        };
        let policy = || Some(PolicyName { kind: 9, ..PolicyName::default() });
        let principal = Some(Principal { kind: 9, name: "r".to_owned() });
        let auth = || Some(Auth { kind: 9, ..Auth::default() });
        let organize = || Organize { administrator: Some(user(9)), ..Organize::default() };
        for kind in [
            Kind::Init(Init { organization: Some(organize()), ..Init::default() }),
            Kind::Organize(organize()),
            Kind::PutRule(Rule { state: 9, ..Rule::default() }),
            Kind::CreateConnection(Connection { auth: auth(), ..Connection::default() }),
            Kind::UpdateConnection(UpdateConnection { auth: auth(), ..UpdateConnection::default() }),
            Kind::CreateUser(user(9)),
            Kind::SetIdentities(SetIdentities { user: "u".to_owned(), identities: user(9).identities }),
            Kind::PutInlinePolicy(PutInlinePolicy { principal, ..PutInlinePolicy::default() }),
            Kind::CreatePolicy(CreatePolicy { kind: 9, ..CreatePolicy::default() }),
            Kind::DeletePolicy(policy().unwrap()),
            Kind::SetDefaultPolicyVersion(PolicyVersion { policy: policy(), version: 1 }),
            Kind::DeleteResourcePolicy(ResourceName { kind: 9, name: "b".to_owned() }),
        ] {
            check(change(kind), "the command is one of a later build");
        }
        let without = |mut change: Change| {
            change.command.kind = None;
            change
        };
        let sound = || changes().remove(0);
        check(without(sound()), "the command is one of a later build");
        check(Change { only_in_term: Some(0), ..sound() }, "the message lacks the term of a change");
        let record = Bytes::from(vec![0; COMMANDS_LIMIT_BYTES]);
        check(Change { record, ..sound() }, "there are `2097171` bytes of a message, the limit is 2097152");
        let nothing = codec::encode(&message::Change::default());
        assert_eq!(Change::read(&nothing), Err(FormError::Missing { what: "the command of a change" }));
        assert_eq!(Change::read(&Bytes::new()), Err(CodecError::Empty.into()));
    }
}
