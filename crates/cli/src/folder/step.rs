//! A step as a call of the contract.

use std::collections::BTreeMap;

use bascule_api::v1::connection_authorization::Method;
use bascule_api::v1::connection_parameter::Value;
use bascule_api::v1::{
    ApiKeyAuthorization, BasicAuthorization, ConnectionAuthorization, ConnectionParameter, CreateApiDestinationRequest,
    CreateConnectionRequest, CreateEventBusRequest, CreateQueueRequest, DeadLetterConfig, DeleteApiDestinationRequest,
    DeleteConnectionRequest, DeleteEventBusRequest, DeleteQueueRequest, DeleteRuleRequest, DescribeEventBusRequest,
    DescribeRuleRequest, LogConfig, LogDetail, OAuthClientCredentials, PutRuleRequest, PutTargetsRequest,
    RedrivePolicy, RemoveTargetsRequest, RuleState, SigningSecrets, TagResourceRequest, TargetFailure,
    UntagResourceRequest, UpdateApiDestinationRequest, UpdateConnectionRequest, UpdateEventBusRequest,
};

use crate::error::Error;
use crate::folder::differ::{AUTH, Action, Step, TAGS, Thing};
use crate::folder::document::{Auth, Bus, Connection, Destination, Log, Parameter, Queue, Rule};
use crate::folder::live;
use crate::folder::secret::Secrets;
use crate::link::{Link, ask, tell};
use crate::verbs::held;

/// Whether a step is taken or only tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Decide and check everything, change nothing.
    Validate,
    /// Do it.
    Apply,
}

/// Takes a step.
///
/// # Errors
/// Why it could not.
pub async fn take(step: &Step, mode: Mode, secrets: &Secrets, link: &Link) -> Result<(), Error> {
    let request_id = link.request_id(None)?;
    let validate_only = mode == Mode::Validate;
    let call = Call { request_id, validate_only, link };
    match (&step.thing, step.action) {
        (Thing::Queue(it), Action::Delete) => call.delete_queue(it).await,
        (Thing::Queue(it), _) => call.create_queue(it).await,
        (Thing::Bus(it), Action::Create) => call.create_bus(it).await,
        (Thing::Bus(it), Action::Update) => {
            call.update_bus(it).await?;
            let Some(wanted) = step.changes.iter().any(|field| field == TAGS).then_some(&it.tags) else {
                return Ok(());
            };
            let request = DescribeEventBusRequest { name: it.name.clone(), allow_stale: false };
            let found = ask!(*link, event_buses.describe_event_bus, request).await?.event_bus;
            retag(held(found, "DescribeEventBus", "event_bus")?.arn, wanted, mode, link).await
        }
        (Thing::Bus(it), Action::Delete) => {
            let request = DeleteEventBusRequest { name: it.name.clone(), request_id: call.request_id, validate_only };
            tell!(*link, event_buses.delete_event_bus, request).await.map(drop)
        }
        (Thing::Connection(it), Action::Create) => call.create_connection(it, secrets).await,
        (Thing::Connection(it), Action::Update) => call.update_connection(it, &step.changes, secrets).await,
        (Thing::Connection(it), Action::Delete) => {
            let request = DeleteConnectionRequest { name: it.name.clone(), request_id: call.request_id, validate_only };
            tell!(*link, connections.delete_connection, request).await.map(drop)
        }
        (Thing::Destination(it), Action::Create) => call.create_destination(it).await,
        (Thing::Destination(it), Action::Update) => call.update_destination(it).await,
        (Thing::Destination(it), Action::Delete) => {
            let request =
                DeleteApiDestinationRequest { name: it.name.clone(), request_id: call.request_id, validate_only };
            tell!(*link, api_destinations.delete_api_destination, request).await.map(drop)
        }
        (Thing::Rule(bus, it), Action::Delete) => call.delete_rule(bus, it).await,
        (Thing::Rule(bus, it), Action::Create) => call.put_rule(bus, it).await,
        (Thing::Rule(bus, it), Action::Update) => {
            call.put_rule(bus, it).await?;
            let Some(wanted) = step.changes.iter().any(|field| field == TAGS).then_some(&it.tags) else {
                return Ok(());
            };
            let request =
                DescribeRuleRequest { name: it.name.clone(), event_bus_name: bus.clone(), allow_stale: false };
            let found = ask!(*link, rules.describe_rule, request).await?.rule;
            retag(held(found, "DescribeRule", "rule")?.arn, wanted, mode, link).await
        }
        (Thing::Target(bus, rule, it), Action::Delete) => {
            let request = RemoveTargetsRequest {
                rule: rule.clone(),
                event_bus_name: bus.clone(),
                ids: vec![it.id.clone()],
                force: false,
                request_id: call.request_id,
                validate_only,
            };
            settled(tell!(*link, targets.remove_targets, request).await?.failed_entries)
        }
        (Thing::Target(bus, rule, it), _) => {
            let request = PutTargetsRequest {
                rule: rule.clone(),
                event_bus_name: bus.clone(),
                targets: vec![(**it).clone().into()],
                request_id: call.request_id,
                validate_only,
            };
            settled(tell!(*link, targets.put_targets, request).await?.failed_entries)
        }
    }
}

