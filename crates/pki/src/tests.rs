//! Handshakes over real loopback connections, with material made for each test at times given as arguments.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use bascule_model::ambient::Clock;
use bascule_model::time::{BootMillis, Millis};

use crate::authority::{Authority, Issued, Leaf, Validity};
use crate::client::{self, ClientTls, Roots};
use crate::inventory;
use crate::material::{Timer, provider};
use crate::peer::Peer;
use crate::secret::{PrivateKey, write_private};
use crate::server::ServerTls;
use crate::spiffe::SpiffeId;
use crate::stream::TlsStream;
use crate::{Error, Refusal, Source};

pub(crate) const NOW: i64 = 1_900_000_000;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
pub(crate) const LONG: Validity = Validity { not_before_unix_s: NOW - DAY, not_after_unix_s: NOW + 30 * DAY };
pub(crate) const OVER: Validity = Validity { not_before_unix_s: NOW - DAY, not_after_unix_s: NOW - 1 };
pub(crate) const V13: &SupportedProtocolVersion = &rustls::version::TLS13;
pub(crate) const V12: &SupportedProtocolVersion = &rustls::version::TLS12;

pub(crate) struct Hand(pub(crate) AtomicU64);

impl Clock for Hand {
    fn wall(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
    fn boot(&self) -> BootMillis {
        BootMillis(0)
    }
}

pub(crate) fn hand() -> Arc<Hand> {
    Arc::new(Hand(AtomicU64::new(NOW as u64 * 1_000)))
}

pub(crate) fn authority(name: &str) -> Authority {
    Authority::create(name, LONG, [7; 16]).unwrap()
}

pub(crate) fn server_leaf(ca: &Authority, serial: u8) -> Issued {
    let names = vec!["node.test".to_owned(), "127.0.0.1".to_owned()];
    ca.issue(&Leaf::Server(names), LONG, [serial; 16]).unwrap()
}

pub(crate) fn client_leaf(ca: &Authority, validity: Validity, serial: u8) -> Issued {
    ca.issue(&Leaf::Client(SpiffeId::parse("spiffe://td.test/app").unwrap()), validity, [serial; 16]).unwrap()
}

pub(crate) fn source(own: &Issued, trusted: &Authority, crls: &[String]) -> Source {
    Source::Pem {
        chain: own.certificate_pem.clone(),
        key: own.key.clone(),
        authorities: trusted.certificate_pem().to_owned(),
        crls: crls.to_vec(),
    }
}

fn server(ca: &Authority, crls: &[String], clock: &Arc<Hand>) -> Arc<ServerTls> {
    Arc::new(ServerTls::load(source(&server_leaf(ca, 1), ca, crls), Arc::clone(clock) as Arc<dyn Clock>).unwrap())
}

/// A client that offers one version and keeps sessions, as a stranger's would.
pub(crate) fn stranger(
    ca: &Authority,
    own: Option<&Issued>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut store = rustls::RootCertStore::empty();
    crate::material::trust(&mut store, ca.certificate_pem(), NOW).unwrap();
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(Timer(hand())))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(store);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            use rustls::pki_types::pem::PemObject;
            let leaf = rustls::pki_types::CertificateDer::from_pem_slice(own.certificate_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![leaf], own.key.der().unwrap()).unwrap()
        }
    };
    config.alpn_protocols = crate::material::alpn();
    Arc::new(config)
}

/// One handshake and one byte each way; what the server says of it.
async fn shake(server: &ServerTls, config: &Arc<ClientConfig>) -> Result<(TlsStream, Peer), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calling = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("node.test").unwrap();
        if let Ok(mut stream) = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await {
            // Reading takes in any ticket, so that a second handshake could resume.
            let _ = stream.read_u8().await;
        }
    };
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut done = server.accept(tcp, LIMIT).await;
        if let Ok((stream, _)) = &mut done {
            stream.write_u8(1).await.unwrap();
            stream.flush().await.unwrap();
        }
        done
    };
    tokio::join!(serving, calling).0
}

