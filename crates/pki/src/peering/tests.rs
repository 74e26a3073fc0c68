//! Nodes and strangers at the peers' port, over real loopback connections.

use std::sync::atomic::Ordering;

use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use rcgen::SanType;
use rustls::SupportedProtocolVersion;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::authority::{Authority, Issued, Leaf, Validity};
use crate::inventory;
use crate::joining::JoinTls;
use crate::spiffe::SpiffeId;
use crate::tests::{DAY, Hand, LIMIT, LONG, NOW, OVER, V12, V13, authority, hand, odd, source, stranger};

const CLUSTER: ClusterId = ClusterId([7; 16]);
const OTHER: ClusterId = ClusterId([8; 16]);

fn node_leaf(ca: &Authority, cluster: ClusterId, node: u64, validity: Validity) -> Issued {
    let leaf = node::leaf(cluster, NodeId(node), &["n.test".to_owned()]).unwrap();
    ca.issue(&leaf, validity, [node as u8; 16]).unwrap()
}

fn tls_of(own: &Issued, trusted: &Authority, crls: &[String], clock: &Arc<Hand>) -> PeerTls {
    PeerTls::load(CLUSTER, source(own, trusted, crls), clock.clone()).unwrap()
}

fn node(ca: &Authority, number: u64, crls: &[String], clock: &Arc<Hand>) -> PeerTls {
    tls_of(&node_leaf(ca, CLUSTER, number, LONG), ca, crls, clock)
}

/// A list of the authority with these certificates on it.
fn list(ca: &Authority, revoked: &[&Issued]) -> String {
    let serial = |one: &&Issued| inventory::of_pem(&one.certificate_pem).unwrap()[0].serial.clone();
    ca.revocation_list(&revoked.iter().map(serial).collect::<Vec<_>>(), 1, LONG).unwrap()
}

/// What the listener says of somebody who comes, and what that one says.
async fn meet<T>(
    server: &PeerTls,
    places: bool,
    calling: impl AsyncFnOnce(TcpStream) -> T,
) -> (Result<Arrival<u8>, Error>, T) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let serving = async {
        let mut done = server.accept(accepted, LIMIT, || places.then_some(7_u8)).await;
        if let Ok(Arrival::Node { stream, .. } | Arrival::Joining { stream, .. }) = &mut done {
            stream.write_u8(1).await.unwrap();
            stream.flush().await.unwrap();
        }
        done
    };
    tokio::join!(serving, calling(tcp))
}

/// The same of a caller that follows none of our rules.
async fn comes(
    server: &PeerTls,
    ca: &Authority,
    own: Option<&Issued>,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> Result<Arrival<u8>, Error> {
    let mut config = ClientConfig::clone(&stranger(ca, own, version));
    config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
    let calling = async |tcp| {
        let name = ServerName::try_from(node::dns_name(CLUSTER, NodeId(1))).unwrap();
        if let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, tcp).await {
            let _ = stream.fill_buf().await;
        }
    };
    meet(server, true, calling).await.0
}

#[tokio::test]
async fn nodes_know_each_other_by_their_certificates() {
    let (ca, clock) = (authority("ours"), hand());
    let (one, two) = (node(&ca, 1, &[], &clock), node(&ca, 2, &[], &clock));
    let (came, called) = meet(&one, false, async |tcp| two.connect(tcp, NodeId(1), LIMIT).await).await;
    let (stream, server) = called.unwrap();
    assert_eq!((stream.version(), stream.alpn(), stream.resumed()), (Some("TLSv1_3"), Some(PEER), false));
    assert_eq!(stream.key_exchange().as_deref(), Some("X25519MLKEM768"));
    let Ok(Arrival::Node { node, peer, .. }) = came else { panic!("{came:?}") };
    assert_eq!(node, NodeId(2));
    // Either side judges the other again.
    assert!(one.recheck(&peer).is_ok() && two.recheck(&server).is_ok());
    clock.0.store((LONG.not_after_unix_s + 1) as u64 * 1_000, Ordering::SeqCst);
    assert!(one.recheck(&peer).is_err() && two.recheck(&server).is_err());
}

