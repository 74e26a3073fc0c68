//! The token by which a node joins: which cluster, whose authority, where its members are, and the secret that lets one node in once.
//!
//! The text is `bascule1.` and base64url without padding of: format (1 byte), cluster id (16), secret (32), SHA-256 of the
//! authority's certificate (32), end in seconds since the Unix epoch (8, big endian), the token's id behind its length (1), the
//! count of members (1) with each behind its length (1), and the first 8 bytes of SHA-256 over a label and all before.

use std::fmt;
use std::net::Ipv6Addr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use bascule_model::id::ClusterId;

use crate::error::Error;
use crate::limits::{
    ADDRESS_MAX_BYTES, DNS_NAME_MAX_BYTES, TOKEN_ID_MAX_BYTES, TOKEN_MAX_CHARS, TOKEN_MEMBERS_MAX_COUNT,
};
use crate::peer::sha256;

const PREFIX: &str = "bascule1.";
const FORMAT: u8 = 1;
const LABEL: &[u8] = b"bascule join token";
const CHECK_BYTES: usize = 8;

/// A join token. It is in no `Debug` output, and its secret is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    cluster: ClusterId,
    id: String,
    secret: Zeroizing<[u8; 32]>,
    authority_sha256: [u8; 32],
    expires_unix_s: u64,
    members: Vec<String>,
}

impl Token {
    /// Makes a token: `id` by which the cluster knows it, 1 to 64 of `A-Z a-z 0-9 _ -`; its secret; SHA-256 of the DER of the
    /// authority's certificate; its end in seconds since the Unix epoch; peer addresses of 1 to 16 members, `host:port`.
    ///
    /// # Errors
    /// [`Error::BadToken`].
    pub fn new(
        cluster: ClusterId,
        id: String,
        secret: [u8; 32],
        authority_sha256: [u8; 32],
        expires_unix_s: u64,
        members: Vec<String>,
    ) -> Result<Self, Error> {
        let secret = Zeroizing::new(secret);
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if id.is_empty() || id.len() > TOKEN_ID_MAX_BYTES || !plain {
            return Err(refused("its id is none"));
        }
        if members.is_empty() || members.len() > TOKEN_MEMBERS_MAX_COUNT {
            return Err(refused("it names no member, or too many"));
        }
        if members.iter().any(|member| address_fault(member).is_some()) {
            return Err(refused("a member's address is no `host:port`"));
        }
        Ok(Self { cluster, id, secret, authority_sha256, expires_unix_s, members })
    }

    /// Reads a token's text; white space around it is passed over. Whether it is over is not looked at.
    ///
    /// # Errors
    /// [`Error::BadToken`], which says nothing of what the text holds.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > TOKEN_MAX_CHARS {
            return Err(refused("it is too long"));
        }
        let body = text.strip_prefix(PREFIX).ok_or_else(|| refused("it does not begin with `bascule1.`"))?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| refused("it has a character that no token has"))?;
        let bytes = Zeroizing::new(bytes);
        let (rest, sum) =
            bytes.split_last_chunk::<CHECK_BYTES>().ok_or_else(|| refused("it is not whole: copy all of it"))?;
        if check(rest)? != *sum {
            return Err(refused("it is not whole: copy all of it"));
        }
        Reading(rest).token()
    }

    /// The token's text: ASCII, one line. It lets a node in, so whoever shows it shows it once.
    ///
    /// # Errors
    /// [`Error::Tls`] if the hash is missing in this build.
    pub fn render(&self) -> Result<String, Error> {
        let mut bytes = Zeroizing::new(vec![FORMAT]);
        bytes.extend_from_slice(&self.cluster.0);
        bytes.extend_from_slice(&self.secret[..]);
        bytes.extend_from_slice(&self.authority_sha256);
        bytes.extend_from_slice(&self.expires_unix_s.to_be_bytes());
        short(&mut bytes, self.id.as_bytes());
        bytes.push(u8::try_from(self.members.len()).unwrap_or(u8::MAX));
        for member in &self.members {
            short(&mut bytes, member.as_bytes());
        }
        let sum = check(&bytes)?;
        bytes.extend_from_slice(&sum);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes[..])))
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// By which the cluster knows it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret, to be shown to a member over a connection that the authority vouches for, and to nobody else.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// SHA-256 of the DER of the authority's certificate.
    #[must_use]
    pub const fn authority_sha256(&self) -> [u8; 32] {
        self.authority_sha256
    }

    /// Its end, in seconds since the Unix epoch.
    #[must_use]
    pub const fn expires_unix_s(&self) -> u64 {
        self.expires_unix_s
    }

    /// Peer addresses of members, `host:port`.
    #[must_use]
    pub fn members(&self) -> &[String] {
        &self.members
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("cluster", &self.cluster)
            .field("id", &self.id)
            .field("expires_unix_s", &self.expires_unix_s)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a peer's address `host:port`, if anything is: a DNS name, an IPv4 address or an IPv6 address in brackets, and a
/// port that is not 0.
#[must_use]
pub fn address_fault(address: &str) -> Option<&'static str> {
    if address.len() > ADDRESS_MAX_BYTES {
        return Some("it is too long");
    }
    let Some((host, port)) = address.rsplit_once(':') else { return Some("it has no port") };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Some("its port is none");
    }
    if let Some(six) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return six.parse::<Ipv6Addr>().is_err().then_some("its address is none");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fits = !host.is_empty() && host.len() <= DNS_NAME_MAX_BYTES && host.bytes().all(plain);
    (!fits).then_some("its host is none")
}

