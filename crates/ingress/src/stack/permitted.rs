//! Third stage: whether the caller may. What the request asks for is decided access by access, before anything of it is validated.

use std::sync::Arc;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_model::arn::Arn;
use bascule_model::name::AccountId;
use bascule_model::uid::ControlIndex;
use bascule_pki::server::ServerTls;
use bascule_routing::rights::Caller;
use bascule_statemachine::codec::control::Epochs;

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asks, Judged, Named, passing};
use crate::stack::authority::{Authority, Sitting};
use crate::stack::known::{Known, Principal};

/// A call that its caller may make, or of which they may make some entries.
pub struct Permitted {
    known: Known,
    authority: Arc<Authority>,
    /// The account in which the caller acts.
    account: AccountId,
    own_account: AccountId,
    caller: Option<Caller>,
    accesses: Accesses,
    epochs: Epochs,
    /// Refusals of entries, in their order; of a call that is judged together there are none.
    entries: Vec<Option<Refusal>>,
}

impl Permitted {
    /// Authorises a call for all that it asks for. Entries that are judged each by itself are refused by themselves.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(super) fn authorise<Q: Asks>(known: Known, request: &Q, authority: &Arc<Authority>) -> Result<Self, Refusal> {
        let sitting = authority.sit(&known)?;
        let accesses = request.accesses(&sitting.asking());
        let entries = judged(&known, &accesses, &sitting)?;
        Ok(Self {
            account: accesses.first.resource.owner,
            own_account: sitting.account(),
            epochs: sitting.epochs(&accesses),
            caller: sitting.into_caller(),
            authority: Arc::clone(authority),
            known,
            accesses,
            entries,
        })
    }

    /// Whether the caller still may, for a stream that is open for long.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`], [`Reason::AccessDenied`].
    pub(super) fn recheck(&self, tls: &ServerTls) -> Result<(), Refusal> {
        self.known.recheck(tls, self.authority.now())?;
        judged(&self.known, &self.accesses, &self.authority.sit(&self.known)?).map(drop)
    }

    /// Whether the caller may what comes later on the same stream.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(super) fn also(&self, access: &Access) -> Result<(), Refusal> {
        allowed(&self.known, access, &self.authority.sit(&self.known)?)
    }

    /// Whether the caller may have a target invoked in the role of its rule.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(crate) fn may_pass(&self, role: &str, rule: &Arn) -> Result<(), Refusal> {
        let sitting = self.authority.sit(&self.known)?;
        allowed(&self.known, &passing(role, rule, &sitting.asking()), &sitting)
    }

    /// Whether the caller still is known and may still, for a call that waits.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`], [`Reason::AccessDenied`].
    pub(crate) fn still(&self) -> Result<(), Refusal> {
        self.recheck(self.authority.tls())
    }

    /// The same permit by what decides once the view has reached `index`: entries that may not any more are refused.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(crate) async fn renewed(mut self, index: ControlIndex) -> Result<Self, Refusal> {
        let sitting = self.authority.sit_after(&self.known, index).await?;
        self.entries = judged(&self.known, &self.accesses, &sitting)?;
        self.epochs = sitting.epochs(&self.accesses);
        Ok(self)
    }

    /// The epochs of what decides now that the view has reached `index`, if the caller still may all that they could then.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`].
    pub(crate) async fn again(&self, index: ControlIndex) -> Result<Epochs, Refusal> {
        let sitting = self.authority.sit_after(&self.known, index).await?;
        judged(&self.known, &self.accesses, &sitting)?;
        Ok(sitting.epochs(&self.accesses))
    }

    /// What the permit was given by.
    pub(crate) fn epochs(&self) -> Epochs {
        self.epochs.clone()
    }

    /// What a stream was opened on.
    pub(super) const fn opened_on(&self) -> &Named {
        &self.accesses.first.resource
    }

    /// The account in which the caller acts: that of what the call is on, which the caller was let at, their own for what nobody
    /// else has.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The caller's own account.
    #[must_use]
    pub const fn caller_account(&self) -> AccountId {
        self.own_account
    }

    /// Who calls, as the view shows them.
    ///
    /// # Errors
    /// [`Reason::AccessDenied`] for nobody: who is nobody was let at nothing.
    pub fn caller(&self) -> Result<&Caller, Refusal> {
        self.caller.as_ref().ok_or_else(|| Refusal::new(Reason::AccessDenied, "the caller is nobody"))
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

    /// ARN of what the entry of this place is on.
    #[must_use]
    pub fn on(&self, entry: usize) -> &str {
        self.accesses.iter().nth(entry).map_or("", |access| &access.resource.arn)
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

fn judged(known: &Known, accesses: &Accesses, sitting: &Sitting) -> Result<Vec<Option<Refusal>>, Refusal> {
    let mut each = accesses.iter().map(|access| allowed(known, access, sitting));
    match accesses.judged {
        Judged::Together => each.try_for_each(|allowed| allowed).map(|()| Vec::new()),
        Judged::EachByItself => Ok(each.map(Result::err).collect()),
    }
}

fn allowed(known: &Known, access: &Access, sitting: &Sitting) -> Result<(), Refusal> {
    let Err(refused) = sitting.judge(access) else { return Ok(()) };
    let operation = known.call().operation().name();
    let (action, resource, why) = (access.action, access.resource.arn.as_str(), refused.why.as_str());
    let principal = match sitting.arn() {
        Some(arn) => arn.to_owned(),
        None => known.principal().to_string(),
    };
    tracing::info!(principal, operation, action, resource, why, "access denied");
    Err(refusal(&principal, operation, access, &refused.told))
}

/// Names action and resource, as the caller may know them: both are of the request.
pub(super) fn refusal(principal: &str, operation: &str, access: &Access, why: &str) -> Refusal {
    let (action, resource) = (access.action, access.resource.arn.as_str());
    let message = format!("`{principal}` may not {action} on `{resource}`: {why}");
    let refusal = Refusal::new(Reason::AccessDenied, message);
    let refusal = refusal.with_metadata("principal", principal).with_metadata("operation", operation);
    refusal.with_metadata("action", action).with_metadata("resource", resource)
}
