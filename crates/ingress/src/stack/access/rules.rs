//! Rules and their targets: the pattern's literals and the targets' ARNs are keys, and a role is asked for before it is passed on.

use std::collections::BTreeSet;

use bascule_api::v1::{
    DeleteRuleRequest, DescribeRuleRequest, DisableRuleRequest, EnableRuleRequest, ListRuleNamesByTargetRequest,
    ListRulesRequest, ListTargetsByRuleRequest, PutRuleRequest, PutTargetsRequest, RemoveTargetsRequest,
    TestEventPatternRequest,
};
use bascule_model::limits::TARGETS_CALL_LIMIT_ENTRIES;

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Given, Named, asks, literals};

/// Who takes the roles of rules and targets.
const PASSED_TO: &str = "events.amazonaws.com";

asks! {
    DescribeRuleRequest DescribeRule |request, asking| asking.rule(&request.event_bus_name, &request.name);
    EnableRuleRequest EnableRule |request, asking| asking.rule(&request.event_bus_name, &request.name);
    DisableRuleRequest DisableRule |request, asking| asking.rule(&request.event_bus_name, &request.name);
    DeleteRuleRequest DeleteRule |request, asking| asking.rule(&request.event_bus_name, &request.name);
    ListRulesRequest ListRules |request, asking| asking.rules(&request.event_bus_name);
    TestEventPatternRequest TestEventPattern |_request, asking| asking.everything();
    RemoveTargetsRequest RemoveTargets |request, asking| asking.rule(&request.event_bus_name, &request.rule);
    ListTargetsByRuleRequest ListTargetsByRule |request, asking| asking.rule(&request.event_bus_name, &request.rule);
    ListRuleNamesByTargetRequest ListRuleNamesByTarget |request, asking| asking.rules(&request.event_bus_name);
}

impl Asks for PutRuleRequest {
    const OPERATION: Operation = Operation::PutRule;

    fn resource(&self, asking: &Asking) -> Named {
        asking.rule(&self.event_bus_name, &self.name)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let rule = self.resource(asking);
        let mut put = Access::of(Self::OPERATION, rule.clone()).with_tags(&self.tags);
        put.keys = literals::keys(&self.event_pattern);
        Accesses::one(put).and(passed([self.role_arn.as_str()], &rule, asking))
    }
}

impl Asks for PutTargetsRequest {
    const OPERATION: Operation = Operation::PutTargets;

    fn resource(&self, asking: &Asking) -> Named {
        asking.rule(&self.event_bus_name, &self.rule)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let rule = self.resource(asking);
        // More are refused as a whole, so that no more are asked about.
        let asked = || self.targets.iter().take(TARGETS_CALL_LIMIT_ENTRIES);
        let targets = asked().map(|target| Asking::target(&target.arn)).collect();
        let put = Access::of(Self::OPERATION, rule.clone()).with("events:TargetArn", Given::Texts(targets));
        let roles = asked().map(|target| target.role_arn.as_str());
        Accesses::one(put).and(passed(roles, &rule, asking))
    }
}

/// `iam:PassRole` on each role, for the service and the rule that it is passed to.
fn passed<'r>(roles: impl IntoIterator<Item = &'r str>, rule: &Named, asking: &Asking) -> Vec<Access> {
    let roles: BTreeSet<&str> = roles.into_iter().filter(|role| !role.is_empty()).collect();
    let pass = roles.into_iter().map(|role| {
        Access::to("iam:PassRole", asking.given(role))
            .with_text("iam:PassedToService", PASSED_TO)
            .with_text("iam:AssociatedResourceArn", &rule.arn)
    });
    pass.collect()
}
