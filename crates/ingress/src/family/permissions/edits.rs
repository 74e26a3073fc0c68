//! One statement of a bus's policy comes or goes: the policy is read, edited, and proposed only if nobody has changed the bus since.

use bytes::Bytes;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_model::arn::Scope;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::name::BusName;
use bascule_model::uid::ControlIndex;
use bascule_statemachine::codec::control::{Command, ResourceKind};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::ports::propose::Change;

use super::{Stored, change};
use crate::family::{Front, given};
use crate::limits::CONFLICTS_LIMIT_COUNT;
use crate::rooms::{Rooms, Writing};
use crate::stack::Permitted;
use crate::wire;

/// What became of a proposal.
enum Tried {
    Made(ControlIndex),
    /// The bus is another than was read.
    BusChanged,
    /// What decides about the call has changed.
    RightsChanged(ControlIndex),
}

impl Front {
    /// The policy as edited, and the index of the change. `edit` is asked anew each time somebody else was first: what is merged
    /// twice from one policy would lose a statement, and nobody would be told.
    pub(super) async fn edit_policy(
        &self,
        permit: &Permitted,
        bus: &given::NameOrArn,
        content: [u8; 16],
        writing: &Writing,
        edit: impl Fn(&mut Stored, &Scope, &BusName) -> Result<(), Refusal>,
    ) -> Result<(String, u64), Refusal> {
        let mut epochs = permit.epochs();
        for _ in 0..CONFLICTS_LIMIT_COUNT {
            // What is edited must be what was committed before the call.
            let view = self.rooms.view(false).await?;
            let scope = Rooms::cluster(&view)?.scope.of_account(permit.account());
            let name = bus.here(&scope, permit.account(), Noun::Bus)?;
            let found = view.bus(permit.account(), name);
            let found = found.ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, name)))?;
            let mut stored = Stored::read(&found.row.policy)?;
            edit(&mut stored, &scope, &found.name)?;
            let policy = stored.write();
            let command = Command {
                account: permit.account().number(),
                request_id: writing.request_id.clone(),
                content: Bytes::copy_from_slice(&content),
                if_changed_at: found.row.changed_at,
                epochs: Some(epochs.clone()),
                kind: Some(change(ResourceKind::Bus, name, &policy)),
            };
            match self.try_edit(command, writing).await? {
                Tried::Made(index) => return Ok((policy, index.0)),
                Tried::BusChanged => {}
                Tried::RightsChanged(index) => epochs = permit.again(index).await?,
            }
        }
        let message = "the policy of the bus keeps changing: nothing was written, try again";
        Err(Refusal::new(Reason::ConcurrentModification, message))
    }

    async fn try_edit(&self, command: Command, writing: &Writing) -> Result<Tried, Refusal> {
        let change = Change { command, record: Bytes::new(), only_in_term: None };
        let reply = match writing.validate_only {
            true => self.rooms.propose.rehearse(change).await,
            false => self.rooms.propose.control(change).await,
        };
        let reply = reply.map_err(|error| wire::proposed(&error))?;
        match reply.outcome {
            Outcome::Done(_) if writing.validate_only => Ok(Tried::Made(self.rooms.viewer.now().index)),
            Outcome::Done(_) => {
                // The change is made, whatever the view does: a caller who reads elsewhere can name the index.
                drop(self.rooms.viewer.reached(reply.index).await);
                Ok(Tried::Made(reply.index))
            }
            Outcome::Refused(Fault::ConcurrentModification { .. }) => Ok(Tried::BusChanged),
            Outcome::Refused(Fault::Conflict { index }) => Ok(Tried::RightsChanged(index)),
            Outcome::Refused(fault) => Err(wire::fault(fault)),
            Outcome::Dropped => Err(Refusal::new(Reason::NoLeader, "the lead changed, nothing was written")),
        }
    }
}
