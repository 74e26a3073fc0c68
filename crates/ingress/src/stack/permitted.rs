//! Third stage: whether the caller may. What the request asks for is decided access by access, before anything of it is validated.

use std::net::IpAddr;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_model::name::AccountId;
use bascule_pki::server::ServerTls;

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Judged, Named};
use crate::stack::authority::Authority;
use crate::stack::known::{Known, Principal};

/// A call that its caller may make, or of which they may make some entries.
#[derive(Debug)]
pub struct Permitted {
    known: Known,
    account: AccountId,
    accesses: Accesses,
    /// Refusals of entries, in their order; of a call that is judged together there are none.
    entries: Vec<Option<Refusal>>,
}

impl Permitted {
    /// Authorises a call for all that it asks for. Entries that are judged each by itself are refused by themselves.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(super) fn authorise(known: Known, accesses: Accesses, authority: &Authority) -> Result<Self, Refusal> {
        let entries = judged(&known, &accesses, authority)?;
        Ok(Self { account: authority.account(), known, accesses, entries })
    }

    /// Whether the caller still may, for a stream that is open for long.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`], [`Reason::AccessDenied`].
    pub(super) fn recheck(&self, tls: &ServerTls, authority: &Authority) -> Result<(), Refusal> {
        self.known.recheck(tls)?;
        judged(&self.known, &self.accesses, authority).map(drop)
    }

    /// Whether the caller may what comes later on the same stream.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(super) fn also(&self, access: &Access, authority: &Authority) -> Result<(), Refusal> {
        allowed(&self.known, access, authority)
    }

    /// What a stream was opened on.
    pub(super) const fn opened_on(&self) -> &Named {
        &self.accesses.first.resource
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

    /// Returns once the call's connection is to end in peace: whoever waits for something to come answers with what there is.
    pub fn retired(&self) -> impl Future<Output = ()> + Send + use<> {
        self.known.call().retired()
    }

    /// Why the caller may not what the entry of this place asks for; such an entry is answered so, and nothing else is done with it.
    #[must_use]
    pub fn refused(&self, entry: usize) -> Option<&Refusal> {
        self.entries.get(entry)?.as_ref()
    }
}

fn judged(known: &Known, accesses: &Accesses, authority: &Authority) -> Result<Vec<Option<Refusal>>, Refusal> {
    let mut each = accesses.iter().map(|access| allowed(known, access, authority));
    match accesses.judged {
        Judged::Together => each.try_for_each(|allowed| allowed).map(|()| Vec::new()),
        Judged::EachByItself => Ok(each.map(Result::err).collect()),
    }
}

fn allowed(known: &Known, access: &Access, authority: &Authority) -> Result<(), Refusal> {
    let (principal, from): (&str, Option<IpAddr>) = (known.principal().spiffe(), known.call().from());
    let Err(why) = authority.judge(principal, from, access) else { return Ok(()) };
    let operation = known.call().operation().name();
    let (action, resource) = (access.action, access.resource.arn.as_str());
    tracing::info!(principal, operation, action, resource, why, "access denied");
    Err(refusal(principal, operation, access, &why))
}

/// Names action and resource, as the caller may know them: both are of the request.
pub(super) fn refusal(principal: &str, operation: &str, access: &Access, why: &str) -> Refusal {
    let (action, resource) = (access.action, access.resource.arn.as_str());
    let message = format!("`{principal}` may not {action} on `{resource}`: {why}");
    let refusal = Refusal::new(Reason::AccessDenied, message);
    let refusal = refusal.with_metadata("principal", principal).with_metadata("operation", operation);
    refusal.with_metadata("action", action).with_metadata("resource", resource)
}
