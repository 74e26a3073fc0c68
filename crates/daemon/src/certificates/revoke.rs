//! `revoke`: one more serial number on the list of the cluster's own authority; and that list signed anew by `renew`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bascule_model::ambient::{Clock, Entropy};
use bascule_model::time::Millis;
use bascule_pki::inventory::{self, ListFacts};

use crate::certificates::{Office, beside, own_crl, validity};
use crate::config::Settings;
use crate::error::{Error, file};
use crate::folder;
use crate::limits::{LIST_VALID_SECONDS, PEM_LIMIT_BYTES, SERIAL_LIMIT_BYTES};

/// What to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The certificate with this serial number, in hexadecimal.
    Serial(String),
    /// The first certificate of this PEM file.
    Certificate(PathBuf),
}

/// Revokes it; gives what happens next.
///
/// # Errors
/// [`Error::NotIssued`] for what is no serial number or holds no certificate, [`Error::File`], [`Error::Pki`].
pub fn revoke(settings: &Settings, which: &Which, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<String, Error> {
    let serial = match which {
        Which::Serial(text) => read_serial(text)?,
        Which::Certificate(path) => {
            let size = fs::metadata(path).map_err(file("read", path))?.len();
            if size > PEM_LIMIT_BYTES {
                return Err(Error::NotIssued { why: format!("`{}` is too large for a certificate", path.display()) });
            }
            let text = fs::read_to_string(path).map_err(file("read", path))?;
            let facts = inventory::of_pem(&text)?.into_iter().next();
            let none = || Error::NotIssued { why: format!("`{}` holds no certificate", path.display()) };
            plain(facts.ok_or_else(none)?.serial)
        }
    };
    let office = Office::open(&settings.tls.folder, clock, entropy)?;
    let mut list = read(&settings.tls.folder)?.unwrap_or(ListFacts { number: 0, until_unix_s: 0, revoked: Vec::new() });
    let there = list.revoked.iter().any(|known| plain(known.clone()) == serial);
    if !there {
        list.revoked.push(serial.clone());
    }
    let until = office.sign(&list)?;
    let (path, count) = (own_crl(&settings.tls.folder), list.revoked.len());
    let did = if there { "was revoked already" } else { "is revoked" };
    Ok(format!(
        "{} {did}: {} lists {count} and is valid until {until}\n\
         A running daemon reads it by itself, and cuts off who is revoked within five seconds.\n\
         Once the list is over every client is refused: run `basculed renew` before, it signs the list anew.\n",
        hex(&serial),
        path.display()
    ))
}

impl Office<'_> {
    /// Signs the list anew, if there is one.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Pki`].
    pub fn renew_list(&self) -> Result<(), Error> {
        match read(&self.folder)? {
            Some(list) => self.sign(&list).map(drop),
            None => Ok(()),
        }
    }

    /// Signs the next list with what this one revokes, and puts it in its place at once; gives when it is over.
    fn sign(&self, list: &ListFacts) -> Result<Millis, Error> {
        let span = validity(self.clock, LIST_VALID_SECONDS);
        let pem = self.authority.revocation_list(&list.revoked, list.number.saturating_add(1), span)?;
        let path = own_crl(&self.folder);
        folder::replace(&path, &beside(&path), pem.as_bytes()).map_err(file("written", &path))?;
        Ok(Millis(span.not_after_unix_s.unsigned_abs().saturating_mul(1_000)))
    }
}

/// The list that is in force; none where nothing was ever revoked.
fn read(folder: &Path) -> Result<Option<ListFacts>, Error> {
    let path = own_crl(folder);
    match fs::read_to_string(&path) {
        // One that cannot be read must not be replaced by one that knows less.
        Ok(text) => Ok(Some(inventory::of_list(&text)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file("read", &path)(error)),
    }
}

fn read_serial(text: &str) -> Result<Vec<u8>, Error> {
    let refused = || Error::NotIssued { why: format!("`{}` is no serial number", text.escape_default()) };
    let digits: String = text.chars().filter(|digit| *digit != ':').collect();
    let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
    if even.is_empty() || !even.is_ascii() {
        return Err(refused());
    }
    let pairs = even.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("-"));
    let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<Vec<_>, _>>().map_err(|_| refused())?;
    let bytes = plain(bytes);
    // RFC 5280, section 4.1.2.2.
    if bytes.is_empty() || bytes.len() > SERIAL_LIMIT_BYTES || even.contains('+') { Err(refused()) } else { Ok(bytes) }
}

/// Without zeros before it, which are a matter of its encoding.
fn plain(serial: Vec<u8>) -> Vec<u8> {
    serial.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// As people write it.
pub fn hex(serial: &[u8]) -> String {
    serial.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("4a01ff", Some(&[0x4a, 0x01, 0xff][..])),
            ("4A:01:FF", Some(&[0x4a, 0x01, 0xff])),
            ("004a01ff", Some(&[0x4a, 0x01, 0xff])),
            ("a01", Some(&[0x0a, 0x01])),
            ("", None),
            ("0", None),
            (":", None),
            ("xy", None),
            ("+1", None),
            ("-1", None),
            ("4a 01", None),
            ("ää", None),
            ("0x4a", None),
            ("414141414141414141414141414141414141414141", None),
        ] {
            assert_eq!(read_serial(text).ok().as_deref(), expected, "{text}");
        }
        assert_eq!(hex(&[0, 0x4a, 0xff]), "004aff");
    }
}
