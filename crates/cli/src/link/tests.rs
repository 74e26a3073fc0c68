//! Lists to their end, and what stands between a command and its cluster: nobody there, or a certificate refused.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bascule_pki::authority::{Authority, Issued, Leaf, Validity};
use bascule_pki::spiffe::SpiffeId;
use clap::Parser;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::*;
use crate::args::Arguments;
use crate::inputs::Inputs;
use crate::verbs::tests::cluster::{self, Fake};
use crate::verbs::tests::told;
use crate::verbs::{self, Desk};

#[tokio::test]
async fn lists_are_followed_to_their_end() {
    let rows: [(&[&str], Option<usize>); 4] =
        [(&[""], Some(1)), (&["a", "b", ""], Some(3)), (&["a", "a"], None), (&["a", "b", "b"], None)];
    for (tokens, expected) in rows {
        let mut asked = Vec::new();
        let all = every(|token| {
            let page = asked.len();
            asked.push(token);
            async move { Ok((vec![page], tokens[page].to_owned())) }
        })
        .await;
        match expected {
            Some(count) => assert_eq!(all.unwrap(), (0..count).collect::<Vec<_>>()),
            None => assert!(matches!(all, Err(Error::EndlessList { .. })), "{tokens:?}"),
        }
        let before: Vec<&str> = [""].into_iter().chain(tokens.iter().copied()).take(asked.len()).collect();
        assert_eq!(asked, before);
    }
}

#[tokio::test]
async fn a_list_may_end_before_its_end() {
    let rows =
        [(1, 1, Rest::More), (2, 2, Rest::More), (3, 3, Rest::More), (4, 4, Rest::Nothing), (9, 4, Rest::Nothing)];
    for (max_count, count, rest) in rows {
        let mut asked_count = 0;
        let page = |token: String| {
            asked_count += 1;
            async move { Ok((vec![(), ()], if token.is_empty() { "more".to_owned() } else { String::new() })) }
        };
        let (all, left) = first(max_count, page).await.unwrap();
        assert_eq!((all.len(), left), (count, rest), "{max_count}");
        assert_eq!(asked_count, if max_count <= 2 { 1 } else { 2 }, "{max_count}");
    }
}

#[test]
fn alerts_about_certificates_are_told_from_others() {
    let rows = [
        ("transport error: connection error: received fatal alert: CertificateExpired", Some("CertificateExpired")),
        ("received fatal alert: UnknownCA", Some("UnknownCA")),
        ("received fatal alert: DecryptError", Some("DecryptError")),
        ("received fatal alert: InternalError", None),
        ("connection reset by peer", None),
        ("", None),
    ];
    for (said, expected) in rows {
        assert_eq!(certificate_alert(said), expected, "{said}");
    }
    // After an attempt that ended otherwise it is not sure that nothing was done.
    let broken = |said: &[Option<&str>]| Broken(Mutex::new(said.iter().map(|said| said.map(str::to_owned)).collect()));
    let alert = Some("received fatal alert: UnknownCA");
    assert_eq!(broken(&[alert, alert]).alert().as_deref(), Some("UnknownCA"));
    for said in [&[][..], &[None], &[None, alert], &[alert, None], &[Some("connection reset"), alert]] {
        assert_eq!(broken(said).alert(), None, "{said:?}");
    }
}

#[test]
fn operations_have_the_contracts_names() {
    for (function, name) in [("put_rule", "PutRule"), ("list_targets_by_rule", "ListTargetsByRule")] {
        assert_eq!(operation(function), name);
    }
}

#[test]
fn a_time_given_is_the_time_waited() {
    assert_eq!(deadlines(None), Deadlines::default());
    assert_eq!(deadlines(Some(3)), Deadlines { attempt_ms: 3_000, call_ms: 3_000 });
}

fn authority(serial: u8) -> Authority {
    Authority::create("test", lasting(-3_600, 3_600), [serial; 16]).unwrap()
}

/// From so many seconds after now to so many.
fn lasting(from_s: i64, to_s: i64) -> Validity {
    let now_s = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    Validity { not_before_unix_s: now_s + from_s, not_after_unix_s: now_s + to_s }
}

fn leaf(authority: &Authority, validity: Validity, serial: u8) -> Issued {
    let me = SpiffeId::parse("spiffe://bascule/operator").unwrap();
    authority.issue(&Leaf::Client(me), validity, [serial; 16]).unwrap()
}

/// A folder with a context file and what it names.
fn context(endpoint: &str, ca: &Authority, leaf: &Issued, key: &Issued) -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("ca.pem", ca.certificate_pem(), 0o644);
    write("me.pem", &leaf.certificate_pem, 0o644);
    write("me.key", key.key.expose_pem(), 0o600);
    let text = format!("endpoint = \"{endpoint}\"\nca = \"ca.pem\"\ncertificate = \"me.pem\"\nkey = \"me.key\"\n");
    write("context.toml", &text, 0o644);
    folder
}

/// Runs a command line by the context file of a folder.
async fn run(folder: &TempDir, line: &str) -> (String, u8) {
    let arguments = Arguments::try_parse_from(std::iter::once("bascule").chain(line.split(' '))).unwrap();
    let dial = Dial::Context {
        named: Some(folder.path().join("context.toml")),
        timeout_seconds: arguments.timeout,
        variable: Arc::new(|_| None),
        source: Source::Certificate,
        entropy: Arc::new(chance::System),
    };
    let inputs = Inputs::new(Box::new(Cursor::new(Vec::new())));
    let mut desk = Desk::unwatched(dial, inputs, arguments.output);
    told(verbs::run(arguments.noun, &mut desk).await, arguments.output)
}

