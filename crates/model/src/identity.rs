//! Certificate identities: what in a client certificate says which user calls. Never a distinguished name.

use std::fmt;

use crate::fault::Fault;
use crate::limits::IDENTITY_LIMIT_CHARS;

/// Which part of a certificate an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKind {
    /// The one URI name that is a SPIFFE id.
    Spiffe,
    /// A DNS name among the subject alternative names.
    Dns,
    /// A URI among the subject alternative names that is no SPIFFE id.
    Uri,
}

/// One identity. It has one text alone, so that two users cannot hold the same one in two spellings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    kind: IdentityKind,
    value: String,
}

impl Identity {
    /// An identity of its kind and value as the certificate has it.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn new(kind: IdentityKind, value: &str) -> Result<Self, Fault> {
        let refused = |reason: &str| Err(Fault::invalid("Identities", reason, value));
        if value.is_empty() || value.len() > IDENTITY_LIMIT_CHARS {
            return refused("it must have 1 to 2048 characters");
        }
        match kind {
            IdentityKind::Spiffe if !is_spiffe(value) => {
                return refused("it must be `spiffe://trust-domain/path`, the trust domain in lower case");
            }
            IdentityKind::Dns if !is_dns(value) => {
                return refused("it must be a DNS name in lower case, without wildcards");
            }
            IdentityKind::Uri if !is_uri(value) => {
                return refused("it must be a URI of visible ASCII that is no SPIFFE id");
            }
            IdentityKind::Spiffe | IdentityKind::Dns | IdentityKind::Uri => {}
        }
        Ok(Self { kind, value: value.to_owned() })
    }

    /// Reads `spiffe://…`, `dns:…` or `uri:…`.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if let Some(name) = text.strip_prefix("dns:") {
            Self::new(IdentityKind::Dns, name)
        } else if let Some(uri) = text.strip_prefix("uri:") {
            Self::new(IdentityKind::Uri, uri)
        } else if text.starts_with("spiffe:") {
            Self::new(IdentityKind::Spiffe, text)
        } else {
            Err(Fault::invalid("Identities", "it must begin with `spiffe://`, `dns:` or `uri:`", text))
        }
    }

    /// Which part of a certificate it is.
    #[must_use]
    pub const fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// What the certificate has there.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.kind {
            IdentityKind::Spiffe => "",
            IdentityKind::Dns => "dns:",
            IdentityKind::Uri => "uri:",
        };
        write!(out, "{prefix}{}", self.value)
    }
}

/// SPIFFE-ID, section 2: a trust domain of `[a-z0-9.-_]`, then steps of `[A-Za-z0-9.-_]` that are neither empty nor dots.
fn is_spiffe(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let mark = |byte: u8| matches!(byte, b'.' | b'-' | b'_');
    let domain_fine = domain.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || mark(byte));
    let step_fine = |step: &str| {
        !matches!(step, "" | "." | "..") && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
    };
    !domain.is_empty() && domain.len() <= 255 && domain_fine && path.split('/').all(step_fine)
}

fn is_dns(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let label = |label: &str| {
        let hyphens = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && !hyphens && label.bytes().all(letter)
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let starts = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let letters = scheme
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    let visible = text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    starts && letters && visible && !rest.is_empty() && scheme != "spiffe"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_text() {
        let long = format!("spiffe://d/{}", "a".repeat(2_037));
        for good in [
            "spiffe://example.org/ns/a/sa/b",
            "spiffe://d/A.b-c_9",
            long.as_str(),
            "dns:a.example.org",
            "dns:localhost",
            "uri:https://example.org/A?b#c",
            "uri:urn:uuid:1",
        ] {
            let identity = Identity::parse(good).unwrap();
            assert_eq!(identity.to_string(), good);
            assert_eq!(Identity::new(identity.kind(), identity.value()), Ok(identity));
        }
        let over = format!("{long}a");
        for bad in [
            "",
            "CN=a,O=b",
            "dn:CN=a",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://Example.org/a",
            "spiffe://example.org/a/",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/a//b",
            "spiffe://example.org/a%20b",
            "spiffe:///a",
            "SPIFFE://d/a",
            over.as_str(),
            "dns:",
            "dns:*.example.org",
            "dns:A.example.org",
            "dns:a..b",
            "dns:a.",
            "dns:-a",
            "uri:spiffe://d/a",
            "uri:HTTPS://d/a",
            "uri:nothing",
            "uri:a: b",
        ] {
            assert!(matches!(Identity::parse(bad), Err(Fault::Invalid { .. })), "{bad}");
        }
    }
}
