//! The one name that a peer is known by, from the alternative names of its certificate and from nothing else.
//!
//! A subject's text is never looked at: it has many spellings, and whoever compares it can be told another (NATS GHSA-3f24).

use crate::error::Error;
use crate::limits::{DNS_LABEL_MAX_BYTES, DNS_NAME_MAX_BYTES, SPIFFE_ID_MAX_BYTES};
use crate::spiffe::SpiffeId;

/// Who a peer is. A certificate with one URI is that URI, whatever DNS names it has beside (X.509-SVID 2 allows them); one
/// without a URI is its one DNS name; any other is nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerIdentity {
    /// The one URI is a SPIFFE ID.
    Spiffe(SpiffeId),
    /// The one URI is another, as it stands in the certificate.
    Uri(String),
    /// There is no URI, and one DNS name, in lower case.
    Dns(String),
}

impl PeerIdentity {
    /// The name as text. A SPIFFE ID and another URI have a colon, a DNS name has none, so that no text stands for two kinds.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Spiffe(id) => id.as_str(),
            Self::Uri(name) | Self::Dns(name) => name,
        }
    }
}

pub(crate) fn of(uris: &[String], dns: &[String]) -> Result<PeerIdentity, Error> {
    match (uris, dns) {
        // In any case of its letters, so that none of its spellings passes for a URI of another kind.
        ([uri], _) if scheme(uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe")) => {
            SpiffeId::parse(uri).map(PeerIdentity::Spiffe)
        }
        ([uri], _) => named(uri, uri_fault(uri)).map(PeerIdentity::Uri),
        ([], [name]) => named(name, dns_fault(name)).map(PeerIdentity::Dns),
        ([], several) => Err(Error::NotOneName { found: several.len() }),
        (several, _) => Err(Error::NotOneUri { found: several.len() }),
    }
}

/// Refuses what is no DNS name that one peer can have: lower case, at least two labels, no wildcard, no address.
///
/// # Errors
/// [`Error::BadIdentity`].
pub fn dns_name(text: &str) -> Result<(), Error> {
    named(text, dns_fault(text)).map(|_| ())
}

fn named(name: &str, fault: Option<&'static str>) -> Result<String, Error> {
    match fault {
        None => Ok(name.to_owned()),
        Some(reason) => {
            let name = name.chars().take(256).flat_map(char::escape_default).collect();
            Err(Error::BadIdentity { name, reason })
        }
    }
}

fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    // RFC 3986, section 3.1.
    let plain = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (plain && scheme.starts_with(|first: char| first.is_ascii_alphabetic())).then_some(scheme)
}

fn uri_fault(uri: &str) -> Option<&'static str> {
    if uri.len() > SPIFFE_ID_MAX_BYTES {
        return Some("it is too long");
    }
    let Some(scheme) = scheme(uri) else { return Some("it has no scheme") };
    if uri.len() == scheme.len() + 1 {
        return Some("it is a scheme alone");
    }
    // RFC 3986, section 2, without `%`: what can be spelt in two ways is two texts for one name.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte);
    (!uri.bytes().all(allowed)).then_some("it has a character that is not allowed")
}

fn dns_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > DNS_NAME_MAX_BYTES {
        return Some("it is empty or too long");
    }
    if name.contains('*') {
        return Some("a wildcard is many names");
    }
    let mut labels = 0_usize;
    for label in name.split('.') {
        labels += 1;
        if label.is_empty() || label.len() > DNS_LABEL_MAX_BYTES {
            return Some("it has an empty label, or one that is too long");
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !label.bytes().all(allowed) || label.starts_with('-') || label.ends_with('-') {
            return Some("it has a character that is not allowed; letters are lower case");
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("it is an address");
    }
    (labels < 2).then_some("it has one label alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uris: &[&str], dns: &[&str], expected: Result<&str, &str>) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let got = of(&owned(uris), &owned(dns));
        let told = got.as_ref().map(PeerIdentity::as_str).map_err(ToString::to_string);
        match (&told, expected) {
            (Ok(name), Ok(wanted)) => assert_eq!(*name, wanted, "{uris:?} {dns:?}"),
            (Err(told), Err(part)) => assert!(told.contains(part), "{uris:?} {dns:?}: {told}"),
            _ => panic!("{uris:?} {dns:?}: {got:?}"),
        }
    }

    #[test]
    fn one_name_is_an_identity() {
        check(&["spiffe://td/a"], &[], Ok("spiffe://td/a"));
        check(&["spiffe://td/a"], &["x.test", "y.test"], Ok("spiffe://td/a"));
        check(&["https://ci.test/job/7"], &[], Ok("https://ci.test/job/7"));
        check(
            &["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"],
            &["x.test"],
            Ok("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        );
        check(&[], &["app-1.prod.test"], Ok("app-1.prod.test"));
        assert!(matches!(of(&["spiffe://td/a".to_owned()], &[]), Ok(PeerIdentity::Spiffe(_))));
        assert!(matches!(of(&["https://td/a".to_owned()], &[]), Ok(PeerIdentity::Uri(_))));
    }

    #[test]
    fn any_other_is_nobody() {
        check(&[], &[], Err("`0` DNS names"));
        check(&[], &["a.test", "b.test"], Err("`2` DNS names"));
        // The same name twice is two names: whoever puts it there twice means something by it.
        check(&[], &["a.test", "a.test"], Err("`2` DNS names"));
        check(&["spiffe://td/a", "spiffe://td/a"], &[], Err("`2` URIs"));
        check(&["spiffe://td/a", "https://x.test/"], &["a.test"], Err("`2` URIs"));
        // What is almost a SPIFFE ID is none, and no URI of another kind either, nor is the DNS name beside it asked.
        for id in
            ["SPIFFE://td/a", "Spiffe://td/a", "spiffe://TD/a", "spiffe://td/a/", "spiffe://td/a%2fb", "spiffe:td/a"]
        {
            check(&[id], &["a.test"], Err("is not a workload's SPIFFE ID"));
        }
        for (uri, part) in [
            ("", "no scheme"),
            ("a.test", "no scheme"),
            ("1x://a", "no scheme"),
            ("https:", "a scheme alone"),
            (" spiffe://td/a", "no scheme"),
            ("https://a\0.test/", "not allowed"),
            ("https://a.test/%61", "not allowed"),
            ("https://ä.test/", "not allowed"),
            ("https://a.test/\nx", "not allowed"),
        ] {
            check(&[uri], &[], Err(part));
        }
        check(&[&format!("https://a.test/{}", "x".repeat(2_048))], &[], Err("too long"));
        for (name, part) in [
            ("", "empty or too long"),
            ("*.test", "wildcard"),
            ("a.*.test", "wildcard"),
            ("A.test", "lower case"),
            ("a.test\0.evil.test", "not allowed"),
            ("a.test.", "empty label"),
            (".a.test", "empty label"),
            ("a..test", "empty label"),
            ("-a.test", "not allowed"),
            ("a_b.test", "not allowed"),
            ("a b.test", "not allowed"),
            ("xn--\u{e4}.test", "not allowed"),
            ("10.0.0.1", "an address"),
            ("localhost", "one label"),
            // What stands in a subject does not become a name by standing here.
            ("CN=operator", "not allowed"),
            ("spiffe://td/a", "not allowed"),
        ] {
            check(&[], &[name], Err(part));
        }
        check(&[], &[&format!("{}.test", "a".repeat(64))], Err("too long"));
        check(&[], &[&format!("{}test", "a.".repeat(125))], Err("too long"));
    }
}
