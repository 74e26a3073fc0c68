//! What one decision goes by: the request, and the work that it may still do. Whoever writes policies, or names what is asked
//! about, may not stop the others.

use std::cell::Cell;
use std::ops::Deref;

use crate::limits::DECISION_LIMIT_STEPS;
use crate::policy::Policy;
use crate::request::Request;

/// A request, and the steps that are left for its decision. A step is about one piece of a pattern tried at one place.
#[derive(Debug)]
pub struct Metered<'q, 'r> {
    request: &'q Request<'r>,
    /// Whether the principal has a permissions boundary.
    pub bounded: bool,
    /// What it takes to find a key.
    search: usize,
    left: Cell<usize>,
}

impl<'q, 'r> Metered<'q, 'r> {
    pub const fn of(request: &'q Request<'r>, boundary: Option<&Policy>) -> Self {
        let bounded = boundary.is_some();
        let tags = request.tags.len() + request.principal.tags.len() + request.resource.tags.len();
        Self { request, bounded, search: 1 + request.context.len() + tags, left: Cell::new(DECISION_LIMIT_STEPS) }
    }

    /// Counts one search for a key; `false` as in [`pay`](Self::pay).
    pub fn pay_search(&self) -> bool {
        self.pay(self.search)
    }

    /// Counts `steps`; `false` once there are no more, from then on for good. What is not tried then is unclear.
    pub fn pay(&self, steps: usize) -> bool {
        let left = self.left.get().saturating_sub(steps);
        self.left.set(left);
        left > 0
    }

    /// How many steps were paid.
    #[cfg(test)]
    pub const fn paid(&self) -> usize {
        DECISION_LIMIT_STEPS - self.left.get()
    }

    pub const fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}

impl<'r> Deref for Metered<'_, 'r> {
    type Target = Request<'r>;

    fn deref(&self) -> &Request<'r> {
        self.request
    }
}
