//! The Rust client: one mTLS channel, a deadline on every call, and retry that listens to the server.
//!
//! In: an endpoint with certificate, key and CA as PEM; a source of chance.
//! Out: a [`Session`] with one stub per service, and [`Session::call`] that retries.
//! Never: a file, a plain-text connection, a call without a deadline (but for a [`subscription`] and a [`tail`], which live as long as
//! their client), or a put repeated that may have happened.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bascule_model::ambient::Entropy;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};

use crate::admin::v1::cluster_client::ClusterClient;
use crate::admin::v1::dead_letters_client::DeadLettersClient;
use crate::admin::v1::deliveries_client::DeliveriesClient;
use crate::admin::v1::quotas_client::QuotasClient;
use crate::client::retry::{Repeat, Schedule};
use crate::error::Error;
use crate::iam::v1::access_keys_client::AccessKeysClient;
use crate::iam::v1::authorization_client::AuthorizationClient;
use crate::iam::v1::organizations_client::OrganizationsClient;
use crate::iam::v1::policies_client::PoliciesClient;
use crate::iam::v1::roles_client::RolesClient;
use crate::iam::v1::sessions_client::SessionsClient;
use crate::iam::v1::users_client::UsersClient;
use crate::limits::{
    ATTEMPT_DEADLINE_MAX_MS, ATTEMPT_DEADLINE_MS, CALL_DEADLINE_MS, CONNECT_MAX_MS, KEEPALIVE_INTERVAL_MS,
    KEEPALIVE_TIMEOUT_MS, MESSAGE_MAX_BYTES,
};
use crate::v1::api_destinations_client::ApiDestinationsClient;
use crate::v1::connections_client::ConnectionsClient;
use crate::v1::event_buses_client::EventBusesClient;
use crate::v1::events_client::EventsClient;
use crate::v1::queues_client::QueuesClient;
use crate::v1::rules_client::RulesClient;
use crate::v1::tags_client::TagsClient;
use crate::v1::targets_client::TargetsClient;

pub mod endpoints;
pub mod retry;
pub mod subscription;
pub mod tail;

/// Header that carries a call's deadline.
const TIMEOUT: &str = "grpc-timeout";
/// Header that carries the token of a role's session.
const AUTHORIZATION: &str = "authorization";

/// Where to connect, and as whom.
#[derive(Clone)]
pub struct Context {
    /// Address of the form `https://host:port`; the host is the name that the server's certificate must have.
    pub endpoint: String,
    /// Certificates of the authorities that may vouch for the server, PEM.
    pub ca: Vec<u8>,
    /// The caller's certificate chain, leaf first, PEM.
    pub cert: Vec<u8>,
    /// The key of its leaf, PEM.
    pub key: Vec<u8>,
}

/// How long calls may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// One attempt, in milliseconds, at most 60,000: longer is cut to that.
    pub attempt_ms: u64,
    /// A call with all its attempts and waits, in milliseconds.
    pub call_ms: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { attempt_ms: ATTEMPT_DEADLINE_MS, call_ms: CALL_DEADLINE_MS }
    }
}

impl Deadlines {
    fn attempt_ms(self) -> u64 {
        self.attempt_ms.min(ATTEMPT_DEADLINE_MAX_MS)
    }
}

impl Context {
    /// Connects and proves who both sides are.
    ///
    /// # Errors
    /// [`Error::Endpoint`], [`Error::Credentials`] for what is wrong here; [`Error::Unreachable`] when there is no
    /// server, or either side refused the other's certificate.
    pub async fn connect(&self, entropy: Arc<dyn Entropy>) -> Result<Session, Error> {
        Ok(Session::over(self.channel().await?, entropy))
    }

    async fn channel(&self) -> Result<Channel, Error> {
        let channel = self.endpoint()?.connect().await;
        channel.map_err(|source| Error::Unreachable { endpoint: self.endpoint.clone(), source })
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let wrong = || Error::Endpoint { endpoint: self.endpoint.clone() };
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).map_err(|_| wrong())?;
        // Anything but https would be sent in the clear, certificate or not.
        if endpoint.uri().scheme_str() != Some("https") || endpoint.uri().host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.ca))
            .identity(Identity::from_pem(&self.cert, &self.key));
        let endpoint = endpoint
            .tls_config(tls)
            .map_err(|source| Error::Credentials { endpoint: self.endpoint.clone(), source })?;
        Ok(endpoint
            .connect_timeout(Duration::from_millis(CONNECT_MAX_MS))
            .timeout(Duration::from_millis(ATTEMPT_DEADLINE_MAX_MS))
            .http2_keep_alive_interval(Duration::from_millis(KEEPALIVE_INTERVAL_MS))
            .keep_alive_timeout(Duration::from_millis(KEEPALIVE_TIMEOUT_MS)))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Puts a deadline on every call that has none, and the token of a role's session on all.
#[derive(Clone)]
pub struct Envelope {
    attempt_ms: u64,
    bearer: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Envelope {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !request.metadata().contains_key(TIMEOUT) {
            request.set_timeout(Duration::from_millis(self.attempt_ms));
        }
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert(AUTHORIZATION, bearer.clone());
        }
        Ok(request)
    }
}

/// What every stub speaks through.
pub type Wire = InterceptedService<Channel, Envelope>;

/// A connection with its deadlines and retry. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct Session {
    // Of all clones: whoever renews one renews them all.
    channel: Arc<RwLock<Channel>>,
    entropy: Arc<dyn Entropy>,
    deadlines: Deadlines,
    schedule: Schedule,
    /// Never shown: whoever has it, and the certificate, is the role.
    bearer: Option<MetadataValue<Ascii>>,
}

