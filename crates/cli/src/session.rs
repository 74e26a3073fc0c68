//! The token of a role's session: found in the environment or a file, sent with every call, and never shown.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use bascule_api::client::Session;
use bascule_api::error::Error as Failure;
use bascule_api::reasons::Reason;

use crate::context;
use crate::error::Error;
use crate::inputs;
use crate::limits::SESSION_TOKEN_MAX_BYTES;

/// The variable that holds a token.
pub const VARIABLE: &str = "BASCULE_SESSION_TOKEN";
/// The option that names a file with one.
pub const FLAG: &str = "--session-token-file";

/// As whom to call.
#[derive(Clone)]
pub enum Source {
    /// As whom the certificate says.
    Certificate,
    /// As the role of the token in the environment.
    Variable(OsString),
    /// As the role of the token in a file.
    File(PathBuf),
}

/// Where a token stands, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the environment.
    Variable,
    /// In this file.
    File(PathBuf),
}

impl Source {
    /// The file that the command line names, else the environment's token, else none.
    pub fn find(file: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        match (file, context::set(variable, VARIABLE)) {
            (Some(path), _) => Self::File(path.to_owned()),
            (None, Some(token)) => Self::Variable(token),
            (None, None) => Self::Certificate,
        }
    }

    /// Where the token stands, if there is one.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Certificate => None,
            Self::Variable(_) => Some(Place::Variable),
            Self::File(path) => Some(Place::File(path.clone())),
        }
    }

    /// The token, if there is one.
    ///
    /// # Errors
    /// What is wrong with the file, [`Error::KeyOpen`] among it; [`Error::Argument`] for one without a token; [`Error::Connect`] for
    /// what cannot be one.
    pub fn token(&self) -> Result<Option<Token>, Error> {
        let (text, flag) = match self {
            Self::Certificate => return Ok(None),
            Self::Variable(value) => (value.to_str().ok_or_else(unusable)?.to_owned(), VARIABLE),
            Self::File(path) => {
                let bytes = inputs::private("session token file", path, SESSION_TOKEN_MAX_BYTES)?;
                (String::from_utf8(bytes).map_err(|_| unusable())?, FLAG)
            }
        };
        // Whoever wrote it down mostly ended the line.
        match text.trim() {
            "" => Err(Error::Argument { flag, problem: "there is no token in it".to_owned() }),
            token if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(Token(token.to_owned()))),
            _ => Err(unusable()),
        }
    }

    /// The error with the token to blame, where it may be what the cluster does not know.
    pub fn blamed(&self, error: Error) -> Error {
        match self.place().filter(|_| is_stranger(&error)) {
            Some(place) => Error::SessionUnknown { place, source: Box::new(error) },
            None => error,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.place())
    }
}

/// A token. Whoever has it, and the certificate that it was given to, is the role.
pub struct Token(String);

impl Token {
    /// The same connection, calling as the role.
    ///
    /// # Errors
    /// [`Error::Connect`] for what cannot be a token.
    pub fn worn_by(&self, session: Session) -> Result<Session, Error> {
        session.with_session_token(&self.0).map_err(|source| Error::Connect { source })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Whether the cluster does not know who calls. A session that was revoked is refused under the certificate's name, not as the role.
fn is_stranger(error: &Error) -> bool {
    let refusal = match error {
        Error::Call(failed) => &failed.source,
        Error::AccountUnknown { source, .. } => return is_stranger(source),
        _ => return false,
    };
    let Failure::Refused(refusal) = refusal else { return false };
    match refusal.reason {
        Reason::Unauthenticated | Reason::CredentialsExpired => true,
        Reason::AccessDenied => refusal.metadata.get("principal").is_some_and(|it| !it.starts_with("arn:")),
        _ => false,
    }
}

fn unusable() -> Error {
    Error::Connect { source: Failure::Token }
}

#[cfg(test)]
mod tests;
