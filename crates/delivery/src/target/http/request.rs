//! The request of a delivery: address, parameters, credentials, signature. Pure.
//!
//! A connection's parameters win over a target's
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>). Every request has the delivery's id and
//! time as Standard Webhooks names them (<https://www.standardwebhooks.com/>), and, where the connection has signing secrets, its
//! signature by each of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

use bascule_keyring::webhook;
use bascule_model::connection::{Auth, Connection, Parameter, Place, Secret};
use bascule_model::destination::{Destination, Method};
use bascule_model::id::DeliveryId;
use bascule_model::target::HttpParameters;
use bascule_model::time::Millis;

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that belong to the connection, the message's framing, or the signature.
const RESERVED: [&str; 11] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// Why there is no such request; no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

/// All that a request is made of.
pub(super) struct Parts<'a> {
    pub(super) destination: &'a Destination,
    pub(super) connection: &'a Connection,
    pub(super) parameters: &'a HttpParameters,
    pub(super) delivery: DeliveryId,
    pub(super) body: &'a Bytes,
    pub(super) now: Millis,
    pub(super) token: Option<&'a str>,
}

impl Parts<'_> {
    /// The request.
    ///
    /// # Errors
    /// [`Refused`] for parameters that no request can have.
    pub(super) fn request(&self) -> Result<http::Request<Full<Bytes>>, Refused> {
        let body = self.payload()?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("bascule/", env!("CARGO_PKG_VERSION"))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        for (name, value) in &self.parameters.headers {
            set(&mut headers, name, value)?;
        }
        for parameter in self.added(Place::Header) {
            set(&mut headers, &parameter.name, parameter.value.reveal())?;
        }
        self.authenticate(&mut headers)?;
        self.sign(&mut headers, &body)?;
        let mut request = http::Request::builder().method(self.destination.method.word()).uri(self.uri()?);
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        request.body(Full::new(body)).map_err(|_| Refused("the endpoint and its parameters make no address".to_owned()))
    }

    fn added(&self, place: Place) -> impl Iterator<Item = &Parameter> {
        self.connection.parameters.iter().filter(move |parameter| parameter.place == place)
    }

    /// The event, with the connection's body parameters behind its own fields; methods without a body have none.
    fn payload(&self) -> Result<Bytes, Refused> {
        if matches!(self.destination.method, Method::Get | Method::Head | Method::Options) {
            return Ok(Bytes::new());
        }
        if self.added(Place::Body).next().is_none() {
            return Ok(self.body.clone());
        }
        // What a transformer makes may be anything; fields can be added to one object alone.
        let object = std::str::from_utf8(self.body).ok().and_then(|body| serde_json::from_str::<&RawValue>(body).ok());
        let open = object.and_then(|object| object.get().strip_prefix('{')?.strip_suffix('}'));
        let open = open.ok_or_else(|| {
            Refused("the connection adds fields to the body, and what is sent is no JSON object".to_owned())
        })?;
        let mut text = format!("{{{}", open.trim_end());
        for parameter in self.added(Place::Body) {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&quoted(&parameter.name));
            text.push(':');
            text.push_str(&quoted(parameter.value.reveal()));
        }
        text.push('}');
        Ok(Bytes::from(text))
    }

    fn uri(&self) -> Result<String, Refused> {
        let (path, query) = match self.destination.endpoint.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.destination.endpoint.as_str(), None),
        };
        let mut values = self.parameters.path_values.iter();
        let mut uri = String::with_capacity(self.destination.endpoint.len());
        for (nth, piece) in path.split('*').enumerate() {
            if nth > 0 {
                let value = values.next();
                let value = value.ok_or_else(|| Refused("the endpoint has more `*` than path values".to_owned()))?;
                uri.push_str(&encoded(value));
            }
            uri.push_str(piece);
        }
        // Whoever normalises the path would call something that the endpoint does not name, with the connection's credentials.
        if uri.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Refused("a path value makes a segment `.` or `..` of the endpoint".to_owned()));
        }
        if let Some(query) = query {
            uri.push('?');
            uri.push_str(query);
        }
        let wins = |name: &str| self.added(Place::Query).any(|parameter| parameter.name == name);
        let own = self.parameters.query.iter().filter(|(name, _)| !wins(name));
        let own = own.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let added = self.added(Place::Query);
        let added =
            added.map(|parameter| format!("{}={}", encoded(&parameter.name), encoded(parameter.value.reveal())));
        Ok(with_query(&uri, &own.chain(added).collect::<Vec<_>>()))
    }

    fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), Refused> {
        match (&self.connection.auth, self.token) {
            (Auth::ApiKey { header, value }, _) => set(headers, header, value.reveal()),
            (Auth::Basic { user, password }, _) => {
                let text = format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal())));
                set(headers, AUTHORIZATION.as_str(), &text)
            }
            (Auth::Oauth { .. }, Some(token)) => set(headers, AUTHORIZATION.as_str(), &format!("Bearer {token}")),
            (Auth::Oauth { .. }, None) => Err(Refused("there is no token".to_owned())),
            (Auth::Signing { .. }, _) => Ok(()),
        }
    }

    fn sign(&self, headers: &mut HeaderMap, body: &[u8]) -> Result<(), Refused> {
        let (id, seconds) = (self.delivery.to_string(), self.now.0 / 1_000);
        let Auth::Signing { secrets } = &self.connection.auth else {
            return put(headers, "webhook-id", &id)
                .and_then(|()| put(headers, "webhook-timestamp", &seconds.to_string()));
        };
        let signatures = secrets.iter().map(|secret| {
            let key = signing_key(secret)?;
            Ok(format!("v1,{}", STANDARD.encode(webhook::sign(&key, &id, seconds, body))))
        });
        let signatures: Vec<String> = signatures.collect::<Result<_, Refused>>()?;
        put(headers, "webhook-id", &id)?;
        put(headers, "webhook-timestamp", &seconds.to_string())?;
        put(headers, "webhook-signature", &signatures.join(" "))
    }
}

fn signing_key(secret: &Secret) -> Result<Vec<u8>, Refused> {
    let text = secret.reveal().strip_prefix("whsec_").unwrap_or_default();
    STANDARD.decode(text).map_err(|_| Refused("a signing secret of the connection is no base64".to_owned()))
}

/// A header that a user chose.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Refused> {
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(Refused(format!("header `{name}` cannot be set")));
    }
    put(headers, name, value)
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Refused> {
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Refused(format!("`{name}` is no header")))?;
    let mut made =
        HeaderValue::from_str(value).map_err(|_| Refused(format!("the value of `{name}` is no header's")))?;
    made.set_sensitive(true);
    headers.insert(header, made);
    Ok(())
}

/// Percent-encoded for a path or query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The address with these pairs behind its own query.
pub(super) fn with_query(address: &str, pairs: &[String]) -> String {
    match (pairs.is_empty(), address.contains('?')) {
        (true, _) => address.to_owned(),
        (false, true) => format!("{address}&{}", pairs.join("&")),
        (false, false) => format!("{address}?{}", pairs.join("&")),
    }
}

#[cfg(test)]
mod tests;
