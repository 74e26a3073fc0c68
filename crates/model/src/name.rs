//! Names that users choose, each a type that holds only valid text.

use std::fmt;

use crate::fault::Fault;
use crate::limits::{
    ACCESS_KEY_ID_LEAST_CHARS, ACCESS_KEY_ID_LIMIT_CHARS, BUS_NAME_LIMIT_CHARS, NAME_LIMIT_CHARS,
    POLICY_NAME_LIMIT_CHARS, PRINCIPAL_NAME_LIMIT_CHARS, QUEUE_NAME_LIMIT_CHARS, ZONE_NAME_LIMIT_CHARS,
};

/// `[.\-_A-Za-z0-9]`, which rules, targets, connections and API destinations share.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

const fn is_bus(byte: u8) -> bool {
    is_plain(byte) || byte == b'/'
}

const fn is_queue(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `[\w+=,.@-]`, which IAM's names share (`reference_iam-quotas`).
const fn is_iam(byte: u8) -> bool {
    is_plain(byte) || matches!(byte, b'+' | b'=' | b',' | b'@')
}

fn checked(field: &str, text: &str, max: usize, letter: fn(u8) -> bool, set: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > max {
        return Err(Fault::invalid(field, format!("it must have 1 to {max} characters"), text));
    }
    if !text.bytes().all(letter) {
        return Err(Fault::invalid(field, format!("it must match `{set}+`"), text));
    }
    Ok(text.to_owned())
}

macro_rules! name {
    ($name:ident, $field:literal, $max:expr, $letter:ident, $set:literal, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            /// [`Fault::Invalid`] for a text of another length or with other characters.
            pub fn parse(text: &str) -> Result<Self, Fault> {
                checked($field, text, $max, $letter, $set).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:?}", self.0)
            }
        }
    };
}

name!(
    BusName,
    "EventBusName",
    BUS_NAME_LIMIT_CHARS,
    is_bus,
    r"[/\.\-_A-Za-z0-9]",
    "An event bus: 1 to 256 characters."
);
name!(RuleName, "Name", NAME_LIMIT_CHARS, is_plain, r"[\.\-_A-Za-z0-9]", "A rule: 1 to 64 characters.");
name!(TargetId, "Id", NAME_LIMIT_CHARS, is_plain, r"[\.\-_A-Za-z0-9]", "A target in its rule: 1 to 64 characters.");
name!(ConnectionName, "Name", NAME_LIMIT_CHARS, is_plain, r"[\.\-_A-Za-z0-9]", "A connection: 1 to 64 characters.");
name!(
    DestinationName,
    "Name",
    NAME_LIMIT_CHARS,
    is_plain,
    r"[\.\-_A-Za-z0-9]",
    "An API destination: 1 to 64 characters."
);
name!(
    QueueName,
    "QueueName",
    QUEUE_NAME_LIMIT_CHARS,
    is_queue,
    r"[\-_A-Za-z0-9]",
    "A standard queue: 1 to 80 characters."
);

name!(RoleName, "RoleName", PRINCIPAL_NAME_LIMIT_CHARS, is_iam, r"[\w+=,.@-]", "A role: 1 to 64 characters.");
name!(UserName, "UserName", PRINCIPAL_NAME_LIMIT_CHARS, is_iam, r"[\w+=,.@-]", "A user: 1 to 64 characters.");
name!(PolicyName, "PolicyName", POLICY_NAME_LIMIT_CHARS, is_iam, r"[\w+=,.@-]", "A policy: 1 to 128 characters.");

name!(ZoneName, "Zone", ZONE_NAME_LIMIT_CHARS, is_queue, r"[\-_A-Za-z0-9]", "A zone: 1 to 64 characters.");

impl BusName {
    /// The name of every account's default bus.
    pub const DEFAULT: &'static str = "default";

    /// The default bus.
    #[must_use]
    pub fn default_bus() -> Self {
        Self(Self::DEFAULT.to_owned())
    }

    /// Reads the name of a bus that an account makes for itself.
    ///
    /// # Errors
    /// [`Fault::Invalid`] as for [`BusName::parse`], and for a `/`, which only partner buses have.
    pub fn parse_custom(text: &str) -> Result<Self, Fault> {
        let name = Self::parse(text)?;
        if name.is_partner() {
            return Err(Fault::invalid("Name", "only a partner event bus may have `/` in its name", text));
        }
        Ok(name)
    }

