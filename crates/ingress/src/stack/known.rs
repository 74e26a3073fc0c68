//! Second stage: who calls, by the one SPIFFE ID of their certificate. A certificate that is revoked since is cut off here.

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_pki::server::ServerTls;

use crate::stack::call::Call;

/// A caller that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    spiffe: String,
}

impl Principal {
    /// The SPIFFE ID.
    #[must_use]
    pub fn spiffe(&self) -> &str {
        &self.spiffe
    }
}

/// A call whose caller is known.
#[derive(Debug)]
pub struct Known {
    call: Call,
    principal: Principal,
}

impl Known {
    /// Authenticates a call.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`].
    pub(super) fn authenticate(call: Call, tls: &ServerTls) -> Result<Self, Refusal> {
        tls.recheck(call.peer()).map_err(|why| unknown(&call, &why))?;
        let spiffe = call.peer().spiffe().map_err(|why| unknown(&call, &why))?;
        let principal = Principal { spiffe: spiffe.as_str().to_owned() };
        Ok(Self { call, principal })
    }

    /// Whether the caller still is: certificates end and are revoked while a stream is open.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`].
    pub(super) fn recheck(&self, tls: &ServerTls) -> Result<(), Refusal> {
        tls.recheck(self.call.peer()).map_err(|why| unknown(&self.call, &why))
    }

    pub(super) const fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(super) const fn call(&self) -> &Call {
        &self.call
    }
}

fn unknown(call: &Call, why: &bascule_pki::error::Error) -> Refusal {
    tracing::info!(%why, operation = call.operation().name(), "a caller is not known");
    Refusal::new(Reason::Unauthenticated, "the caller is not known")
}