/// The code of the error that is told, and its hint.
fn gist(out: &str) -> (&str, &str) {
    let code = out.lines().next().and_then(|line| line.rsplit_once('(')).map_or("", |(_, code)| code);
    let code = code.trim_end_matches(')').split(", request").next().unwrap_or_default();
    let hint = out.lines().last().and_then(|line| line.strip_prefix("  hint: ")).unwrap_or_default();
    (code, hint)
}

#[tokio::test]
async fn what_stands_between_is_told() {
    let (ours, other) = (authority(1), authority(2));
    let server = ours.issue(&Leaf::Server(vec!["127.0.0.1".into()]), lasting(-60, 600), [3; 16]).unwrap();
    let [good, late] = [leaf(&ours, lasting(-60, 600), 4), leaf(&ours, lasting(-60, -10), 5)];
    let foreign = leaf(&other, lasting(-60, 600), 6);
    let identity = Identity::from_pem(&server.certificate_pem, server.key.expose_pem());
    let roots = Certificate::from_pem(ours.certificate_pem());
    let tls = ServerTlsConfig::new().identity(identity).client_ca_root(roots);
    // Addresses, since not every machine knows the name `localhost`; the second has none in the certificate.
    let [secure, unnamed, plain, mute] =
        ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0", "127.0.0.1:0"].map(TcpListener::bind);
    let (secure, unnamed) = (secure.await.unwrap(), unnamed.await.unwrap());
    let (plain, mute) = (plain.await.unwrap(), mute.await.unwrap());
    let at = |listener: &TcpListener| format!("https://{}", listener.local_addr().unwrap());
    let (at_secure, at_unnamed, at_plain, at_mute) = (at(&secure), at(&unnamed), at(&plain), at(&mute));
    let fake = Fake::default();
    let [secure, unnamed] = [secure, unnamed].map(|listener| {
        cluster::served(Server::builder().tls_config(tls.clone()).unwrap(), &fake)
            .serve_with_incoming(TcpIncoming::from(listener))
    });
    let plain = cluster::served(Server::builder(), &Fake::default()).serve_with_incoming(TcpIncoming::from(plain));
    let runs = "check that the cluster runs, and that `endpoint` of the context is its own";
    let renew = "get a new certificate and name it in the context file; check this machine's clock too";
    let issued = "check that `certificate` of the context was issued by the authority of this very cluster";
    let ca = "check that `ca` of the context is the authority of this very cluster, and this machine's clock";
    let name = "name the cluster in `endpoint` by a name that its certificate has";
    let tls = "what listens at `endpoint` does not speak TLS: check its port";
    let host = "check the host of `endpoint` in the context";
    let rows = [
        (&*at_secure, &ours, &late, 4, "CERTIFICATE_REFUSED", renew),
        (&at_secure, &ours, &foreign, 4, "CERTIFICATE_REFUSED", issued),
        (&at_secure, &other, &good, 4, "UNREACHABLE", ca),
        (&at_unnamed, &ours, &good, 4, "UNREACHABLE", name),
        (&at_plain, &ours, &good, 4, "UNREACHABLE", tls),
        (&at_mute, &ours, &good, 4, "UNREACHABLE", runs),
        ("https://127.0.0.1:1", &ours, &good, 4, "UNREACHABLE", runs),
        ("https://nowhere.invalid:1", &ours, &good, 4, "UNREACHABLE", host),
        ("http://127.0.0.1:1", &ours, &good, 2, "ENDPOINT_INVALID", "mend `endpoint` in the context file"),
    ];
    let client = async {
        let folder = context(&at_secure, &ours, &good, &good);
        assert_eq!(run(&folder, "bus delete o").await, ("bus `o` deleted\n".to_owned(), 0));
        assert_eq!(fake.seen.lock().unwrap().len(), 1);
        for (endpoint, ca, leaf, expected, code, hint) in rows {
            let began = Instant::now();
            let (out, exit) = run(&context(endpoint, ca, leaf, leaf), "bus delete o --timeout 1").await;
            assert_eq!((exit, gist(&out)), (expected, (code, hint)), "{endpoint}: {out}");
            assert!(began.elapsed() < Duration::from_secs(3), "{endpoint}: {out}");
        }
        let (out, exit) = run(&context(&at_secure, &ours, &good, &late), "bus delete o").await;
        assert_eq!((exit, gist(&out).0), (2, "CREDENTIALS_UNUSABLE"), "{out}");
        let key = folder.path().join("me.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let (out, exit) = run(&folder, "bus delete o").await;
        assert_eq!((exit, gist(&out).0), (2, "KEY_FILE_OPEN"), "{out}");
        // None of them reached the cluster.
        assert_eq!(fake.seen.lock().unwrap().len(), 1);
    };
    tokio::select! {
        () = client => {}
        ended = secure => panic!("the server ended: {ended:?}"),
        ended = unnamed => panic!("the server ended: {ended:?}"),
        ended = plain => panic!("the server ended: {ended:?}"),
    }
}
