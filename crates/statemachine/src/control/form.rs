//! Whether this build knows a command and every word in it, looked at before it is proposed for another node.

use crate::codec::control::{
    Auth, AuthKind, Command, CreateUser, Identity, IdentityKind, Kind, NodeState, Organize, PolicyKind, PolicyName,
    Principal, PrincipalKind, ResourceKind, ResourceName, RuleState,
};

/// Whether apply would not stop the group at this command as one of a later build. A word that is missing is refused there.
pub(crate) fn is_known(command: &Command) -> bool {
    let Some(kind) = &command.kind else { return false };
    // Each kind by its name, so that nobody adds one without asking whether it has words of its own.
    match kind {
        Kind::Init(init) => init.organization.as_ref().is_none_or(organization),
        Kind::Organize(organize) => organization(organize),
        Kind::PutRule(rule) => RuleState::try_from(rule.state).is_ok(),
        Kind::CreateConnection(create) => auth(create.auth.as_ref()),
        Kind::UpdateConnection(update) => auth(update.auth.as_ref()),
        Kind::CreateUser(create) => user(create),
        Kind::SetIdentities(set) => identities(&set.identities),
        Kind::PutInlinePolicy(put) => principal(put.principal.as_ref()),
        Kind::DeleteInlinePolicy(delete) => principal(delete.principal.as_ref()),
        Kind::AttachPolicy(attach) | Kind::DetachPolicy(attach) => principal(attach.principal.as_ref()),
        Kind::TagPrincipal(tag) => principal(tag.principal.as_ref()),
        Kind::CreatePolicy(create) => PolicyKind::try_from(create.kind).is_ok(),
        Kind::DeletePolicy(name) => policy(Some(name)),
        Kind::CreatePolicyVersion(create) => policy(create.policy.as_ref()),
        Kind::DeletePolicyVersion(version) | Kind::SetDefaultPolicyVersion(version) => policy(version.policy.as_ref()),
        Kind::PutResourcePolicy(put) => resource(put.resource.as_ref()),
        Kind::DeleteResourcePolicy(name) => resource(Some(name)),
        Kind::ChangeNode(change) => NodeState::try_from(change.state).is_ok(),
        Kind::CreateAccessKey(_)
        | Kind::UpdateAccessKey(_)
        | Kind::DeleteAccessKey(_)
        | Kind::CreateJoinToken(_)
        | Kind::DeleteJoinToken(_)
        | Kind::AdmitNode(_)
        | Kind::AdmitFirst(_)
        | Kind::AnnounceNode(_)
        | Kind::Assign(_)
        | Kind::CreateBus(_)
        | Kind::UpdateBus(_)
        | Kind::DeleteBus(_)
        | Kind::EnableRule(_)
        | Kind::DisableRule(_)
        | Kind::DeleteRule(_)
        | Kind::PutTargets(_)
        | Kind::RemoveTargets(_)
        | Kind::DeleteConnection(_)
        | Kind::DeauthorizeConnection(_)
        | Kind::CreateDestination(_)
        | Kind::UpdateDestination(_)
        | Kind::DeleteDestination(_)
        | Kind::CreateQueue(_)
        | Kind::DeleteQueue(_)
        | Kind::ConfirmTombstone(_)
        | Kind::Fired(_)
        | Kind::Tag(_)
        | Kind::UpdateQuotas(_)
        | Kind::CreateUnit(_)
        | Kind::RenameUnit(_)
        | Kind::DeleteUnit(_)
        | Kind::CreateAccount(_)
        | Kind::MoveAccount(_)
        | Kind::CloseAccount(_)
        | Kind::ReopenAccount(_)
        | Kind::CreateRole(_)
        | Kind::UpdateRole(_)
        | Kind::DeleteRole(_)
        | Kind::UpdateUser(_)
        | Kind::DeleteUser(_)
        | Kind::AttachControlPolicy(_)
        | Kind::DetachControlPolicy(_) => true,
    }
}

fn organization(organize: &Organize) -> bool {
    organize.administrator.as_ref().is_none_or(user)
}

fn user(create: &CreateUser) -> bool {
    identities(&create.identities)
}

fn identities(identities: &[Identity]) -> bool {
    identities.iter().all(|identity| IdentityKind::try_from(identity.kind).is_ok())
}

fn auth(auth: Option<&Auth>) -> bool {
    auth.is_none_or(|auth| AuthKind::try_from(auth.kind).is_ok())
}

fn principal(principal: Option<&Principal>) -> bool {
    principal.is_none_or(|principal| PrincipalKind::try_from(principal.kind).is_ok())
}

fn policy(name: Option<&PolicyName>) -> bool {
    name.is_none_or(|name| PolicyKind::try_from(name.kind).is_ok())
}

fn resource(name: Option<&ResourceName>) -> bool {
    name.is_none_or(|name| ResourceKind::try_from(name.kind).is_ok())
}
