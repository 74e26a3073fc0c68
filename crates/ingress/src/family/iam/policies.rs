//! Managed policies: the account's own, and what comes with the build.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::policies_server::Policies;
use bascule_api::iam::v1::{
    CreatePolicyRequest, CreatePolicyResponse, CreatePolicyVersionRequest, CreatePolicyVersionResponse,
    DeletePolicyRequest, DeletePolicyResponse, DeletePolicyVersionRequest, DeletePolicyVersionResponse,
    GetPolicyRequest, GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse, Policy, PolicyScope, PolicyVersion,
    SetDefaultPolicyVersionRequest, SetDefaultPolicyVersionResponse,
};
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::name::PolicyName;
use bascule_model::policy::{PolicyArn, PolicyKind, PolicyOwner};
use bascule_model::principal::{NO_PATH, check_description};
use bascule_model::time::Millis;
use bascule_policy::Kind as Document;
use bascule_routing::realm::Managed;
use bascule_routing::shipped::{self, Shipped};
use bascule_routing::view::View;
use bascule_statemachine::codec::control::rows::{PolicyRow, VersionRow};
use bascule_statemachine::codec::control::{self, CreatePolicy, CreatePolicyVersion, Kind};

use crate::family::iam::{Change, given};
use crate::family::{Front, given as asked};
use crate::page::Page;
use crate::rooms::{Changed, Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// The version of what comes with the build: the only one there is.
const SHIPPED_VERSION: &str = "v1";

/// A change of a policy that is named by ARN.
pub(super) struct OfPolicy {
    pub(super) arn: PolicyArn,
    pub(super) kind: Kind,
    pub(super) writing: Writing,
}

struct List {
    page: Page,
    scope: PolicyScope,
    allow_stale: bool,
}

/// The ARN of an identity policy of an account.
fn own(text: &str) -> Result<PolicyArn, Refusal> {
    let arn = PolicyArn::parse("PolicyArn", text).map_err(wire::fault)?;
    if arn.kind() != PolicyKind::Identity {
        return Err(wire::field("PolicyArn", "it must be a policy of identities", text));
    }
    given::own("PolicyArn", arn)
}

/// The policy of an ARN as commands name it: by name alone, which [`Front::change_policy`] makes good.
pub(super) fn named(arn: &PolicyArn) -> control::PolicyName {
    let kind = match arn.kind() {
        PolicyKind::Identity => control::PolicyKind::Identity,
        PolicyKind::ServiceControl => control::PolicyKind::ServiceControl,
        PolicyKind::ResourceControl => control::PolicyKind::ResourceControl,
    };
    control::PolicyName { kind: kind.into(), name: arn.name().as_str().to_owned(), path: arn.path().to_owned() }
}

/// `v` and a number, as versions are answered.
fn version(text: &str) -> Result<u32, Refusal> {
    let number = text.strip_prefix('v').and_then(|digits| digits.parse().ok());
    let number = number.filter(|number| version_id(*number) == text);
    number.ok_or_else(|| wire::field("VersionId", "it must be `v` and a number", text))
}

fn version_id(number: u32) -> String {
    format!("v{number}")
}

fn check_create(_: &Permitted, request: CreatePolicyRequest) -> Result<Change, Refusal> {
    let name = PolicyName::parse(&request.policy_name).map_err(wire::fault)?.as_str().to_owned();
    check_description(&request.description).map_err(wire::fault)?;
    given::document("PolicyDocument", Document::Identity, &request.policy_document)?;
    let kind = Kind::CreatePolicy(CreatePolicy {
        kind: control::PolicyKind::Identity.into(),
        name: name.clone(),
        path: given::path(request.path)?,
        description: request.description,
        document: request.policy_document,
    });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_get(_: &Permitted, request: GetPolicyRequest) -> Result<(PolicyArn, bool), Refusal> {
    let arn = PolicyArn::parse("PolicyArn", &request.policy_arn).map_err(wire::fault)?;
    if arn.kind() != PolicyKind::Identity {
        return Err(wire::field("PolicyArn", "it must be a policy of identities", &request.policy_arn));
    }
    Ok((arn, request.allow_stale))
}

fn check_list(permit: &Permitted, request: ListPoliciesRequest) -> Result<List, Refusal> {
    let scope = match PolicyScope::try_from(request.scope) {
        Ok(PolicyScope::Unspecified) => PolicyScope::All,
        Ok(scope) => scope,
        Err(_) => return Err(wire::field("Scope", "this build does not know it", &request.scope.to_string())),
    };
    let page = Page::check(permit, request.page_size, request.page_token, &[scope.as_str_name()])?;
    Ok(List { page, scope, allow_stale: request.allow_stale })
}

fn check_delete(_: &Permitted, request: DeletePolicyRequest) -> Result<OfPolicy, Refusal> {
    let arn = own(&request.policy_arn)?;
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(OfPolicy { kind: Kind::DeletePolicy(named(&arn)), arn, writing })
}

fn check_create_version(_: &Permitted, request: CreatePolicyVersionRequest) -> Result<OfPolicy, Refusal> {
    let arn = own(&request.policy_arn)?;
    given::document("PolicyDocument", Document::Identity, &request.policy_document)?;
    let (policy, document, in_force) = (Some(named(&arn)), request.policy_document, request.set_as_default);
    let kind = Kind::CreatePolicyVersion(CreatePolicyVersion { policy, document, in_force });
    Ok(OfPolicy { arn, kind, writing: asked::writing(request.request_id, request.validate_only)? })
}

fn check_delete_version(_: &Permitted, request: DeletePolicyVersionRequest) -> Result<OfPolicy, Refusal> {
    let arn = own(&request.policy_arn)?;
    let version = control::PolicyVersion { policy: Some(named(&arn)), version: version(&request.version_id)? };
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(OfPolicy { arn, kind: Kind::DeletePolicyVersion(version), writing })
}

fn check_set_default(_: &Permitted, request: SetDefaultPolicyVersionRequest) -> Result<OfPolicy, Refusal> {
    let arn = own(&request.policy_arn)?;
    let version = control::PolicyVersion { policy: Some(named(&arn)), version: version(&request.version_id)? };
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(OfPolicy { arn, kind: Kind::SetDefaultPolicyVersion(version), writing })
}

fn shown_version(row: &PolicyRow, version: &VersionRow) -> PolicyVersion {
    PolicyVersion {
        version_id: version_id(version.number),
        is_default_version: version.number == row.in_force,
        document: version.document.clone(),
        creation_time: Some(timestamp(Millis(version.created_ms))),
    }
}

fn shown(managed: &Managed) -> Policy {
    let row = &managed.row;
    Policy {
        policy_name: row.name.clone(),
        arn: managed.arn.to_string(),
        path: row.path.clone(),
        description: row.description.clone(),
        default_version_id: version_id(row.in_force),
        policy_document: in_force(row),
        versions: row.versions.iter().map(|version| shown_version(row, version)).collect(),
        attachment_count: row.attachments,
        permissions_boundary_usage_count: row.bounded,
        shipped: false,
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    }
}

/// The document in force.
pub(super) fn in_force(row: &PolicyRow) -> String {
    let version = row.versions.iter().find(|version| version.number == row.in_force);
    version.map(|version| version.document.clone()).unwrap_or_default()
}

fn shown_shipped(shipped: &Shipped, arn: &PolicyArn) -> Policy {
    let version = PolicyVersion {
        version_id: SHIPPED_VERSION.to_owned(),
        is_default_version: true,
        document: shipped.document.to_owned(),
        creation_time: None,
    };
    Policy {
        policy_name: shipped.name.to_owned(),
        arn: arn.to_string(),
        path: NO_PATH.to_owned(),
        description: shipped.description.to_owned(),
        default_version_id: SHIPPED_VERSION.to_owned(),
        policy_document: shipped.document.to_owned(),
        versions: vec![version],
        shipped: true,
        ..Policy::default()
    }
}

/// What comes with the build of a kind, in order of name, as this cluster writes its ARNs.
pub(super) fn shipped_of(kind: PolicyKind, partition: &str) -> Vec<(&'static Shipped, PolicyArn)> {
    let of_kind = shipped::all().iter().filter(|shipped| shipped.kind == kind);
    let mut all: Vec<_> = of_kind.filter_map(|shipped| Some((shipped, shipped.arn_for(partition)?))).collect();
    all.sort_by_key(|(shipped, _)| shipped.name);
    all
}

/// The place of a policy in a listing: what comes with the build, then the others.
pub(super) fn place(arn: &PolicyArn) -> String {
    let name = arn.name().as_str();
    match arn.owner() {
        PolicyOwner::Shipped => format!("0{name}"),
        _ => format!("1{}", name.to_ascii_lowercase()),
    }
}

/// What was found of an ARN.
pub(super) enum Found<'v> {
    Shipped(&'static Shipped),
    Own(&'v Arc<Managed>),
}

/// What an ARN leads to, in this cluster's partition.
pub(super) fn find<'v>(view: &'v View, arn: &PolicyArn) -> Result<Found<'v>, Refusal> {
    let here = arn.partition() == Rooms::cluster(view)?.scope.partition();
    let shipped = || shipped::find(arn).filter(|_| here).map(Found::Shipped);
    let found = view.realm.policy(arn).map(Found::Own).or_else(shipped);
    found.ok_or_else(|| wire::fault(Fault::not_found(Noun::Policy, arn.to_string())))
}

impl Front {
    /// Changes a policy that is named by ARN.
    pub(super) async fn change_policy(&self, permit: &Permitted, change: OfPolicy) -> Result<Changed, Refusal> {
        let OfPolicy { kind, writing, .. } = change;
        self.rooms.change(permit, writing, [0; 16], kind).await
    }

    async fn change_the_policy(&self, checked: Checked<OfPolicy>) -> Result<u64, Refusal> {
        let (permit, change) = checked.into_parts();
        Ok(self.change_policy(&permit, change).await?.index.0)
    }

    async fn create_a_policy(&self, checked: Checked<Change>) -> Result<CreatePolicyResponse, Refusal> {
        let acted = self.act(checked).await?;
        let mut policies = acted.changed.view.realm.policies(acted.account, PolicyKind::Identity);
        let policy = policies.find(|managed| managed.row.name == acted.name).map(|managed| shown(managed));
        Ok(CreatePolicyResponse { policy, control_index: acted.index() })
    }

    async fn create_a_version(&self, checked: Checked<OfPolicy>) -> Result<CreatePolicyVersionResponse, Refusal> {
        let (permit, change) = checked.into_parts();
        let (arn, validate_only) = (change.arn.clone(), change.writing.validate_only);
        let document = match &change.kind {
            Kind::CreatePolicyVersion(create) => create.document.clone(),
            _ => String::new(),
        };
        let changed = self.change_policy(&permit, change).await?;
        // The newest that says this: another one may have come since.
        let managed = changed.view.realm.policy(&arn).filter(|_| !validate_only);
        let policy_version = managed.and_then(|managed| {
            let version = managed.row.versions.iter().rfind(|version| version.document == document);
            version.map(|version| shown_version(&managed.row, version))
        });
        Ok(CreatePolicyVersionResponse { policy_version, control_index: changed.index.0 })
    }

    async fn get_the_policy(&self, checked: Checked<(PolicyArn, bool)>) -> Result<GetPolicyResponse, Refusal> {
        let (_, (arn, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let policy = match find(&view, &arn)? {
            Found::Shipped(shipped) => shown_shipped(shipped, &arn),
            Found::Own(managed) => shown(managed),
        };
        Ok(GetPolicyResponse { policy: Some(policy) })
    }

    async fn list_the_policies(&self, checked: Checked<List>) -> Result<ListPoliciesResponse, Refusal> {
        let (permit, List { page, scope, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let partition = Rooms::cluster(&view)?.scope.partition();
        let mut places = Vec::new();
        if scope != PolicyScope::Own {
            let all = shipped_of(PolicyKind::Identity, partition).into_iter();
            places.extend(all.map(|(_, arn)| (place(&arn), arn)));
        }
        if scope != PolicyScope::Shipped {
            let all = view.realm.policies(permit.account(), PolicyKind::Identity);
            places.extend(all.map(|managed| (place(&managed.arn), managed.arn.clone())));
        }
        let named = places.iter().map(|(place, arn)| (place.as_str(), arn));
        let (arns, next_page_token) = page.take(&self.rooms.handles, named)?;
        let row = |arn: &PolicyArn| {
            let policy = match find(&view, arn)? {
                Found::Shipped(shipped) => shown_shipped(shipped, arn),
                Found::Own(managed) => shown(managed),
            };
            Ok(Policy { policy_document: String::new(), versions: Vec::new(), ..policy })
        };
        let policies = arns.into_iter().map(row).collect::<Result<_, Refusal>>()?;
        Ok(ListPoliciesResponse { policies, next_page_token })
    }
}

#[tonic::async_trait]
impl Policies for Front {
    async fn create_policy(
        &self,
        request: Request<CreatePolicyRequest>,
    ) -> Result<Response<CreatePolicyResponse>, Status> {
        self.stack.run(request, check_create, |checked| self.create_a_policy(checked)).await
    }

    async fn get_policy(&self, request: Request<GetPolicyRequest>) -> Result<Response<GetPolicyResponse>, Status> {
        self.stack.run(request, check_get, |checked| self.get_the_policy(checked)).await
    }

    async fn list_policies(
        &self,
        request: Request<ListPoliciesRequest>,
    ) -> Result<Response<ListPoliciesResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_policies(checked)).await
    }

    async fn delete_policy(
        &self,
        request: Request<DeletePolicyRequest>,
    ) -> Result<Response<DeletePolicyResponse>, Status> {
        let work = async |checked| Ok(DeletePolicyResponse { control_index: self.change_the_policy(checked).await? });
        self.stack.run(request, check_delete, work).await
    }

    async fn create_policy_version(
        &self,
        request: Request<CreatePolicyVersionRequest>,
    ) -> Result<Response<CreatePolicyVersionResponse>, Status> {
        self.stack.run(request, check_create_version, |checked| self.create_a_version(checked)).await
    }

    async fn delete_policy_version(
        &self,
        request: Request<DeletePolicyVersionRequest>,
    ) -> Result<Response<DeletePolicyVersionResponse>, Status> {
        let work =
            async |checked| Ok(DeletePolicyVersionResponse { control_index: self.change_the_policy(checked).await? });
        self.stack.run(request, check_delete_version, work).await
    }

    async fn set_default_policy_version(
        &self,
        request: Request<SetDefaultPolicyVersionRequest>,
    ) -> Result<Response<SetDefaultPolicyVersionResponse>, Status> {
        let work = async |checked| {
            Ok(SetDefaultPolicyVersionResponse { control_index: self.change_the_policy(checked).await? })
        };
        self.stack.run(request, check_set_default, work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_one_text() {
        for (text, number) in [("v1", Some(1)), ("v10", Some(10)), ("v4294967295", Some(u32::MAX))] {
            assert_eq!(version(text).ok(), number, "{text}");
        }
        for text in ["", "v", "1", "V1", "v01", "v+1", "v-1", "v 1", "v4294967296", "v1.0"] {
            assert_eq!(version(text).unwrap_err().fields[0].subject, "VersionId", "{text}");
        }
    }

    #[test]
    fn only_identity_policies_of_accounts_change() {
        for (text, good) in [
            ("arn:aws:iam::111122223333:policy/a", true),
            ("arn:aws:iam::111122223333:policy/x/a", true),
            ("arn:aws:iam::aws:policy/BasculeAdministrator", false),
            ("arn:aws:organizations::111122223333:policy/o-abcdefghij/service_control_policy/a", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(own(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_comes_with_the_build_is_listed_first() {
        let own = PolicyArn::parse("", "arn:aws:iam::111122223333:policy/x/Aa").unwrap();
        let all = shipped_of(PolicyKind::Identity, "aws");
        assert!(all.is_sorted_by_key(|(_, arn)| place(arn)) && !all.is_empty());
        assert!(all.iter().all(|(_, arn)| place(arn) < place(&own)));
        assert_eq!(place(&own), "1aa");
    }
}
