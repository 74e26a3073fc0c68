//! Third stage: whether the caller may. Until there are policies, operators may do all and any other nothing.

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_model::name::AccountId;
use bascule_pki::server::ServerTls;

use crate::operation::Operation;
use crate::stack::Settings;
use crate::stack::known::{Known, Principal};

/// A call that its caller may make.
#[derive(Debug)]
pub struct Permitted {
    known: Known,
    account: AccountId,
}

impl Permitted {
    /// Authorises a call.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(super) fn authorise(known: Known, settings: &Settings) -> Result<Self, Refusal> {
        allowed(&known, settings)?;
        Ok(Self { known, account: settings.account })
    }

    /// Whether the caller still may, for a stream that is open for long.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`], [`Reason::AccessDenied`].
    pub(super) fn recheck(&self, tls: &ServerTls, settings: &Settings) -> Result<(), Refusal> {
        self.known.recheck(tls)?;
        allowed(&self.known, settings)
    }

    /// The account in which the caller acts.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// Who calls.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        self.known.principal()
    }

    /// What is called.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.known.call().operation()
    }
}

fn allowed(known: &Known, settings: &Settings) -> Result<(), Refusal> {
    let spiffe = known.principal().spiffe();
    let operation = known.call().operation().name();
    if !settings.operators.contains(spiffe) {
        tracing::info!(principal = spiffe, operation, "access denied");
        let message = format!("`{spiffe}` may not call {operation}");
        let refusal = Refusal::new(Reason::AccessDenied, message);
        return Err(refusal.with_metadata("principal", spiffe).with_metadata("operation", operation));
    }
    Ok(())
}
