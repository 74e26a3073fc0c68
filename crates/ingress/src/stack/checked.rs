//! Fourth stage: a request that can be. A handler takes nothing else, so that it cannot be reached without a permit.

use bascule_api::status::Refusal;

use crate::stack::permitted::Permitted;

/// A permit and a request that can be.
pub struct Checked<T> {
    permit: Permitted,
    input: T,
}

impl<T> Checked<T> {
    /// Validates a request.
    ///
    /// # Errors
    /// What `check` refuses.
    pub(super) fn validate<Q>(
        permit: Permitted,
        request: Q,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
    ) -> Result<Self, Refusal> {
        let input = check(&permit, request)?;
        Ok(Self { permit, input })
    }

    /// The request.
    #[must_use]
    pub const fn input(&self) -> &T {
        &self.input
    }

    /// Permit and request.
    #[must_use]
    pub fn into_parts(self) -> (Permitted, T) {
        (self.permit, self.input)
    }
}