async fn refusal(server: &ServerTls, config: &Arc<ClientConfig>) -> Option<Refusal> {
    match shake(server, config).await {
        Ok(_) => None,
        Err(Error::Refused(reason)) => Some(reason),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn clients_are_judged_by_their_certificate() {
    let (ca, other) = (authority("ours"), authority("theirs"));
    let clock = hand();
    let good = client_leaf(&ca, LONG, 2);
    let revoked = client_leaf(&ca, LONG, 3);
    let serial = inventory::of_pem(&revoked.certificate_pem).unwrap()[0].serial.clone();
    let list = |until| {
        let span = Validity { not_before_unix_s: NOW - DAY, not_after_unix_s: until };
        ca.revocation_list(std::slice::from_ref(&serial), 1, span).unwrap()
    };
    let foreign_list = other.revocation_list(&[], 1, LONG).unwrap();
    let (plain, listed, stale, uncovered) = (
        server(&ca, &[], &clock),
        server(&ca, &[list(NOW + DAY)], &clock),
        server(&ca, &[list(NOW - 1)], &clock),
        server(&ca, &[foreign_list], &clock),
    );
    let server_as_client = server_leaf(&ca, 9);
    for version in [V12, V13] {
        let rows = [
            ("right", &plain, Some(&good), None),
            ("none", &plain, None, Some(Refusal::NoCertificate)),
            ("other authority", &plain, Some(&client_leaf(&other, LONG, 4)), Some(Refusal::UnknownAuthority)),
            (
                "same name, other key",
                &plain,
                Some(&client_leaf(&authority("ours"), LONG, 4)),
                Some(Refusal::UnknownAuthority),
            ),
            ("expired", &plain, Some(&client_leaf(&ca, OVER, 5)), Some(Refusal::NotValidNow)),
            ("a server's leaf", &plain, Some(&server_as_client), Some(Refusal::WrongUse)),
            ("revoked, no list", &plain, Some(&revoked), None),
            ("revoked", &listed, Some(&revoked), Some(Refusal::Revoked)),
            ("not on the list", &listed, Some(&good), None),
            ("stale list", &stale, Some(&good), Some(Refusal::UnknownStatus)),
            ("no list covers it", &uncovered, Some(&good), Some(Refusal::UnknownStatus)),
        ];
        for (name, server, own, expected) in rows {
            let got = refusal(server, &stranger(&ca, own, version)).await;
            assert_eq!(got, expected, "{name} {version:?}");
        }
    }
}

#[tokio::test]
async fn a_handshake_agrees_on_what_the_house_wants() {
    let ca = authority("ours");
    let server = server(&ca, &[], &hand());
    let leaf = client_leaf(&ca, LONG, 2);
    // A classical exchange is all that TLS 1.2 has.
    for (version, said, hybrid) in [(V13, "TLSv1_3", true), (V12, "TLSv1_2", false)] {
        let config = stranger(&ca, Some(&leaf), version);
        for round in 0..2 {
            let (stream, peer) = shake(&server, &config).await.unwrap();
            assert_eq!(stream.version(), Some(said));
            assert_eq!(stream.key_exchange().unwrap() == "X25519MLKEM768", hybrid, "{:?}", stream.key_exchange());
            assert_eq!(stream.alpn(), Some(&b"h2"[..]));
            assert!(!stream.resumed(), "{said}, round {round}");
            assert_eq!(peer.spiffe().unwrap().as_str(), "spiffe://td.test/app");
            assert_eq!(peer.not_after_unix_s, LONG.not_after_unix_s);
            assert_eq!(peer.serial, inventory::of_pem(&leaf.certificate_pem).unwrap()[0].serial);
        }
    }
}

#[tokio::test]
async fn a_reload_swaps_and_a_bad_one_keeps_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (old, new) = (authority("old"), authority("new"));
    let clock = hand();
    let put = |own: &Issued, trusted: &Authority| {
        std::fs::write(at("chain"), &own.certificate_pem).unwrap();
        std::fs::write(at("ca"), trusted.certificate_pem()).unwrap();
        let _ = std::fs::remove_file(at("key"));
        write_private(&at("key"), &own.key).unwrap();
    };
    put(&server_leaf(&old, 1), &old);
    let files =
        Source::Files { chain: at("chain"), key: at("key"), authorities: at("ca"), crls: vec![], own_crl: None };
    let server = ServerTls::load(files, clock.clone()).unwrap();
    let caller = stranger(&old, Some(&client_leaf(&old, LONG, 2)), V13);
    let (_live, peer) = shake(&server, &caller).await.unwrap();
    assert!(server.recheck(&peer).is_ok());

    std::fs::write(at("chain"), server_leaf(&old, 3).certificate_pem).unwrap();
    assert!(matches!(server.reload(), Err(Error::KeyMismatch)));
    std::fs::write(at("chain"), "no PEM").unwrap();
    assert!(matches!(server.reload(), Err(Error::Empty { .. })));
    assert_eq!(server.generation(), 1);
    assert_eq!(refusal(&server, &caller).await, None);

    // The server's own leaf stays with the old authority, so that only the trust in clients changes.
    put(&server_leaf(&old, 4), &new);
    server.reload().unwrap();
    assert_eq!(server.generation(), 2);
    assert_eq!(refusal(&server, &caller).await, Some(Refusal::UnknownAuthority));
    assert!(matches!(server.recheck(&peer), Err(Error::Refused(Refusal::UnknownAuthority))));
    assert_eq!(refusal(&server, &stranger(&old, Some(&client_leaf(&new, LONG, 5)), V13)).await, None);
}

#[tokio::test]
async fn a_live_peer_is_cut_when_its_certificate_ends() {
    let ca = authority("ours");
    let clock = hand();
    let server = server(&ca, &[], &clock);
    let short = Validity { not_before_unix_s: NOW - 1, not_after_unix_s: NOW + 60 };
    let (_live, peer) = shake(&server, &stranger(&ca, Some(&client_leaf(&ca, short, 2)), V13)).await.unwrap();
    assert!(server.recheck(&peer).is_ok());
    clock.0.store((NOW + 61) as u64 * 1_000, Ordering::SeqCst);
    assert!(matches!(server.recheck(&peer), Err(Error::Refused(Refusal::NotValidNow))));
}

#[tokio::test]
async fn a_silent_client_is_cut_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let done = server(&authority("ours"), &[], &hand()).accept(tcp, Duration::from_millis(50)).await;
    assert!(matches!(done, Err(Error::HandshakeTimeout { limit_ms: 50 })));
}

