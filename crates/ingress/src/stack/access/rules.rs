//! Rules and their targets: the pattern's literals and the targets' ARNs are keys, a role is asked for before it is passed on, and
//! what the events service will do in its own name is asked of the caller.

use std::collections::BTreeSet;

use bascule_api::v1::{
    DeleteRuleRequest, DescribeRuleRequest, DisableRuleRequest, EnableRuleRequest, ListRuleNamesByTargetRequest,
    ListRulesRequest, ListTargetsByRuleRequest, PutRuleRequest, PutTargetsRequest, RemoveTargetsRequest,
    TestEventPatternRequest,
};
use bascule_model::arn::Arn;
use bascule_model::limits::TARGETS_CALL_LIMIT_ENTRIES;
use bascule_model::target::TargetKind;
use bascule_routing::rights::invoking;

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
        let tagging = Access::tagging("events:TagResource", &rule, &self.tags);
        Accesses::one(put).and(passed([self.role_arn.as_str()], &rule, asking)).and(tagging)
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
        // Which role the rule has no request says: a target without its own is asked about as if it had none.
        let alone = asked().filter(|target| target.role_arn.is_empty()).map(|target| target.arn.as_str());
        // Dead letters are the service's in any case.
        let letters = asked().filter_map(|target| target.dead_letter_config.as_ref()).map(|config| config.arn.as_str());
        let lent = lent(alone.chain(letters), &rule, asking);
        Accesses::one(put).and(passed(roles, &rule, asking)).and(lent)
    }
}

/// What the events service may do unasked in the rule's own account, which the caller has to be able to do: ADR 6. Elsewhere the
/// resource's own policy has to name the service; what is no target fails by itself.
fn lent<'t>(targets: impl IntoIterator<Item = &'t str>, rule: &Named, asking: &Asking) -> Vec<Access> {
    let targets: BTreeSet<&str> = targets.into_iter().collect();
    let lend = targets.into_iter().filter_map(|text| {
        let arn = Arn::parse("Arn", text).ok().filter(|arn| arn.account() == Some(rule.owner))?;
        let kind = TargetKind::of(&arn).ok()?;
        let access = Access::to(invoking::action(&kind), asking.given(text));
        Some(match kind {
            TargetKind::Bus(_) => access.with("events:eventBusInvocation", Given::Bool(true)),
            _ => access,
        })
    });
    lend.collect()
}

/// What it takes to put a target without a role on a rule that has one, which the target is then invoked in.
pub fn passing(role: &str, rule: &Arn, asking: &Asking) -> Access {
    Access::to("iam:PassRole", asking.role_given(role))
        .with_text("iam:PassedToService", PASSED_TO)
        .with_text("iam:AssociatedResourceArn", &rule.to_string())
}

/// `iam:PassRole` on each role, for the service and the rule that it is passed to.
fn passed<'r>(roles: impl IntoIterator<Item = &'r str>, rule: &Named, asking: &Asking) -> Vec<Access> {
    let roles: BTreeSet<&str> = roles.into_iter().filter(|role| !role.is_empty()).collect();
    let pass = roles.into_iter().map(|role| {
        Access::to("iam:PassRole", asking.role_given(role))
            .with_text("iam:PassedToService", PASSED_TO)
            .with_text("iam:AssociatedResourceArn", &rule.arn)
    });
    pass.collect()
}