    /// Whether this is an account's default bus.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }

    /// Whether it has the form of a partner bus.
    #[must_use]
    pub fn is_partner(&self) -> bool {
        self.0.contains('/')
    }
}

/// An access key: 16 to 128 of `A-Za-z0-9_`, as IAM takes them (`API_UpdateAccessKey`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// What the id of a user's key begins with (`reference_identifiers`).
    pub const PREFIX: &'static str = "AKIA";

    /// Reads an id.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for a text of another length or with other characters.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (least, most) = (ACCESS_KEY_ID_LEAST_CHARS, ACCESS_KEY_ID_LIMIT_CHARS);
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !(least..=most).contains(&text.len()) || !text.bytes().all(letter) {
            let reason = format!("it must be {least} to {most} of `A-Za-z0-9_`");
            return Err(Fault::invalid("AccessKeyId", reason, text));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for AccessKeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

/// An account: twelve digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountId(u64);

impl AccountId {
    /// One more than the greatest number.
    const END: u64 = 1_000_000_000_000;

    /// Reads twelve digits.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let refused = || Fault::invalid("Account", "it must have twelve digits", text);
        if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        text.parse().map(Self).map_err(|_| refused())
    }

    /// The account of a number below 10¹².
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        if number < Self::END { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:012}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: fmt::Display>(parse: fn(&str) -> Result<T, Fault>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(parse(text).map(|name| name.to_string()), Ok((*text).to_owned()));
        }
        for text in bad {
            assert!(matches!(parse(text), Err(Fault::Invalid { .. })), "{text}");
        }
    }

    #[test]
    fn names_hold_at_their_borders() {
        let of = |length: usize| "a".repeat(length);
        let (l64, l65, l80, l81, l256, l257) = (of(64), of(65), of(80), of(81), of(256), of(257));
        let plain_bad = ["", &l65, "a/b", "a b", "ä", "a:b", "a\n", "*"];
        check(RuleName::parse, &["a", &l64, "A.b-C_9"], &plain_bad);
        check(TargetId::parse, &["a", &l64, "A.b-C_9"], &plain_bad);
        check(ConnectionName::parse, &["a", &l64, "A.b-C_9"], &plain_bad);
        check(DestinationName::parse, &["a", &l64, "A.b-C_9"], &plain_bad);
        check(BusName::parse, &["a", &l256, "aws.partner/x/y", "default"], &["", &l257, "a b", "ä", "a:b"]);
        check(BusName::parse_custom, &["a", &l256, "A.b-C_9"], &["", &l257, "a/b"]);
        check(QueueName::parse, &["a", &l80, "A-b_9"], &["", &l81, "a.fifo", "a/b", "ä"]);
        let (l128, l129) = (of(128), of(129));
        check(RoleName::parse, &["a", &l64, "A.b-C_9+=,@"], &["", &l65, "a/b", "a b", "ä", "*", "a:b"]);
        check(UserName::parse, &["a", &l64, "A.b-C_9+=,@"], &["", &l65, "a/b", "a b", "ä", "*", "a:b"]);
        check(PolicyName::parse, &["a", &l128, "A.b-C_9+=,@"], &["", &l129, "a/b", "a b", "ä", "*", "a:b"]);
        let of_key = |length: usize| "K".repeat(length);
        check(
            AccessKeyId::parse,
            &["AKIA234567ABCDEFGHIJ", &of_key(16), &of_key(128), "a_Z0a_Z0a_Z0a_Z0"],
            &["", &of_key(15), &of_key(129), "AKIA234567ABCDEF-HIJ", "AKIA234567ABCDEFGHI/", "AKIA234567ABCDEFGHIÄ"],
        );
        check(
            AccountId::parse,
            &["000000000000", "999999999999", "012345678901"],
            &["", "12345678901", "1234567890123", "12345678901a", "+12345678901"],
        );
        assert_eq!(AccountId::from_number(1_000_000_000_000), None);
        assert!(BusName::default_bus().is_default() && !BusName::default_bus().is_partner());
    }
}
