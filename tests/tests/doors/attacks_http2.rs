//! Rows 17 and 22 of the attacks: floods of HTTP/2 frames, and bodies that grow when they are read.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::wire::{self, END_HEADERS, END_STREAM};

/// What an attack may cost in memory, all of them together.
const GROWTH_LIMIT_BYTES: u64 = 50 * 1024 * 1024;
/// How long an attacker goes on by itself, and within which it must have been stopped.
const ATTACK: Duration = Duration::from_secs(40);
/// Bytes that an attacker sends at most.
const ATTACK_BYTES: usize = 256 * 1024 * 1024;
/// How long another caller's put may take meanwhile.
const SERVED: Duration = Duration::from_secs(10);

const LIST: &str = "bascule.v1.EventBuses/ListEventBuses";
const RECEIVE: &str = "bascule.v1.Queues/ReceiveMessage";

/// What became of an attack.
struct Ended {
    /// The connection ended, or the server said that it is over.
    stopped: bool,
    sent_bytes: usize,
    took: Duration,
    /// Streams that the server reset.
    resets: usize,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stopped, sent_bytes, took, resets } = self;
        write!(out, "stopped: {stopped}, after {took:?} and {sent_bytes} bytes, {resets} resets")
    }
}

/// Sends what `next` makes of a round's number until the server ends it, reading what it says.
async fn attack(daemon: &Daemon, mut next: impl FnMut(u32) -> Vec<u8>) -> Outcome<Ended> {
    let stream = wire::open(daemon, &daemon.context()?, 1).await?;
    let (mut read, mut write) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut resets = 0;
        while let Some(frame) = wire::read(&mut read).await {
            resets += usize::from(frame.kind == wire::RST_STREAM);
            if frame.kind == wire::GOAWAY {
                break;
            }
        }
        resets
    });
    let began = Instant::now();
    let mut sent_bytes = 0;
    for round in 0.. {
        if reading.is_finished() || began.elapsed() > ATTACK || sent_bytes > ATTACK_BYTES {
            break;
        }
        let bytes = next(round);
        let written = async {
            write.write_all(&bytes).await?;
            write.flush().await
        };
        // A server that reads no more holds the attacker up, which is as good as an end for as long as it lasts.
        match timeout(ATTACK.saturating_sub(began.elapsed()), written).await {
            Ok(Ok(())) => sent_bytes += bytes.len(),
            _ => break,
        }
    }
    let told = timeout(ATTACK.saturating_sub(began.elapsed()), reading).await;
    let (stopped, resets) = (told.is_ok(), told.map_or(Ok(0), |told| told)?);
    Ok(Ended { stopped, sent_bytes, took: began.elapsed(), resets })
}

/// Stream ids of a client are odd.
const fn id(round: u32, nth: u32, each: u32) -> u32 {
    (round * each + nth) * 2 + 1
}

/// A round of an attack, by its number.
type Round = Box<dyn FnMut(u32) -> Vec<u8> + Send>;