#[tokio::test]
async fn our_own_client_judges_the_server_too() {
    let (ca, other) = (authority("ours"), authority("theirs"));
    let clock = hand();
    let server = server(&ca, &[], &clock);
    let node = ca
        .issue(&Leaf::Node(vec!["n2.test".into()], SpiffeId::parse("spiffe://td.test/n2").unwrap()), LONG, [8; 16])
        .unwrap();
    for (trusted, name, expected) in [
        (&ca, "node.test", None),
        (&ca, "127.0.0.1", None),
        (&ca, "else.test", Some(Refusal::WrongUse)),
        (&other, "node.test", Some(Refusal::UnknownAuthority)),
    ] {
        let client = ClientTls::load(source(&node, trusted, &[]), clock.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (served, called) = tokio::join!(server.accept(accepted, LIMIT), client.connect(tcp, name, LIMIT));
        match (called, expected) {
            (Ok(stream), None) => {
                assert_eq!(stream.key_exchange().as_deref(), Some("X25519MLKEM768"));
                assert_eq!(served.unwrap().1.spiffe().unwrap().path(), "/n2");
            }
            (Err(Error::Refused(got)), Some(wanted)) => {
                assert_eq!(got, wanted, "{name}");
                assert!(matches!(served, Err(Error::Refused(Refusal::ByPeer))), "{name}");
            }
            (called, expected) => panic!("{name}: {called:?} {expected:?}"),
        }
    }
}

#[test]
fn material_that_does_not_hold_is_refused() {
    let ca = authority("ours");
    let clock: Arc<dyn Clock> = hand();
    let (a, b) = (server_leaf(&ca, 1), server_leaf(&ca, 2));
    let over = ca.issue(&Leaf::Server(vec!["node.test".into()]), OVER, [3; 16]).unwrap();
    let mixed = Issued { certificate_pem: a.certificate_pem.clone(), key: b.key.clone() };
    let load = |own: &Issued| ServerTls::load(source(own, &ca, &[]), clock.clone()).map(|_| ());
    assert!(load(&a).is_ok());
    assert!(matches!(load(&mixed), Err(Error::KeyMismatch)));
    assert!(matches!(load(&over), Err(Error::Expired { .. })));
    let old_ca = Authority::create("old", OVER, [4; 16]).unwrap();
    assert!(matches!(ServerTls::load(source(&a, &old_ca, &[]), clock.clone()), Err(Error::Empty { .. })));
    assert!(matches!(client::mutual(&source(&mixed, &ca, &[]), &clock), Err(Error::KeyMismatch)));
    assert!(client::outbound(Roots::Only(ca.certificate_pem()), &clock).is_ok());
    assert!(client::outbound(Roots::SystemAnd("nothing"), &clock).is_err());
}

#[test]
fn an_authority_is_taken_up_only_with_its_own_key() {
    let (ca, other) = (authority("ours"), authority("theirs"));
    let again = Authority::from_pem(ca.certificate_pem(), ca.key().clone(), NOW).unwrap();
    let leaf = client_leaf(&again, LONG, 2);
    assert_eq!(inventory::of_pem(&leaf.certificate_pem).unwrap()[0].uris, ["spiffe://td.test/app"]);
    let taken = |pem: &str, key: &PrivateKey, now| Authority::from_pem(pem, key.clone(), now).map(|_| ());
    assert!(matches!(taken(ca.certificate_pem(), other.key(), NOW), Err(Error::KeyMismatch)));
    assert!(matches!(taken(ca.certificate_pem(), ca.key(), NOW + 31 * DAY), Err(Error::Expired { .. })));
    assert!(matches!(taken(&leaf.certificate_pem, &leaf.key, NOW), Err(Error::NotAuthority { .. })));
    assert!(matches!(ca.issue(&Leaf::Server(vec!["a b".into()]), LONG, [1; 16]), Err(Error::BadName { .. })));
    let backwards = Validity { not_before_unix_s: NOW, not_after_unix_s: NOW - 1 };
    assert!(matches!(Authority::create("x", backwards, [1; 16]), Err(Error::BadValidity { .. })));
}

#[test]
fn a_key_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let key = authority("ours").key().clone();
    write_private(&path, &key).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(matches!(write_private(&path, &key), Err(Error::File { .. })), "nothing is overwritten");
    for (mode, allowed) in
        [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o601, false), (0o700, false)]
    {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match PrivateKey::read(&path) {
            Ok(read) => assert!(allowed && read.expose_pem() == key.expose_pem(), "{mode:o}"),
            Err(error) => {
                assert!(!allowed && error.to_string().contains(&format!("`{mode:04o}`")), "{error}");
            }
        }
    }
    let secret = key.expose_pem().lines().nth(1).unwrap();
    let shown = format!(
        "{key:?} {:?} {:?}",
        authority("x"),
        source(&Issued { certificate_pem: String::new(), key: key.clone() }, &authority("y"), &[])
    );
    assert!(!shown.contains(secret) && !shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn a_peer_with_other_than_one_uri_is_nobody() {
    use rcgen::{CertificateParams, KeyPair, SanType};
    for (uris, expected) in [
        (&["spiffe://td/a"][..], Ok("/a")),
        (&[], Err(0)),
        (&["spiffe://td/a", "spiffe://td/b"], Err(2)),
        (&["spiffe://td/a", "https://x.test/"], Err(2)),
    ] {
        let mut params = CertificateParams::new(vec!["spiffe.test".to_owned()]).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let peer = Peer::from_chain(&[made.der().clone()], 1).unwrap();
        assert_ne!(peer.fingerprint_sha256, [0; 32]);
        match (peer.spiffe(), expected) {
            (Ok(id), Ok(path)) => assert_eq!(id.path(), path),
            (Err(Error::NotOneUri { found }), Err(wanted)) => assert_eq!(found, wanted),
            (got, _) => panic!("{got:?}"),
        }
    }
}

/// A leaf of `ca` with these alternative names and uses, whatever they are, and a subject that says it is the operator.
pub(crate) fn odd(ca: &Authority, names: Vec<rcgen::SanType>, uses: &[rcgen::ExtendedKeyUsagePurpose]) -> Issued {
    use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "spiffe://td.test/operator");
    params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), "operator@td.test");
    params.subject_alt_names = names;
    params.extended_key_usages = uses.to_vec();
    params.not_before = time::OffsetDateTime::from_unix_timestamp(NOW - DAY).unwrap();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(NOW + DAY).unwrap();
    let issuer = KeyPair::from_pem(ca.key().expose_pem()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(ca.certificate_pem(), issuer).unwrap();
    let pair = KeyPair::generate().unwrap();
    let made = params.signed_by(&pair, &issuer).unwrap();
    Issued { certificate_pem: made.pem(), key: PrivateKey::from_pem(pair.serialize_pem()).unwrap() }
}

