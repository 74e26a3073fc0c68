//! The cluster's own certificates: what `init`, `renew`, `issue` and `dev` issue, what `revoke` revokes, and where it lies.
//!
//! In: the authority's key in its folder, names, the time.
//! Out: certificates with their keys, revocation lists.
//! Never: a file replaced that nobody asked to be replaced, or a list that knows less than the one before.

pub mod issue;
pub mod revoke;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bascule_model::ambient::{Clock, Entropy};
use bascule_model::id::ClusterId;
use bascule_model::uid::NodeId;
use bascule_pki::authority::{Authority, Issued, Leaf, Validity};
use bascule_pki::node;
use bascule_pki::secret::{PrivateKey, write_private};
use bascule_pki::spiffe::SpiffeId;

use crate::config::settings::Tls;
use crate::error::{Error, file};
use crate::folder;
use crate::limits::{AUTHORITY_VALID_SECONDS, LEAF_EARLY_SECONDS, LEAF_VALID_SECONDS};

/// The authority's certificate.
pub const AUTHORITY: &str = "authority.pem";
/// Its key.
pub const AUTHORITY_KEY: &str = "authority.key";
/// The operator's certificate, for the `bascule` command.
pub const OPERATOR: &str = "operator.pem";
/// Its key.
pub const OPERATOR_KEY: &str = "operator.key";
/// The certificate of local receivers, in `dev` alone.
pub const RECEIVER: &str = "receiver.pem";
const RECEIVER_KEY: &str = "receiver.key";
/// The node's certificate towards its peers.
pub const NODE: &str = "node.pem";
/// Its key.
pub const NODE_KEY: &str = "node.key";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server.key";
const REVOKED: &str = "revoked.pem";
/// The context file of `init`.
pub const CONTEXT: &str = "context.toml";

/// Whether files may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// None is replaced.
    New,
    /// Those that are there are replaced, each at once.
    Anew,
}

/// Issues certificates in one folder.
pub struct Office<'a> {
    authority: Authority,
    folder: PathBuf,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
}

/// The list of what the cluster's own authority has revoked, if it has.
#[must_use]
pub fn own_crl(folder: &Path) -> PathBuf {
    folder.join(REVOKED)
}

/// Every file that `init` writes into the folder of certificates. Where those of the API come from elsewhere, the cluster still has
/// its own for its nodes.
#[must_use]
pub fn files(tls: &Tls) -> Vec<PathBuf> {
    let ours = [AUTHORITY, AUTHORITY_KEY, NODE, NODE_KEY, REVOKED];
    let api = [SERVER, SERVER_KEY, OPERATOR, OPERATOR_KEY, CONTEXT];
    let names = ours.iter().chain(api.iter().filter(|_| !tls.foreign));
    names.map(|name| tls.folder.join(name)).collect()
}

/// The keys that lie beside the server's and that no node needs to run.
#[must_use]
pub fn spare_keys(folder: &Path) -> [PathBuf; 2] {
    [AUTHORITY_KEY, OPERATOR_KEY].map(|name| folder.join(name))
}

/// SPIFFE ids of the first administrator.
///
/// # Errors
/// As [`operator`].
pub fn administrators(tls: &Tls, cluster: ClusterId) -> Result<Vec<String>, Error> {
    if tls.operators.is_empty() {
        return Ok(vec![operator(tls, cluster)?.as_str().to_owned()]);
    }
    Ok(tls.operators.iter().cloned().collect())
}

/// Whom the operator's certificate names.
///
/// # Errors
/// [`Error::Pki`]: a cluster id makes a trust domain, so there is none.
pub fn operator(tls: &Tls, cluster: ClusterId) -> Result<SpiffeId, Error> {
    match tls.operators.first() {
        Some(id) => Ok(SpiffeId::parse(id)?),
        None => Ok(SpiffeId::parse(&format!("spiffe://{cluster}/operator"))?),
    }
}

impl<'a> Office<'a> {
    /// Makes a new authority in `folder`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Pki`], [`Error::Entropy`].
    pub fn found(
        folder: &Path,
        cluster: ClusterId,
        clock: &'a dyn Clock,
        entropy: &'a dyn Entropy,
    ) -> Result<Self, Error> {
        folder::make(folder)?;
        let name = format!("bascule {cluster}");
        let authority = Authority::create(&name, validity(clock, AUTHORITY_VALID_SECONDS), serial(entropy)?)?;
        write_private(&folder.join(AUTHORITY_KEY), authority.key())?;
        folder::write_new(&folder.join(AUTHORITY), 0o644, authority.certificate_pem().as_bytes())?;
        Ok(Self { authority, folder: folder.to_owned(), clock, entropy })
    }

