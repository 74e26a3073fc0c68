//! Targets of rules.

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::v1::targets_server::Targets;
use bascule_api::v1::{
    DeadLetterConfig, HttpParameters, InputTransformer, ListRuleNamesByTargetRequest, ListRuleNamesByTargetResponse,
    ListTargetsByRuleRequest, ListTargetsByRuleResponse, PutTargetsRequest, PutTargetsResponse, RemoveTargetsRequest,
    RemoveTargetsResponse, RetryPolicy, Target, TargetFailure,
};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::TARGETS_CALL_LIMIT_ENTRIES;
use bascule_model::name::{BusName, RuleName, TargetId};
use bascule_model::target::{self, Input, TargetKind};
use bascule_model::time::Millis;
use bascule_routing::rights::{self, invoking};
use bascule_routing::transform::{self, Transform};
use bascule_routing::view::{Lane, View};
use bascule_statemachine::codec::control::{self, Kind};

use crate::family::{Front, given};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

struct Put {
    rule: RuleName,
    bus: given::NameOrArn,
    targets: Vec<control::Target>,
    failed: Vec<TargetFailure>,
    writing: Writing,
}

struct Remove {
    rule: RuleName,
    bus: given::NameOrArn,
    ids: Vec<String>,
    writing: Writing,
}

struct List {
    page: Page,
    rule: RuleName,
    bus: given::NameOrArn,
    allow_stale: bool,
}

struct ByTarget {
    page: Page,
    target: Arn,
    bus: given::NameOrArn,
    allow_stale: bool,
}

fn check_put(_: &Permitted, request: PutTargetsRequest) -> Result<Put, Refusal> {
    let rule = RuleName::parse(&request.rule).map_err(wire::fault)?;
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let count = request.targets.len();
    if count == 0 || count > TARGETS_CALL_LIMIT_ENTRIES {
        let reason = format!("there must be 1 to {TARGETS_CALL_LIMIT_ENTRIES}");
        return Err(wire::field("Targets", reason, &count.to_string()));
    }
    let (mut targets, mut failed) = (Vec::new(), Vec::new());
    for given in request.targets {
        let id = given.id.clone();
        match target_of(given) {
            Ok(target) => targets.push(target),
            // One that cannot be fails by itself; the others go on.
            Err(refusal) => failed.push(failure(id, &refusal)),
        }
    }
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Put { rule, bus, targets, failed, writing })
}

fn target_of(given: Target) -> Result<control::Target, Refusal> {
    let id = TargetId::parse(&given.id).map_err(wire::fault)?;
    let arn = Arn::parse("Arn", &given.arn).map_err(wire::fault)?;
    let input = input_of(&given)?;
    let mut target = target::Target::new(id, arn).map_err(wire::fault)?;
    if matches!(target.kind, TargetKind::Wire { .. }) {
        return Err(wire::field(
            "Arn",
            "this build sends to queues, API destinations, log groups and buses",
            &given.arn,
        ));
    }
    if matches!(target.kind, TargetKind::Bus(_)) && given.retry_policy.is_some() {
        return Err(wire::field("RetryPolicy", "a target that is an event bus has none", &given.id));
    }
    let retry = given.retry_policy.unwrap_or_default();
    let default = target::RetryPolicy::default();
    let attempts = retry.maximum_retry_attempts.unwrap_or(default.attempts());
    let age_s = retry.maximum_event_age_seconds.unwrap_or(default.age_s());
    target.retry = target::RetryPolicy::new(attempts, age_s).map_err(wire::fault)?;
    target.role = given::arn("RoleArn", &given.role_arn)?;
    target.dead_letter = given::dead_letter(given.dead_letter_config.as_ref())?;
    let http = given.http_parameters.unwrap_or_default();
    target.http = target::HttpParameters {
        path_values: http.path_parameter_values,
        headers: http.header_parameters.into_iter().collect(),
        query: http.query_string_parameters.into_iter().collect(),
    };
    target.input = input;
    target.check().map_err(wire::fault)?;
    Transform::compile(target.id.as_str(), &target.input).map_err(wire::fault)?;
    transform::check_parameters(&target.http).map_err(wire::fault)?;
    let pairs = |pairs: Vec<(String, String)>| {
        pairs.into_iter().map(|(name, value)| control::Pair { name, value }).collect::<Vec<_>>()
    };
    Ok(control::Target {
        id: target.id.as_str().to_owned(),
        arn: target.arn.to_string(),
        role: given::text(target.role.as_ref()),
        retry_attempts: attempts,
        retry_age_s: age_s,
        dead_letter: given::text(target.dead_letter.as_ref()),
        path_values: target.http.path_values,
        headers: pairs(target.http.headers),
        query: pairs(target.http.query),
        ..control_input(target.input)
    })
}

