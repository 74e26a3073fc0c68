//! What a file of the folder says, with EventBridge's names: the same that `-o yaml` prints.
//!
//! What is left out has the service's default, so that a default that is written and one that is not are the same.

use std::collections::BTreeMap;

use bascule_api::v1::{HttpMethod, LogDetail, LogLevel, ParameterPlace, RuleState};
use serde::{Deserialize, Serialize};

use crate::folder::secret::Reference;
use crate::folder::words::{PatternText, Word};
use crate::verbs::target::file::One as Target;

/// The service's defaults.
const VISIBILITY_TIMEOUT_SECONDS: u32 = 30;
const MESSAGE_RETENTION_SECONDS: u32 = 345_600;
const RATE_PER_SECOND: u32 = 300;

/// A file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Document {
    /// A bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_bus: Option<Bus>,
    /// Queues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<Queue>,
    /// Connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<Connection>,
    /// API destinations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_destinations: Vec<Destination>,
}

/// A bus with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Bus {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Key that wraps the data key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kms_key_identifier: String,
    /// Queue for events whose encryption failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetter>,
    /// What is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_config: Option<Log>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// Where dead letters go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct DeadLetter {
    /// The queue.
    pub arn: String,
}

/// What is logged of a bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Log {
    /// Steps.
    pub level: Word<LogLevel>,
    /// Content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_detail: Option<Word<LogDetail>>,
}

/// A rule with its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Rule {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Word<RuleState>>,
    /// Pattern, as text or as YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_pattern: Option<PatternText>,
    /// Schedule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schedule_expression: String,
    /// Role for its targets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Queue {
    /// Name.
    pub name: String,
    /// How long a received message is hidden, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_timeout: Option<u32>,
    /// How long a message is kept, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_retention_period: Option<u32>,
    /// Where messages go that were received too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_policy: Option<Redrive>,
    /// Key that wraps the data key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kms_key_identifier: String,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Redrive {
    /// The other queue.
    pub dead_letter_target_arn: String,
    /// Receives after which a message goes there.
    pub max_receive_count: u32,
}

/// An API destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Destination {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The connection that authorises its requests.
    pub connection_arn: String,
    /// Address.
    pub invocation_endpoint: String,
    /// Method.
    pub http_method: Word<HttpMethod>,
    /// Most requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_rate_limit_per_second: Option<u32>,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Connection {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Key that seals the secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kms_key_identifier: String,
    /// How its requests are authorised.
    #[serde(default)]
    pub auth_parameters: Auth,
}

/// How requests are authorised: in one of the four ways.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Auth {
    /// A header with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_auth_parameters: Option<ApiKey>,
    /// User and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth_parameters: Option<Basic>,
    /// OAuth client credentials.
    #[serde(rename = "OAuthParameters", skip_serializing_if = "Option::is_none")]
    pub oauth_parameters: Option<OAuth>,
    /// Secrets that sign requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_secrets: Vec<Reference>,
    /// What is added to each request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invocation_http_parameters: Vec<Parameter>,
}

/// A header with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct ApiKey {
    /// The header.
    pub api_key_name: String,
    /// The key.
    pub api_key_value: Reference,
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Basic {
    /// User.
    pub username: String,
    /// Password.
    pub password: Reference,
}

/// OAuth client credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct OAuth {
    /// Address of the token endpoint.
    pub authorization_endpoint: String,
    /// Method of the token request.
    pub http_method: Word<HttpMethod>,
    /// The client.
    pub client_parameters: Client,
    /// What is added to the token request.
    #[serde(rename = "OAuthHttpParameters", default, skip_serializing_if = "Vec::is_empty")]
    pub oauth_http_parameters: Vec<Parameter>,
}

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its id.
    #[serde(rename = "ClientID")]
    pub client_id: String,
    /// Its secret.
    #[serde(rename = "ClientSecret")]
    pub client_secret: Reference,
}

/// What is added to a request: a value, or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Parameter {
    /// Where.
    pub place: Word<ParameterPlace>,
    /// Under which name.
    pub key: String,
    /// What, if it is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
}

