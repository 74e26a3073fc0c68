//! Rows 10 and 11 of the attacks: who is revoked, or cannot be looked up any more, is cut off whatever they hold open, and resumes
//! nothing.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::client::Context;
use bascule_api::v1::events_client::EventsClient;
use bascule_api::v1::queues_client::QueuesClient;
use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::{SubscribeRequest, SubscribeStart, TailEventsRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::outsiders::Outsiders;
use bascule_tests::wait::{PATIENCE, until};
use prost::Message;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{HandshakeKind, NamedGroup, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;

use super::{raw, wire};

/// Within which a revoked caller is cut, from when the list lies there.
const CUT_LIMIT: Duration = Duration::from_secs(5);
/// How long a test waits for it, to say how long it took.
const CUT_PATIENCE: Duration = Duration::from_secs(20);
const HOUR_S: i64 = 3_600;

/// Puts a list in its place as an administrator's tool does, at once.
fn put_list(daemon: &Daemon, list: &str) -> Outcome<Instant> {
    let (path, next) = (daemon.pki().join("revoked.pem"), daemon.pki().join("revoked.pem.next"));
    fs::write(&next, list)?;
    fs::rename(&next, &path)?;
    Ok(Instant::now())
}

/// What a caller holds open, each on a connection of its own; each gives the time at which it ended.
struct Open {
    what: &'static str,
    ended: JoinHandle<Instant>,
}

/// A connection that is open and says nothing.
async fn idle(daemon: &Daemon, context: &Context) -> Outcome<Open> {
    let mut stream = wire::open(daemon, context, 1).await?;
    let reading = async move {
        let _ = wire::rest(&mut stream, PATIENCE * 10).await;
        Instant::now()
    };
    Ok(Open { what: "an idle connection", ended: tokio::spawn(reading) })
}

async fn subscribed(context: &Context) -> Outcome<Open> {
    let mut queues = QueuesClient::new(raw::channel(context, true).await?);
    let (requests, sent) = mpsc::channel(4);
    let start = SubscribeStart { queue_name: "inbox".to_owned(), credits: 10, ..SubscribeStart::default() };
    requests.send(SubscribeRequest { action: Some(Action::Start(start)) }).await?;
    let mut answers = queues.subscribe(ReceiverStream::new(sent)).await?.into_inner();
    timeout(PATIENCE, answers.message()).await.context("no first word")??.context("no stream")?;
    let reading = async move {
        while let Ok(Some(_)) = answers.message().await {}
        drop(requests);
        Instant::now()
    };
    Ok(Open { what: "a subscription", ended: tokio::spawn(reading) })
}

async fn tailing(context: &Context) -> Outcome<Open> {
    let mut events = EventsClient::new(raw::channel(context, true).await?);
    let mut answers = events.tail_events(TailEventsRequest::default()).await?.into_inner();
    timeout(PATIENCE, answers.message()).await.context("no first word")??.context("no stream")?;
    let reading = async move {
        while let Ok(Some(_)) = answers.message().await {}
        Instant::now()
    };
    Ok(Open { what: "a tail", ended: tokio::spawn(reading) })
}

/// A tail on a connection whose client gives all the room there is, and reads nothing. What it holds open ends unseen by it.
async fn unread(daemon: &Daemon, context: &Context) -> Outcome<(impl Sized + use<>, u16)> {
    let mut stream = wire::open(daemon, context, 1).await?;
    let window = wire::frame(wire::SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    let all = wire::frame(wire::WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes());
    let headers = wire::frame(wire::HEADERS, wire::END_HEADERS, 1, &wire::call("bascule.v1.Events/TailEvents"));
    let asked = TailEventsRequest { max_events_per_second: 1_000, ..TailEventsRequest::default() }.encode_to_vec();
    let message = [&[0][..], &(asked.len() as u32).to_be_bytes(), &asked].concat();
    let message = wire::frame(wire::DATA, wire::END_STREAM, 1, &message);
    stream.write_all(&[window, all, headers, message].concat()).await?;
    stream.flush().await?;
    let port = stream.get_ref().0.local_addr()?.port();
    Ok((stream, port))
}

/// Bytes that the daemon has written to this client's port and that are not taken.
fn waiting_bytes(daemon: &Daemon, port: u16) -> Outcome<u64> {
    let (own, table) = (daemon.grpc()?.port(), fs::read_to_string("/proc/net/tcp")?);
    let row = table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ends = words.get(1)?.ends_with(&format!(":{own:04X}")) && words.get(2)?.ends_with(&format!(":{port:04X}"));
        ends.then(|| words.get(4)?.split(':').next().map(str::to_owned)).flatten()
    });
    Ok(u64::from_str_radix(&row.context("no such connection")?, 16)?)
}

/// Puts an event again and again until it is told to stop; how many, and the first that failed.
fn producing(client: Client, stop: watch::Receiver<bool>) -> JoinHandle<(u64, Option<String>)> {
    tokio::spawn(async move {
        let mut count = 0;
        while !*stop.borrow() {
            let detail = format!(r#"{{"p":"{}"}}"#, "p".repeat(20_000));
            if let Err(error) = client.put_one(entry("test.revoked", "t", &detail)).await {
                return (count, Some(error.to_string()));
            }
            count += 1;
        }
        (count, None)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_whoever_is_revoked_is_cut_off_within_five_seconds() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let outsiders = Outsiders::of(&daemon)?;
    Client::operator(&daemon).await?.queued("inbox", r#"{"source":["test.other"]}"#).await?;
    // The same identity with two certificates: the certificate is revoked, not who it is.
    let (good, bad) = (outsiders.known("operator")?, outsiders.known("operator")?);
    let good_open = [idle(&daemon, &good).await?, subscribed(&good).await?, tailing(&good).await?];
    let bad_open = [idle(&daemon, &bad).await?, subscribed(&bad).await?, tailing(&bad).await?];
    let (deaf, port) = unread(&daemon, &bad).await?;
    let (stop, stopped) = watch::channel(false);
    let producer = producing(Client::connect(&good).await?, stopped);
    // Until nothing more can be written to it.
    let (mut last, mut alike) = (0, 0);
    until("a client that reads nothing is written to", PATIENCE, async || {
        let now = waiting_bytes(&daemon, port)?;
        alike = if now == last && now > 0 { alike + 1 } else { 0 };
        last = now;
        Ok((alike > 20).then_some(()))
    })
    .await?;

    let placed = put_list(&daemon, &outsiders.revoking(&[&bad], 1, HOUR_S)?)?;
    let mut told = Vec::new();
    for Open { what, ended } in bad_open {
        let at = timeout(CUT_PATIENCE, ended).await.with_context(|| format!("{what} goes on"))??;
        told.push((what, at.saturating_duration_since(placed)));
    }
    until("the stream that nobody reads ends", CUT_PATIENCE, async || {
        Ok((wire::figure(&daemon, "bascule_streams", "TailEvents").await? <= 1.0).then_some(()))
    })
    .await?;
    // What was written before may still be there to be read; the daemon holds nothing of it.
    ensure!(wire::figure(&daemon, "bascule_connections_ended_total", "unknown").await? >= 3.0, "{}", daemon.log_end());
    told.push(("a client that reads nothing", placed.elapsed()));
    for (what, took) in &told {
        ensure!(*took <= CUT_LIMIT, "{what} was cut after {took:?}: {told:?}");
    }
    drop(deaf);
    ensure!(Client::connect(&bad).await.is_err() || answered(&bad).await.is_err(), "it connects again");

    // Others have lost nothing: not a call, not a stream.
    answered(&good).await?;
    stop.send_replace(true);
    let (count, failed) = timeout(PATIENCE, producer).await??;
    ensure!(failed.is_none() && count > 0, "after {count} puts: {failed:?}");
    for Open { what, ended } in &good_open {
        ensure!(!ended.is_finished(), "{what} of another ended");
    }
    Ok(())
}

async fn answered(context: &Context) -> Outcome {
    Client::connect(context).await?.put_one(entry("test.asked", "t", "{}")).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_an_end_or_another_authority_cuts_off_too() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let outsiders = Outsiders::of(&daemon)?;
    Client::operator(&daemon).await?.queued("inbox", r#"{"source":["test.other"]}"#).await?;
    // A certificate that ends: nobody has to do anything.
    let began = Instant::now();
    let brief = outsiders.for_seconds("operator", 4)?;
    let ends = began + Duration::from_secs(4);
    let open = [idle(&daemon, &brief).await?, subscribed(&brief).await?, tailing(&brief).await?];
    let good = idle(&daemon, &outsiders.known("operator")?).await?;
    for Open { what, ended } in open {
        let at = timeout(CUT_PATIENCE, ended).await.with_context(|| format!("{what} goes on"))??;
        let late = at.saturating_duration_since(ends);
        ensure!(late <= CUT_LIMIT, "{what} ended {late:?} after its certificate");
    }
    ensure!(!good.ended.is_finished(), "another connection ended");
    // Another authority, and no other any more. Half of its file first: nobody is cut by what is no certificate.
    let (path, own) = (daemon.pki().join("authority.pem"), fs::read_to_string(daemon.pki().join("authority.pem"))?);
    fs::write(&path, &own[..own.len() / 2])?;
    until("a refusal in the log", PATIENCE, async || {
        Ok(fs::read_to_string(daemon.log_path())?.contains("the old ones stay").then_some(()))
    })
    .await?;
    let refusals =
        || -> Outcome<usize> { Ok(fs::read_to_string(daemon.log_path())?.matches("the old ones stay").count()) };
    ensure!(!good.ended.is_finished(), "half a file cut a connection");
    let placed = replace(&path, &outsiders.another_authority())?;
    let at = timeout(CUT_PATIENCE, good.ended).await.context("it goes on")??;
    ensure!(at.saturating_duration_since(placed) <= CUT_LIMIT, "cut after {:?}", at - placed);
    // It was said once, however often it was tried.
    ensure!(refusals()? == 1, "said {} times:\n{}", refusals()?, daemon.log_end());
    ensure!(answered(&outsiders.known("operator")?).await.is_err(), "the old authority's are let in");
    replace(&path, &own)?;
    until("the old authority is back", PATIENCE, async || {
        Ok(answered(&outsiders.known("operator")?).await.is_ok().then_some(()))
    })
    .await
}

fn replace(path: &Path, text: &str) -> Outcome<Instant> {
    let next = path.with_extension("next");
    fs::write(&next, text)?;
    fs::rename(&next, path)?;
    Ok(Instant::now())
}

/// Keeps sessions as any client does, and counts what it is given.
#[derive(Debug)]
struct Counting {
    kept: ClientSessionMemoryCache,
    given: AtomicU64,
    offered: AtomicU64,
}

impl ClientSessionStore for Counting {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(name, group);
    }
    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept.kx_hint(name)
    }
    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.given.fetch_add(1, Ordering::SeqCst);
        self.kept.set_tls12_session(name, value);
    }
    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let found = self.kept.tls12_session(name);
        self.offered.fetch_add(u64::from(found.is_some()), Ordering::SeqCst);
        found
    }
    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.kept.remove_tls12_session(name);
    }
    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.given.fetch_add(1, Ordering::SeqCst);
        self.kept.insert_tls13_ticket(name, value);
    }
    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let found = self.kept.take_tls13_ticket(name);
        self.offered.fetch_add(u64::from(found.is_some()), Ordering::SeqCst);
        found
    }
}

