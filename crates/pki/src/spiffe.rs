//! A workload's SPIFFE ID, parsed as the SPIFFE ID standard says, part by part and never as a loose string.

use std::fmt;

use crate::error::Error;
use crate::limits::{SPIFFE_ID_MAX_BYTES, TRUST_DOMAIN_MAX_BYTES};

const SCHEME: &str = "spiffe://";

/// `spiffe://<trust domain>/<path>`, checked: lower-case trust domain, a path that is not empty, no `.`, `..` or empty
/// segment, no percent encoding, query, fragment, port or user. Source: SPIFFE-ID 2.1 to 2.3 and X.509-SVID 5.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    text: String,
    path_at: usize,
}

impl SpiffeId {
    /// Parses an ID.
    ///
    /// # Errors
    /// [`Error::BadSpiffe`] with the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match path_start(text) {
            Ok(path_at) => Ok(Self { text: text.to_owned(), path_at }),
            Err(reason) => Err(Error::BadSpiffe { id: text.chars().take(256).collect(), reason }),
        }
    }

    /// The trust domain, such as `prod.example`.
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.path_at]
    }

    /// The path, with its leading slash.
    pub fn path(&self) -> &str {
        &self.text[self.path_at..]
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn path_start(text: &str) -> Result<usize, &'static str> {
    if text.len() > SPIFFE_ID_MAX_BYTES {
        return Err("it is too long");
    }
    let rest = text.strip_prefix(SCHEME).ok_or("it does not begin with `spiffe://`")?;
    let (domain, path) = rest.split_once('/').ok_or("it has no path")?;
    if domain.is_empty() || domain.len() > TRUST_DOMAIN_MAX_BYTES {
        return Err("its trust domain is empty or too long");
    }
    if !domain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)) {
        return Err("its trust domain has a character that is not allowed");
    }
    for segment in path.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Err("its path has an empty or relative segment");
        }
        if !segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            return Err("its path has a character that is not allowed");
        }
    }
    Ok(SCHEME.len() + domain.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let id = SpiffeId::parse(text);
        let parts = id.as_ref().ok().map(|id| (id.trust_domain(), id.path()));
        assert_eq!(parts, expected, "{text}");
    }

    #[test]
    fn ids_are_parsed_part_by_part() {
        let long = format!("spiffe://{}/a", "d".repeat(256));
        check("spiffe://prod.example/ns/a/sa/b", Some(("prod.example", "/ns/a/sa/b")));
        check("spiffe://a_b-1/X.y_z-0", Some(("a_b-1", "/X.y_z-0")));
        for bad in [
            "",
            "spiffe://",
            "spiffe://td",
            "spiffe://td/",
            "spiffe:///a",
            "SPIFFE://td/a",
            "spiffe://Td/a",
            "spiffe://td:1/a",
            "spiffe://u@td/a",
            "spiffe://td//a",
            "spiffe://td/a/",
            "spiffe://td/../a",
            "spiffe://td/./a",
            "spiffe://td/a%2fb",
            "spiffe://td/a?b",
            "spiffe://td/a#b",
            "https://td/a",
            "spiffe://td/ä",
            "spiffe://td/a b",
            "spiffe://td/a\0",
            &long,
        ] {
            check(bad, None);
        }
        check(&format!("spiffe://td/{}", "a".repeat(2_036)), Some(("td", &format!("/{}", "a".repeat(2_036)))));
        check(&format!("spiffe://td/{}", "a".repeat(2_037)), None);
    }
}
