//! API destinations: one HTTPS call each, by their connection, to addresses that the operator allows.
//!
//! In: an order, the destination and its connection.
//! Out: what the answer means.
//! Never: a redirect followed, a proxy of the environment, a plain connection, an answer read beyond its bound.

mod answer;
mod connect;
mod rate;
mod request;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;

use bascule_model::ambient::{Clock, Spawn};
use bascule_model::connection::{Auth, Connection};
use bascule_model::destination::Destination;
use bascule_model::time::BootMillis;
use bascule_model::uid::Uid;
use bascule_pki::client::OutboundConfig;

use crate::book::Attempted;
use crate::limits::{HTTP_ANSWER_LIMIT_BYTES, HTTP_BODY_LIMIT_MS, HTTP_LIMIT_MS, TOKEN_ANSWER_LIMIT_BYTES};
use crate::target::Order;
use crate::target::code::Code;
use crate::target::egress::Egress;
use crate::target::http::connect::Connector;
use crate::target::http::rate::Rates;
use crate::target::http::request::Parts;
use crate::target::http::tokens::Tokens;

/// A client over the operator's egress.
type HttpClient = Client<Connector, Full<Bytes>>;

/// The one client of the node: connections to a host are shared by all its destinations.
pub(super) struct Http {
    client: HttpClient,
    egress: Egress,
    tokens: Tokens,
    rates: Rates,
    clock: Arc<dyn Clock>,
}

/// What came back.
struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: Bytes,
}

/// Why nothing came back.
enum Failure {
    /// The address may not be called.
    Forbidden(String),
    /// No connection, or one that broke.
    Connection(String),
    /// No answer in time.
    Timeout,
}

impl Http {
    pub(super) fn new(outbound: OutboundConfig, egress: Egress, clock: Arc<dyn Clock>, spawn: Arc<dyn Spawn>) -> Self {
        let client = connect::client(outbound, egress.clone(), spawn);
        Self { client, egress, tokens: Tokens::default(), rates: Rates::default(), clock }
    }

    /// Leave for one call of a destination.
    ///
    /// # Errors
    /// The milliseconds until there is a place.
    pub(super) fn gate(&self, destination: Uid, rate_per_s: u32, now: BootMillis) -> Result<(), u64> {
        self.rates.take(destination, rate_per_s, now)
    }

    /// One call. A token that is refused is not used again.
    pub(super) async fn send(
        &self,
        connection_uid: (Uid, u64),
        destination: &Destination,
        connection: &Connection,
        order: &Order<'_>,
    ) -> Attempted {
        let token = match &connection.auth {
            Auth::Oauth { .. } => match self.token(connection_uid, &connection.auth).await {
                Ok(token) => Some(token),
                Err(attempted) => return attempted,
            },
            _ => None,
        };
        let parts = Parts {
            destination,
            connection,
            parameters: order.http,
            delivery: order.delivery,
            body: &order.payload.body,
            now: self.clock.wall(),
            token: token.as_deref(),
        };
        let request = match parts.request() {
            Ok(request) => request,
            Err(refused) => return Attempted::Refused { code: Code::InvalidParameter, message: refused.0 },
        };
        match self.call(request, HTTP_ANSWER_LIMIT_BYTES).await {
            Ok(answer) => {
                if answer.status == 401 && token.is_some() {
                    self.tokens.forget(connection_uid);
                }
                answer::meaning(answer.status, answer.retry_after.as_deref(), self.clock.wall())
            }
            Err(failure) => failed(failure),
        }
    }

    async fn call(&self, request: http::Request<Full<Bytes>>, limit_bytes: usize) -> Result<Answer, Failure> {
        // A literal address is not resolved, so it is looked at here.
        if let Some(address) = connect::literal(request.uri()) {
            self.egress.check(address).map_err(|forbidden| Failure::Forbidden(forbidden.to_string()))?;
        }
        let limit = Duration::from_millis(HTTP_LIMIT_MS);
        let response = match tokio::time::timeout(limit, self.client.request(request)).await {
            Ok(response) => response.map_err(|error| connect::failure(&error))?,
            Err(_) => return Err(Failure::Timeout),
        };
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = head.status.as_u16();
        // The status is the answer; a body that is too long, too slow or broken off changes nothing of it.
        let body = Limited::new(body, limit_bytes).collect();
        let body = tokio::time::timeout(Duration::from_millis(HTTP_BODY_LIMIT_MS), body).await;
        let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Answer { status, retry_after, body })
    }

    async fn token(&self, connection_uid: (Uid, u64), auth: &Auth) -> Result<String, Attempted> {
        match self.tokens.get(connection_uid, self.clock.boot()) {
            Some(token) => Ok(token),
            None => self.tokens.asked_once(connection_uid, self.ask_token(connection_uid, auth)).await,
        }
    }

    async fn ask_token(&self, connection_uid: (Uid, u64), auth: &Auth) -> Result<String, Attempted> {
        let request = tokens::request(auth)
            .map_err(|refused| Attempted::Refused { code: Code::InvalidParameter, message: refused.0 })?;
        let refused = |message: String| Attempted::Failed {
            code: Code::SdkClientError,
            message,
            retry_after_ms: None,
            quiet_ms: 0,
        };
        let answer = self.call(request, TOKEN_ANSWER_LIMIT_BYTES).await.map_err(failed)?;
        if !(200..300).contains(&answer.status) {
            return Err(refused(format!("the authorisation endpoint answered {}", answer.status)));
        }
        let token = tokens::read(&answer.body);
        let token = token.ok_or_else(|| refused("the authorisation endpoint gave no bearer token".to_owned()))?;
        self.tokens.keep(connection_uid, &token, self.clock.boot());
        Ok(token.text)
    }
}

fn failed(failure: Failure) -> Attempted {
    let (code, message) = match failure {
        Failure::Forbidden(why) => {
            // Which address it was tells the owner of a target what names resolve to in here.
            tracing::info!(why, "a target may not be called");
            (Code::NoPermissions, "the endpoint's address is not one that targets may have".to_owned())
        }
        Failure::Connection(why) => (Code::ConnectionFailure, why),
        Failure::Timeout => (Code::Timeout, format!("there was no answer within {HTTP_LIMIT_MS} ms")),
    };
    Attempted::Failed { code, message, retry_after_ms: None, quiet_ms: 0 }
}