impl Bus {
    /// The same in the one form that is compared and written: in order, and without what is the default anyhow.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.dead_letter_config.take_if(|it| it.arn.is_empty());
        self.rules.sort_by(|one, other| one.name.cmp(&other.name));
        for rule in &mut self.rules {
            rule.state.take_if(|state| matches!(state.0, RuleState::Enabled | RuleState::Unspecified));
            rule.event_pattern.take_if(|text| text.0.is_empty());
            rule.targets.sort_by(|one, other| one.id.cmp(&other.id));
            rule.targets.iter_mut().for_each(Target::normalise);
        }
        self
    }

    /// The same without its rules.
    pub fn alone(&self) -> Self {
        Self { rules: Vec::new(), ..self.clone() }
    }
}

impl Rule {
    /// The same without its targets.
    pub fn alone(&self) -> Self {
        Self { targets: Vec::new(), ..self.clone() }
    }
}

impl Queue {
    /// The same without what is the default anyhow.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.visibility_timeout.take_if(|seconds| *seconds == VISIBILITY_TIMEOUT_SECONDS);
        self.message_retention_period.take_if(|seconds| *seconds == MESSAGE_RETENTION_SECONDS);
        self
    }
}

impl Destination {
    /// The same without what is the default anyhow.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.invocation_rate_limit_per_second.take_if(|rate| matches!(*rate, 0 | RATE_PER_SECOND));
        self
    }

    /// Most requests a second, said or by default.
    pub fn rate_per_second(&self) -> u32 {
        self.invocation_rate_limit_per_second.unwrap_or(RATE_PER_SECOND)
    }
}

impl Connection {
    /// Its parameters stay in their order, which is that of the requests.
    #[must_use]
    pub fn normal(self) -> Self {
        self
    }

    /// What is wrong with it that its form alone allows.
    ///
    /// # Errors
    /// The words for it.
    pub fn check(&self) -> Result<(), String> {
        let auth = &self.auth_parameters;
        let ways = [
            auth.api_key_auth_parameters.is_some(),
            auth.basic_auth_parameters.is_some(),
            auth.oauth_parameters.is_some(),
            !auth.signing_secrets.is_empty(),
        ];
        if ways.iter().filter(|is_there| **is_there).count() != 1 {
            let ways = "`ApiKeyAuthParameters`, `BasicAuthParameters`, `OAuthParameters` and `SigningSecrets`";
            return Err(format!("connection `{}`: there must be one of {ways}", self.name));
        }
        let token = auth.oauth_parameters.iter().flat_map(|it| &it.oauth_http_parameters);
        match token.chain(&auth.invocation_http_parameters).find(|it| it.value.is_some() == it.secret.is_some()) {
            None => Ok(()),
            Some(it) => {
                let wrong =
                    if it.value.is_some() { "both `Value` and `Secret`" } else { "neither `Value` nor `Secret`" };
                Err(format!("connection `{}`: the parameter `{}` has {wrong}", self.name, it.key))
            }
        }
    }

    /// Its references to secrets, each with what the secret is.
    pub fn secrets_mut(&mut self) -> Vec<(String, &mut Reference)> {
        let mut all: Vec<(String, &mut Reference)> = Vec::new();
        let Auth {
            api_key_auth_parameters,
            basic_auth_parameters,
            oauth_parameters,
            signing_secrets,
            invocation_http_parameters,
        } = &mut self.auth_parameters;
        if let Some(it) = api_key_auth_parameters {
            all.push(("API_KEY".to_owned(), &mut it.api_key_value));
        }
        if let Some(it) = basic_auth_parameters {
            all.push(("PASSWORD".to_owned(), &mut it.password));
        }
        if let Some(it) = oauth_parameters {
            all.push(("CLIENT_SECRET".to_owned(), &mut it.client_parameters.client_secret));
            for parameter in &mut it.oauth_http_parameters {
                all.extend(parameter.secret.as_mut().map(|secret| (format!("OAUTH_{}", parameter.key), secret)));
            }
        }
        for (at, secret) in signing_secrets.iter_mut().enumerate() {
            all.push((format!("SIGNING_{}", at + 1), secret));
        }
        for parameter in invocation_http_parameters {
            all.extend(parameter.secret.as_mut().map(|secret| (format!("PARAMETER_{}", parameter.key), secret)));
        }
        all
    }

    /// The same with nothing in the place of its references: what can be compared.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        for (_, secret) in bare.secrets_mut() {
            *secret = Reference::Env(String::new());
        }
        bare
    }
}