#[tokio::test]
async fn only_a_node_of_the_cluster_comes_in_as_one() {
    let (ca, other, clock) = (authority("ours"), authority("theirs"), hand());
    let gone = node_leaf(&ca, CLUSTER, 3, LONG);
    let server = node(&ca, 1, &[list(&ca, &[&gone])], &clock);
    let uri = |text: &str| SanType::URI(text.replace("CLUSTER", &CLUSTER.to_string()).try_into().unwrap());
    let dns = || SanType::DnsName(node::dns_name(CLUSTER, NodeId(2)).try_into().unwrap());
    let of = |names| odd(&ca, names, &[ClientAuth, ServerAuth]);
    let operator = SpiffeId::parse(&format!("spiffe://{CLUSTER}/operator")).unwrap();
    let rows = [
        (Some(node_leaf(&ca, CLUSTER, 2, LONG)), None),
        (None, Some("no certificate")),
        (Some(node_leaf(&other, CLUSTER, 2, LONG)), Some("unknown authority")),
        (Some(node_leaf(&ca, OTHER, 2, LONG)), Some("of another cluster")),
        (Some(node_leaf(&ca, CLUSTER, 2, OVER)), Some("not valid now")),
        (Some(gone), Some("is revoked")),
        (Some(ca.issue(&Leaf::Client(operator), LONG, [9; 16]).unwrap()), Some("a caller's")),
        (Some(ca.issue(&Leaf::Named("node-2.test".into()), LONG, [9; 16]).unwrap()), Some("`0` URIs")),
        (Some(ca.issue(&Leaf::Server(vec![node::dns_name(CLUSTER, NodeId(2))]), LONG, [9; 16]).unwrap()), Some("use")),
        (Some(of(vec![dns()])), Some("`0` URIs")),
        (Some(of(vec![uri("spiffe://CLUSTER/node/2"), uri("spiffe://CLUSTER/node/3")])), Some("`2` URIs")),
        (Some(of(vec![uri("spiffe://CLUSTER/node/0")])), Some("number is none")),
        (Some(of(vec![uri("spiffe://CLUSTER/node/02")])), Some("number is none")),
        (Some(of(vec![uri("spiffe://CLUSTER/node/2/")])), Some("not a workload's")),
        (Some(odd(&ca, vec![uri("spiffe://CLUSTER/node/2")], &[ServerAuth])), Some("another name or use")),
    ];
    for (own, expected) in rows {
        let came = comes(&server, &ca, own.as_ref(), V13, &[PEER]).await;
        match (came, expected) {
            (Ok(Arrival::Node { node, .. }), None) => assert_eq!(node, NodeId(2)),
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}, not {part}"),
            (came, expected) => panic!("{expected:?}: {came:?}"),
        }
    }
}

#[tokio::test]
async fn the_protocol_says_which_of_two_doors() {
    let (ca, clock) = (authority("ours"), hand());
    let server = node(&ca, 1, &[], &clock);
    let own = node_leaf(&ca, CLUSTER, 2, LONG);
    let no = |came: Result<Arrival<u8>, Error>| matches!(came, Err(Error::Refused(Refusal::Protocol)));
    let offers: [&[&[u8]]; 7] =
        [&[], &[b"h2"], &[PEER, JOIN], &[JOIN, PEER], &[PEER, PEER], &[b"bascule-peer2"], &[b"bascule-"]];
    for protocols in offers {
        assert!(no(comes(&server, &ca, Some(&own), V13, protocols).await), "{protocols:?}");
    }
    for protocol in [PEER, JOIN] {
        assert!(no(comes(&server, &ca, Some(&own), V12, &[protocol]).await));
    }
    // A certificate makes no node of who joins.
    for own in [None, Some(&own)] {
        let came = comes(&server, &ca, own, V13, &[JOIN]).await.unwrap();
        let Arrival::Joining { guard: 7, stream } = came else { panic!("{came:?}") };
        assert_eq!(stream.alpn(), Some(JOIN));
    }
}

#[tokio::test]
async fn a_caller_gets_the_node_that_it_means() {
    let (ca, other, clock) = (authority("ours"), authority("theirs"), hand());
    let (gone, two) = (node_leaf(&ca, CLUSTER, 2, LONG), node_leaf(&ca, CLUSTER, 2, LONG));
    let gone_caller = node_leaf(&ca, CLUSTER, 4, LONG);
    let named = ca.issue(
        &Leaf::Node(vec![node::dns_name(CLUSTER, NodeId(2))], node::spiffe_id(CLUSTER, NodeId(3)).unwrap()),
        LONG,
        [9; 16],
    );
    let revoked = Validity { not_before_unix_s: NOW - DAY, not_after_unix_s: NOW - 1 };
    let listed = list(&ca, &[&Issued { certificate_pem: gone.certificate_pem.clone(), key: gone.key.clone() }]);
    let stale = ca.revocation_list(&[], 1, revoked).unwrap();
    let rows = [
        (&two, &ca, vec![], None),
        (&node_leaf(&ca, CLUSTER, 3, LONG), &ca, vec![], Some(Refusal::WrongUse)),
        (&node_leaf(&ca, OTHER, 2, LONG), &ca, vec![], Some(Refusal::WrongUse)),
        (&named.unwrap(), &ca, vec![], Some(Refusal::WrongUse)),
        (&node_leaf(&other, CLUSTER, 2, LONG), &other, vec![], Some(Refusal::UnknownAuthority)),
        (&gone, &ca, vec![listed], Some(Refusal::Revoked)),
        (&two, &ca, vec![stale], Some(Refusal::UnknownStatus)),
    ];
    for (at, (shown, trusted, crls, expected)) in rows.into_iter().enumerate() {
        let (server, caller) = (tls_of(shown, trusted, &[], &clock), node(&ca, 1, &crls, &clock));
        let (_, called) = meet(&server, true, async |tcp| caller.connect(tcp, NodeId(2), LIMIT).await).await;
        match called {
            Ok(_) => assert_eq!(expected, None, "{at}"),
            Err(Error::Refused(got)) => assert_eq!(Some(got), expected, "{at}"),
            Err(other) => panic!("{at}: {other:?}"),
        }
    }
    // Whom the server refuses hears of it here, not at its first call.
    let server = node(&ca, 2, &[list(&ca, &[&gone_caller])], &clock);
    let caller = tls_of(&gone_caller, &ca, &[], &clock);
    let (_, called) = meet(&server, true, async |tcp| caller.connect(tcp, NodeId(2), LIMIT).await).await;
    assert!(matches!(called, Err(Error::Refused(Refusal::ByPeer))), "{called:?}");
}