fn attacks() -> Vec<(&'static str, Round)> {
    let many = |frames: &dyn Fn(u32) -> Vec<u8>, each: u32| -> Vec<u8> { (0..each).flat_map(frames).collect() };
    let call = || wire::call(LIST);
    vec![
        ("rapid reset", {
            let headers = call();
            Box::new(move |round| {
                let pair = |nth| {
                    let id = id(round, nth, 100);
                    let cancel = wire::frame(wire::RST_STREAM, 0, id, &8_u32.to_be_bytes());
                    [wire::frame(wire::HEADERS, END_HEADERS | END_STREAM, id, &headers), cancel].concat()
                };
                many(&pair, 100)
            })
        }),
        ("made you reset, by a window of nothing", {
            let headers = call();
            Box::new(move |round| {
                let pair = |nth| {
                    let id = id(round, nth, 20);
                    let nothing = wire::frame(wire::WINDOW_UPDATE, 0, id, &[0; 4]);
                    [wire::frame(wire::HEADERS, END_HEADERS, id, &headers), nothing].concat()
                };
                many(&pair, 20)
            })
        }),
        ("made you reset, by a window that overflows", {
            let headers = call();
            Box::new(move |round| {
                let pair = |nth| {
                    let id = id(round, nth, 20);
                    let most = wire::frame(wire::WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes());
                    [wire::frame(wire::HEADERS, END_HEADERS, id, &headers), most].concat()
                };
                many(&pair, 20)
            })
        }),
        ("continuation", {
            let part = wire::field("x-part", &"y".repeat(16_000));
            Box::new(move |round| match round {
                0 => wire::frame(wire::HEADERS, 0, 1, &wire::call(LIST)),
                _ => wire::frame(wire::CONTINUATION, 0, 1, &part),
            })
        }),
        ("continuation of nothing", {
            Box::new(move |round| match round {
                0 => wire::frame(wire::HEADERS, 0, 1, &wire::call(LIST)),
                _ => many(&|_| wire::frame(wire::CONTINUATION, 0, 1, &[]), 1_000),
            })
        }),
        ("settings", Box::new(move |_| many(&|_| wire::frame(wire::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]), 1_000))),
        ("pings", Box::new(move |_| many(&|_| wire::frame(wire::PING, 0, 0, &[7; 8]), 1_000))),
        ("priorities", Box::new(move |_| many(&|_| wire::frame(wire::PRIORITY, 0, 1, &[0, 0, 0, 3, 7]), 1_000))),
        ("frames of no kind", Box::new(move |_| many(&|_| wire::frame(200, 0, 0, &[7; 100]), 1_000))),
        ("data of nothing", {
            let headers = call();
            Box::new(move |round| match round {
                0 => wire::frame(wire::HEADERS, END_HEADERS, 1, &headers),
                _ => many(&|_| wire::frame(wire::DATA, 0, 1, &[]), 1_000),
            })
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_floods_of_frames_end() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.put_one(entry("test.flood", "t", "{}")).await?;
    let before = daemon.rss_bytes()?;
    for (what, next) in attacks() {
        let serving = async {
            let mut slowest = Duration::ZERO;
            loop {
                let began = Instant::now();
                timeout(SERVED, client.put_one(entry("test.flood", "t", "{}")))
                    .await
                    .context("it takes too long")??;
                slowest = slowest.max(began.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
                if slowest > SERVED {
                    return anyhow::Ok(slowest);
                }
            }
        };
        let ended = tokio::select! {
            ended = attack(&daemon, next) => ended?,
            served = serving => anyhow::bail!("{what}: another caller is not served: {served:?}"),
        };
        ensure!(ended.stopped && ended.took < ATTACK, "{what} goes on: {ended}");
        let grown = daemon.rss_bytes()?.saturating_sub(before);
        ensure!(grown < GROWTH_LIMIT_BYTES, "{what}: it grew by {grown} bytes, {ended}");
        told(what, &ended, grown);
    }
    client.put_one(entry("test.flood", "t", "{}")).await?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "runners show what a test prints where it failed, or when asked")]
fn told(what: &str, ended: &Ended, grown: u64) {
    eprintln!("{what}: {ended}, grown by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_headers_and_streams_have_their_bounds() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queue("inbox").await?;
    let context = daemon.context()?;
    // What the server says it takes.
    let mut stream = wire::shake(wire::tcp(&daemon, 1).await?, wire::tls(&context, rustls::ALL_VERSIONS)?).await?;
    stream.write_all(&[wire::PREFACE, &wire::frame(wire::SETTINGS, 0, 0, &[])].concat()).await?;
    stream.flush().await?;
    let settings = timeout(wire::STEP, wire::read(&mut stream)).await?.context("no settings")?;
    let said = |id: u16| {
        let (head, value) = (id.to_be_bytes(), settings.body.chunks(6));
        value.filter(|six| six[..2] == head).map(|six| u32::from_be_bytes([six[2], six[3], six[4], six[5]])).next()
    };
    assert_eq!((said(3), said(6)), (Some(128), Some(16 * 1024)), "{settings:?}");
    // A list over its bound, in two frames, is no call.
    let mut stream = wire::open(&daemon, &context, 1).await?;
    let long = [wire::call(LIST), wire::field("x-long", &"y".repeat(17_000))].concat();
    let first = wire::frame(wire::HEADERS, END_STREAM, 1, &long[..16_000]);
    stream.write_all(&[first, wire::frame(wire::CONTINUATION, END_HEADERS, 1, &long[16_000..])].concat()).await?;
    stream.flush().await?;
    let (told, ended) = wire::rest(&mut stream, Duration::from_secs(2)).await;
    // 431 without a body, a reset, or the end of all.
    let refused = |frame: &wire::Frame| match frame.kind {
        wire::HEADERS => frame.flags & END_STREAM != 0,
        kind => matches!(kind, wire::RST_STREAM | wire::GOAWAY),
    };
    ensure!(ended || told.iter().any(refused), "{told:?}");
    ensure!(!told.iter().any(|frame| frame.kind == wire::DATA && !frame.body.is_empty()), "it was answered: {told:?}");
    // Streams beyond so many at once are refused one by one, the others are not.
    let mut stream = wire::open(&daemon, &context, 1).await?;
    let opened: Vec<u8> =
        (0..200).flat_map(|nth| wire::frame(wire::HEADERS, END_HEADERS, id(0, nth, 1), &wire::call(RECEIVE))).collect();
    stream.write_all(&opened).await?;
    stream.flush().await?;
    let (told, ended) = wire::rest(&mut stream, Duration::from_secs(2)).await;
    let refused: Vec<_> =
        told.iter().filter(|frame| frame.kind == wire::RST_STREAM).map(|frame| frame.stream).collect();
    ensure!(ended || refused.len() == 200 - 128, "{ended}, refused: {refused:?}");
    ensure!(refused.iter().all(|stream| *stream > 2 * 128), "{refused:?}");
    client.put_one(entry("test.flood", "t", "{}")).await.map(drop)
}

/// A gzip member of zeros, 258 of them for each 13 bits (RFC 1951, section 3.2.6): `bytes` become about 158 times as many.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0_u32, 0);
    // From the first bit on: a last block of fixed codes, a zero, then lengths of 258 (code 285) at distance 1 (code 0).
    let mut push = |out: &mut Vec<u8>, value: u32, width: u32, huffman: bool| {
        for nth in 0..width {
            let bit = if huffman { value >> (width - 1 - nth) } else { value >> nth } & 1;
            bits |= bit << count;
            count += 1;
            if count == 8 {
                out.push(bits as u8);
                (bits, count) = (0, 0);
            }
        }
    };
    push(&mut out, 1, 1, false);
    push(&mut out, 1, 2, false);
    push(&mut out, 0b0011_0000, 8, true);
    while out.len() < bytes {
        push(&mut out, 0b1100_0101, 8, true);
        push(&mut out, 0, 5, true);
    }
    push(&mut out, 0, 7, true);
    out.extend([0; 9]);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn row_22_a_bomb_is_not_inflated() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.put_one(entry("test.bomb", "t", "{}")).await?;
    let stream =
        wire::shake(wire::tcp(&daemon, 1).await?, wire::tls(&daemon.context()?, rustls::ALL_VERSIONS)?).await?;
    let io = TokioIo::new(stream);
    let (mut send, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    let connection = tokio::spawn(connection);
    let before = daemon.rss_bytes()?;
    // 3 MB below the limit of a message become about 480 MB.
    let payload = bomb(3_000_000);
    for (encoding, code) in
        [("gzip", "12"), ("deflate", "12"), ("zstd", "12"), ("br", "12"), ("identity", "13"), ("", "13")]
    {
        for round in 0..4 {
            // Compressed, says the first byte.
            let body = [&[1][..], &(payload.len() as u32).to_be_bytes(), &payload].concat();
            let mut request = hyper::Request::post("https://localhost/bascule.v1.Events/PutEvents")
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("grpc-timeout", "20S");
            if !encoding.is_empty() {
                request = request.header("grpc-encoding", encoding);
            }
            let answer = timeout(wire::STEP, send.send_request(request.body(Full::new(Bytes::from(body)))?)).await??;
            let head = answer.headers().get("grpc-status").cloned();
            let trailers = timeout(wire::STEP, answer.into_body().collect()).await??.trailers().cloned();
            let status = head.or_else(|| trailers.and_then(|all| all.get("grpc-status").cloned()));
            let status = status.context("no status")?;
            let expected = status == code || encoding == "identity" || encoding.is_empty();
            ensure!(expected && status != "0", "{encoding} {round}: {status:?}");
        }
        let grown = daemon.rss_bytes()?.saturating_sub(before);
        ensure!(grown < GROWTH_LIMIT_BYTES, "{encoding}: it grew by {grown} bytes");
    }
    connection.abort();
    client.put_one(entry("test.bomb", "t", "{}")).await.map(drop)
}
