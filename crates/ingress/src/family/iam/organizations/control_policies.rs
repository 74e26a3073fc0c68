//! Control policies: what limits the accounts below a root, unit or account.

use bascule_api::iam::v1::{
    AttachControlPolicyRequest, ControlPolicy, ControlPolicyType, CreateControlPolicyRequest,
    CreateControlPolicyResponse, DeleteControlPolicyRequest, DescribeControlPolicyRequest,
    DescribeControlPolicyResponse, DetachControlPolicyRequest, ListControlPoliciesRequest, ListControlPoliciesResponse,
    UpdateControlPolicyRequest, UpdateControlPolicyResponse,
};
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::limits::POLICY_VERSIONS_LIMIT_COUNT;
use bascule_model::name::{AccountId, PolicyName};
use bascule_model::organization::Node;
use bascule_model::policy::{PolicyArn, PolicyKind};
use bascule_model::principal::{NO_PATH, check_description};
use bascule_model::time::Millis;
use bascule_policy::Kind as Document;
use bascule_routing::realm::Managed;
use bascule_routing::shipped::Shipped;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::rows::PolicyRow;
use bascule_statemachine::codec::control::{self, AttachControlPolicy, CreatePolicy, CreatePolicyVersion, Kind};

use super::shown;
use crate::family::iam::policies::{self, Found, OfPolicy};
use crate::family::iam::{Change, given};
use crate::family::{Front, given as asked};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

pub(super) struct New {
    of: PolicyKind,
    change: Change,
}

pub(super) struct List {
    page: Page,
    of: PolicyKind,
    allow_stale: bool,
}

fn kind_of(kind: i32) -> Result<PolicyKind, Refusal> {
    match ControlPolicyType::try_from(kind) {
        Ok(ControlPolicyType::ServiceControlPolicy) => Ok(PolicyKind::ServiceControl),
        Ok(ControlPolicyType::ResourceControlPolicy) => Ok(PolicyKind::ResourceControl),
        Ok(ControlPolicyType::Unspecified) => Err(wire::field("Type", "it must be there", "")),
        Err(_) => Err(wire::field("Type", "this build does not know it", &kind.to_string())),
    }
}

const fn shown_kind(kind: PolicyKind) -> ControlPolicyType {
    match kind {
        PolicyKind::Identity => ControlPolicyType::Unspecified,
        PolicyKind::ServiceControl => ControlPolicyType::ServiceControlPolicy,
        PolicyKind::ResourceControl => ControlPolicyType::ResourceControlPolicy,
    }
}

fn content(of: PolicyKind, text: &str) -> Result<(), Refusal> {
    let kind = match of {
        PolicyKind::Identity => Document::Identity,
        PolicyKind::ServiceControl => Document::Scp,
        PolicyKind::ResourceControl => Document::Rcp,
    };
    given::document("Content", kind, text)
}

/// The ARN of a control policy that is to change.
fn own(text: &str) -> Result<PolicyArn, Refusal> {
    given::own("PolicyArn", given::control_named("PolicyArn", text)?)
}

