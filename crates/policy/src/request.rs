//! What is asked: who, which action, on what, and the keys that conditions look at. Everything is borrowed.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use bascule_model::name::AccountId;
use bascule_model::time::Millis;

/// A tag's key and value.
pub type Tag<'a> = (&'a str, &'a str);
/// A condition key's name and its values.
pub type Entry<'a> = (&'a str, Values<'a>);

/// One question. Keys about principal, resource, tags and time are taken from the fields here; `context` has all others.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// For example `events:PutEvents`. Case does not matter.
    pub action: &'a str,
    /// On what.
    pub resource: Resource<'a>,
    /// The time that `aws:CurrentTime` and `aws:EpochTime` have.
    pub now: Millis,
    /// Tags that the request would set: `aws:RequestTag/*` and `aws:TagKeys`.
    pub tags: &'a [Tag<'a>],
    /// Further keys, for example `aws:SourceIp`, `aws:SecureTransport`, `events:source`. A key that is derived from another
    /// field is passed over here; one that stands here twice cannot be evaluated.
    pub context: &'a [Entry<'a>],
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    /// What it is, with its ARNs.
    pub kind: PrincipalKind<'a>,
    /// Its account; `None` for a service.
    pub account: Option<AccountId>,
    /// Where its account stands in an organisation.
    pub org: Option<Membership<'a>>,
    /// Its own tags and those of its session: `aws:PrincipalTag/*`.
    pub tags: &'a [Tag<'a>],
    /// Its unique id: `aws:userid`. Empty if it has none.
    pub id: &'a str,
}

/// What a principal is: `reference_policies_elements_principal`.
#[derive(Debug, Clone, Copy)]
pub enum PrincipalKind<'a> {
    /// An account's root user.
    Root {
        /// `arn:aws:iam::ACCOUNT:root`.
        arn: &'a str,
    },
    /// A user.
    User {
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
        arn: &'a str,
        /// `NAME`: `aws:username`.
        name: &'a str,
    },
    /// A session of a role.
    Session {
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`: `aws:PrincipalArn`.
        role_arn: &'a str,
        /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
        session_arn: &'a str,
        /// When it was made: `aws:TokenIssueTime`.
        issued: Millis,
    },
    /// A service that asks for itself.
    Service {
        /// For example `events.amazonaws.com`.
        name: &'a str,
    },
}

impl<'a> PrincipalKind<'a> {
    /// `aws:PrincipalArn`: for a session the ARN of its role; services have none.
    #[must_use]
    pub const fn arn(&self) -> Option<&'a str> {
        match *self {
            Self::Root { arn } | Self::User { arn, .. } => Some(arn),
            Self::Session { role_arn, .. } => Some(role_arn),
            Self::Service { .. } => None,
        }
    }

    /// `aws:PrincipalType`.
    pub(crate) const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Root { .. } => Some("Account"),
            Self::User { .. } => Some("User"),
            Self::Session { .. } => Some("AssumedRole"),
            Self::Service { .. } => None,
        }
    }
}

/// An account's place in an organisation.
#[derive(Debug, Clone, Copy)]
pub struct Membership<'a> {
    /// For example `o-a1b2c3d4e5`.
    pub id: &'a str,
    /// For example `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/`, down to the account's parent.
    pub path: &'a str,
}

/// What the action is on.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its ARN; `*` for actions that are on no single resource.
    pub arn: &'a str,
    /// The account that owns it.
    pub account: AccountId,
    /// Where that account stands in an organisation.
    pub org: Option<Membership<'a>>,
    /// Its tags: `aws:ResourceTag/*`.
    pub tags: &'a [Tag<'a>],
}

/// Values of a condition key.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// One.
    One(Value<'a>),
    /// Any number, for keys that have several; none of them is as if the key were not there.
    Many(&'a [&'a str]),
}

impl<'a> Values<'a> {
    pub(crate) const fn found(self) -> Found<'a> {
        match self {
            Self::One(value) => Found::One(value),
            Self::Many([]) => Found::Nothing,
            Self::Many([only]) => Found::One(Value::Text(only)),
            Self::Many(several) => Found::Many(several),
        }
    }
}

/// A value. What is no text is shown as AWS writes it where a policy compares text with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A point in time, as `2026-11-23T09:30:00Z`.
    Time(Millis),
    /// A point in time, as seconds since 1970.
    Epoch(Millis),
    /// An address.
    Address(IpAddr),
    /// An account, as twelve digits.
    Account(AccountId),
    /// Bytes, for `BinaryEquals`.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The text, if it is one.
    pub(crate) const fn borrowed(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What is no text, as text. Everything but bytes fits.
    pub(crate) fn shown(&self) -> Scratch {
        let mut scratch = Scratch::default();
        // A text that does not fit is cut by the scratch, not refused.
        let _ = match self {
            Self::Text(text) => scratch.write_str(text),
            Self::Bool(value) => write!(scratch, "{value}"),
            Self::Number(value) => write!(scratch, "{value}"),
            Self::Time(time) => crate::moment::write(&mut scratch, *time),
            Self::Epoch(time) => write!(scratch, "{}", time.0 / 1000),
            Self::Address(address) => write!(scratch, "{address}"),
            Self::Account(account) => write!(scratch, "{account}"),
            Self::Bytes(_) => Ok(()),
        };
        scratch
    }
}

/// What a request has for a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'r> {
    Nothing,
    One(Value<'r>),
    Many(&'r [&'r str]),
    /// The keys of these tags.
    Keys(&'r [Tag<'r>]),
    /// Values that contradict each other.
    Unclear,
}

impl<'r> Found<'r> {
    /// The value, if there is exactly one.
    pub(crate) fn only(self) -> Option<Value<'r>> {
        match self {
            Self::One(value) => Some(value),
            Self::Keys([(key, _)]) => Some(Value::Text(key)),
            _ => None,
        }
    }

    /// How many values.
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Nothing | Self::Unclear => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
            Self::Keys(keys) => keys.len(),
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Value<'r>> {
        let (one, many, keys): (Option<Value<'r>>, &[&str], &[Tag<'_>]) = match self {
            Self::Nothing | Self::Unclear => (None, &[], &[]),
            Self::One(value) => (Some(value), &[], &[]),
            Self::Many(many) => (None, many, &[]),
            Self::Keys(keys) => (None, &[], keys),
        };
        let texts = many.iter().copied().chain(keys.iter().map(|(key, _)| *key));
        one.into_iter().chain(texts.map(Value::Text))
    }
}

/// A short text on the stack. The longest is an IPv6 address with 39 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scratch {
    bytes: [u8; 48],
    len: usize,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { bytes: [0; 48], len: 0 }
    }
}

impl Scratch {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
