//! How much one transformation may still read.

use std::cell::Cell;

use crate::limits::{TRANSFORM_READ_LEAST_BYTES, TRANSFORM_READ_LIMIT_TIMES};

/// Bytes that are left to read; once there were too few, there are none.
#[derive(Debug)]
pub struct Fuel(Cell<Option<usize>>);

impl Fuel {
    /// As much as an event of this length may cost.
    pub(super) const fn of(event: &str) -> Self {
        Self::new(event.len().saturating_mul(TRANSFORM_READ_LIMIT_TIMES).saturating_add(TRANSFORM_READ_LEAST_BYTES))
    }

    pub(super) const fn new(bytes: usize) -> Self {
        Self(Cell::new(Some(bytes)))
    }

    /// `None` if there is not as much.
    pub(super) fn burn(&self, bytes: usize) -> Option<()> {
        self.0.set(self.0.get().and_then(|left| left.checked_sub(bytes)));
        self.0.get().map(drop)
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.get().is_none()
    }
}