#[tokio::test]
async fn a_certificate_is_its_one_name_or_nobody() {
    use rcgen::ExtendedKeyUsagePurpose::{Any, ClientAuth, CodeSigning, ServerAuth};
    use rcgen::SanType::{DnsName, Rfc822Name, URI};
    let ca = authority("ours");
    let server = server(&ca, &[], &hand());
    let uri = |text: &str| URI(text.try_into().unwrap());
    let dns = |text: &str| DnsName(text.try_into().unwrap());
    let mail = Rfc822Name("operator@td.test".try_into().unwrap());
    let rows = [
        (vec![uri("spiffe://td.test/a")], Ok("spiffe://td.test/a")),
        (vec![dns("x.test"), uri("spiffe://td.test/a"), dns("y.test")], Ok("spiffe://td.test/a")),
        (vec![uri("https://ci.test/7"), dns("x.test")], Ok("https://ci.test/7")),
        (vec![dns("app.test"), mail.clone()], Ok("app.test")),
        (vec![], Err("`0` DNS names")),
        (vec![mail], Err("`0` DNS names")),
        (vec![dns("a.test"), dns("b.test")], Err("`2` DNS names")),
        (vec![uri("spiffe://td.test/a"), uri("spiffe://td.test/b")], Err("`2` URIs")),
        (vec![uri("SPIFFE://td.test/a")], Err("not a workload's")),
        (vec![uri("spiffe://td.test/a\0b")], Err("not a workload's")),
        (vec![uri("spiffe://td.test/%61")], Err("not a workload's")),
        (vec![dns("a.test\0.evil.test")], Err("not allowed")),
        (vec![dns("*.test")], Err("wildcard")),
    ];
    for (names, expected) in rows {
        let leaf = odd(&ca, names.clone(), &[ClientAuth]);
        let (_, peer) = shake(&server, &stranger(&ca, Some(&leaf), V13)).await.unwrap();
        let told = peer.identities().map(|id| id.as_str().to_owned()).map_err(|error| error.to_string());
        match (told, expected) {
            (Ok(name), Ok(wanted)) => assert_eq!(name, wanted),
            (Err(told), Err(part)) => assert!(told.contains(part), "{names:?}: {told}"),
            (told, _) => panic!("{names:?}: {told:?}"),
        }
    }
    for (uses, expected) in [
        (&[ClientAuth][..], None),
        (&[ClientAuth, ServerAuth], None),
        (&[ServerAuth], Some(Refusal::WrongUse)),
        (&[CodeSigning], Some(Refusal::WrongUse)),
        (&[Any], Some(Refusal::WrongUse)),
        (&[], Some(Refusal::WrongUse)),
    ] {
        for version in [V12, V13] {
            let leaf = odd(&ca, vec![uri("spiffe://td.test/a")], uses);
            let got = refusal(&server, &stranger(&ca, Some(&leaf), version)).await;
            assert_eq!(got, expected, "{uses:?} {version:?}");
        }
    }
}

