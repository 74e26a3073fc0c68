//! Users with their access keys, roles, managed policies and the organisation.
//!
//! In: checked requests of `bascule.iam.v1`.
//! Out: answers made of the view's realm, or of what a proposal did.
//! Never: what a document allows, which is `policy`'s to say; whether a policy is held or a limit passed, which apply says.

mod access_keys;
mod given;
mod grants;
mod organizations;
mod policies;
mod roles;
mod users;

use bascule_api::status::Refusal;
use bascule_model::name::AccountId;
use bascule_statemachine::codec::control::Kind;

use crate::family::Front;
use crate::rooms::{Changed, Writing};
use crate::stack::{Checked, Permitted};

/// A change of something that has a name in the caller's account.
struct Change {
    /// Its name, or its id.
    name: String,
    kind: Kind,
    /// Tells a repeated request from another where the command has something that was drawn here; zeros: the command does.
    content: [u8; 16],
    writing: Writing,
}

/// A change that was made or tried out.
struct Acted {
    account: AccountId,
    name: String,
    changed: Changed,
}

impl Acted {
    const fn index(&self) -> u64 {
        self.changed.index.0
    }
}

impl Change {
    const fn new(name: String, kind: Kind, writing: Writing) -> Self {
        Self { name, kind, content: [0; 16], writing }
    }
}

impl Front {
    async fn act(&self, checked: Checked<Change>) -> Result<Acted, Refusal> {
        let (permit, change) = checked.into_parts();
        self.act_for(&permit, change).await
    }

    async fn act_for(&self, permit: &Permitted, change: Change) -> Result<Acted, Refusal> {
        let Change { name, kind, content, writing } = change;
        let changed = self.rooms.change(permit, writing, content, kind).await?;
        Ok(Acted { account: permit.account(), name, changed })
    }
}
