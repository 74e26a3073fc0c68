//! Rules, and the test of a pattern.

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::v1::rules_server::Rules;
use bascule_api::v1::{
    DeleteRuleRequest, DeleteRuleResponse, DescribeRuleRequest, DescribeRuleResponse, DisableRuleRequest,
    DisableRuleResponse, EnableRuleRequest, EnableRuleResponse, ListRulesRequest, ListRulesResponse, PutRuleRequest,
    PutRuleResponse, Rule, RuleState, TestEventPatternRequest, TestEventPatternResponse,
};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::{NAME_LIMIT_CHARS, PATTERN_LIMIT_CHARS, Quotas};
use bascule_model::name::{BusName, RuleName};
use bascule_model::rule;
use bascule_model::schedule::Schedule;
use bascule_pattern::{Event, Pattern};
use bascule_routing::view;
use bascule_statemachine::codec::control::{self, Kind};

use crate::family::{Front, given, tags, targets};
use crate::limits::{PATTERN_LIMIT_BYTES, TEST_EVENT_LIMIT_BYTES};
use crate::page::Page;
use crate::rooms::{Changed, Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// A rule as put, not yet held against the cluster's quotas.
struct Put {
    rule: rule::Rule,
    bus: given::NameOrArn,
    tags: Vec<control::Pair>,
    writing: Writing,
}

/// A rule by name.
struct Named {
    name: RuleName,
    bus: given::NameOrArn,
    writing: Writing,
}

struct Read {
    name: RuleName,
    bus: given::NameOrArn,
    allow_stale: bool,
}

struct List {
    page: Page,
    bus: given::NameOrArn,
    prefix: String,
    allow_stale: bool,
}

fn check_put(_: &Permitted, request: PutRuleRequest) -> Result<Put, Refusal> {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let state = match request.state() {
        RuleState::Unspecified | RuleState::Enabled => rule::RuleState::Enabled,
        RuleState::Disabled => rule::RuleState::Disabled,
        RuleState::EnabledWithAllCloudtrailManagementEvents => rule::RuleState::EnabledWithAllManagementEvents,
    };
    let rule = rule::Rule {
        bus: BusName::parse(&bus.name).map_err(wire::fault)?,
        name: RuleName::parse(&request.name).map_err(wire::fault)?,
        pattern: some(request.event_pattern),
        schedule: some(request.schedule_expression),
        state,
        description: request.description,
        role: given::arn("RoleArn", &request.role_arn)?,
    };
    let widest = Quotas { pattern_chars: u32::try_from(PATTERN_LIMIT_CHARS).unwrap_or(u32::MAX), ..Quotas::default() };
    rule.check(&widest).map_err(wire::fault)?;
    if let Some(schedule) = &rule.schedule {
        Schedule::parse(schedule).map_err(wire::fault)?;
    }
    if let Some(pattern) = &rule.pattern {
        Pattern::parse(pattern).map_err(|why| wire::pattern(&why))?;
    }
    let tags = tags::pairs(request.tags)?;
    Ok(Put { rule, bus, tags, writing: given::writing(request.request_id, request.validate_only)? })
}

fn named(name: &str, bus: &str, request_id: String, validate_only: bool) -> Result<Named, Refusal> {
    let name = RuleName::parse(name).map_err(wire::fault)?;
    let bus = given::bus("EventBusName", bus)?;
    Ok(Named { name, bus, writing: given::writing(request_id, validate_only)? })
}

fn check_describe(_: &Permitted, request: DescribeRuleRequest) -> Result<Read, Refusal> {
    let name = RuleName::parse(&request.name).map_err(wire::fault)?;
    Ok(Read { name, bus: given::bus("EventBusName", &request.event_bus_name)?, allow_stale: request.allow_stale })
}

fn check_list(permit: &Permitted, request: ListRulesRequest) -> Result<List, Refusal> {
    let prefix = request.name_prefix;
    Fault::unless_at_most("NamePrefix", &prefix, NAME_LIMIT_CHARS).map_err(wire::fault)?;
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&bus.name, &prefix])?;
    Ok(List { page, bus, prefix, allow_stale: request.allow_stale })
}