/// At most one of the three ways.
fn input_of(given: &Target) -> Result<Input, Refusal> {
    match (&given.input, &given.input_path, &given.input_transformer) {
        (None, None, None) => Ok(Input::Event),
        (Some(input), None, None) => Ok(Input::Constant(input.clone())),
        (None, Some(path), None) => Ok(Input::Path(path.clone())),
        (None, None, Some(transformer)) => Ok(Input::Template {
            paths: transformer.input_paths_map.clone().into_iter().collect(),
            template: transformer.input_template.clone(),
        }),
        _ => {
            let reason =
                format!("Only one of Input, InputPath, or InputTransformer must be provided for target {}.", given.id);
            Err(wire::field("Input", reason, ""))
        }
    }
}

/// The input's share of a message.
fn control_input(input: Input) -> control::Target {
    match input {
        Input::Event => control::Target::default(),
        Input::Constant(input) => control::Target { input: Some(input), ..control::Target::default() },
        Input::Path(path) => control::Target { input_path: Some(path), ..control::Target::default() },
        Input::Template { paths, template } => control::Target {
            input_paths: paths.into_iter().map(|(name, value)| control::Pair { name, value }).collect(),
            template: Some(template),
            ..control::Target::default()
        },
    }
}

/// The input's share of an answer.
fn shown_input(input: &Input) -> Target {
    match input.clone() {
        Input::Event => Target::default(),
        Input::Constant(input) => Target { input: Some(input), ..Target::default() },
        Input::Path(path) => Target { input_path: Some(path), ..Target::default() },
        Input::Template { paths, template } => Target {
            input_transformer: Some(InputTransformer {
                input_paths_map: paths.into_iter().collect(),
                input_template: template,
            }),
            ..Target::default()
        },
    }
}

/// Of the targets those that a rule may have: another bus of the region, and a role that the service may take for this rule. The
/// others fail, each by itself.
fn possible(
    view: &View,
    rule: &Arn,
    bus: &str,
    targets: Vec<control::Target>,
    now: Millis,
    failed: &mut Vec<TargetFailure>,
) -> Result<Vec<control::Target>, Refusal> {
    let mut good = Vec::with_capacity(targets.len());
    for target in targets {
        let arn = Arn::parse("Arn", &target.arn).map_err(wire::fault)?;
        let own = arn.account() == rule.account();
        let why = match TargetKind::of(&arn) {
            Ok(TargetKind::Bus(_)) if view.account_here(&arn).is_none() => {
                Some("this build sends to buses of the same region")
            }
            Ok(TargetKind::Bus(name)) if name.as_str() == bus && own => Some("a rule cannot send to its own bus"),
            _ => None,
        };
        let possible = match why {
            Some(why) => Err(wire::field("Arn", why, &target.arn)),
            None => assumable(view, rule, &target.role, now),
        };
        match possible {
            Ok(()) => good.push(target),
            Err(refusal) => failed.push(failure(target.id, &refusal)),
        }
    }
    Ok(good)
}