#[test]
fn names_that_are_no_text_are_not_passed_over() {
    use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair};
    let peer = |names: &[u8]| {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let content = [&[0x30, names.len() as u8], names].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], content)];
        Peer::from_chain(&[params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()], 1)
    };
    let one = b"\x86\x0dspiffe://td/a";
    assert_eq!(peer(one).unwrap().identities().unwrap().as_str(), "spiffe://td/a");
    // A second name that is no text.
    for second in [&b"\x86\x02\xff\xfe"[..], b"\x82\x02\xc3\x28"] {
        let both = [&one[..], second].concat();
        assert!(matches!(peer(&both), Err(Error::BadPem { .. })), "{second:?}");
    }
}

#[tokio::test]
async fn changed_files_are_noticed_once_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let ca = authority("ours");
    let clock = hand();
    let leaf = client_leaf(&ca, LONG, 2);
    let own = server_leaf(&ca, 1);
    std::fs::write(at("chain"), &own.certificate_pem).unwrap();
    std::fs::write(at("ca"), ca.certificate_pem()).unwrap();
    write_private(&at("key"), &own.key).unwrap();
    let files = Source::Files {
        chain: at("chain"),
        key: at("key"),
        authorities: at("ca"),
        crls: vec![],
        own_crl: Some(at("crl")),
    };
    let server = ServerTls::load(files, clock.clone()).unwrap();
    let caller = stranger(&ca, Some(&leaf), V13);
    let (_live, peer) = shake(&server, &caller).await.unwrap();
    assert!(!server.refresh().unwrap());
    let serial = inventory::of_pem(&leaf.certificate_pem).unwrap()[0].serial.clone();
    let list = ca.revocation_list(std::slice::from_ref(&serial), 7, LONG).unwrap();
    let facts = inventory::of_list(&list).unwrap();
    assert_eq!((facts.number, facts.until_unix_s, facts.revoked), (7, LONG.not_after_unix_s, vec![serial]));

    // Half of it: said at once, and not again before a while has passed.
    std::fs::write(at("crl"), &list[..list.len() / 2]).unwrap();
    assert!(!server.refresh().unwrap(), "it moves");
    assert!(matches!(server.refresh(), Err(Error::BadPem { .. } | Error::Empty { .. })));
    assert!(!server.refresh().unwrap() && server.generation() == 1);
    assert!(server.recheck(&peer).is_ok());
    std::fs::write(at("crl"), &list).unwrap();
    assert!(!server.refresh().unwrap());
    assert!(server.refresh().unwrap() && server.generation() == 2);
    assert!(matches!(server.recheck(&peer), Err(Error::Refused(Refusal::Revoked))));
    assert_eq!(refusal(&server, &caller).await, Some(Refusal::Revoked));
    assert!(!server.refresh().unwrap());
    // The list goes, and with it what it said.
    std::fs::remove_file(at("crl")).unwrap();
    assert!(!server.refresh().unwrap() && server.refresh().unwrap());
    assert!(server.recheck(&peer).is_ok() && peer.generation() == 3);
}