/// Pattern first, as the service does; both bounded before they are read.
fn check_test(_: &Permitted, request: TestEventPatternRequest) -> Result<(Pattern, Event), Refusal> {
    if request.event_pattern.len() > PATTERN_LIMIT_BYTES {
        Fault::unless_at_most("EventPattern", &request.event_pattern, PATTERN_LIMIT_CHARS).map_err(wire::fault)?;
    }
    let pattern = Pattern::parse(&request.event_pattern).map_err(|why| wire::pattern(&why))?;
    if request.event.len() > TEST_EVENT_LIMIT_BYTES {
        let reason = format!("it has more than {TEST_EVENT_LIMIT_BYTES} bytes");
        return Err(wire::field("Event", reason, &request.event.len().to_string()));
    }
    let bad = || wire::field("Event", "Parameter Event is not valid.", "");
    let event = Event::parse(&request.event).map_err(|_| bad())?;
    if event.is_testable() { Ok((pattern, event)) } else { Err(bad()) }
}

fn shown(view: &view::View, bus: &view::Bus, rule: &view::Rule) -> Result<Rule, Refusal> {
    let account = bascule_model::name::AccountId::from_number(bus.row.account).unwrap_or_default();
    let scope = Rooms::cluster(view)?.scope.of_account(account);
    let message = rule.row.rule.clone().unwrap_or_default();
    let state = match message.state() {
        control::RuleState::Unspecified => RuleState::Unspecified,
        control::RuleState::Enabled => RuleState::Enabled,
        control::RuleState::Disabled => RuleState::Disabled,
        control::RuleState::EnabledWithAllManagementEvents => RuleState::EnabledWithAllCloudtrailManagementEvents,
    };
    Ok(Rule {
        name: message.name,
        arn: Arn::rule(&scope, &bus.name, &rule.name).to_string(),
        event_bus_name: message.bus,
        event_pattern: message.pattern,
        schedule_expression: message.schedule,
        state: state.into(),
        description: message.description,
        role_arn: message.role,
        managed_by: String::new(),
        created_by: account.to_string(),
    })
}

impl Front {
    async fn put_the_rule(&self, checked: Checked<Put>) -> Result<PutRuleResponse, Refusal> {
        let (permit, Put { rule, bus, tags, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let cluster = Rooms::cluster(&view)?;
        rule.check(&cluster.quotas).map_err(wire::fault)?;
        let bus = bus.here(&cluster.scope, permit.account(), Noun::Bus)?;
        let scope = cluster.scope.of_account(permit.account());
        let rule_arn = Arn::rule(&scope, &rule.bus, &rule.name);
        targets::assumable(&view, &rule_arn, &given::text(rule.role.as_ref()), self.rooms.clock.wall())?;
        let state = match rule.state {
            rule::RuleState::Enabled => control::RuleState::Enabled,
            rule::RuleState::Disabled => control::RuleState::Disabled,
            rule::RuleState::EnabledWithAllManagementEvents => control::RuleState::EnabledWithAllManagementEvents,
        };
        let kind = Kind::PutRule(control::Rule {
            bus: bus.to_owned(),
            name: rule.name.as_str().to_owned(),
            pattern: rule.pattern.unwrap_or_default(),
            schedule: rule.schedule.unwrap_or_default(),
            state: state.into(),
            description: rule.description,
            role: given::text(rule.role.as_ref()),
            tags,
        });
        let changed = self.rooms.change(&permit, writing, [0; 16], kind).await?;
        Ok(PutRuleResponse { rule_arn: rule_arn.to_string(), control_index: changed.index.0 })
    }

    /// A change of a rule by name.
    async fn change_rule(
        &self,
        checked: Checked<Named>,
        kind: impl FnOnce(control::RuleName) -> Kind,
    ) -> Result<u64, Refusal> {
        let (permit, Named { name, bus, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let bus = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let name = control::RuleName { bus: bus.to_owned(), name: name.as_str().to_owned() };
        let Changed { index, .. } = self.rooms.change(&permit, writing, [0; 16], kind(name)).await?;
        Ok(index.0)
    }

    async fn describe(&self, checked: Checked<Read>) -> Result<DescribeRuleResponse, Refusal> {
        let (permit, Read { name, bus, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let bus = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), bus).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, bus)))?;
        let rule = bus.rules.get(name.as_str());
        let rule = rule.ok_or_else(|| wire::fault(Fault::not_found(Noun::Rule, name.as_str())))?;
        Ok(DescribeRuleResponse { rule: Some(shown(&view, bus, rule)?) })
    }

    async fn list(&self, checked: Checked<List>) -> Result<ListRulesResponse, Refusal> {
        let (permit, List { page, bus, prefix, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let bus = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), bus).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, bus)))?;
        let rules = bus.rules.iter().filter(|(name, _)| name.starts_with(&prefix));
        let (rules, next_page_token) =
            page.take(&self.rooms.handles, rules.map(|(name, rule)| (name.as_str(), rule)))?;
        let rules = rules.into_iter().map(|rule| shown(&view, bus, rule)).collect::<Result<_, _>>()?;
        Ok(ListRulesResponse { rules, next_page_token })
    }
}