/// A server with the daemon's own certificate that gives out sessions gladly: what the client has from it, it offers to the daemon.
async fn sessions_from_a_double(daemon: &Daemon, config: &rustls::ClientConfig) -> Outcome {
    let chain = vec![CertificateDer::from_pem_slice(&fs::read(daemon.pki().join("server.pem"))?)?];
    let key = PrivateKeyDer::from_pem_slice(&fs::read(daemon.pki().join("server.key"))?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut serving = builder.with_no_client_auth().with_single_cert(chain, key)?;
    serving.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let double = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await?;
        let mut stream = TlsAcceptor::from(Arc::new(serving)).accept(tcp).await?;
        stream.write_all(b"x").await?;
        stream.shutdown().await
    });
    let mut stream = wire::shake(tokio::net::TcpStream::connect(address).await?, config.clone()).await?;
    stream.read_u8().await?;
    double.await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_no_session_is_resumed() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let outsiders = Outsiders::of(&daemon)?;
    let bad = outsiders.known("operator")?;
    let versions: [&'static SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
    let mut stores = Vec::new();
    for version in versions {
        let store = Arc::new(Counting {
            kept: ClientSessionMemoryCache::new(64),
            given: AtomicU64::new(0),
            offered: AtomicU64::new(0),
        });
        let mut config = wire::tls(&bad, &[version])?;
        config.resumption = Resumption::store(Arc::clone(&store) as _);
        sessions_from_a_double(&daemon, &config).await?;
        let from_double = store.given.load(Ordering::SeqCst);
        ensure!(from_double > 0, "{version:?}: the double gave no session, so that this test would show nothing");
        for round in 0..3 {
            let stream = spoken(&daemon, &config).await?;
            let kind = stream.handshake_kind();
            ensure!(kind.is_some_and(|kind| kind != HandshakeKind::Resumed), "{version:?} {round}: {kind:?}");
        }
        ensure!(store.offered.load(Ordering::SeqCst) > 0, "{version:?}: no session was offered");
        let given = store.given.load(Ordering::SeqCst) - from_double;
        ensure!(given == 0, "{version:?}: the daemon gave {given} sessions");
        stores.push((version, config));
    }
    put_list(&daemon, &outsiders.revoking(&[&bad], 1, HOUR_S)?)?;
    until("the revoked is refused", CUT_LIMIT, async || Ok(answered(&bad).await.is_err().then_some(()))).await?;
    for (version, config) in stores {
        for round in 0..3 {
            ensure!(spoken(&daemon, &config).await.is_err(), "{version:?} {round}: the revoked is let in");
        }
        sessions_from_a_double(&daemon, &config).await?;
        ensure!(spoken(&daemon, &config).await.is_err(), "{version:?}: the revoked is let in with a session");
    }
    Client::operator(&daemon).await?.bus("row-10").await
}

