//! Every place where a user's words go, each with a canary of its own, and a run that takes all of them through the daemon.

use anyhow::{Context as _, ensure};
use bascule_api::v1::connection_authorization::Method;
use bascule_api::v1::connection_parameter::Value;
use bascule_api::v1::{
    ApiKeyAuthorization, BasicAuthorization, ConnectionAuthorization, ConnectionParameter, CreateConnectionRequest,
    CreateEventBusRequest, HttpMethod, HttpParameters, OAuthClientCredentials, ParameterPlace, PutEventsRequestEntry,
    PutRuleRequest, SigningSecrets, Target,
};
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use bascule_tests::client::{Client, dead_letters_to, entry, retries, secret, target};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::search::Canary;

/// Places and the bytes of their canaries: 64, but for names that may not be so long.
const PLACES: [(&str, usize); 22] = [
    ("detail", 64),
    ("detail of a dead letter in a queue", 64),
    ("detail of a dead letter in the bus's table", 64),
    ("detail that nothing wants", 64),
    ("source", 64),
    ("detail type", 64),
    ("resource", 64),
    ("trace header", 64),
    ("bus name", 64),
    ("bus description", 64),
    ("rule name", 32),
    ("rule description", 64),
    ("pattern", 64),
    ("target id", 32),
    ("queue name", 40),
    ("connection name", 32),
    ("destination name", 32),
    ("endpoint", 64),
    ("target header", 64),
    ("api key", 64),
    ("password", 64),
    ("client secret", 64),
];

/// The signing secret is of bytes, not of digits; it is spelt as base64.
pub const SIGNING: &str = "signing secret";
/// A parameter whose value is hidden.
pub const PARAMETER: &str = "hidden parameter";

/// All canaries of a run.
pub struct Songs {
    pub all: Vec<Canary>,
}

impl Songs {
    pub fn new(chance: &mut Chance) -> Self {
        let mut all: Vec<Canary> = PLACES.iter().map(|(place, bytes)| Canary::new(place, *bytes, chance)).collect();
        all.push(Canary::new(SIGNING, 48, chance));
        all.push(Canary::new(PARAMETER, 64, chance));
        Self { all }
    }

    fn of(&self, place: &str) -> Outcome<&str> {
        let canary = self.all.iter().find(|canary| canary.place == place);
        Ok(&canary.with_context(|| format!("no canary for `{place}`"))?.text)
    }

    /// Sends each through the daemon: events delivered, queued, waiting, dead; everything else written and kept.
    pub async fn sing(&self, client: &Client, receiver: &Receiver) -> Outcome {
        self.bus_and_rule(client).await?;
        self.connections(client).await?;
        self.targets(client, receiver).await?;
        self.events(client).await?;
        let rule = self.of("rule name")?;
        let bus = self.of("bus name")?;
        until("every event where it goes", PATIENCE, async || {
            let told = client.deliveries(bus, rule).await?;
            let dead = told.iter().map(|one| one.dead_lettered).sum::<u64>();
            let delivered = told.iter().map(|one| one.delivered).sum::<u64>();
            Ok((dead >= 6 && delivered >= 3).then_some(()))
        })
        .await?;
        // Received and given back: a message with a history, and one without.
        let queue = self.of("queue name")?;
        let held = until("a message", PATIENCE, async || Ok(client.receive(queue, Some(0)).await?.pop())).await?;
        ensure!(held.body.contains(self.of("source")?), "the message is not the event");
        let letters = client.dead_letters(bus).await?;
        ensure!(letters.iter().any(|letter| letter.event.contains("mark")), "the table has no dead letter");
        Ok(())
    }

    async fn bus_and_rule(&self, client: &Client) -> Outcome {
        let request = CreateEventBusRequest {
            name: self.of("bus name")?.to_owned(),
            description: self.of("bus description")?.to_owned(),
            ..CreateEventBusRequest::default()
        };
        client.session().event_buses().create_event_bus(request).await?;
        let source = self.of("source")?;
        let request = PutRuleRequest {
            name: self.of("rule name")?.to_owned(),
            event_bus_name: self.of("bus name")?.to_owned(),
            event_pattern: format!(
                r#"{{"source":["{source}"],"detail-type":[{{"anything-but":"{}"}}]}}"#,
                self.of("pattern")?
            ),
            description: self.of("rule description")?.to_owned(),
            ..PutRuleRequest::default()
        };
        client.session().rules().put_rule(request).await?;
        Ok(())
    }