/// Makes the tags of a bus or rule these. What is written with it keeps its tags, so they have calls of their own.
async fn retag(arn: String, wanted: &BTreeMap<String, String>, mode: Mode, link: &Link) -> Result<(), Error> {
    let before = live::tags(link, arn.clone()).await?;
    let validate_only = mode == Mode::Validate;
    let tag_keys: Vec<String> = before.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
    if !tag_keys.is_empty() {
        let request_id = link.request_id(None)?;
        let request = UntagResourceRequest { resource_arn: arn.clone(), tag_keys, request_id, validate_only };
        tell!(*link, tags.untag_resource, request).await?;
    }
    let fresh = wanted.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    let tags: BTreeMap<String, String> = fresh.map(|(key, value)| (key.clone(), value.clone())).collect();
    if !tags.is_empty() {
        let request_id = link.request_id(None)?;
        let request = TagResourceRequest { resource_arn: arn, tags, request_id, validate_only };
        tell!(*link, tags.tag_resource, request).await?;
    }
    Ok(())
}

/// An entry that failed is an error, since each call has one.
fn settled(failed: Vec<TargetFailure>) -> Result<(), Error> {
    match failed.into_iter().next() {
        None => Ok(()),
        Some(failure) => Err(Error::EntryFailed { code: failure.error_code, message: failure.error_message }),
    }
}

struct Call<'a> {
    request_id: String,
    validate_only: bool,
    link: &'a Link,
}