#[tokio::test]
async fn who_joins_trusts_what_the_token_names() {
    let (ca, other, clock) = (authority("ours"), authority("theirs"), hand());
    let time: Arc<dyn Clock> = clock.clone();
    let pin = ca.fingerprint_sha256().unwrap();
    let server_leaf = ca.issue(&Leaf::Server(vec![node::dns_name(CLUSTER, NodeId(1))]), LONG, [9; 16]).unwrap();
    let rows = [
        (CLUSTER, pin, node(&ca, 1, &[], &clock), None),
        (CLUSTER, other.fingerprint_sha256().unwrap(), node(&ca, 1, &[], &clock), Some(Refusal::UnknownAuthority)),
        (CLUSTER, [0; 32], node(&ca, 1, &[], &clock), Some(Refusal::UnknownAuthority)),
        (OTHER, pin, node(&ca, 1, &[], &clock), Some(Refusal::WrongUse)),
        // The leaf's own hash is no authority's, and an authority that is only shown vouches for nobody.
        (CLUSTER, pin, tls_of(&node_leaf(&other, CLUSTER, 1, LONG), &ca, &[], &clock), Some(Refusal::UnknownAuthority)),
        (CLUSTER, pin, tls_of(&server_leaf, &ca, &[], &clock), Some(Refusal::WrongUse)),
    ];
    for (at, (cluster, pin, server, expected)) in rows.into_iter().enumerate() {
        let joiner = JoinTls::new(cluster, pin, &time).unwrap();
        let (came, called) = meet(&server, true, async |tcp| joiner.connect(tcp, LIMIT).await).await;
        match called {
            Ok(stream) => {
                assert_eq!((expected, stream.version(), stream.alpn()), (None, Some("TLSv1_3"), Some(JOIN)), "{at}");
                assert!(matches!(came, Ok(Arrival::Joining { guard: 7, .. })), "{at}: {came:?}");
            }
            Err(Error::Refused(got)) => assert_eq!(Some(got), expected, "{at}"),
            Err(other) => panic!("{at}: {other:?}"),
        }
    }
    let leaf = node_leaf(&ca, CLUSTER, 1, LONG);
    let joiner = JoinTls::new(CLUSTER, inventory::fingerprint_sha256(&leaf.certificate_pem).unwrap(), &time).unwrap();
    let server = tls_of(&leaf, &ca, &[], &clock);
    let (_, called) = meet(&server, true, async |tcp| joiner.connect(tcp, LIMIT).await).await;
    assert!(matches!(called, Err(Error::Refused(Refusal::UnknownAuthority))), "{called:?}");
    // Nobody is let in without a place.
    let joiner = JoinTls::new(CLUSTER, pin, &time).unwrap();
    let (came, called) = meet(&server, false, async |tcp| joiner.connect(tcp, LIMIT).await).await;
    assert!(matches!(came, Err(Error::Refused(Refusal::Protocol))) && called.is_err());
}

#[tokio::test]
async fn a_key_that_never_left_gets_a_certificate_for_what_the_authority_says() {
    let (ca, clock) = (authority("ours"), hand());
    let (request, key) = crate::request::certificate_request().unwrap();
    let leaf = node::leaf(CLUSTER, NodeId(2), &[]).unwrap();
    let certificate_pem = ca.sign(&request, &leaf, LONG, [5; 16]).unwrap();
    let facts = &inventory::of_pem(&certificate_pem).unwrap()[0];
    assert_eq!((facts.dns.len(), facts.uris.len(), facts.not_after_unix_s), (1, 1, LONG.not_after_unix_s));
    let two = tls_of(&Issued { certificate_pem, key }, &ca, &[], &clock);
    let one = node(&ca, 1, &[], &clock);
    let (came, called) = meet(&one, false, async |tcp| two.connect(tcp, NodeId(1), LIMIT).await).await;
    assert!(called.is_ok() && matches!(came, Ok(Arrival::Node { node: NodeId(2), .. })), "{came:?}");
    assert!(matches!(ca.sign("no request", &leaf, LONG, [6; 16]), Err(Error::BadRequest { .. })));
}
