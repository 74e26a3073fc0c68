//! Second stage: who calls, by the one identity of their certificate, or by the session that was given to it. A certificate that is revoked since is cut off here.

use std::fmt;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_keyring::session::SessionKeys;
use bascule_model::identity::{Identity, IdentityKind};
use bascule_model::time::Millis;
use bascule_pki::identity::PeerIdentity;
use bascule_pki::server::ServerTls;
use bascule_routing::realm::Realm;
use bascule_routing::rights::{Caller, Unknown};

use crate::stack::call::Call;
use crate::stack::session::{Claims, NoSession};

/// A caller that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    identity: Identity,
    /// The session that the call comes with.
    session: Option<Claims>,
}

impl Principal {
    #[cfg(test)]
    pub(super) const fn of(identity: Identity) -> Self {
        Self { identity, session: None }
    }

    /// Who that is, as a view shows it.
    pub(super) fn seen_by(&self, realm: &Realm) -> Result<Caller, Unknown> {
        match &self.session {
            Some(claims) => Caller::of_session(realm, &claims.session()),
            None => Caller::of_identity(realm, &self.identity),
        }
    }

    /// The session as which the caller acts, if it is one.
    #[must_use]
    pub const fn session(&self) -> Option<&Claims> {
        self.session.as_ref()
    }

    /// What the certificate says.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(out)
    }
}

/// A call whose caller is known.
pub struct Known {
    call: Call,
    principal: Principal,
}

impl Known {
    /// Authenticates a call.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`].
    pub(super) fn authenticate(
        call: Call,
        tls: &ServerTls,
        sessions: &SessionKeys,
        now: Millis,
    ) -> Result<Self, Refusal> {
        tls.recheck(call.peer()).map_err(|why| unknown(&call, &why))?;
        let named = call.peer().identities().map_err(|why| unknown(&call, &why))?;
        let kind = match &named {
            PeerIdentity::Spiffe(_) => IdentityKind::Spiffe,
            PeerIdentity::Dns(_) => IdentityKind::Dns,
            PeerIdentity::Uri(_) => IdentityKind::Uri,
        };
        let identity = Identity::new(kind, named.as_str());
        let identity = identity.map_err(|why| unknown(&call, &why))?;
        // Whoever shows a token is its session or nobody: never who they would be without it.
        let open = |token: &[u8]| Claims::open(sessions, &identity, token, now);
        let session = call.token().and_then(|token| token.map(open).transpose());
        let session = session.map_err(|why| no_session(&call, why))?;
        let principal = Principal { identity, session };
        Ok(Self { call, principal })
    }

    /// Whether the caller still is: certificates end and are revoked while a stream is open, and sessions end.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`].
    pub(super) fn recheck(&self, tls: &ServerTls, now: Millis) -> Result<(), Refusal> {
        tls.recheck(self.call.peer()).map_err(|why| unknown(&self.call, &why))?;
        let session = self.principal.session.as_ref().map_or(Ok(()), |claims| claims.holds(now));
        session.map_err(|why| no_session(&self.call, why))
    }

    pub(super) const fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(super) const fn call(&self) -> &Call {
        &self.call
    }
}

fn unknown(call: &Call, why: &dyn fmt::Display) -> Refusal {
    tracing::info!(%why, operation = call.operation().name(), "a caller is not known");
    Refusal::new(Reason::Unauthenticated, "the caller is not known")
}

/// A session's own trouble is told: it teaches nothing about others.
fn no_session(call: &Call, why: NoSession) -> Refusal {
    tracing::info!(%why, operation = call.operation().name(), "a session is none");
    Refusal::new(Reason::Unauthenticated, why.to_string())
}