pub(super) fn check_create(_: &Permitted, request: CreateControlPolicyRequest) -> Result<New, Refusal> {
    let of = kind_of(request.r#type)?;
    let name = PolicyName::parse(&request.name).map_err(wire::fault)?;
    check_description(&request.description).map_err(wire::fault)?;
    content(of, &request.content)?;
    let kind = match of {
        PolicyKind::ResourceControl => control::PolicyKind::ResourceControl,
        PolicyKind::Identity | PolicyKind::ServiceControl => control::PolicyKind::ServiceControl,
    };
    let kind = Kind::CreatePolicy(CreatePolicy {
        kind: kind.into(),
        name: name.as_str().to_owned(),
        path: NO_PATH.to_owned(),
        description: request.description,
        document: request.content,
    });
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(New { of, change: Change::new(name.as_str().to_owned(), kind, writing) })
}

pub(super) fn check_update(_: &Permitted, request: UpdateControlPolicyRequest) -> Result<OfPolicy, Refusal> {
    let arn = own(&request.policy_arn)?;
    content(arn.kind(), &request.content)?;
    let policy = Some(policies::named(&arn));
    let version = CreatePolicyVersion { policy, document: request.content, in_force: true };
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(OfPolicy { arn, kind: Kind::CreatePolicyVersion(version), writing })
}

pub(super) fn check_describe(
    _: &Permitted,
    request: DescribeControlPolicyRequest,
) -> Result<(PolicyArn, bool), Refusal> {
    Ok((given::control_named("PolicyArn", &request.policy_arn)?, request.allow_stale))
}

pub(super) fn check_list(permit: &Permitted, request: ListControlPoliciesRequest) -> Result<List, Refusal> {
    let of = kind_of(request.r#type)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[shown_kind(of).as_str_name()])?;
    Ok(List { page, of, allow_stale: request.allow_stale })
}

pub(super) fn check_delete(_: &Permitted, request: DeleteControlPolicyRequest) -> Result<OfPolicy, Refusal> {
    let arn = own(&request.policy_arn)?;
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(OfPolicy { kind: Kind::DeletePolicy(policies::named(&arn)), arn, writing })
}

pub(super) fn check_attach(_: &Permitted, request: AttachControlPolicyRequest) -> Result<Change, Refusal> {
    let policy = given::control("PolicyArn", &request.policy_arn)?.to_string();
    let node = Node::parse("TargetId", &request.target_id).map_err(wire::fault)?.to_string();
    let kind = Kind::AttachControlPolicy(AttachControlPolicy { node: node.clone(), policy });
    Ok(Change::new(node, kind, asked::writing(request.request_id, request.validate_only)?))
}

/// A shipped policy that a later build has no more can still be detached.
pub(super) fn check_detach(_: &Permitted, request: DetachControlPolicyRequest) -> Result<Change, Refusal> {
    let policy = given::control_named("PolicyArn", &request.policy_arn)?.to_string();
    let node = Node::parse("TargetId", &request.target_id).map_err(wire::fault)?.to_string();
    let kind = Kind::DetachControlPolicy(AttachControlPolicy { node: node.clone(), policy });
    Ok(Change::new(node, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn shown_policy(managed: &Managed) -> ControlPolicy {
    let row = &managed.row;
    ControlPolicy {
        arn: managed.arn.to_string(),
        name: row.name.clone(),
        r#type: shown_kind(managed.arn.kind()).into(),
        description: row.description.clone(),
        content: policies::in_force(row),
        attachment_count: row.attachments,
        shipped: false,
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    }
}

fn shown_shipped(shipped: &Shipped, arn: &PolicyArn) -> ControlPolicy {
    ControlPolicy {
        arn: arn.to_string(),
        name: shipped.name.to_owned(),
        r#type: shown_kind(shipped.kind).into(),
        description: shipped.description.to_owned(),
        content: shipped.document.to_owned(),
        shipped: true,
        ..ControlPolicy::default()
    }
}

fn shown_at(view: &View, arn: &PolicyArn) -> Result<ControlPolicy, Refusal> {
    Ok(match policies::find(view, arn)? {
        Found::Shipped(shipped) => shown_shipped(shipped, arn),
        Found::Own(managed) => shown_policy(managed),
    })
}

/// The version that goes when there is no room for another: the oldest that is not in force.
fn oldest(row: &PolicyRow) -> Option<u32> {
    let full = row.versions.len() >= POLICY_VERSIONS_LIMIT_COUNT;
    let mut others = row.versions.iter().filter(|version| version.number != row.in_force);
    others.next().filter(|_| full).map(|version| version.number)
}

impl Front {
    pub(super) async fn create_a_control_policy(
        &self,
        checked: Checked<New>,
    ) -> Result<CreateControlPolicyResponse, Refusal> {
        let (permit, New { of, change }) = checked.into_parts();
        let acted = self.act_for(&permit, change).await?;
        let mut policies = acted.changed.view.realm.policies(acted.account, of);
        let policy = policies.find(|managed| managed.row.name == acted.name).map(|managed| shown_policy(managed));
        Ok(CreateControlPolicyResponse { policy, control_index: acted.index() })
    }

    /// A new version in force. Nobody asks for those before, so that the oldest makes room; it is in force nowhere, and its going
    /// changes no decision.
    pub(super) async fn update_a_control_policy(
        &self,
        checked: Checked<OfPolicy>,
    ) -> Result<UpdateControlPolicyResponse, Refusal> {
        let (permit, change) = checked.into_parts();
        let arn = change.arn.clone();
        let view = self.rooms.view(false).await?;
        let full = view.realm.policy(&arn).and_then(|managed| oldest(&managed.row));
        let mut changed = None;
        if let Some(version) = full {
            let policy = Some(policies::named(&arn));
            let kind = Kind::DeletePolicyVersion(control::PolicyVersion { policy, version });
            let writing = Writing { request_id: String::new(), validate_only: change.writing.validate_only };
            match self.change_policy(&permit, OfPolicy { arn: arn.clone(), kind, writing }).await {
                Ok(made) => changed = Some(made),
                // Another update made the same room.
                Err(refusal) if refusal.reason == Reason::ResourceNotFound => {}
                Err(refusal) => return Err(refusal),
            }
        }
        // Only tried out there is no more room than before, and nothing else that the new one could be refused for.
        let changed = match changed.filter(|_| change.writing.validate_only) {
            Some(changed) => changed,
            None => self.change_policy(&permit, change).await?,
        };
        let policy = changed.view.realm.policy(&arn).map(|managed| shown_policy(managed));
        Ok(UpdateControlPolicyResponse { policy, control_index: changed.index.0 })
    }

    pub(super) async fn describe_a_control_policy(
        &self,
        checked: Checked<(PolicyArn, bool)>,
    ) -> Result<DescribeControlPolicyResponse, Refusal> {
        let (_, (arn, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        Ok(DescribeControlPolicyResponse { policy: Some(shown_at(&view, &arn)?) })
    }

    pub(super) async fn list_the_control_policies(
        &self,
        checked: Checked<List>,
    ) -> Result<ListControlPoliciesResponse, Refusal> {
        let (_, List { page, of, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let management = AccountId::from_number(shown::organization_of(&view)?.row.management).unwrap_or_default();
        let shipped = policies::shipped_of(of, Rooms::cluster(&view)?.scope.partition()).into_iter();
        let own = view.realm.policies(management, of).map(|managed| managed.arn.clone());
        let all = shipped.map(|(_, arn)| arn).chain(own);
        let places: Vec<_> = all.map(|arn| (policies::place(&arn), arn)).collect();
        let named = places.iter().map(|(place, arn)| (place.as_str(), arn));
        let (arns, next_page_token) = page.take(&self.rooms.handles, named)?;
        let row = |arn: &PolicyArn| Ok(ControlPolicy { content: String::new(), ..shown_at(&view, arn)? });
        let policies = arns.into_iter().map(row).collect::<Result<_, Refusal>>()?;
        Ok(ListControlPoliciesResponse { policies, next_page_token })
    }

    pub(super) async fn delete_a_control_policy(&self, checked: Checked<OfPolicy>) -> Result<u64, Refusal> {
        let (permit, change) = checked.into_parts();
        Ok(self.change_policy(&permit, change).await?.index.0)
    }
}

#[cfg(test)]
mod tests {
    use bascule_statemachine::codec::control::rows::VersionRow;

    use super::*;

    #[test]
    fn types_are_known() {
        for (kind, outcome) in [
            (0, Err("Type")),
            (1, Ok(PolicyKind::ServiceControl)),
            (2, Ok(PolicyKind::ResourceControl)),
            (3, Err("Type")),
        ] {
            let found = kind_of(kind).map_err(|refusal| refusal.fields[0].subject.clone());
            assert_eq!(found, outcome.map_err(str::to_owned), "{kind}");
            if let Ok(of) = found {
                assert_eq!(shown_kind(of) as i32, kind);
            }
        }
    }

    #[test]
    fn the_oldest_makes_room_and_never_what_is_in_force() {
        let row = |numbers: &[u32], in_force| {
            let version = |number: &u32| VersionRow { number: *number, ..VersionRow::default() };
            PolicyRow { versions: numbers.iter().map(version).collect(), in_force, ..PolicyRow::default() }
        };
        for (numbers, in_force, goes) in [
            (&[1][..], 1, None),
            (&[1, 2, 3, 4][..], 4, None),
            (&[1, 2, 3, 4, 5][..], 5, Some(1)),
            (&[1, 2, 3, 4, 5][..], 1, Some(2)),
            (&[3, 5, 6, 7, 9][..], 9, Some(3)),
        ] {
            assert_eq!(oldest(&row(numbers, in_force)), goes, "{numbers:?}");
        }
    }

    #[test]
    fn only_control_policies_of_the_organisation_change() {
        for (text, good) in [
            ("arn:aws:organizations::111122223333:policy/o-abcdefghij/service_control_policy/a", true),
            ("arn:aws:organizations::111122223333:policy/o-abcdefghij/resource_control_policy/a", true),
            ("arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess", false),
            ("arn:aws:iam::111122223333:policy/a", false),
            ("p-a", false),
        ] {
            assert_eq!(own(text).is_ok(), good, "{text}");
        }
    }
}