    async fn connections(&self, client: &Client) -> Outcome {
        let signing = hex::decode(self.of(SIGNING)?)?;
        let signing =
            SigningSecrets { secrets: secret(&format!("whsec_{}", STANDARD.encode(signing))).into_iter().collect() };
        let basic = BasicAuthorization { username: "user".to_owned(), password: secret(self.of("password")?) };
        let oauth = OAuthClientCredentials {
            authorization_endpoint: "https://127.0.0.1:1/token".to_owned(),
            http_method: HttpMethod::Post.into(),
            client_id: "client".to_owned(),
            client_secret: secret(self.of("client secret")?),
            parameters: Vec::new(),
        };
        for (name, method) in
            [("signing", Method::Signing(signing)), ("basic", Method::Basic(basic)), ("oauth", Method::Oauth(oauth))]
        {
            client.connection(name, method).await?;
        }
        let key = ApiKeyAuthorization { api_key_name: "x-key".to_owned(), api_key_value: secret(self.of("api key")?) };
        let hidden = ConnectionParameter {
            place: ParameterPlace::Header.into(),
            key: "x-hidden".to_owned(),
            value: secret(self.of(PARAMETER)?).map(Value::Secret),
        };
        let request = CreateConnectionRequest {
            name: self.of("connection name")?.to_owned(),
            authorization: Some(ConnectionAuthorization {
                method: Some(Method::ApiKey(key)),
                invocation_parameters: vec![hidden],
            }),
            ..CreateConnectionRequest::default()
        };
        client.session().connections().create_connection(request).await?;
        Ok(())
    }

    async fn targets(&self, client: &Client, receiver: &Receiver) -> Outcome {
        let request = bascule_api::v1::DescribeConnectionRequest {
            name: self.of("connection name")?.to_owned(),
            allow_stale: false,
        };
        let connection = client.session().connections().describe_connection(request).await?.into_inner();
        let connection = connection.connection.context("no connection")?.arn;
        let endpoint = receiver.url(&format!("/ok/{}", self.of("endpoint")?));
        let well = client.destination_over(self.of("destination name")?, &endpoint, &connection).await?;
        let refuses = client.destination_over("refuses", &receiver.url("/status/400"), &connection).await?;
        let waits = client.destination_over("waits", &receiver.url("/status/503"), &connection).await?;
        let queue = client.queue(self.of("queue name")?).await?;
        let dead = client.queue("dead").await?;
        let header = [("x-target".to_owned(), self.of("target header")?.to_owned())];
        let http = HttpParameters { header_parameters: header.into_iter().collect(), ..HttpParameters::default() };
        let targets = vec![
            Target { http_parameters: Some(http), ..target(self.of("target id")?, &well) },
            target("queue", &queue),
            Target {
                dead_letter_config: dead_letters_to(&dead),
                retry_policy: retries(0, 60),
                ..target("dead", &refuses)
            },
            Target { retry_policy: retries(0, 60), ..target("table", &refuses) },
            target("waits", &waits),
        ];
        client.targets(self.of("bus name")?, self.of("rule name")?, targets).await?;
        Ok(())
    }

    async fn events(&self, client: &Client) -> Outcome {
        let details = ["detail", "detail of a dead letter in a queue", "detail of a dead letter in the bus's table"];
        for place in details {
            let mut put = self.entry(place)?;
            put.source = self.of("source")?.to_owned();
            client.put_one(put).await?;
        }
        client.put_one(self.entry("detail that nothing wants")?).await?;
        Ok(())
    }

    fn entry(&self, place: &str) -> Outcome<PutEventsRequestEntry> {
        let detail = format!(r#"{{"mark":"{}"}}"#, self.of(place)?);
        let mut put = entry("nobody.wants", self.of("detail type")?, &detail);
        put.resources = vec![self.of("resource")?.to_owned()];
        put.trace_header = format!("Root=1-{}", self.of("trace header")?);
        put.event_bus_name = self.of("bus name")?.to_owned();
        Ok(put)
    }
}

/// Places whose words are kept nowhere: there is nothing to be found even where nothing is sealed.
pub const NEVER_KEPT: [&str; 1] = ["detail that nothing wants"];
