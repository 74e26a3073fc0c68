//! What a connection authenticates with, as its opaque bytes hold it; the machine never decodes these.

use std::fmt;

use prost::{Enumeration, Message};

/// Where an added parameter goes, as `model::connection::Place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum Place {
    /// Never written.
    Unspecified = 0,
    /// A header.
    Header = 1,
    /// The query.
    Query = 2,
    /// The JSON body.
    Body = 3,
}

/// A parameter that is added to calls.
#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct Parameter {
    /// Where to.
    #[prost(enumeration = "Place", tag = "1")]
    pub place: i32,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its value; empty where a hidden one is shown.
    #[prost(string, tag = "3")]
    pub value: String,
    /// Whether the value is a secret.
    #[prost(bool, tag = "4")]
    pub hidden: bool,
}

impl fmt::Debug for Parameter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Parameter {{ name: {:?}, value: [hidden] }}", self.name)
    }
}

/// All kinds of credentials in one message; which fields count is said by the kind beside it.
#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct Credentials {
    /// Name of the key's header, the user, or the client's id.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Key, password, client secret, or signing secrets; empty where it is shown.
    #[prost(string, repeated, tag = "2")]
    pub secrets: Vec<String>,
    /// How many secrets there are, shown or not.
    #[prost(uint32, tag = "3")]
    pub secret_count: u32,
    /// Where tokens are had.
    #[prost(string, tag = "4")]
    pub endpoint: String,
    /// How tokens are asked for, for example `POST`.
    #[prost(string, tag = "5")]
    pub method: String,
    /// Added when tokens are asked for.
    #[prost(message, repeated, tag = "6")]
    pub token_parameters: Vec<Parameter>,
    /// Added to every call.
    #[prost(message, repeated, tag = "7")]
    pub parameters: Vec<Parameter>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials {{ name: {:?}, secrets: [hidden] }}", self.name)
    }
}

impl Credentials {
    /// What of it may be shown.
    #[must_use]
    pub fn shown(&self) -> Self {
        let show = |parameters: &[Parameter]| {
            let shown = parameters.iter().cloned().map(|mut parameter| {
                if parameter.hidden {
                    parameter.value.clear();
                }
                parameter
            });
            shown.collect()
        };
        Self {
            secrets: Vec::new(),
            token_parameters: show(&self.token_parameters),
            parameters: show(&self.parameters),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn what_is_shown_has_no_secret() {
        let secret = || "s3cret".to_owned();
        let parameter = |hidden| Parameter { place: 1, name: "n".to_owned(), value: secret(), hidden };
        let whole = Credentials {
            name: "user".to_owned(),
            secrets: vec![secret()],
            secret_count: 1,
            token_parameters: vec![parameter(true)],
            parameters: vec![parameter(true)],
            ..Credentials::default()
        };
        let bytes = codec::encode(&whole.shown());
        assert!(!bytes.windows(6).any(|window| window == b"s3cret"));
        assert!(codec::encode(&whole).windows(6).any(|window| window == b"s3cret"));
        assert_eq!(codec::decode(&codec::encode(&whole)), Ok(whole.clone()));
        let plain = Credentials { parameters: vec![parameter(false)], ..Credentials::default() };
        assert_eq!(plain.shown(), plain);
        assert!(!format!("{whole:?} {:?}", whole.parameters).contains("s3cret"));
    }
}
