//! A connection: how API destinations authenticate; its secrets never show.

use std::fmt;

use crate::destination::Method;
use crate::fault::Fault;
use crate::limits::{
    DESCRIPTION_LIMIT_CHARS, HTTP_PARAMETERS_LIMIT_PARAMETERS, SIGNING_SECRET_LEAST_CHARS, SIGNING_SECRET_LIMIT_CHARS,
    SIGNING_SECRETS_LIMIT_SECRETS,
};
use crate::name::ConnectionName;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides `value`.
    #[must_use]
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for whoever sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[hidden]")
    }
}

/// How a connection authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthKind {
    /// A header with a key.
    ApiKey,
    /// HTTP basic.
    Basic,
    /// OAuth 2 client credentials.
    Oauth,
    /// A signature over each request, as Standard Webhooks has it.
    Signing,
}

impl AuthKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Basic, Self::Oauth, Self::Signing];

    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ApiKey => "API_KEY",
            Self::Basic => "BASIC",
            Self::Oauth => "OAUTH_CLIENT_CREDENTIALS",
            Self::Signing => "SIGNING_SECRET",
        }
    }

    /// Reads the word of the API.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let found = Self::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| Fault::invalid("AuthorizationType", "it is no way to authenticate", text))
    }
}

/// What a connection authenticates with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A header with a key.
    ApiKey {
        /// The header's name.
        header: String,
        /// Its value.
        value: Secret,
    },
    /// HTTP basic.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// OAuth 2 client credentials.
    Oauth {
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// Where tokens are had: an `https` address.
        endpoint: String,
        /// How tokens are asked for.
        method: Method,
        /// What is added when tokens are asked for.
        parameters: Vec<Parameter>,
    },
    /// A signature over each request, as Standard Webhooks has it.
    Signing {
        /// One or two secrets of the form `whsec_` and base64 of 24 to 64 bytes; each signs, so that receivers can change over.
        secrets: Vec<Secret>,
    },
}

impl Auth {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> AuthKind {
        match self {
            Self::ApiKey { .. } => AuthKind::ApiKey,
            Self::Basic { .. } => AuthKind::Basic,
            Self::Oauth { .. } => AuthKind::Oauth,
            Self::Signing { .. } => AuthKind::Signing,
        }
    }
}

/// Where a connection's added parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A header.
    Header,
    /// The query.
    Query,
    /// The JSON body.
    Body,
}

/// A parameter that a connection adds to every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Where to.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Its value, treated as a secret even if it is none.
    pub value: Secret,
    /// Whether it is a secret, so that nobody is shown it.
    pub hidden: bool,
}

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionState {
    /// It has what it needs; OAuth tokens are fetched when first needed.
    Authorized,
    /// Its secrets were wiped.
    Deauthorized,
}

impl ConnectionState {
    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Authorized => "AUTHORIZED",
            Self::Deauthorized => "DEAUTHORIZED",
        }
    }
}

/// A connection as its owner describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name, unique in its account.
    pub name: ConnectionName,
    /// Free text, at most 512 characters.
    pub description: String,
    /// What it authenticates with.
    pub auth: Auth,
    /// What it adds, at most 100 in each place.
    pub parameters: Vec<Parameter>,
}

impl Connection {
    /// Checks what the fields' types do not. No fault repeats a secret.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn check(&self) -> Result<(), Fault> {
        Fault::unless_at_most("Description", &self.description, DESCRIPTION_LIMIT_CHARS)?;
        let missing = |field: &str| Err(Fault::invalid(field, "it must be there", ""));
        match &self.auth {
            Auth::ApiKey { header, .. } if header.is_empty() => return missing("ApiKeyName"),
            Auth::Basic { user, .. } if user.is_empty() => return missing("Username"),
            Auth::Oauth { client_id, .. } if client_id.is_empty() => return missing("ClientID"),
            Auth::Oauth { endpoint, .. } if !endpoint.starts_with("https://") => {
                return Err(Fault::invalid("AuthorizationEndpoint", "it must begin with `https://`", endpoint));
            }
            Auth::Oauth { method, .. } if !matches!(method, Method::Get | Method::Post | Method::Put) => {
                return Err(Fault::invalid("HttpMethod", "tokens are asked for by GET, POST or PUT", method.word()));
            }
            Auth::Signing { secrets } => check_signing(secrets)?,
            _ => {}
        }
        for place in [Place::Header, Place::Query, Place::Body] {
            let count = self.parameters.iter().filter(|parameter| parameter.place == place).count();
            if count > HTTP_PARAMETERS_LIMIT_PARAMETERS {
                let reason = format!("there may be at most {HTTP_PARAMETERS_LIMIT_PARAMETERS} in one place");
                return Err(Fault::invalid("InvocationHttpParameters", reason, &count.to_string()));
            }
        }
        Ok(())
    }
}