/// A connection on which the server has said something: in TLS 1.3 a refusal comes after the client's side is done.
async fn spoken(daemon: &Daemon, config: &rustls::ClientConfig) -> Outcome<Shaken> {
    let mut stream = wire::shake(wire::tcp(daemon, 1).await?, config.clone()).await?;
    stream.write_all(&[wire::PREFACE, &wire::frame(wire::SETTINGS, 0, 0, &[])].concat()).await?;
    stream.flush().await?;
    timeout(PATIENCE, wire::read(&mut stream)).await?.context("the connection broke")?;
    Ok(Shaken(stream.get_ref().1.handshake_kind()))
}

struct Shaken(Option<HandshakeKind>);

impl Shaken {
    const fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.0
    }
}

impl fmt::Debug for Shaken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_a_list_that_is_over_lets_nobody_in() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let outsiders = Outsiders::of(&daemon)?;
    let good = outsiders.known("operator")?;
    let alarm = async || wire::figure(&daemon, "bascule_revocation_list_alarm", "").await;
    let stands = async |wanted: f64| {
        until(&format!("alarm {wanted}"), PATIENCE, async || Ok((alarm().await? == wanted).then_some(()))).await
    };
    stands(0.0).await?;
    // Two days: no alarm. Less than one: an alarm, and everybody is let in.
    let says = async |words: &str| {
        until(words, PATIENCE, async || Ok(fs::read_to_string(daemon.log_path())?.contains(words).then_some(()))).await
    };
    put_list(&daemon, &outsiders.revoking(&[], 1, 48 * HOUR_S)?)?;
    says("have changed, and are read anew").await?;
    stands(0.0).await?;
    put_list(&daemon, &outsiders.revoking(&[], 2, 23 * HOUR_S)?)?;
    stands(1.0).await?;
    says("a revocation list ends within a day").await?;
    answered(&good).await?;
    // It ends while a connection is open, and nobody replaces it.
    let list = outsiders.revoking(&[], 3, 8)?;
    let ends = Instant::now() + Duration::from_secs(8);
    put_list(&daemon, &list)?;
    let open = [idle(&daemon, &good).await?, tailing(&good).await?];
    for Open { what, ended } in open {
        let at = timeout(CUT_PATIENCE, ended).await.with_context(|| format!("{what} goes on"))??;
        let late = at.saturating_duration_since(ends);
        ensure!(late <= CUT_LIMIT, "{what} ended {late:?} after the list");
    }
    stands(2.0).await?;
    ensure!(answered(&good).await.is_err(), "a new connection is let in");
    says("a revocation list is over").await?;
    // One that is over from the start is no better; a new one lets them in again.
    put_list(&daemon, &outsiders.revoking(&[], 4, -1)?)?;
    ensure!(answered(&good).await.is_err(), "a new connection is let in by a list that is over");
    put_list(&daemon, &outsiders.revoking(&[], 5, 48 * HOUR_S)?)?;
    until("a fresh list", PATIENCE, async || Ok(answered(&good).await.is_ok().then_some(()))).await?;
    stands(0.0).await
}
