//! Access keys: drawn and sealed for a user, and opened by their ids. Nothing in this build verifies a signature by one yet.
//!
//! A secret is sealed with the data key of the default bus of its account: every account has one, it is never deleted, and whoever
//! rotates or loses that key does so for all that the account has stored.

use std::fmt;
use std::sync::Arc;

use bascule_model::connection::Secret;
use bascule_model::name::{AccessKeyId, AccountId, BusName};
use bascule_model::uid::Uid;
use bascule_statemachine::codec::control::rows::AccessKey;
use bytes::Bytes;

use crate::error::SealError;
use crate::realm::User;
use crate::vault::{Place, Vault};
use crate::view::View;

/// What ids are spelt with: base32 (RFC 4648, section 6).
const LETTERS_OF_IDS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// What secrets are spelt with: base64 (RFC 4648, section 4).
const LETTERS_OF_SECRETS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Chance in an id: 16 letters.
const ID_BYTES: usize = 10;
/// Chance in a secret: 40 letters.
const SECRET_BYTES: usize = 30;

/// A key that was drawn, and that no row has yet.
#[derive(Debug)]
pub struct Drawn {
    /// Its id: `AKIA` and 16 letters.
    pub id: AccessKeyId,
    /// Its secret: 40 letters of base64. It is shown to whoever made it, and to nobody else.
    pub secret: Secret,
    /// The secret, sealed to account, user and id.
    pub sealed: Bytes,
}

/// A key with its secret, for whoever verifies a signature.
#[derive(Clone)]
pub struct Opened {
    /// Its account.
    pub account: AccountId,
    /// Its user.
    pub user: Arc<User>,
    /// Its secret.
    pub secret: Secret,
    /// Whether it is in force: if not, whoever signs with it is nobody.
    pub active: bool,
}

impl fmt::Debug for Opened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Opened {{ user: {:?}, active: {} }}", self.user.arn, self.active)
    }
}

/// Draws a key for a user, and seals its secret.
///
/// # Errors
/// [`SealError`]; then nothing may be written.
pub async fn draw(vault: &Arc<Vault>, view: &View, user: &User) -> Result<Drawn, SealError> {
    let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
    vault.chance(&mut id)?;
    vault.chance(&mut secret)?;
    let text = format!("{}{}", AccessKeyId::PREFIX, spelt(&id, LETTERS_OF_IDS));
    let id = AccessKeyId::parse(&text).map_err(|error| SealError::Seal(error.to_string()))?;
    let secret = Secret::new(spelt(&secret, LETTERS_OF_SECRETS));
    let key = view.bus(user.account, BusName::DEFAULT).ok_or(SealError::NoKey)?.key;
    let place = Place::of_access_key(user.account, Uid(user.row.uid), id.as_str());
    let sealed = vault.seal_bytes(view, key, place, secret.reveal().as_bytes()).await?;
    Ok(Drawn { id, secret, sealed })
}

/// The key of this id, with its secret; `None` if nobody has one. Whether its account is closed is `rights`' to say, as of every caller.
///
/// # Errors
/// [`SealError`]: nobody may be let in then.
pub async fn open(vault: &Arc<Vault>, view: &View, id: &str) -> Result<Option<Opened>, SealError> {
    let Some((user, key)) = view.realm.access_key(id) else { return Ok(None) };
    let secret = secret(vault, view, user, key).await?;
    Ok(Some(Opened { account: user.account, user: Arc::clone(user), secret, active: key.active }))
}

/// The secret of a key of this user.
///
/// # Errors
/// [`SealError`].
pub async fn secret(vault: &Arc<Vault>, view: &View, user: &User, key: &AccessKey) -> Result<Secret, SealError> {
    let place = Place::of_access_key(user.account, Uid(user.row.uid), &key.id);
    let opened = vault.open_bytes(view, place, &key.sealed).await?;
    let text = String::from_utf8(opened.to_vec()).map_err(|_| SealError::Seal("a secret is no text".to_owned()))?;
    Ok(Secret::new(text))
}

/// Bytes as letters of an alphabet, 5 or 6 bits each; what is spelt here divides without a rest.
fn spelt<const LETTERS: usize>(bytes: &[u8], alphabet: &[u8; LETTERS]) -> String {
    let bits = LETTERS.ilog2();
    let (mut held, mut count) = (0_usize, 0);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        held = (held << 8 | usize::from(*byte)) & 0xffff;
        count += 8;
        while count >= bits {
            count -= bits;
            text.push(char::from(alphabet[held >> count & (LETTERS - 1)]));
        }
    }
    text
}

#[cfg(test)]
mod tests;
