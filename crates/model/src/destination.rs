//! An API destination: one HTTP endpoint, called through a connection.

use crate::arn::Arn;
use crate::fault::Fault;
use crate::limits::{DESCRIPTION_LIMIT_CHARS, ENDPOINT_LIMIT_CHARS};
use crate::name::DestinationName;

/// The methods of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `POST`.
    Post,
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `OPTIONS`.
    Options,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 7] = [Self::Post, Self::Get, Self::Head, Self::Options, Self::Put, Self::Patch, Self::Delete];

    /// The word of HTTP.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Reads the word of HTTP.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let found = Self::ALL.into_iter().find(|method| method.word() == text);
        found.ok_or_else(|| Fault::invalid("HttpMethod", "it is no method of an API destination", text))
    }
}

/// An API destination as its owner describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name, unique in its account.
    pub name: DestinationName,
    /// Free text, at most 512 characters.
    pub description: String,
    /// The connection's ARN.
    pub connection: Arn,
    /// An `https` address; each `*` of its path is filled by a target's path value.
    pub endpoint: String,
    /// The method of each call.
    pub method: Method,
    /// Calls a second, at least 1.
    pub rate_per_second: u32,
}

impl Destination {
    /// Checks what the fields' types do not. Whether the address may be called is for delivery to say.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn check(&self) -> Result<(), Fault> {
        Fault::unless_at_most("Description", &self.description, DESCRIPTION_LIMIT_CHARS)?;
        Fault::unless_at_most("InvocationEndpoint", &self.endpoint, ENDPOINT_LIMIT_CHARS)?;
        let refused = |reason: &str| Err(Fault::invalid("InvocationEndpoint", reason, &self.endpoint));
        let Some(rest) = self.endpoint.strip_prefix("https://") else {
            return refused("it must begin with `https://`");
        };
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        if host.is_empty() || host.contains(['*', '@']) {
            return refused("it must name a host, without `*` and without credentials");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-()_.!~*';/?:@&=+$,%[]".contains(&byte);
        if !rest.bytes().all(plain) {
            return refused("it has a character that an address cannot have");
        }
        if self.rate_per_second == 0 {
            return Err(Fault::invalid("InvocationRateLimitPerSecond", "it must be at least 1", "0"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_hold_at_their_borders() {
        let long = |length: usize| format!("https://h/{}", "p".repeat(length - 10));
        for (endpoint, rate_per_second, good) in [
            ("https://h", 1, true),
            ("https://h:8443/a/*/b?c=%20", 300, true),
            ("https://[::1]/x", 300, true),
            (&long(2_048), 300, true),
            (&long(2_049), 300, false),
            ("http://h", 1, false),
            ("https://", 1, false),
            ("https:///x", 1, false),
            ("https://*.h/x", 1, false),
            ("https://u:p@h/x", 1, false),
            ("https://h/a b", 1, false),
            ("https://h/#f", 1, false),
            ("https://h", 0, false),
        ] {
            let destination = Destination {
                name: DestinationName::parse("d").unwrap(),
                description: String::new(),
                connection: Arn::parse("ConnectionArn", "arn:aws:events:us-east-1:000000000000:connection/c").unwrap(),
                endpoint: endpoint.to_owned(),
                method: Method::Post,
                rate_per_second,
            };
            assert_eq!(destination.check().is_ok(), good, "{endpoint} {rate_per_second}");
        }
        for method in Method::ALL {
            assert_eq!(Method::parse(method.word()), Ok(method));
        }
        assert!(Method::parse("TRACE").is_err());
    }
}
