//! Sessions, who calls, and what would be decided.

use bascule_api::iam::v1::{AssumeRoleRequest, GetCallerIdentityRequest, SimulatePrincipalPolicyRequest};

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Named, asks};

asks! {
    GetCallerIdentityRequest GetCallerIdentity |_request, asking| asking.everything();
    SimulatePrincipalPolicyRequest SimulatePrincipalPolicy |request, asking| asking.given(&request.policy_source_arn);
}

impl Asks for AssumeRoleRequest {
    const OPERATION: Operation = Operation::AssumeRole;

    fn resource(&self, asking: &Asking) -> Named {
        asking.role_given(&self.role_arn)
    }

    /// The role has to let in not only who comes, but also what they bring along: who they really are, and tags.
    fn accesses(&self, asking: &Asking) -> Accesses {
        let role = self.resource(asking);
        // What is inherited is brought along too: no chain may carry a name where it could not be said.
        let source_identity = asking.source_identity(&self.source_identity).to_owned();
        let keyed = |action: &'static str| {
            let mut access = Access::to(action, role.clone()).with_tags(&self.tags);
            let keys = [
                ("sts:ExternalId", &self.external_id),
                ("sts:RoleSessionName", &self.role_session_name),
                ("sts:SourceIdentity", &source_identity),
            ];
            for (key, text) in keys.into_iter().filter(|(_, text)| !text.is_empty()) {
                access = access.with_text(key, text);
            }
            access
        };
        let who = (!source_identity.is_empty()).then(|| keyed("sts:SetSourceIdentity"));
        let tagged = (!self.tags.is_empty()).then(|| keyed("sts:TagSession"));
        Accesses::one(keyed(Self::OPERATION.action())).and(who.into_iter().chain(tagged))
    }
}