async fn test(checked: Checked<(Pattern, Event)>) -> Result<TestEventPatternResponse, Refusal> {
    let (_, (pattern, event)) = checked.into_parts();
    match pattern.matches(&event) {
        Ok(result) => Ok(TestEventPatternResponse { result }),
        Err(why) => Err(wire::field("Event", why.to_string(), "")),
    }
}

#[tonic::async_trait]
impl Rules for Front {
    async fn put_rule(&self, request: Request<PutRuleRequest>) -> Result<Response<PutRuleResponse>, Status> {
        self.stack.run(request, check_put, |checked| self.put_the_rule(checked)).await
    }

    async fn describe_rule(
        &self,
        request: Request<DescribeRuleRequest>,
    ) -> Result<Response<DescribeRuleResponse>, Status> {
        self.stack.run(request, check_describe, |checked| self.describe(checked)).await
    }

    async fn list_rules(&self, request: Request<ListRulesRequest>) -> Result<Response<ListRulesResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list(checked)).await
    }

    async fn enable_rule(&self, request: Request<EnableRuleRequest>) -> Result<Response<EnableRuleResponse>, Status> {
        let check = |_: &Permitted, request: EnableRuleRequest| {
            named(&request.name, &request.event_bus_name, request.request_id, request.validate_only)
        };
        let handle = |checked| async {
            let control_index = self.change_rule(checked, Kind::EnableRule).await?;
            Ok(EnableRuleResponse { control_index })
        };
        self.stack.run(request, check, handle).await
    }

    async fn disable_rule(
        &self,
        request: Request<DisableRuleRequest>,
    ) -> Result<Response<DisableRuleResponse>, Status> {
        let check = |_: &Permitted, request: DisableRuleRequest| {
            named(&request.name, &request.event_bus_name, request.request_id, request.validate_only)
        };
        let handle = |checked| async {
            let control_index = self.change_rule(checked, Kind::DisableRule).await?;
            Ok(DisableRuleResponse { control_index })
        };
        self.stack.run(request, check, handle).await
    }

    async fn delete_rule(&self, request: Request<DeleteRuleRequest>) -> Result<Response<DeleteRuleResponse>, Status> {
        let check = |_: &Permitted, request: DeleteRuleRequest| {
            named(&request.name, &request.event_bus_name, request.request_id, request.validate_only)
        };
        let handle = |checked| async {
            let control_index = self.change_rule(checked, Kind::DeleteRule).await?;
            Ok(DeleteRuleResponse { control_index })
        };
        self.stack.run(request, check, handle).await
    }

    async fn test_event_pattern(
        &self,
        request: Request<TestEventPatternRequest>,
    ) -> Result<Response<TestEventPatternResponse>, Status> {
        self.stack.run(request, check_test, test).await
    }
}
