//! `issue`: a certificate for a caller of the cluster, from its own authority, with what that caller needs to connect.

use std::path::{Path, PathBuf};

use bascule_model::ambient::{Clock, Entropy};
use bascule_model::id::ClusterId;
use bascule_model::time::Millis;
use bascule_pki::authority::{Issued, Leaf};
use bascule_pki::inventory;
use bascule_pki::secret::write_private;
use bascule_pki::spiffe::SpiffeId;

use crate::certificates::revoke::hex;
use crate::certificates::{AUTHORITY, CONTEXT, Office, context_of, endpoint, serial, validity};
use crate::config::Settings;
use crate::error::Error;
use crate::folder;
use crate::limits::LEAF_VALID_SECONDS;

const CERTIFICATE: &str = "client.pem";
const KEY: &str = "client.key";
/// What identities of nodes begin with; those are not issued for callers.
const NODES: &str = "node";

/// Whose certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// `spiffe://<cluster id>/<name>`.
    Name(String),
    /// This DNS name, and no URI.
    Dns(String),
}

/// What to issue.
#[derive(Debug, Clone)]
pub struct Wish {
    /// For whom.
    pub whose: Whose,
    /// For how long.
    pub valid_seconds: i64,
    /// The folder for it.
    pub out: PathBuf,
}

/// Issues it; gives what to do next.
///
/// # Errors
/// [`Error::NotIssued`] for a name or a time that is none, [`Error::Present`] with nothing issued where a file of it is,
/// [`Error::File`], [`Error::Pki`].
pub fn issue(
    settings: &Settings,
    cluster: ClusterId,
    wish: &Wish,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<String, Error> {
    let refused = |why: String| Error::NotIssued { why };
    let (leaf, identity) = match &wish.whose {
        Whose::Name(name) => {
            if name == NODES || name.starts_with(&format!("{NODES}/")) {
                return Err(refused(format!("`{name}` is a node's name")));
            }
            let id = SpiffeId::parse(&format!("spiffe://{cluster}/{name}")).map_err(|why| refused(why.to_string()))?;
            let identity = id.as_str().to_owned();
            (Leaf::Client(id), identity)
        }
        Whose::Dns(name) => (Leaf::Named(name.clone()), name.clone()),
    };
    if !(1..=LEAF_VALID_SECONDS).contains(&wish.valid_seconds) {
        return Err(refused(format!("it may be valid for 1s to {}d", LEAF_VALID_SECONDS / 86_400)));
    }
    let office = Office::open(&settings.tls.folder, clock, entropy)?;
    let span = validity(clock, wish.valid_seconds);
    let authority = inventory::of_pem(office.authority.certificate_pem())?;
    if authority.iter().any(|facts| facts.not_after_unix_s < span.not_after_unix_s) {
        return Err(refused("it would be valid for longer than its authority".to_owned()));
    }
    let at = |name: &str| wish.out.join(name);
    let files = [CERTIFICATE, KEY, AUTHORITY, CONTEXT].map(at);
    let present: Vec<_> = files.iter().filter(|path| path.symlink_metadata().is_ok()).cloned().collect();
    if !present.is_empty() {
        return Err(Error::Present { present });
    }
    let issued = office.authority.issue(&leaf, span, serial(entropy)?);
    let Issued { certificate_pem, key } = issued.map_err(|error| match error {
        named @ bascule_pki::Error::BadIdentity { .. } => refused(named.to_string()),
        other => Error::Pki(other),
    })?;
    folder::make(&wish.out)?;
    write_private(&at(KEY), &key)?;
    folder::write_new(&at(CERTIFICATE), 0o644, certificate_pem.as_bytes())?;
    folder::write_new(&at(AUTHORITY), 0o644, office.authority.certificate_pem().as_bytes())?;
    let host = settings.tls.names.first().map_or("localhost", String::as_str);
    let context = context_of(&endpoint(host, settings.listen.grpc.port()), AUTHORITY, CERTIFICATE, KEY);
    folder::write_new(&at(CONTEXT), 0o600, context.as_bytes())?;
    Ok(told(&identity, &certificate_pem, span.not_after_unix_s, &wish.out))
}

fn told(identity: &str, certificate_pem: &str, until_unix_s: i64, out: &Path) -> String {
    let until = Millis(until_unix_s.unsigned_abs().saturating_mul(1_000));
    let facts = inventory::of_pem(certificate_pem).unwrap_or_default();
    let serial = facts.first().map(|facts| hex(&facts.serial)).unwrap_or_default();
    format!(
        "a certificate of {identity}, valid until {until}, is in {out}\n\
         Its serial is {serial}: `basculed revoke --serial {serial}` revokes it.\n\
         Move {CERTIFICATE}, {KEY}, {AUTHORITY} and {CONTEXT} to where it is used, and leave no copy of {KEY} here; there:\n  \
         export BASCULE_CONTEXT={out}/{CONTEXT}\n\
         It may do nothing yet. Make its user, and say what it may do:\n  \
         bascule user create NAME --identity {identity}\n",
        out = out.display()
    )
}