macro_rules! stubs {
    ($($(#[doc = $doc:literal])+ $name:ident $client:ident;)+) => {
        impl Session {
            $($(#[doc = $doc])+
            pub fn $name(&self) -> $client<Wire> {
                $client::with_interceptor(self.channel(), self.envelope())
                    .max_decoding_message_size(MESSAGE_MAX_BYTES)
                    .max_encoding_message_size(MESSAGE_MAX_BYTES)
            })+
        }
    };
}

stubs! {
    /// Publishing. Calls through a stub have a deadline; [`Session::call`] adds retry.
    events EventsClient;
    /// Buses.
    event_buses EventBusesClient;
    /// Rules.
    rules RulesClient;
    /// Targets.
    targets TargetsClient;
    /// API destinations.
    api_destinations ApiDestinationsClient;
    /// Connections.
    connections ConnectionsClient;
    /// Queues.
    queues QueuesClient;
    /// Dead letters, for operators.
    dead_letters DeadLettersClient;
    /// Accounts of delivery, for operators.
    deliveries DeliveriesClient;
    /// Tags.
    tags TagsClient;
    /// Quotas, for operators.
    quotas QuotasClient;
    /// Nodes and groups of the cluster, for operators.
    cluster ClusterClient;
    /// Users.
    users UsersClient;
    /// Access keys of users.
    access_keys AccessKeysClient;
    /// Roles.
    roles RolesClient;
    /// Managed policies.
    policies PoliciesClient;
    /// The organisation.
    organizations OrganizationsClient;
    /// Sessions of roles.
    sessions SessionsClient;
    /// Decisions, explained.
    authorization AuthorizationClient;
}

impl Session {
    /// A session over a channel that the caller opened and answers for, with the default deadlines and retry.
    pub fn over(channel: Channel, entropy: Arc<dyn Entropy>) -> Self {
        let channel = Arc::new(RwLock::new(channel));
        Self { channel, entropy, deadlines: Deadlines::default(), schedule: Schedule::default(), bearer: None }
    }

    /// Connects anew as this context says, and takes that connection for every call and stream that begins from now on, clones'
    /// included; what is under way ends on the old one. For a certificate that is about to end: do it once another is there. A
    /// server retires a connection a little before its certificate ends, so that a subscription comes over by itself.
    ///
    /// # Errors
    /// As [`Context::connect`]; then the old connection stays in use.
    pub async fn renew(&self, context: &Context) -> Result<(), Error> {
        let channel = context.channel().await?;
        *self.channel.write().unwrap_or_else(PoisonError::into_inner) = channel;
        Ok(())
    }

    fn channel(&self) -> Channel {
        self.channel.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same connection with other deadlines; a ReceiveMessage that waits needs `attempt_ms` above its wait.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The same connection, calling as the role of an AssumeRole's token.
    ///
    /// # Errors
    /// [`Error::Token`] for what cannot be one.
    pub fn with_session_token(mut self, token: &str) -> Result<Self, Error> {
        let mut bearer = MetadataValue::try_from(format!("Bearer {token}")).map_err(|_| Error::Token)?;
        bearer.set_sensitive(true);
        self.bearer = Some(bearer);
        Ok(self)
    }

    fn envelope(&self) -> Envelope {
        Envelope { attempt_ms: self.deadlines.attempt_ms(), bearer: self.bearer.clone() }
    }

    /// The same connection with another retry.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sends a request until it is answered, refused for good, or out of time. `send` is called once per attempt with
    /// a request that has its deadline, and mostly reads `|request| { let mut stub = session.rules(); async move {
    /// stub.put_rule(request).await } }`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason, [`Error::Foreign`] with a code of something else,
    /// [`Error::Deadline`] when time is up: after the last two a write may have happened.
    pub async fn call<Q, A, F, W>(&self, repeat: Repeat, request: Q, send: F) -> Result<A, Error>
    where
        Q: Clone,
        F: Fn(Request<Q>) -> W,
        W: Future<Output = Result<Response<A>, Status>>,
    {
        let deadline_ms = self.deadlines.call_ms;
        let attempts = self.attempts(repeat, request, send);
        let answer = tokio::time::timeout(Duration::from_millis(deadline_ms), attempts).await;
        answer.unwrap_or(Err(Error::Deadline { deadline_ms }))
    }

    async fn attempts<Q, A, F, W>(&self, repeat: Repeat, request: Q, send: F) -> Result<A, Error>
    where
        Q: Clone,
        F: Fn(Request<Q>) -> W,
        W: Future<Output = Result<Response<A>, Status>>,
    {
        let attempt_ms = self.deadlines.attempt_ms();
        let mut attempt = 1;
        loop {
            let mut sent = Request::new(request.clone());
            sent.set_timeout(Duration::from_millis(attempt_ms));
            let status = match send(sent).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            let Some(wait) = self.schedule.wait(attempt, repeat, &status, chance(&*self.entropy)?) else {
                return Err(failure(status, attempt_ms));
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

/// The channel reports its own timeout as a cancellation without details.
fn failure(status: Status, deadline_ms: u64) -> Error {
    let code = status.code();
    match Error::from(status) {
        Error::Foreign { .. } if matches!(code, Code::Cancelled | Code::DeadlineExceeded) => {
            Error::Deadline { deadline_ms }
        }
        other => other,
    }
}

fn chance(entropy: &dyn Entropy) -> Result<u64, Error> {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("deadlines", &self.deadlines)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