/// The form alone: base64 is read where it is signed with, and nothing else may repeat a secret.
fn check_signing(secrets: &[Secret]) -> Result<(), Fault> {
    if secrets.is_empty() || secrets.len() > SIGNING_SECRETS_LIMIT_SECRETS {
        let reason = format!("there must be 1 to {SIGNING_SECRETS_LIMIT_SECRETS}");
        return Err(Fault::invalid("SigningSecrets", reason, &secrets.len().to_string()));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    for secret in secrets {
        let body = secret.reveal().strip_prefix("whsec_").unwrap_or_default();
        // Padded base64: only the last two characters may be `=`, and groups are whole.
        let whole = body.len().is_multiple_of(4) && !body.trim_end_matches('=').contains('=');
        let padded = body.len() - body.trim_end_matches('=').len() <= 2;
        let long = (SIGNING_SECRET_LEAST_CHARS..=SIGNING_SECRET_LIMIT_CHARS).contains(&body.len());
        if !long || !whole || !padded || !body.bytes().all(plain) {
            let reason = "it must be `whsec_` and the base64 of 24 to 64 bytes";
            return Err(Fault::invalid("SigningSecrets", reason, "[hidden]"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(auth: Auth, parameters: usize) -> Connection {
        let value = Secret::new("s3cret".to_owned());
        let parameter = Parameter { place: Place::Body, name: "n".to_owned(), value, hidden: true };
        let name = ConnectionName::parse("c").unwrap();
        Connection { name, description: String::new(), auth, parameters: vec![parameter; parameters] }
    }

    fn oauth(client_id: &str, endpoint: &str) -> Auth {
        let client_secret = Secret::new("s3cret".to_owned());
        let (client_id, endpoint) = (client_id.to_owned(), endpoint.to_owned());
        Auth::Oauth { client_id, client_secret, endpoint, method: Method::Post, parameters: Vec::new() }
    }

    fn signing(bodies: &[&str]) -> Auth {
        Auth::Signing { secrets: bodies.iter().map(|body| Secret::new(format!("whsec_{body}"))).collect() }
    }

    #[test]
    fn connections_hold_at_their_borders_and_show_no_secret() {
        let secret = || Secret::new("s3cret".to_owned());
        let key = |header: &str| Auth::ApiKey { header: header.to_owned(), value: secret() };
        let basic = |user: &str| Auth::Basic { user: user.to_owned(), password: secret() };
        for (connection, good) in [
            (connection(key("x"), 100), true),
            (connection(key("x"), 101), false),
            (connection(key(""), 0), false),
            (connection(basic("u"), 0), true),
            (connection(basic(""), 0), false),
            (connection(oauth("c", "https://x"), 0), true),
            (connection(oauth("", "https://x"), 0), false),
            (connection(oauth("c", "http://x"), 0), false),
            (connection(signing(&[&"A".repeat(32)]), 0), true),
            (connection(signing(&[&"A".repeat(32), &"A".repeat(88)]), 0), true),
            (connection(signing(&[]), 0), false),
            (connection(signing(&["A", "A", "A"]), 0), false),
            (connection(signing(&[&"A".repeat(43)]), 0), false),
            (connection(signing(&[&format!("{}=", "A".repeat(43))]), 0), true),
            (connection(signing(&[&format!("{}=A==", "A".repeat(40))]), 0), false),
            (connection(signing(&[&"A".repeat(31)]), 0), false),
            (connection(signing(&[&"A".repeat(89)]), 0), false),
            (connection(signing(&[&"s3cret-".repeat(6)]), 0), false),
        ] {
            let shown = format!("{connection:?} {:?}", connection.check());
            assert_eq!(connection.check().is_ok(), good, "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        for kind in AuthKind::ALL {
            assert_eq!(AuthKind::parse(kind.word()), Ok(kind));
        }
        assert_eq!(secret().reveal(), "s3cret");
    }
}