    /// Takes up the authority of `folder`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Pki`].
    pub fn open(folder: &Path, clock: &'a dyn Clock, entropy: &'a dyn Entropy) -> Result<Self, Error> {
        let path = folder.join(AUTHORITY);
        let certificate = fs::read_to_string(&path).map_err(file("read", &path))?;
        let key = PrivateKey::read(&folder.join(AUTHORITY_KEY))?;
        let authority = Authority::from_pem(&certificate, key, now_unix_s(clock))?;
        Ok(Self { authority, folder: folder.to_owned(), clock, entropy })
    }

    /// Issues the certificate by which a node's peers know it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Pki`], [`Error::Entropy`].
    pub fn node(&self, cluster: ClusterId, node: NodeId, manner: Manner) -> Result<(), Error> {
        self.issue(&node::leaf(cluster, node, &[])?, (NODE, NODE_KEY), manner)
    }

    /// Issues a certificate for the key of a node that joins, whose request this is; PEM.
    ///
    /// # Errors
    /// [`Error::Pki`], [`Error::Entropy`].
    pub fn sign_node(&self, cluster: ClusterId, node: NodeId, request: &str) -> Result<String, Error> {
        let validity = validity(self.clock, LEAF_VALID_SECONDS);
        Ok(self.authority.sign(request, &node::leaf(cluster, node, &[])?, validity, serial(self.entropy)?)?)
    }

    /// The authority's certificate, its key and its revocation list, PEM each; the list is empty if there is none.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn whole(&self) -> Result<(String, String, String), Error> {
        let list = own_crl(&self.folder);
        let list = match fs::read_to_string(&list) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(file("read", &list)(error)),
        };
        let key = self.authority.key().expose_pem().to_owned();
        Ok((self.authority.certificate_pem().to_owned(), key, list))
    }

    /// Issues the server's certificate for `names`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Pki`], [`Error::Entropy`].
    pub fn server(&self, names: &[String], manner: Manner) -> Result<(), Error> {
        self.issue(&Leaf::Server(names.to_vec()), (SERVER, SERVER_KEY), manner)
    }

    /// Issues the operator's certificate.
    ///
    /// # Errors
    /// As [`Office::server`].
    pub fn operator(&self, id: SpiffeId, manner: Manner) -> Result<(), Error> {
        self.issue(&Leaf::Client(id), (OPERATOR, OPERATOR_KEY), manner)
    }

    /// Issues a certificate for a receiver on this machine.
    ///
    /// # Errors
    /// As [`Office::server`].
    pub fn receiver(&self, manner: Manner) -> Result<(), Error> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        self.issue(&Leaf::Server(names), (RECEIVER, RECEIVER_KEY), manner)
    }

    fn issue(&self, leaf: &Leaf, (certificate, key): (&str, &str), manner: Manner) -> Result<(), Error> {
        let validity = validity(self.clock, LEAF_VALID_SECONDS);
        let Issued { certificate_pem, key: secret } = self.authority.issue(leaf, validity, serial(self.entropy)?)?;
        let (certificate, key) = (self.folder.join(certificate), self.folder.join(key));
        match manner {
            Manner::New => {
                write_private(&key, &secret)?;
                folder::write_new(&certificate, 0o644, certificate_pem.as_bytes())
            }
            Manner::Anew => {
                let next = beside(&key);
                match fs::remove_file(&next) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(file("removed", &next)(error)),
                    _ => {}
                }
                write_private(&next, &secret)?;
                fs::rename(&next, &key).map_err(file("replaced", &key))?;
                folder::replace(&certificate, &beside(&certificate), certificate_pem.as_bytes())
                    .map_err(file("written", &certificate))
            }
        }
    }
}

/// The text of a context file whose other files lie in `folder` from where it stands.
#[must_use]
pub fn context(endpoint: &str, folder: &str) -> String {
    let [ca, certificate, key] = [AUTHORITY, OPERATOR, OPERATOR_KEY].map(|name| format!("{folder}{name}"));
    context_of(endpoint, &ca, &certificate, &key)
}

/// The text of a context file with these files.
fn context_of(endpoint: &str, ca: &str, certificate: &str, key: &str) -> String {
    format!(
        "# Where the cluster is, and as whom the `bascule` command asks it.\n\
         endpoint = \"{endpoint}\"\nca = \"{ca}\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n"
    )
}

/// `https://name:port`, with brackets around an IPv6 address.
#[must_use]
pub fn endpoint(name: &str, port: u16) -> String {
    if name.contains(':') { format!("https://[{name}]:{port}") } else { format!("https://{name}:{port}") }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

fn serial(entropy: &dyn Entropy) -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

fn validity(clock: &dyn Clock, seconds: i64) -> Validity {
    let now = now_unix_s(clock);
    Validity { not_before_unix_s: now - LEAF_EARLY_SECONDS, not_after_unix_s: now.saturating_add(seconds) }
}

fn now_unix_s(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.wall().0 / 1_000).unwrap_or(i64::MAX)
}
