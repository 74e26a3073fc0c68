//! The organisation. What is on two of its resources is asked about on each.

use bascule_api::iam::v1::{
    AttachControlPolicyRequest, CloseAccountRequest, ControlPolicyType, CreateAccountRequest,
    CreateControlPolicyRequest, CreateOrganizationalUnitRequest, DeleteControlPolicyRequest,
    DeleteOrganizationalUnitRequest, DescribeAccountRequest, DescribeControlPolicyRequest, DescribeOrganizationRequest,
    DetachControlPolicyRequest, ListAccountsRequest, ListControlPoliciesRequest, ListOrganizationalUnitsRequest,
    MoveAccountRequest, ReopenAccountRequest, UpdateControlPolicyRequest, UpdateOrganizationalUnitRequest,
};
use bascule_model::policy::{PolicyArn, PolicyKind};

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Named, asks};

/// Which type of control policy it is about, as the page of these keys writes it.
const TYPE: &str = "organizations:PolicyType";

asks! {
    // Whoever belongs to it may be let to know what it is.
    DescribeOrganizationRequest DescribeOrganization |_request, asking| asking.everything();
    CreateOrganizationalUnitRequest CreateOrganizationalUnit |request, asking| asking.node(&request.parent_id);
    UpdateOrganizationalUnitRequest UpdateOrganizationalUnit |request, asking| {
        asking.node(&request.organizational_unit_id)
    };
    DeleteOrganizationalUnitRequest DeleteOrganizationalUnit |request, asking| {
        asking.node(&request.organizational_unit_id)
    };
    ListOrganizationalUnitsRequest ListOrganizationalUnits |_request, asking| asking.cluster();
    DescribeAccountRequest DescribeAccount |request, asking| asking.node(&request.account_id);
    ListAccountsRequest ListAccounts |_request, asking| asking.cluster();
    CloseAccountRequest CloseAccount |request, asking| asking.node(&request.account_id);
    ReopenAccountRequest ReopenAccount |request, asking| asking.node(&request.account_id);
    UpdateControlPolicyRequest UpdateControlPolicy |request, asking| asking.policy(&request.policy_arn);
    DescribeControlPolicyRequest DescribeControlPolicy |request, asking| asking.policy(&request.policy_arn);
    DeleteControlPolicyRequest DeleteControlPolicy |request, asking| asking.policy(&request.policy_arn);
}

impl Asks for CreateAccountRequest {
    const OPERATION: Operation = Operation::CreateAccount;

    fn resource(&self, asking: &Asking) -> Named {
        asking.node(&self.account_id)
    }

    /// Below a unit it takes what moving it there would.
    fn accesses(&self, asking: &Asking) -> Accesses {
        let below =
            (!self.parent_id.is_empty()).then(|| Access::of(Operation::MoveAccount, asking.node(&self.parent_id)));
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking))).and(below)
    }
}

impl Asks for MoveAccountRequest {
    const OPERATION: Operation = Operation::MoveAccount;

    fn resource(&self, asking: &Asking) -> Named {
        asking.node(&self.account_id)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let to = Access::of(Self::OPERATION, asking.node(&self.parent_id));
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking))).and([to])
    }
}

impl Asks for CreateControlPolicyRequest {
    const OPERATION: Operation = Operation::CreateControlPolicy;

    fn resource(&self, asking: &Asking) -> Named {
        asking.cluster()
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        Accesses::one(typed(Access::of(Self::OPERATION, self.resource(asking)), word(self.r#type())))
    }
}

impl Asks for ListControlPoliciesRequest {
    const OPERATION: Operation = Operation::ListControlPolicies;

    fn resource(&self, asking: &Asking) -> Named {
        asking.cluster()
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        Accesses::one(typed(Access::of(Self::OPERATION, self.resource(asking)), word(self.r#type())))
    }
}

impl Asks for AttachControlPolicyRequest {
    const OPERATION: Operation = Operation::AttachControlPolicy;

    fn resource(&self, asking: &Asking) -> Named {
        asking.node(&self.target_id)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        held(Self::OPERATION, self.resource(asking), &self.policy_arn, asking)
    }
}

impl Asks for DetachControlPolicyRequest {
    const OPERATION: Operation = Operation::DetachControlPolicy;

    fn resource(&self, asking: &Asking) -> Named {
        asking.node(&self.target_id)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        held(Self::OPERATION, self.resource(asking), &self.policy_arn, asking)
    }
}

fn held(operation: Operation, target: Named, policy: &str, asking: &Asking) -> Accesses {
    let kind = PolicyArn::parse("PolicyArn", policy).ok().and_then(|arn| match arn.kind() {
        PolicyKind::Identity => None,
        PolicyKind::ServiceControl => word(ControlPolicyType::ServiceControlPolicy),
        PolicyKind::ResourceControl => word(ControlPolicyType::ResourceControlPolicy),
    });
    let on = |named| typed(Access::of(operation, named), kind);
    Accesses::one(on(target)).and([on(asking.policy(policy))])
}

fn typed(access: Access, kind: Option<&str>) -> Access {
    match kind {
        Some(kind) => access.with_text(TYPE, kind),
        None => access,
    }
}

const fn word(kind: ControlPolicyType) -> Option<&'static str> {
    match kind {
        ControlPolicyType::Unspecified => None,
        ControlPolicyType::ServiceControlPolicy => Some("SERVICE_CONTROL_POLICY"),
        ControlPolicyType::ResourceControlPolicy => Some("RESOURCE_CONTROL_POLICY"),
    }
}
