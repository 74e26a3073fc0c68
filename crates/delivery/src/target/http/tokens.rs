//! OAuth 2 client credentials: asked for when first needed, kept until shortly before they end (RFC 6749 section 4.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use bascule_model::connection::{Auth, Parameter, Place};
use bascule_model::time::BootMillis;
use bascule_model::uid::Uid;

use crate::book::Attempted;
use crate::limits::{TOKEN_DEFAULT_MS, TOKEN_EARLY_MS, TOKENS_LIMIT_COUNT};
use crate::target::http::request::{self, Refused, encoded};

/// A token as an endpoint gave it.
pub(super) struct Token {
    pub(super) text: String,
    lives_ms: u64,
}

struct Kept {
    text: String,
    until: BootMillis,
}

/// A connection and the change of it that a token was asked for.
type Of = (Uid, u64);

/// What one call of an endpoint gave, for everybody who waits for it.
type Asking = Arc<OnceCell<Result<String, Attempted>>>;

/// Tokens by connection.
#[derive(Default)]
pub(super) struct Tokens {
    kept: Mutex<BTreeMap<Of, Kept>>,
    asking: Mutex<BTreeMap<Of, Asking>>,
}

impl Tokens {
    /// What `ask` gives, or what another attempt that has begun to ask gets: a hundred open attempts ask once.
    pub(super) async fn asked_once(
        &self,
        connection: Of,
        ask: impl Future<Output = Result<String, Attempted>>,
    ) -> Result<String, Attempted> {
        let asking = Arc::clone(self.asking.lock().entry(connection).or_default());
        let answer = asking.get_or_init(|| ask).await.clone();
        let mut open = self.asking.lock();
        // Whoever comes from here on asks anew, or finds what was kept.
        if open.get(&connection).is_some_and(|other| Arc::ptr_eq(other, &asking)) {
            open.remove(&connection);
        }
        answer
    }

    pub(super) fn get(&self, connection: Of, now: BootMillis) -> Option<String> {
        let tokens = self.kept.lock();
        tokens.get(&connection).filter(|kept| kept.until > now).map(|kept| kept.text.clone())
    }

    pub(super) fn keep(&self, connection: Of, token: &Token, now: BootMillis) {
        let mut tokens = self.kept.lock();
        tokens.retain(|(uid, _), kept| kept.until > now && *uid != connection.0);
        if tokens.len() < TOKENS_LIMIT_COUNT {
            let until =
                BootMillis(now.0.saturating_add(token.lives_ms.saturating_sub(TOKEN_EARLY_MS.min(token.lives_ms / 2))));
            tokens.insert(connection, Kept { text: token.text.clone(), until });
        }
    }

    pub(super) fn forget(&self, connection: Of) {
        self.kept.lock().remove(&connection);
    }
}

