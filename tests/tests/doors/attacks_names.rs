//! Row 9 of the attacks: certificates of the cluster's own authority whose names are tricks. Nobody who has one is answered.

use std::fs;

use anyhow::ensure;
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::outsiders::Outsiders;
use bytes::Bytes;
use rcgen::ExtendedKeyUsagePurpose::{self as Use, Any, ClientAuth, CodeSigning, ServerAuth};
use rcgen::SanType::{self, DnsName, IpAddress, Rfc822Name, URI};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};

use super::raw;

const LIST: &str = "bascule.v1.EventBuses/ListEventBuses";

/// Makes certificates of any shape, whose subject says that they are the operator's.
struct Forge {
    issuer: Issuer<'static, KeyPair>,
    operator: Context,
    domain: String,
}

impl Forge {
    fn of(daemon: &Daemon) -> Outcome<Self> {
        let key = KeyPair::from_pem(&fs::read_to_string(daemon.pki().join("authority.key"))?)?;
        let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(daemon.pki().join("authority.pem"))?, key)?;
        let domain = Outsiders::of(daemon)?.domain().to_owned();
        Ok(Self { issuer, operator: daemon.context()?, domain })
    }

    fn make(&self, names: Vec<SanType>, uses: &[Use]) -> Outcome<Context> {
        let mut params = CertificateParams::default();
        let operator = format!("spiffe://{}/operator", self.domain);
        params.distinguished_name.push(DnType::CommonName, operator.as_str());
        params.distinguished_name.push(DnType::OrganizationName, format!("x, CN={operator}"));
        // emailAddress, PKCS #9.
        params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), operator.as_str());
        params.subject_alt_names = names;
        params.extended_key_usages = uses.to_vec();
        let pair = KeyPair::generate()?;
        let made = params.signed_by(&pair, &self.issuer)?;
        let (cert, key) = (made.pem().into_bytes(), pair.serialize_pem().into_bytes());
        Ok(Context { cert, key, ..self.operator.clone() })
    }

    fn uri(&self, path: &str) -> Outcome<SanType> {
        Ok(URI(format!("spiffe://{}{path}", self.domain).try_into()?))
    }
}

/// Calls as this context; what became of it, `OK` if it was answered.
async fn told(context: &Context) -> String {
    let Ok(channel) = raw::channel(context, true).await else { return "no connection".to_owned() };
    match raw::call(&channel, LIST, Bytes::new()).await {
        Ok(_) => "OK".to_owned(),
        Err(status) if bascule_api::status::Refusal::from_status(&status).is_ok() => reason(&status),
        Err(_) => "no connection".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_09_names_that_are_tricks() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let forge = Forge::of(&daemon)?;
    let uri = |text: String| -> Outcome<SanType> { Ok(URI(text.try_into()?)) };
    let dns = |text: &str| -> Outcome<SanType> { Ok(DnsName(text.try_into()?)) };
    let (operator, domain) = (forge.uri("/operator")?, &forge.domain);
    let mail = Rfc822Name(format!("operator@{domain}").try_into()?);
    let rows = [
        // In the subject alone: nobody reads it.
        ("no names", vec![]),
        ("a mail address", vec![mail.clone()]),
        ("an IP address", vec![IpAddress([127, 0, 0, 1].into())]),
        // More than one URI, or one that is almost it.
        ("the same twice", vec![operator.clone(), operator.clone()]),
        ("two ids", vec![forge.uri("/nobody")?, operator.clone()]),
        ("another URI beside", vec![operator.clone(), uri("https://x.test/".to_owned())?]),
        ("another scheme's case", vec![uri(format!("SPIFFE://{domain}/operator"))?]),
        ("another domain's case", vec![uri(format!("spiffe://{}/operator", domain.to_uppercase()))?]),
        ("percent", vec![forge.uri("/%6fperator")?]),
        ("a slash at the end", vec![forge.uri("/operator/")?]),
        ("two slashes", vec![forge.uri("//operator")?]),
        ("a dot", vec![forge.uri("/./operator")?]),
        ("a query", vec![forge.uri("/operator?x")?]),
        ("a fragment", vec![forge.uri("/operator#x")?]),
        ("a port", vec![uri(format!("spiffe://{domain}:443/operator"))?]),
        ("a user", vec![uri(format!("spiffe://x@{domain}/operator"))?]),
        ("a NUL", vec![forge.uri("/operator\0.evil")?]),
        ("a space", vec![forge.uri("/operator ")?]),
        ("no path", vec![forge.uri("")?]),
        ("as a DNS name", vec![dns(&format!("spiffe://{domain}/operator"))?]),
        ("a wildcard", vec![dns("*")?]),
        ("a wildcard below", vec![dns(&format!("*.{domain}"))?]),
        ("a NUL in a DNS name", vec![dns("operator\0.test")?]),
        ("two DNS names", vec![dns("a.test")?, dns("b.test")?]),
    ];
    for (what, names) in rows {
        let got = told(&forge.make(names, &[ClientAuth])?).await;
        // TLS itself may refuse what is no name.
        ensure!(got == "UNAUTHENTICATED" || got == "no connection", "{what}: {got}");
    }
    // Names that are somebody's, but not the operator's.
    for names in [vec![forge.uri("/Operator")?], vec![dns("app.test")?, mail], vec![uri("urn:x:operator".to_owned())?]]
    {
        let got = told(&forge.make(names.clone(), &[ClientAuth])?).await;
        ensure!(got == "UNAUTHENTICATED" || got == "ACCESS_DENIED", "{names:?}: {got}");
    }
    // The right name, for another use or for none that is said.
    for uses in [&[ServerAuth][..], &[CodeSigning], &[Any], &[]] {
        let got = told(&forge.make(vec![operator.clone()], uses)?).await;
        ensure!(got == "no connection", "{uses:?}: {got}");
    }
    // And the right one is taken, with DNS names beside it and another use too, or the test would show nothing.
    let right = forge.make(vec![dns("x.test")?, operator, dns("*.test")?], &[ServerAuth, ClientAuth])?;
    ensure!(told(&right).await == "OK", "the operator is refused");
    Client::operator(&daemon).await?.bus("row-09").await
}
