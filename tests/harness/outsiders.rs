//! Callers who are not the operator: with certificates of another authority, expired ones, good ones of nobody, and none.

use std::fs;

use anyhow::Context as _;
use bascule_api::client::Context;
use bascule_model::ambient::Entropy;
use bascule_pki::authority::{Authority, Issued, Leaf, Validity};
use bascule_pki::inventory;
use bascule_pki::secret::PrivateKey;
use bascule_pki::spiffe::SpiffeId;

use crate::Outcome;
use crate::chance::{Air, now_s};
use crate::daemon::Daemon;

const HOUR_S: i64 = 3_600;

/// Issues certificates that a daemon knows, and such that it does not.
#[derive(Debug)]
pub struct Outsiders {
    own: Authority,
    other: Authority,
    operator: Context,
    domain: String,
}

impl Outsiders {
    /// For this daemon, whose authority's key lies in its folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(daemon: &Daemon) -> Outcome<Self> {
        let certificate = fs::read_to_string(daemon.pki().join("authority.pem"))?;
        let key = PrivateKey::read(&daemon.pki().join("authority.key"))?;
        let own = Authority::from_pem(&certificate, key, now_s())?;
        let other = Authority::create("another house", around_now(), serial()?)?;
        let identity = fs::read_to_string(daemon.data().join("identity"))?;
        let cluster = identity.split('"').find(|word| word.len() == 36 && word.matches('-').count() == 4);
        let domain = cluster.unwrap_or("another.example").to_owned();
        Ok(Self { own, other, operator: daemon.context()?, domain })
    }

    /// A good certificate of the cluster's authority for `path`, for instance `nobody`.
    ///
    /// # Errors
    /// It cannot be issued.
    pub fn known(&self, path: &str) -> Outcome<Context> {
        let id = SpiffeId::parse(&format!("spiffe://{}/{path}", self.domain))?;
        Ok(self.with(self.own.issue(&Leaf::Client(id), around_now(), serial()?)?))
    }

    /// The same, and what it says.
    ///
    /// # Errors
    /// It cannot be issued.
    pub fn named(&self, path: &str) -> Outcome<(Context, String)> {
        Ok((self.known(path)?, format!("spiffe://{}/{path}", self.domain)))
    }

    /// One for `path` that holds for so many seconds from now.
    ///
    /// # Errors
    /// It cannot be issued.
    pub fn for_seconds(&self, path: &str, seconds: i64) -> Outcome<Context> {
        let id = SpiffeId::parse(&format!("spiffe://{}/{path}", self.domain))?;
        let span = Validity { not_before_unix_s: now_s() - HOUR_S, not_after_unix_s: now_s() + seconds };
        Ok(self.with(self.own.issue(&Leaf::Client(id), span, serial()?)?))
    }

    /// A list of the cluster's authority that revokes these and is over after so many seconds, PEM.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn revoking(&self, revoked: &[&Context], number: u64, seconds: i64) -> Outcome<String> {
        let mut serials = Vec::new();
        for context in revoked {
            let leaf = inventory::of_pem(std::str::from_utf8(&context.cert)?)?.into_iter().next();
            serials.push(leaf.context("no certificate")?.serial);
        }
        // As old as the authority at most.
        let span = Validity { not_before_unix_s: now_s() - 60, not_after_unix_s: now_s() + seconds };
        Ok(self.own.revocation_list(&serials, number, span)?)
    }

    /// The certificate of an authority that is not the cluster's, PEM.
    #[must_use]
    pub fn another_authority(&self) -> String {
        self.other.certificate_pem().to_owned()
    }

    /// The trust domain of the cluster.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// One for the operator's own name, that ended an hour ago.
    ///
    /// # Errors
    /// It cannot be issued.
    pub fn expired(&self) -> Outcome<Context> {
        let id = SpiffeId::parse(&format!("spiffe://{}/operator", self.domain))?;
        let past = Validity { not_before_unix_s: now_s() - 2 * HOUR_S, not_after_unix_s: now_s() - HOUR_S };
        Ok(self.with(self.own.issue(&Leaf::Client(id), past, serial()?)?))
    }

    /// One for the operator's own name, of another authority.
    ///
    /// # Errors
    /// It cannot be issued.
    pub fn foreign(&self) -> Outcome<Context> {
        let id = SpiffeId::parse(&format!("spiffe://{}/operator", self.domain))?;
        Ok(self.with(self.other.issue(&Leaf::Client(id), around_now(), serial()?)?))
    }

    /// The server's kind of certificate, of the cluster's authority: good for no caller.
    ///
    /// # Errors
    /// It cannot be issued.
    pub fn server(&self) -> Outcome<Context> {
        let leaf = Leaf::Server(vec!["localhost".to_owned()]);
        Ok(self.with(self.own.issue(&leaf, around_now(), serial()?)?))
    }

    /// A new certificate for the server, and its key, PEM.
    ///
    /// # Errors
    /// They cannot be issued.
    pub fn new_server(&self) -> Outcome<(String, String)> {
        let leaf = Leaf::Server(["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec());
        let issued = self.own.issue(&leaf, around_now(), serial()?)?;
        Ok((issued.certificate_pem, issued.key.expose_pem().to_owned()))
    }

    /// A new certificate for the server that holds for so many seconds from now, and its key, PEM.
    ///
    /// # Errors
    /// They cannot be issued.
    pub fn server_for_seconds(&self, seconds: i64) -> Outcome<(String, String)> {
        let leaf = Leaf::Server(["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec());
        let span = Validity { not_before_unix_s: now_s() - HOUR_S, not_after_unix_s: now_s() + seconds };
        let issued = self.own.issue(&leaf, span, serial()?)?;
        Ok((issued.certificate_pem, issued.key.expose_pem().to_owned()))
    }

    /// A list of the authority that is not the cluster's, which revokes nothing, PEM.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn another_list(&self, number: u64, seconds: i64) -> Outcome<String> {
        let span = Validity { not_before_unix_s: now_s() - 60, not_after_unix_s: now_s() + seconds };
        Ok(self.other.revocation_list(&[], number, span)?)
    }

    fn with(&self, issued: Issued) -> Context {
        let key = issued.key.expose_pem().as_bytes().to_vec();
        Context { cert: issued.certificate_pem.into_bytes(), key, ..self.operator.clone() }
    }
}

fn around_now() -> Validity {
    Validity { not_before_unix_s: now_s() - HOUR_S, not_after_unix_s: now_s() + HOUR_S }
}

fn serial() -> Outcome<[u8; 16]> {
    let mut bytes = [0; 16];
    Air.fill(&mut bytes)?;
    Ok(bytes)
}