impl Call<'_> {
    async fn create_queue(self, it: &Queue) -> Result<(), Error> {
        let request = CreateQueueRequest {
            name: it.name.clone(),
            visibility_timeout_seconds: it.visibility_timeout,
            message_retention_seconds: it.message_retention_period,
            redrive_policy: it.redrive_policy.as_ref().map(|it| RedrivePolicy {
                dead_letter_target_arn: it.dead_letter_target_arn.clone(),
                max_receive_count: it.max_receive_count,
            }),
            kms_key_identifier: it.kms_key_identifier.clone(),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, queues.create_queue, request).await.map(drop)
    }

    async fn delete_queue(self, it: &Queue) -> Result<(), Error> {
        let request = DeleteQueueRequest {
            queue_name: it.name.clone(),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, queues.delete_queue, request).await.map(drop)
    }

    async fn create_bus(self, it: &Bus) -> Result<(), Error> {
        let request = CreateEventBusRequest {
            name: it.name.clone(),
            event_source_name: String::new(),
            description: it.description.clone(),
            kms_key_identifier: it.kms_key_identifier.clone(),
            dead_letter_config: it.dead_letter_config.as_ref().map(|it| DeadLetterConfig { arn: it.arn.clone() }),
            log_config: it.log_config.as_ref().map(log),
            tags: it.tags.clone(),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, event_buses.create_event_bus, request).await.map(drop)
    }

    async fn update_bus(self, it: &Bus) -> Result<(), Error> {
        // An empty ARN takes the queue away.
        let dead_letters = it.dead_letter_config.as_ref().map(|it| it.arn.clone()).unwrap_or_default();
        let request = UpdateEventBusRequest {
            name: it.name.clone(),
            description: Some(it.description.clone()),
            kms_key_identifier: Some(it.kms_key_identifier.clone()),
            dead_letter_config: Some(DeadLetterConfig { arn: dead_letters }),
            log_config: it.log_config.as_ref().map(log),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, event_buses.update_event_bus, request).await.map(drop)
    }

    async fn create_connection(self, it: &Connection, secrets: &Secrets) -> Result<(), Error> {
        let request = CreateConnectionRequest {
            name: it.name.clone(),
            description: it.description.clone(),
            authorization: Some(authorization(&it.auth_parameters, secrets)),
            kms_key_identifier: it.kms_key_identifier.clone(),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, connections.create_connection, request).await.map(drop)
    }

    async fn update_connection(self, it: &Connection, changes: &[String], secrets: &Secrets) -> Result<(), Error> {
        let renewed = changes.iter().any(|field| field == AUTH);
        let request = UpdateConnectionRequest {
            name: it.name.clone(),
            description: Some(it.description.clone()),
            authorization: renewed.then(|| authorization(&it.auth_parameters, secrets)),
            kms_key_identifier: Some(it.kms_key_identifier.clone()),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, connections.update_connection, request).await.map(drop)
    }

    async fn create_destination(self, it: &Destination) -> Result<(), Error> {
        let request = CreateApiDestinationRequest {
            name: it.name.clone(),
            description: it.description.clone(),
            connection_arn: it.connection_arn.clone(),
            invocation_endpoint: it.invocation_endpoint.clone(),
            http_method: it.http_method.0.into(),
            invocation_rate_limit_per_second: it.rate_per_second(),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, api_destinations.create_api_destination, request).await.map(drop)
    }

    async fn update_destination(self, it: &Destination) -> Result<(), Error> {
        let request = UpdateApiDestinationRequest {
            name: it.name.clone(),
            description: Some(it.description.clone()),
            connection_arn: Some(it.connection_arn.clone()),
            invocation_endpoint: Some(it.invocation_endpoint.clone()),
            http_method: it.http_method.0.into(),
            invocation_rate_limit_per_second: Some(it.rate_per_second()),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, api_destinations.update_api_destination, request).await.map(drop)
    }

    async fn put_rule(self, bus: &str, it: &Rule) -> Result<(), Error> {
        let request = PutRuleRequest {
            name: it.name.clone(),
            event_bus_name: bus.to_owned(),
            event_pattern: it.event_pattern.as_ref().map(|pattern| pattern.0.clone()).unwrap_or_default(),
            schedule_expression: it.schedule_expression.clone(),
            state: it.state.map_or(RuleState::Enabled, |state| state.0).into(),
            description: it.description.clone(),
            role_arn: it.role_arn.clone(),
            tags: it.tags.clone(),
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, rules.put_rule, request).await.map(drop)
    }

    async fn delete_rule(self, bus: &str, it: &Rule) -> Result<(), Error> {
        let request = DeleteRuleRequest {
            name: it.name.clone(),
            event_bus_name: bus.to_owned(),
            force: false,
            request_id: self.request_id,
            validate_only: self.validate_only,
        };
        tell!(*self.link, rules.delete_rule, request).await.map(drop)
    }
}

fn log(log: &Log) -> LogConfig {
    let detail = log.include_detail.map_or(LogDetail::Unspecified, |word| word.0);
    LogConfig { level: log.level.0.into(), include_detail: detail.into() }
}

/// Of several ways the first is taken, which the cluster checks as a whole.
fn authorization(auth: &Auth, secrets: &Secrets) -> ConnectionAuthorization {
    let method = if let Some(it) = &auth.api_key_auth_parameters {
        let api_key_value = secrets.get(&it.api_key_value);
        Some(Method::ApiKey(ApiKeyAuthorization { api_key_name: it.api_key_name.clone(), api_key_value }))
    } else if let Some(it) = &auth.basic_auth_parameters {
        Some(Method::Basic(BasicAuthorization { username: it.username.clone(), password: secrets.get(&it.password) }))
    } else if let Some(it) = &auth.oauth_parameters {
        Some(Method::Oauth(OAuthClientCredentials {
            authorization_endpoint: it.authorization_endpoint.clone(),
            http_method: it.http_method.0.into(),
            client_id: it.client_parameters.client_id.clone(),
            client_secret: secrets.get(&it.client_parameters.client_secret),
            parameters: parameters(&it.oauth_http_parameters, secrets),
        }))
    } else {
        let secrets = auth.signing_secrets.iter().filter_map(|reference| secrets.get(reference)).collect();
        Some(Method::Signing(SigningSecrets { secrets }))
    };
    let invocation_parameters = parameters(&auth.invocation_http_parameters, secrets);
    ConnectionAuthorization { method, invocation_parameters }
}

fn parameters(all: &[Parameter], secrets: &Secrets) -> Vec<ConnectionParameter> {
    let one = |it: &Parameter| ConnectionParameter {
        place: it.place.0.into(),
        key: it.key.clone(),
        value: match &it.secret {
            Some(reference) => secrets.get(reference).map(Value::Secret),
            None => it.value.clone().map(Value::Plain),
        },
    };
    all.iter().map(one).collect()
}
