//! The organisation: its id, its root and units, and what policies can be attached to.

use std::fmt;

use crate::fault::Fault;
use crate::limits::{ACCOUNT_NAME_LIMIT_CHARS, UNIT_NAME_LIMIT_CHARS};
use crate::name::AccountId;

/// What ids are drawn from.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

fn drawn(random: &[u8]) -> String {
    random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

fn is_drawn(text: &str, chars: usize) -> bool {
    text.len() == chars && text.bytes().all(|byte| LETTERS.contains(&byte))
}

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
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
    };
}

id!(OrganizationId, "An organisation: `o-` and ten of `[a-z0-9]`, as `aws:PrincipalOrgID` has it.");
id!(RootId, "The root of an organisation's tree: `r-` and four of `[a-z0-9]`.");
id!(UnitId, "An organisational unit: `ou-`, the root's four letters, `-`, and eight of `[a-z0-9]`.");

impl OrganizationId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.strip_prefix("o-") {
            Some(rest) if is_drawn(rest, 10) => Ok(Self(text.to_owned())),
            _ => Err(Fault::invalid("OrganizationId", "it must match `o-[a-z0-9]{10}`", text)),
        }
    }

    /// A new id of ten random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 10]) -> Self {
        Self(format!("o-{}", drawn(&random)))
    }
}

impl RootId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.strip_prefix("r-") {
            Some(rest) if is_drawn(rest, 4) => Ok(Self(text.to_owned())),
            _ => Err(Fault::invalid("RootId", "it must match `r-[a-z0-9]{4}`", text)),
        }
    }

    /// A new id of four random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 4]) -> Self {
        Self(format!("r-{}", drawn(&random)))
    }
}

impl UnitId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.strip_prefix("ou-").and_then(|rest| rest.split_once('-')) {
            Some((root, own)) if is_drawn(root, 4) && is_drawn(own, 8) => Ok(Self(text.to_owned())),
            _ => Err(Fault::invalid("OrganizationalUnitId", "it must match `ou-[a-z0-9]{4}-[a-z0-9]{8}`", text)),
        }
    }

    /// A new id below `root`, of eight random bytes.
    #[must_use]
    pub fn from_random(root: &RootId, random: [u8; 8]) -> Self {
        Self(format!("ou-{}-{}", &root.0[2..], drawn(&random)))
    }

    /// Whether it belongs to the tree of `root`.
    #[must_use]
    pub fn is_below(&self, root: &RootId) -> bool {
        self.0[3..7] == root.0[2..]
    }
}

/// What a control policy is attached to, and what stands below what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// The root.
    Root(RootId),
    /// A unit.
    Unit(UnitId),
    /// An account.
    Account(AccountId),
}

impl Node {
    /// Reads the id of any of them.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with `field` as its field.
    pub fn parse(field: &str, text: &str) -> Result<Self, Fault> {
        let root = || RootId::parse(text).map(Self::Root);
        let unit = || UnitId::parse(text).map(Self::Unit);
        let account = || AccountId::parse(text).map(Self::Account);
        let refused = |_| Fault::invalid(field, "it must be the id of a root, unit or account", text);
        root().or_else(|_| unit()).or_else(|_| account()).map_err(refused)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(id) => id.fmt(out),
            Self::Unit(id) => id.fmt(out),
            Self::Account(id) => id.fmt(out),
        }
    }
}

/// Checks a unit's name: 1 to 128 characters (`API_CreateOrganizationalUnit`).
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_unit_name(name: &str) -> Result<(), Fault> {
    check_name(name, UNIT_NAME_LIMIT_CHARS)
}

/// Checks an account's name: 1 to 50 characters (`API_CreateAccount`).
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_account_name(name: &str) -> Result<(), Fault> {
    check_name(name, ACCOUNT_NAME_LIMIT_CHARS)
}

fn check_name(name: &str, max: usize) -> Result<(), Fault> {
    let refused = |reason: String| Err(Fault::invalid("Name", reason, name));
    if name.is_empty() || name.chars().count() > max {
        return refused(format!("it must have 1 to {max} characters"));
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return refused("it may have no control characters, and no white space at its ends".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_form() {
        let root = RootId::from_random([1, 2, 3, 35]);
        assert_eq!(root.as_str(), "r-bcd9");
        let unit = UnitId::from_random(&root, [0, 26, 255, 36, 4, 5, 6, 7]);
        assert_eq!(unit.as_str(), "ou-bcd9-a0daefgh");
        assert!(unit.is_below(&root) && !unit.is_below(&RootId::parse("r-aaaa").unwrap()));
        assert_eq!(OrganizationId::from_random([9; 10]).as_str(), "o-jjjjjjjjjj");
        for (text, good) in [
            ("r-bcd9", true),
            ("ou-bcd9-a0daefgh", true),
            ("123456789012", true),
            ("r-bcd", false),
            ("r-bcdD", false),
            ("ou-bcd9", false),
            ("ou-bcd9-a0daefg", false),
            ("ou-bcd9-a0daefg-", false),
            ("o-jjjjjjjjjj", false),
            ("12345678901", false),
            ("", false),
        ] {
            assert_eq!(Node::parse("TargetId", text).map(|node| node.to_string()).ok().as_deref() == Some(text), good);
        }
        for bad in ["", "o-", "o-jjjjjjjjj", "o-jjjjjjjjjjj", "o-JJJJJJJJJJ", "jjjjjjjjjjjj"] {
            assert!(OrganizationId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_hold_at_their_borders() {
        let of = |length: usize| "ä".repeat(length);
        for (name, unit, account) in [
            (of(1), true, true),
            (of(50), true, true),
            (of(51), true, false),
            (of(128), true, false),
            (of(129), false, false),
            (String::new(), false, false),
            ("a b".to_owned(), true, true),
            (" a".to_owned(), false, false),
            ("a\nb".to_owned(), false, false),
        ] {
            assert_eq!((check_unit_name(&name).is_ok(), check_account_name(&name).is_ok()), (unit, account), "{name}");
        }
    }
}
