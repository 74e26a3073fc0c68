//! What a cluster holds, read by its lists.

use std::collections::BTreeMap;

use bascule_api::v1::{
    self, AuthorizationType, ConnectionParameterView, ListApiDestinationsRequest, ListConnectionsRequest,
    ListEventBusesRequest, ListQueuesRequest, ListRulesRequest, ListTagsForResourceRequest, ListTargetsByRuleRequest,
};

use crate::error::Error;
use crate::folder::Setup;
use crate::folder::document::{
    ApiKey, Auth, Basic, Bus, Client, Connection, DeadLetter, Destination, Log, OAuth, Parameter, Queue, Redrive, Rule,
};
use crate::folder::secret::{self, Reference};
use crate::folder::words::{PatternText, Word};
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{Link, ask, every};

/// A list of a cluster, whole: `listed!(link, queues.list_queues, ListQueuesRequest, queues)`.
macro_rules! listed {
    ($link:expr, $stub:ident.$function:ident, $request:ident { $($field:ident: $value:expr),* }, $items:ident) => {
        every(|page_token| {
            let request = $request {
                $($field: $value,)*
                page_size: PAGE_MAX_COUNT,
                page_token,
                ..$request::default()
            };
            let page = ask!($link, $stub.$function, request);
            async move { page.await.map(|page| (page.$items, page.next_page_token)) }
        })
        .await
    };
}

/// Everything but what services own, in its one form. References of secrets have the names of an export.
///
/// # Errors
/// Why a list could not be read.
pub async fn read(link: &Link) -> Result<Setup, Error> {
    let mut setup = Setup::default();
    for queue in listed!(link, queues.list_queues, ListQueuesRequest {}, queues)? {
        setup.queues.insert(queue.name.clone(), self::queue(queue));
    }
    for connection in listed!(link, connections.list_connections, ListConnectionsRequest {}, connections)? {
        setup.connections.insert(connection.name.clone(), self::connection(connection));
    }
    secret::name(&mut setup.connections);
    let destinations =
        listed!(link, api_destinations.list_api_destinations, ListApiDestinationsRequest {}, api_destinations)?;
    setup.destinations = destinations.into_iter().map(|it| (it.name.clone(), destination(it))).collect();
    for bus in listed!(link, event_buses.list_event_buses, ListEventBusesRequest {}, event_buses)? {
        let rules = rules(link, &bus.name).await?;
        let tags = tags(link, bus.arn.clone()).await?;
        setup.buses.insert(bus.name.clone(), self::bus(bus, rules, tags));
    }
    Ok(setup)
}

/// The tags of a bus or rule.
///
/// # Errors
/// Why they could not be read.
pub async fn tags(link: &Link, resource_arn: String) -> Result<BTreeMap<String, String>, Error> {
    let request = ListTagsForResourceRequest { resource_arn, allow_stale: false };
    Ok(ask!(link, tags.list_tags_for_resource, request).await?.tags)
}

async fn rules(link: &Link, bus: &str) -> Result<Vec<Rule>, Error> {
    let found = listed!(link, rules.list_rules, ListRulesRequest { event_bus_name: bus.to_owned() }, rules)?;
    let mut rules = Vec::new();
    for rule in found.into_iter().filter(|rule| rule.managed_by.is_empty()) {
        let targets = listed!(
            link,
            targets.list_targets_by_rule,
            ListTargetsByRuleRequest { event_bus_name: bus.to_owned(), rule: rule.name.clone() },
            targets
        )?;
        let state = rule.state();
        rules.push(Rule {
            name: rule.name,
            description: rule.description,
            state: Some(Word(state)),
            event_pattern: Some(PatternText(rule.event_pattern)),
            schedule_expression: rule.schedule_expression,
            role_arn: rule.role_arn,
            tags: tags(link, rule.arn).await?,
            targets: targets.into_iter().map(Into::into).collect(),
        });
    }
    Ok(rules)
}

fn bus(bus: v1::EventBus, rules: Vec<Rule>, tags: BTreeMap<String, String>) -> Bus {
    let log = bus.log_config.map(|log| Log {
        level: Word(log.level()),
        include_detail: Some(Word(log.include_detail())).filter(|word| word.0 != v1::LogDetail::Unspecified),
    });
    let bus = Bus {
        name: bus.name,
        description: bus.description,
        kms_key_identifier: bus.kms_key_identifier,
        dead_letter_config: bus.dead_letter_config.map(|it| DeadLetter { arn: it.arn }),
        log_config: log,
        tags,
        rules,
    };
    bus.normal()
}

fn queue(queue: v1::Queue) -> Queue {
    let queue = Queue {
        name: queue.name,
        visibility_timeout: Some(queue.visibility_timeout_seconds),
        message_retention_period: Some(queue.message_retention_seconds),
        redrive_policy: queue.redrive_policy.map(|it| Redrive {
            dead_letter_target_arn: it.dead_letter_target_arn,
            max_receive_count: it.max_receive_count,
        }),
        kms_key_identifier: queue.kms_key_identifier,
    };
    queue.normal()
}

fn destination(it: v1::ApiDestination) -> Destination {
    let http_method = Word(it.http_method());
    let destination = Destination {
        name: it.name,
        description: it.description,
        connection_arn: it.connection_arn,
        invocation_endpoint: it.invocation_endpoint,
        http_method,
        invocation_rate_limit_per_second: Some(it.invocation_rate_limit_per_second),
    };
    destination.normal()
}

fn connection(it: v1::Connection) -> Connection {
    let connection = Connection {
        name: it.name,
        description: it.description,
        kms_key_identifier: it.kms_key_identifier,
        auth_parameters: it.authorization.map(auth).unwrap_or_default(),
    };
    connection.normal()
}

/// A secret that the cluster keeps to itself.
fn kept() -> Reference {
    Reference::Env(String::new())
}

fn auth(view: v1::ConnectionAuthorizationView) -> Auth {
    let mut auth = Auth {
        invocation_http_parameters: view.invocation_parameters.iter().map(parameter).collect(),
        ..Auth::default()
    };
    match view.authorization_type() {
        AuthorizationType::ApiKey => {
            auth.api_key_auth_parameters = Some(ApiKey { api_key_name: view.api_key_name, api_key_value: kept() });
        }
        AuthorizationType::Basic => {
            auth.basic_auth_parameters = Some(Basic { username: view.username, password: kept() });
        }
        AuthorizationType::OauthClientCredentials => {
            auth.oauth_parameters = Some(OAuth {
                http_method: Word(view.http_method()),
                authorization_endpoint: view.authorization_endpoint,
                client_parameters: Client { client_id: view.client_id, client_secret: kept() },
                oauth_http_parameters: view.oauth_parameters.iter().map(parameter).collect(),
            });
        }
        AuthorizationType::SigningSecret => {
            auth.signing_secrets = (0..view.signing_secret_count).map(|_| kept()).collect();
        }
        AuthorizationType::Unspecified => {}
    }
    auth
}

fn parameter(view: &ConnectionParameterView) -> Parameter {
    Parameter {
        place: Word(view.place()),
        key: view.key.clone(),
        value: (!view.is_value_secret).then(|| view.value.clone()),
        secret: view.is_value_secret.then(kept),
    }
}