/// Whether the service may take this role for the rule; an empty one is none.
pub(super) fn assumable(view: &View, rule: &Arn, role: &str, now: Millis) -> Result<(), Refusal> {
    let Some(arn) = given::arn("RoleArn", role)? else { return Ok(()) };
    invoking::assumable(view, rule, &arn, now).map_err(|refused| {
        let reason = format!(
            "Provided role '{role}' cannot be assumed by principal '{}': {}.",
            rights::EVENTS_SERVICE,
            refused.told
        );
        wire::field("RoleArn", reason, role)
    })
}

fn failure(target_id: String, refusal: &Refusal) -> TargetFailure {
    TargetFailure { target_id, error_code: refusal.reason.name().to_owned(), error_message: refusal.message.clone() }
}

fn failures(failed: Vec<(String, Fault)>) -> Vec<TargetFailure> {
    failed.into_iter().map(|(id, fault)| failure(id, &wire::fault(fault))).collect()
}

fn check_remove(_: &Permitted, request: RemoveTargetsRequest) -> Result<Remove, Refusal> {
    let rule = RuleName::parse(&request.rule).map_err(wire::fault)?;
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    for id in &request.ids {
        TargetId::parse(id).map_err(wire::fault)?;
    }
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Remove { rule, bus, ids: request.ids, writing })
}

fn check_list(permit: &Permitted, request: ListTargetsByRuleRequest) -> Result<List, Refusal> {
    let rule = RuleName::parse(&request.rule).map_err(wire::fault)?;
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&bus.name, rule.as_str()])?;
    Ok(List { page, rule, bus, allow_stale: request.allow_stale })
}

fn check_by_target(permit: &Permitted, request: ListRuleNamesByTargetRequest) -> Result<ByTarget, Refusal> {
    let target = Arn::parse("TargetArn", &request.target_arn).map_err(wire::fault)?;
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&bus.name, &request.target_arn])?;
    Ok(ByTarget { page, target, bus, allow_stale: request.allow_stale })
}

fn shown(lane: &Lane) -> Target {
    let target = &lane.target;
    let http = &target.http;
    let any = !(http.path_values.is_empty() && http.headers.is_empty() && http.query.is_empty());
    Target {
        id: target.id.as_str().to_owned(),
        arn: target.arn.to_string(),
        role_arn: given::text(target.role.as_ref()),
        retry_policy: Some(RetryPolicy {
            maximum_retry_attempts: Some(target.retry.attempts()),
            maximum_event_age_seconds: Some(target.retry.age_s()),
        }),
        dead_letter_config: target.dead_letter.as_ref().map(|arn| DeadLetterConfig { arn: arn.to_string() }),
        http_parameters: any.then(|| HttpParameters {
            header_parameters: http.headers.iter().cloned().collect(),
            query_string_parameters: http.query.iter().cloned().collect(),
            path_parameter_values: http.path_values.clone(),
        }),
        ..shown_input(&target.input)
    }
}

