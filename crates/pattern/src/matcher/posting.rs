//! What a key leads to, in four bytes: one conjunction, a list of them, or a group.

use crate::matcher::table::NONE;

const MARK: u32 = 30;
const SETTLED: u32 = 1 << 29;
const NUMBER: u32 = SETTLED - 1;

/// A conjunction to look at, and whether its key has settled already that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item(u32);

impl Item {
    pub fn new(sub: u32, settled: bool) -> Self {
        Self(sub | if settled { SETTLED } else { 0 })
    }

    pub fn sub(self) -> u32 {
        self.0 & NUMBER
    }

    pub fn is_settled(self) -> bool {
        self.0 & SETTLED != 0
    }
}

/// Where a key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting(pub u32);

/// The same, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    Item(Item),
    List(u32),
    Group(u32),
}

impl Posting {
    /// Nowhere.
    pub const NONE: Self = Self(NONE);

    pub fn item(item: Item) -> Self {
        Self(item.0)
    }

    pub fn list(number: u32) -> Self {
        Self(1 << MARK | number)
    }

    pub fn group(number: u32) -> Self {
        Self(2 << MARK | number)
    }

    #[inline]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    #[inline]
    pub fn to(self) -> Option<To> {
        let number = self.0 & ((1 << MARK) - 1);
        match self.0 >> MARK {
            0 => Some(To::Item(Item(self.0))),
            1 => Some(To::List(number)),
            2 => Some(To::Group(number)),
            _ => None,
        }
    }
}