fn short(bytes: &mut Vec<u8>, text: &[u8]) {
    // Both kinds of text are shorter, by their limits.
    bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(text);
}

fn check(bytes: &[u8]) -> Result<[u8; CHECK_BYTES], Error> {
    let whole = sha256(&Zeroizing::new([LABEL, bytes].concat()))?;
    let mut first = [0; CHECK_BYTES];
    first.copy_from_slice(&whole[..CHECK_BYTES]);
    Ok(first)
}

const fn refused(reason: &'static str) -> Error {
    Error::BadToken { reason }
}

/// What is left to read.
struct Reading<'a>(&'a [u8]);

impl Reading<'_> {
    fn token(mut self) -> Result<Token, Error> {
        let [format] = self.take()?;
        if format != FORMAT {
            return Err(refused("this build does not know its format"));
        }
        let cluster = ClusterId(self.take()?);
        let secret = Zeroizing::new(self.take()?);
        let authority_sha256 = self.take()?;
        let expires_unix_s = u64::from_be_bytes(self.take()?);
        let id = self.text()?;
        let [count] = self.take()?;
        let members = (0..count).map(|_| self.text()).collect::<Result<Vec<_>, _>>()?;
        if !self.0.is_empty() {
            return Err(refused("something stands behind its members"));
        }
        Token::new(cluster, id, *secret, authority_sha256, expires_unix_s, members)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| refused("it ends early"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn text(&mut self) -> Result<String, Error> {
        let [length] = self.take()?;
        let (text, rest) = self.0.split_at_checked(usize::from(length)).ok_or_else(|| refused("it ends early"))?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| refused("a text in it is none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str, members: &[&str]) -> Result<Token, Error> {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        Token::new(ClusterId([7; 16]), id.to_owned(), [0xa5; 32], [9; 32], 1_900_000_000, members)
    }

    fn check_refused(text: &str, part: &str) {
        let error = Token::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(text.len() < 12 || !error.contains(&text[text.len() - 12..]), "{error}");
    }

    /// A token of these bytes, whatever they are.
    fn written(bytes: &[u8]) -> String {
        let whole = [bytes, &check(bytes).unwrap()].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(whole))
    }

    #[test]
    fn a_token_is_read_back_and_shows_no_secret() {
        let made = token("t-1_A", &["n1.test:6473", "10.0.0.2:1", "[::1]:65535"]).unwrap();
        let text = made.render().unwrap();
        assert!(text.starts_with("bascule1.") && text.is_ascii() && !text.contains('='));
        assert_eq!(Token::parse(&format!(" {text}\n")).unwrap(), made);
        assert_eq!((made.id(), made.members().len(), made.expires_unix_s()), ("t-1_A", 3, 1_900_000_000));
        assert_eq!((made.expose_secret(), made.authority_sha256()), (&[0xa5; 32], [9; 32]));
        let shown = format!("{made:?}");
        assert!(!shown.contains("165") && !shown.contains("a5a5"), "{shown}");
    }

    #[test]
    fn what_is_no_token_is_refused_without_its_text() {
        let text = token("t", &["n1.test:6473"]).unwrap().render().unwrap();
        check_refused("", "does not begin");
        check_refused("bascule2.AAAAAAAAAAAAAAAA", "does not begin");
        check_refused(&format!("{text}="), "no token has");
        check_refused(&format!("{}\u{e4}", &text[..text.len() - 1]), "no token has");
        check_refused(&text[..text.len() - 4], "not whole");
        check_refused("bascule1.AAAA", "not whole");
        check_refused(&"b".repeat(TOKEN_MAX_CHARS + 1), "too long");
        // Any character that is another one is found.
        for at in PREFIX.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(Token::parse(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at}");
        }
        let body = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
        let body = &body[..body.len() - CHECK_BYTES];
        assert_eq!(written(body), text);
        check_refused(&written(&[&[2], &body[1..]].concat()), "format");
        check_refused(&written(&body[..body.len() - 1]), "ends early");
        check_refused(&written(&body[..20]), "ends early");
        check_refused(&written(&[body, &[0]].concat()), "stands behind");
    }

    #[test]
    fn ids_and_members_have_one_form() {
        for (id, members, part) in [
            ("", &["a:1"][..], "id"),
            ("a b", &["a:1"], "id"),
            (&"a".repeat(65), &["a:1"], "id"),
            ("a", &[], "no member"),
            ("a", &["a:1"; 17], "too many"),
            ("a", &["a"], "host:port"),
        ] {
            assert!(token(id, members).unwrap_err().to_string().contains(part), "{id} {members:?}");
        }
        for good in ["a:1", "a.b-c_d:65535", "10.0.0.1:6473", "[2001:db8::1]:6473"] {
            assert_eq!(address_fault(good), None, "{good}");
        }
        for bad in ["", "a", ":1", "a:", "a:0", "a:65536", "a:+1", "a:1:2", "::1:5", "[::1:5", "[a]:5", "a b:1", "ä:1"]
        {
            assert!(address_fault(bad).is_some(), "{bad}");
        }
        assert!(address_fault(&format!("{}:1", "a".repeat(300))).is_some());
    }
}