impl Front {
    async fn put_the_targets(&self, checked: Checked<Put>) -> Result<PutTargetsResponse, Refusal> {
        let (permit, Put { rule, bus, targets, mut failed, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let cluster = Rooms::cluster(&view)?;
        let bus = bus.here(&cluster.scope, permit.account(), Noun::Bus)?;
        let mut control_index = view.index.0;
        let scope = cluster.scope.of_account(permit.account());
        let arn = Arn::rule(&scope, &BusName::parse(bus).map_err(wire::fault)?, &rule);
        let targets = possible(&view, &arn, bus, targets, self.rooms.clock.wall(), &mut failed)?;
        let found = view.bus(permit.account(), bus).and_then(|bus| bus.rules.get(rule.as_str()));
        let role = found.and_then(|rule| rule.row.rule.as_ref()).map_or("", |rule| rule.role.as_str());
        if !role.is_empty() && targets.iter().any(|target| target.role.is_empty()) {
            // Such a target is invoked in the rule's role, wherever it is.
            permit.may_pass(role, &arn)?;
        }
        if targets.is_empty() {
            let bus = view.bus(permit.account(), bus).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, bus)))?;
            let missing = || wire::fault(Fault::not_found(Noun::Rule, rule.as_str()));
            bus.rules.get(rule.as_str()).ok_or_else(missing)?;
        } else {
            let rule = Some(control::RuleName { bus: bus.to_owned(), name: rule.as_str().to_owned() });
            let kind = Kind::PutTargets(control::PutTargets { rule, targets });
            let changed = self.rooms.change(&permit, writing, [0; 16], kind).await?;
            failed.extend(failures(changed.done.failed));
            control_index = changed.index.0;
        }
        let failed_entry_count = u32::try_from(failed.len()).unwrap_or(u32::MAX);
        Ok(PutTargetsResponse { failed_entry_count, failed_entries: failed, control_index })
    }

    async fn remove(&self, checked: Checked<Remove>) -> Result<RemoveTargetsResponse, Refusal> {
        let (permit, Remove { rule, bus, ids, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let bus = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let rule = Some(control::RuleName { bus: bus.to_owned(), name: rule.as_str().to_owned() });
        let kind = Kind::RemoveTargets(control::RemoveTargets { rule, ids });
        let changed = self.rooms.change(&permit, writing, [0; 16], kind).await?;
        let failed_entries = failures(changed.done.failed);
        let failed_entry_count = u32::try_from(failed_entries.len()).unwrap_or(u32::MAX);
        Ok(RemoveTargetsResponse { failed_entry_count, failed_entries, control_index: changed.index.0 })
    }

    async fn list_targets(&self, checked: Checked<List>) -> Result<ListTargetsByRuleResponse, Refusal> {
        let (permit, List { page, rule, bus, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let bus = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), bus).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, bus)))?;
        let missing = || wire::fault(Fault::not_found(Noun::Rule, rule.as_str()));
        let rule = bus.rules.get(rule.as_str()).ok_or_else(missing)?;
        let lanes = rule.targets.iter().map(|(id, lane)| (id.as_str(), lane));
        let (lanes, next_page_token) = page.take(&self.rooms.handles, lanes)?;
        Ok(ListTargetsByRuleResponse { targets: lanes.into_iter().map(|lane| shown(lane)).collect(), next_page_token })
    }

    async fn list_by_target(&self, checked: Checked<ByTarget>) -> Result<ListRuleNamesByTargetResponse, Refusal> {
        let (permit, ByTarget { page, target, bus, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let bus = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), bus).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, bus)))?;
        let wants = bus.rules.iter().filter(|(_, rule)| rule.targets.values().any(|lane| lane.target.arn == target));
        let wants = wants.map(|(name, _)| (name.as_str(), name.clone()));
        let (rule_names, next_page_token) = page.take(&self.rooms.handles, wants)?;
        Ok(ListRuleNamesByTargetResponse { rule_names, next_page_token })
    }
}

#[tonic::async_trait]
impl Targets for Front {
    async fn put_targets(&self, request: Request<PutTargetsRequest>) -> Result<Response<PutTargetsResponse>, Status> {
        self.stack.run(request, check_put, |checked| self.put_the_targets(checked)).await
    }

    async fn remove_targets(
        &self,
        request: Request<RemoveTargetsRequest>,
    ) -> Result<Response<RemoveTargetsResponse>, Status> {
        self.stack.run(request, check_remove, |checked| self.remove(checked)).await
    }

    async fn list_targets_by_rule(
        &self,
        request: Request<ListTargetsByRuleRequest>,
    ) -> Result<Response<ListTargetsByRuleResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_targets(checked)).await
    }

    async fn list_rule_names_by_target(
        &self,
        request: Request<ListRuleNamesByTargetRequest>,
    ) -> Result<Response<ListRuleNamesByTargetResponse>, Status> {
        self.stack.run(request, check_by_target, |checked| self.list_by_target(checked)).await
    }
}
