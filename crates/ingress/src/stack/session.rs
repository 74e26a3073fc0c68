//! What a session's token says, and the header in which it comes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tonic::metadata::MetadataMap;

use bascule_keyring::session::SessionKeys;
use bascule_model::identity::Identity;
use bascule_model::time::Millis;
use bascule_model::uid::Uid;
use bascule_routing::rights::Session;

use crate::limits::SESSION_AHEAD_LIMIT_MS;

const HEADER: &str = "authorization";
const SCHEME: &str = "Bearer ";

/// What is sealed into a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// ARN of the role.
    pub role: String,
    /// Its uid: a later role of the same ARN is another.
    pub role_uid: u64,
    /// The session's name.
    pub name: String,
    /// When it was given, milliseconds.
    pub issued_ms: u64,
    /// When it ends, milliseconds.
    pub expires_ms: u64,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// The session policy; empty for none.
    pub policy: String,
    /// Who really acts; empty for nobody in particular.
    pub source_identity: String,
}

/// Why a token is no session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSession {
    /// The header is none, or there are two.
    #[error("the authorization header must be `Bearer TOKEN`, once")]
    Header,
    /// The token is of nobody, or of another.
    #[error("the session token was not given to this certificate's identity by this cluster")]
    Unauthentic,
    /// Its time has passed.
    #[error("the session is over: assume the role again")]
    Over,
    /// It was given at a time that this node's clock has not reached by far.
    #[error("the session begins in the future: a clock is wrong")]
    Ahead,
}

/// The token of a request, still sealed; `None` for a request without.
pub(super) fn token(metadata: &MetadataMap) -> Result<Option<Vec<u8>>, NoSession> {
    let mut headers = metadata.get_all(HEADER).iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(NoSession::Header);
    }
    let text = header.to_str().ok().and_then(|text| text.strip_prefix(SCHEME)).ok_or(NoSession::Header)?;
    URL_SAFE_NO_PAD.decode(text).map(Some).map_err(|_| NoSession::Unauthentic)
}

impl Claims {
    /// Seals them for an identity.
    ///
    /// # Errors
    /// That of the keys.
    pub fn seal(
        &self,
        keys: &SessionKeys,
        bearer: &Identity,
    ) -> Result<(String, usize), bascule_keyring::error::Error> {
        let text = serde_json::to_vec(self).map_err(|_| bascule_keyring::error::Error::CipherRefused)?;
        let token = keys.seal(&bearer.to_string(), &text)?;
        Ok((URL_SAFE_NO_PAD.encode(&token), token.len()))
    }

    /// Opens a token beside the identity of the connection.
    pub(super) fn open(keys: &SessionKeys, bearer: &Identity, token: &[u8], now: Millis) -> Result<Self, NoSession> {
        let plain = keys.open(&bearer.to_string(), token).map_err(|_| NoSession::Unauthentic)?;
        let claims: Self = serde_json::from_slice(&plain).map_err(|_| NoSession::Unauthentic)?;
        claims.holds(now)?;
        Ok(claims)
    }

    /// Whether the session is of this time. Row 34: a clock that jumped must not make an old session new, or a later one old.
    pub(super) const fn holds(&self, now: Millis) -> Result<(), NoSession> {
        if now.0 >= self.expires_ms {
            return Err(NoSession::Over);
        }
        if self.issued_ms > now.0.saturating_add(SESSION_AHEAD_LIMIT_MS) {
            return Err(NoSession::Ahead);
        }
        Ok(())
    }

    pub(super) fn session(&self) -> Session {
        Session {
            role_arn: self.role.clone(),
            role_uid: Uid(self.role_uid),
            name: self.name.clone(),
            issued: Millis(self.issued_ms),
            tags: self.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            policy: self.policy.clone(),
            source_identity: self.source_identity.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn claims(issued_ms: u64) -> Claims {
        Claims {
            role: "arn:aws:iam::000000000000:role/r".to_owned(),
            role_uid: 1,
            name: "night".to_owned(),
            issued_ms,
            expires_ms: issued_ms + HOUR_MS,
            tags: BTreeMap::new(),
            policy: String::new(),
            source_identity: String::new(),
        }
    }

    #[test]
    fn row_34_a_clock_that_jumps_makes_no_session_good() {
        let issued = 1_795_426_200_000;
        for (now, expected) in [
            (issued, Ok(())),
            (issued + HOUR_MS - 1, Ok(())),
            (issued + HOUR_MS, Err(NoSession::Over)),
            (issued + 1_000 * HOUR_MS, Err(NoSession::Over)),
            (u64::MAX, Err(NoSession::Over)),
            // Clocks of one cluster may differ by so much and no more.
            (issued - SESSION_AHEAD_LIMIT_MS, Ok(())),
            (issued - SESSION_AHEAD_LIMIT_MS - 1, Err(NoSession::Ahead)),
            (0, Err(NoSession::Ahead)),
        ] {
            assert_eq!(claims(issued).holds(Millis(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_header_is_one_bearers_or_refused() {
        let of = |values: &[&str]| {
            let mut metadata = MetadataMap::new();
            for value in values {
                metadata.append(HEADER, value.parse().unwrap());
            }
            token(&metadata)
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["Bearer aHVudGVyMg"]), Ok(Some(b"hunter2".to_vec())));
        for bad in [&["bearer aHVudGVyMg"][..], &["Basic aHVudGVyMg"], &["Bearer"], &[""], &["Bearer a", "Bearer a"]] {
            assert_eq!(of(bad), Err(NoSession::Header), "{bad:?}");
        }
        for bad in ["Bearer aHVudGVyMg==", "Bearer a b", "Bearer *"] {
            assert_eq!(of(&[bad]), Err(NoSession::Unauthentic), "{bad}");
        }
    }
}