#[tokio::test]
async fn an_authority_that_ends_vouches_for_nobody() {
    let short = Validity { not_before_unix_s: NOW - DAY, not_after_unix_s: NOW + 60 };
    let (brief, long) = (Authority::create("brief", short, [7; 16]).unwrap(), authority("long"));
    let clock = hand();
    let own = server_leaf(&long, 1);
    let both = format!("{}{}", brief.certificate_pem(), long.certificate_pem());
    let texts = |authorities: &str| Source::Pem {
        chain: own.certificate_pem.clone(),
        key: own.key.clone(),
        authorities: authorities.to_owned(),
        crls: vec![],
    };
    let two = ServerTls::load(texts(&both), clock.clone()).unwrap();
    let one = ServerTls::load(texts(brief.certificate_pem()), clock.clone()).unwrap();
    let leaf = client_leaf(&brief, LONG, 2);
    let config = |version| {
        let mut store = rustls::RootCertStore::empty();
        crate::material::trust(&mut store, long.certificate_pem(), NOW).unwrap();
        let mut config = ClientConfig::clone(&stranger(&brief, Some(&leaf), version));
        config.dangerous().set_certificate_verifier(
            rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build().unwrap(),
        );
        Arc::new(config)
    };
    let (_live, of_two) = shake(&two, &config(V13)).await.unwrap();
    let (_live, of_one) = shake(&one, &config(V13)).await.unwrap();
    assert!(two.recheck(&of_two).is_ok() && one.recheck(&of_one).is_ok() && !two.refresh().unwrap());
    clock.0.store((NOW + 61) as u64 * 1_000, Ordering::SeqCst);
    // Of two, the one that is over is left out by the next look; of one, nothing is left.
    assert!(two.refresh().unwrap());
    assert!(matches!(two.recheck(&of_two), Err(Error::Refused(Refusal::UnknownAuthority))));
    assert!(!one.refresh().unwrap());
    for server in [&one, &two] {
        for version in [V12, V13] {
            assert!(refusal(server, &config(version)).await.is_some(), "{version:?}");
        }
    }
    assert!(matches!(one.recheck(&of_one), Err(Error::Refused(Refusal::NotValidNow))));
}
