//! Row 18 of the attacks: clients that are slow on purpose, and floods of handshakes. Whoever else calls is served.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::client::retry::Repeat;
use bascule_api::v1::PutEventsRequest;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::wait::{PATIENCE, until};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire;

/// Time for a handshake, and for what is begun after it; then looks once a second, on a machine that does other work too.
const HANDSHAKE: Duration = Duration::from_secs(5);
const UNFINISHED: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(4);
/// How long a slow client goes on by itself.
const ATTACK: Duration = Duration::from_secs(40);

/// Writes `bytes` one by one, one each 200 ms, until it is not taken any more; when that was.
async fn dribble(mut to: impl AsyncWrite + Unpin, bytes: Vec<u8>) -> Instant {
    let began = Instant::now();
    for byte in bytes.into_iter().cycle() {
        let written = async {
            to.write_all(&[byte]).await?;
            to.flush().await
        };
        if written.await.is_err() || began.elapsed() > ATTACK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Instant::now()
}

/// Reads until the connection ends; when that was.
async fn ended(mut from: impl tokio::io::AsyncRead + Unpin) -> Instant {
    let mut bytes = vec![0; 4_096];
    let reading = async { while matches!(from.read(&mut bytes).await, Ok(count) if count > 0) {} };
    let _ = timeout(ATTACK, reading).await;
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_slow_clients_are_cut_in_time() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let context = daemon.context()?;
    let config = || wire::tls(&context, rustls::ALL_VERSIONS);
    let began = Instant::now();
    // Nothing at all; a hello byte by byte; then, behind a handshake, nothing; a preface, a header block and a header byte by byte.
    let silent = tokio::spawn(ended(wire::tcp(&daemon, 1).await?));
    let (read, write) = wire::tcp(&daemon, 1).await?.into_split();
    let slow_hello = tokio::spawn(ended(read));
    let _writing = tokio::spawn(dribble(write, vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
    let mute = tokio::spawn(ended(wire::shake(wire::tcp(&daemon, 1).await?, config()?).await?));
    let (read, write) = tokio::io::split(wire::shake(wire::tcp(&daemon, 1).await?, config()?).await?);
    let slow_preface = tokio::spawn(ended(read));
    // The preface has 24 bytes, a settings frame 9: so slowly that it takes longer than it may.
    let _writing = tokio::spawn(async move {
        let mut write = write;
        for byte in [wire::PREFACE, &[0; 9]].concat() {
            tokio::time::sleep(Duration::from_millis(700)).await;
            if write.write_all(&[byte]).await.is_err() || write.flush().await.is_err() {
                return;
            }
        }
    });
    let (read, mut write) = tokio::io::split(wire::open(&daemon, &context, 1).await?);
    let slow_block = tokio::spawn(ended(read));
    let part = wire::frame(wire::HEADERS, 0, 1, &wire::call("bascule.v1.EventBuses/ListEventBuses"));
    write.write_all(&part).await?;
    write.flush().await?;
    let _writing = tokio::spawn(dribble(write, wire::frame(wire::CONTINUATION, 0, 1, &wire::field("x", "y"))));
    let (read, write) = tokio::io::split(wire::open(&daemon, &context, 1).await?);
    let slow_header = tokio::spawn(ended(read));
    let long = wire::frame(wire::HEADERS, wire::END_HEADERS, 1, &wire::field("x", &"y".repeat(9_000)));
    let _writing = tokio::spawn(dribble(write, long));

    let rows = [
        ("a connection that says nothing", silent, HANDSHAKE),
        ("a slow hello", slow_hello, HANDSHAKE),
        ("a connection of TLS that says nothing", mute, UNFINISHED),
        ("a slow preface", slow_preface, UNFINISHED),
        ("a header block without end", slow_block, UNFINISHED),
        ("a slow header", slow_header, UNFINISHED),
    ];
    for (what, task, limit) in rows {
        // Whoever else calls is served meanwhile.
        client.put_one(entry("test.slow", "t", "{}")).await?;
        let took = task.await?.saturating_duration_since(began);
        ensure!(took <= limit + SLACK, "{what} was cut after {took:?}");
    }
    // One who opened a connection, and says nothing more, is no attacker.
    Client::operator(&daemon).await?.put_one(entry("test.slow", "t", "{}")).await.map(drop)
}

/// Whether the daemon closes this connection at once, before it could have timed out.
async fn closed_at_once(mut tcp: TcpStream) -> bool {
    let mut byte = [0];
    matches!(timeout(Duration::from_secs(2), tcp.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_a_flood_of_handshakes_is_of_its_address_alone() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let before = daemon.rss_bytes()?;
    let began = Instant::now();
    // The client from above has one place of this address, and no handshake.
    let mut held = Vec::new();
    for _ in 0..256 {
        held.push(wire::tcp(&daemon, 1).await?);
    }
    let mut closed = 0;
    for _ in 0..50 {
        closed += u32::from(closed_at_once(wire::tcp(&daemon, 1).await?).await);
    }
    // Handshakes may have ended by their own time before all were tried.
    ensure!(closed == 50 || began.elapsed() > HANDSHAKE, "{closed} of 50 more were closed");
    ensure!(closed > 0, "none was closed");
    // Another address gets in, and who is in goes on.
    let stream = wire::open(&daemon, &daemon.context()?, 2).await.context("from another address")?;
    client.put_one(entry("test.flood", "t", "{}")).await?;
    drop(stream);
    let grown = daemon.rss_bytes()?.saturating_sub(before);
    ensure!(grown < 50 * 1024 * 1024, "it grew by {grown} bytes");
    // Handshakes that are over give their places back, whether or not the client closes.
    until("a place of the first address", PATIENCE, async || {
        Ok(wire::open(&daemon, &daemon.context()?, 1).await.is_ok().then_some(()))
    })
    .await?;
    ensure!(wire::figure(&daemon, "bascule_connections_refused_total", "address").await? >= 1.0, "not counted");
    drop(held);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_an_address_has_so_many_connections() -> Outcome {
    let daemon = Daemon::start(&Options::default().set("limits.address_connections=4"))?;
    let context = daemon.context()?;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(wire::open(&daemon, &context, 1).await?);
    }
    ensure!(closed_at_once(wire::tcp(&daemon, 1).await?).await, "a fifth is let in");
    wire::open(&daemon, &context, 2).await.context("from another address")?;
    held.pop();
    until("the place of one that is gone", PATIENCE, async || {
        Ok(wire::open(&daemon, &context, 1).await.is_ok().then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_grows_old_ends_in_peace() -> Outcome {
    let daemon = Daemon::start(&Options::default().set("limits.connection_age_ms=1000"))?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.old"]}"#).await?;
    let mut raw = wire::open(&daemon, &daemon.context()?, 1).await?;
    // It is told to go, and goes.
    let (frames, ended) = wire::rest(&mut raw, PATIENCE).await;
    ensure!(ended && frames.iter().any(|frame| frame.kind == wire::GOAWAY), "{ended} {frames:?}");
    // Calls one after the other over many such ends: none fails, by a client that does nothing about it but to try again what was
    // never sent.
    let session = client.session();
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_secs(6) {
        let request = PutEventsRequest { entries: vec![entry("test.other", "t", "{}")], ..PutEventsRequest::default() };
        let put = session.call(Repeat::IfRefused, request, |request| {
            let mut events = session.events();
            async move { events.put_events(request).await }
        });
        put.await.with_context(|| format!("after {count} puts"))?;
        count += 1;
    }
    let ends = wire::figure(&daemon, "bascule_connections_ended_total", "").await?;
    ensure!(count > 10 && ends == 0.0, "{count} puts, {ends} cuts");
    Ok(())
}
