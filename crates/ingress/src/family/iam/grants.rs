//! What users and roles share: inline policies, attached policies, tags, and how they are shown.

use std::collections::BTreeMap;

use bascule_api::iam::v1::InlinePolicy;
use bascule_api::status::Refusal;
use bascule_model::limits::{ROLE_INLINE_LIMIT_CHARS, USER_INLINE_LIMIT_CHARS};
use bascule_model::name::{PolicyName, RoleName, UserName};
use bascule_model::policy::PolicyArn;
use bascule_statemachine::codec::control::rows::Grants;
use bascule_statemachine::codec::control::{
    AttachPolicy, DeleteInlinePolicy, Kind, Principal, PrincipalKind, PutInlinePolicy, TagPrincipal,
};

use crate::family::iam::{Change, given};
use crate::rooms::Writing;
use crate::wire;

/// A user or role whose grants change.
pub(super) struct Holder {
    principal: Principal,
    inline_limit_chars: usize,
}

impl Holder {
    pub(super) fn user(name: &str) -> Result<Self, Refusal> {
        let name = UserName::parse(name).map_err(wire::fault)?.as_str().to_owned();
        let principal = Principal { kind: PrincipalKind::User.into(), name };
        Ok(Self { principal, inline_limit_chars: USER_INLINE_LIMIT_CHARS })
    }

    pub(super) fn role(name: &str) -> Result<Self, Refusal> {
        let name = RoleName::parse(name).map_err(wire::fault)?.as_str().to_owned();
        let principal = Principal { kind: PrincipalKind::Role.into(), name };
        Ok(Self { principal, inline_limit_chars: ROLE_INLINE_LIMIT_CHARS })
    }

    pub(super) fn put_inline(self, name: &str, document: String, writing: Writing) -> Result<Change, Refusal> {
        let name = PolicyName::parse(name).map_err(wire::fault)?.as_str().to_owned();
        given::inline_document(&document, self.inline_limit_chars)?;
        Ok(self.change(writing, |principal| Kind::PutInlinePolicy(PutInlinePolicy { principal, name, document })))
    }

    pub(super) fn delete_inline(self, name: &str, writing: Writing) -> Result<Change, Refusal> {
        let name = PolicyName::parse(name).map_err(wire::fault)?.as_str().to_owned();
        Ok(self.change(writing, |principal| Kind::DeleteInlinePolicy(DeleteInlinePolicy { principal, name })))
    }

    pub(super) fn attach(self, arn: &str, writing: Writing) -> Result<Change, Refusal> {
        let policy = given::managed("PolicyArn", arn)?.to_string();
        Ok(self.change(writing, |principal| Kind::AttachPolicy(AttachPolicy { principal, policy })))
    }

    /// A shipped policy that a later build has no more can still be detached.
    pub(super) fn detach(self, arn: &str, writing: Writing) -> Result<Change, Refusal> {
        let policy = PolicyArn::parse("PolicyArn", arn).map_err(wire::fault)?.to_string();
        Ok(self.change(writing, |principal| Kind::DetachPolicy(AttachPolicy { principal, policy })))
    }

    pub(super) fn tag(self, tags: BTreeMap<String, String>, writing: Writing) -> Result<Change, Refusal> {
        let set = given::some_tags(tags)?;
        Ok(self.change(writing, |principal| Kind::TagPrincipal(TagPrincipal { principal, set, remove: Vec::new() })))
    }

    pub(super) fn untag(self, remove: Vec<String>, writing: Writing) -> Result<Change, Refusal> {
        given::tag_keys(&remove)?;
        Ok(self.change(writing, |principal| Kind::TagPrincipal(TagPrincipal { principal, set: Vec::new(), remove })))
    }

    fn change(self, writing: Writing, kind: impl FnOnce(Option<Principal>) -> Kind) -> Change {
        Change::new(self.principal.name.clone(), kind(Some(self.principal)), writing)
    }
}

/// Inline policies as they are answered.
pub(super) fn inline(grants: &Grants) -> Vec<InlinePolicy> {
    let shown = grants.inline.iter();
    shown.map(|one| InlinePolicy { policy_name: one.name.clone(), policy_document: one.document.clone() }).collect()
}

/// Tags as they are answered.
pub(super) fn tags(grants: &Grants) -> BTreeMap<String, String> {
    grants.tags.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect()
}