/// The call that asks for a token: the client by HTTP basic (RFC 6749 section 2.3.1), the rest as a form.
pub(super) fn request(auth: &Auth) -> Result<http::Request<Full<Bytes>>, Refused> {
    let Auth::Oauth { client_id, client_secret, endpoint, method, parameters } = auth else {
        return Err(Refused("the connection has no OAuth credentials".to_owned()));
    };
    let of = |place: Place| parameters.iter().filter(move |parameter: &&Parameter| parameter.place == place);
    let pair = |parameter: &Parameter| format!("{}={}", encoded(&parameter.name), encoded(parameter.value.reveal()));
    let mut form: Vec<String> = of(Place::Body).map(pair).collect();
    if !of(Place::Body).any(|parameter| parameter.name == "grant_type") {
        form.push("grant_type=client_credentials".to_owned());
    }
    let uri = request::with_query(endpoint, &of(Place::Query).map(pair).collect::<Vec<_>>());
    let client = format!("{}:{}", encoded(client_id), encoded(client_secret.reveal()));
    let mut headers = HeaderMap::new();
    for parameter in of(Place::Header) {
        request::set(&mut headers, &parameter.name, parameter.value.reveal())?;
    }
    request::set(&mut headers, AUTHORIZATION.as_str(), &format!("Basic {}", STANDARD.encode(client)))?;
    request::set(&mut headers, CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")?;
    let mut made = http::Request::builder().method(method.word()).uri(uri);
    if let Some(all) = made.headers_mut() {
        *all = headers;
    }
    // The error would repeat what could not be sent, which may be a secret.
    let form = Full::new(Bytes::from(form.join("&")));
    made.body(form).map_err(|_| Refused("the connection's OAuth parameters make no HTTP request".to_owned()))
}

/// The token of an answer; `None` if there is none that can be used as a bearer's.
pub(super) fn read(body: &[u8]) -> Option<Token> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = answer.get("access_token")?.as_str()?.to_owned();
    let kind = answer.get("token_type").and_then(serde_json::Value::as_str).unwrap_or("bearer");
    let lives_s = answer.get("expires_in").and_then(serde_json::Value::as_u64);
    let lives_ms = lives_s.map_or(TOKEN_DEFAULT_MS, |seconds| seconds.saturating_mul(1_000));
    kind.eq_ignore_ascii_case("bearer").then_some(Token { text, lives_ms })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use bascule_model::connection::Secret;
    use bascule_model::destination::Method;

    use super::*;

    #[test]
    fn tokens_are_read_kept_and_forgotten() {
        let token = |text: &str| read(text.as_bytes());
        let good = token(r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#).unwrap();
        assert_eq!((good.text.as_str(), good.lives_ms), ("t", 3_600_000));
        assert!(token(r#"{"access_token":"t"}"#).is_some());
        for bad in ["", "{}", r#"{"access_token":5}"#, r#"{"access_token":"t","token_type":"mac"}"#] {
            assert!(token(bad).is_none(), "{bad}");
        }
        let tokens = Tokens::default();
        let (of, at) = ((Uid(1), 7), BootMillis(1_000));
        tokens.keep(of, &good, at);
        assert_eq!(tokens.get(of, BootMillis(1_000 + 3_539_999)).as_deref(), Some("t"));
        assert_eq!(tokens.get(of, BootMillis(1_000 + 3_540_000)), None, "a minute before its end");
        let short = Token { text: "s".to_owned(), lives_ms: 60_000 };
        tokens.keep((Uid(2), 1), &short, at);
        assert!(
            tokens.get((Uid(2), 1), BootMillis(30_999)).is_some(),
            "one that lives shortly is used for half of that"
        );
        assert_eq!(tokens.get((Uid(1), 8), at), None, "the connection was changed");
        tokens.forget(of);
        assert_eq!(tokens.get(of, at), None);
    }

    #[tokio::test]
    async fn many_attempts_ask_once() {
        let (tokens, asked) = (Tokens::default(), AtomicU32::new(0));
        let failed = || Attempted::Held { message: "no".to_owned() };
        for (round, answer) in [(1, Err(failed())), (2, Ok("t".to_owned()))] {
            let ask = || async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                answer.clone()
            };
            let told = futures_util::future::join_all((0..100).map(|_| tokens.asked_once((Uid(1), 7), ask()))).await;
            assert!(told.iter().all(|told| told == &answer), "{told:?}");
            assert_eq!(asked.load(Ordering::Relaxed), round);
        }
        assert!(tokens.asking.lock().is_empty());
    }

    #[test]
    fn a_token_is_asked_for_as_the_rfc_says() {
        let parameter = |place, name: &str, value: &str| Parameter {
            place,
            name: name.to_owned(),
            value: Secret::new(value.to_owned()),
            hidden: true,
        };
        let auth = |parameters| Auth::Oauth {
            client_id: "id".to_owned(),
            client_secret: Secret::new("s ecret".to_owned()),
            endpoint: "https://h/token?x=1".to_owned(),
            method: Method::Post,
            parameters,
        };
        let rows = vec![
            parameter(Place::Body, "audience", "a&b"),
            parameter(Place::Query, "q", "v"),
            parameter(Place::Header, "x-h", "v"),
        ];
        let made = request(&auth(rows)).unwrap();
        assert_eq!(made.uri(), "https://h/token?x=1&q=v");
        assert_eq!(made.headers()[AUTHORIZATION], format!("Basic {}", STANDARD.encode("id:s%20ecret")));
        assert_eq!(made.headers()["x-h"], "v");
        let refused = request(&auth(vec![parameter(Place::Header, "x", "s3cret\r\n")])).unwrap_err();
        assert!(!refused.0.contains("s3cret"));
    }
}
