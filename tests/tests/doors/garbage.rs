//! Garbage from a caller who may call: a clear error each time, and a daemon that neither falls nor grows.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::v1::{PutEventsRequest, PutRuleRequest, TestEventPatternRequest};
use bascule_tests::chance::Chance;
use bascule_tests::client::{Client, entry, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::{Outcome, client};
use bytes::Bytes;
use prost::Message;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{contract, raw};

const PUT: &str = "bascule.v1.Events/PutEvents";
/// Their requests have no text that could be none.
const TEXTLESS: [&str; 5] = [
    "bascule.admin.v1.Cluster/DescribeCluster",
    "bascule.admin.v1.Cluster/ListJoinTokens",
    "bascule.admin.v1.Quotas/DescribeQuotas",
    "bascule.iam.v1.Organizations/DescribeOrganization",
    "bascule.iam.v1.Sessions/GetCallerIdentity",
];
const RULE: &str = "bascule.v1.Rules/PutRule";
const TEST: &str = "bascule.v1.Rules/TestEventPattern";
const INPUTS: usize = 10_000;
const FIRST_INPUTS: usize = 100;
const GROWTH_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

fn nested(levels: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

fn put(detail: &str) -> Bytes {
    PutEventsRequest { entries: vec![entry("test.garbage", "t", detail)], ..PutEventsRequest::default() }
        .encode_to_vec()
        .into()
}

fn rule(pattern: &str) -> Bytes {
    let request =
        PutRuleRequest { name: "garbage".to_owned(), event_pattern: pattern.to_owned(), ..PutRuleRequest::default() };
    request.encode_to_vec().into()
}

fn test(pattern: &str, event: &str) -> Bytes {
    TestEventPatternRequest { event_pattern: pattern.to_owned(), event: event.to_owned() }.encode_to_vec().into()
}

/// A request whose one text is no UTF-8: field 1, so many bytes.
fn no_text() -> Bytes {
    Bytes::from_static(b"\x0a\x04\xff\xfe\x80\x80")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_garbage_has_a_clear_answer() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let channel = raw::channel(&daemon.context()?, true).await?;
    let rows = [
        ("a message over the limit", PUT, put(&format!(r#"{{"p":"{}"}}"#, "p".repeat(5_000_000))), "REQUEST_TOO_LARGE"),
        ("a put over its limit", PUT, put(&format!(r#"{{"p":"{}"}}"#, "p".repeat(2_000_000))), "REQUEST_TOO_LARGE"),
        ("no protobuf", RULE, Bytes::from_static(b"\xff\xff\xff\xff"), "VALIDATION_FAILED failed to decode"),
        ("a length beyond the end", RULE, Bytes::from_static(b"\x0a\x7fabc"), "VALIDATION_FAILED failed to decode"),
        ("another wire type", RULE, Bytes::from_static(b"\x08\x01"), "VALIDATION_FAILED failed to decode"),
        ("no UTF-8", RULE, no_text(), "VALIDATION_FAILED failed to decode"),
        ("a deep pattern", RULE, rule(&nested(500)), "EVENT_PATTERN_INVALID"),
        ("a pattern that ends early", RULE, rule(r#"{"a":["#), "EVENT_PATTERN_INVALID"),
        ("a long pattern", RULE, rule(&format!(r#"{{"a":["{}"]}}"#, "x".repeat(5_000))), "VALIDATION_FAILED"),
        ("a deep event", TEST, test(r#"{"a":["b"]}"#, &nested(400_000)), "EVENT_INVALID"),
        ("an event of brackets", TEST, test(r#"{"a":["b"]}"#, &"[".repeat(1_000_000)), "EVENT_INVALID"),
        ("a NUL in a name", RULE, Bytes::from_static(b"\x0a\x03a\0b\x1a\x0b{\"a\":[\"b\"]}"), "VALIDATION_FAILED"),
    ];
    for (what, method, message, expected) in rows {
        let Err(status) = raw::call(&channel, method, message).await else { anyhow::bail!("{what}: taken") };
        let told = format!("{} {}", reason(&status), status.message());
        let clear = told.contains(expected) || expected == "EVENT_INVALID" && status.code() == Code::InvalidArgument;
        ensure!(clear && told.len() < 2_000, "{what}: {:?} {}", status.code(), &told[..told.len().min(300)]);
        ensure!(!told.contains("panic"), "{what}: {told}");
    }
    // Deep details are one entry's business.
    for levels in [1_001, 100_000] {
        let answer =
            Client::operator(&daemon).await?.try_put(vec![entry("test.garbage", "t", &nested(levels))]).await?;
        assert_eq!(answer.failed_entry_count, 1, "{levels}");
    }
    alive(&daemon).await
}

async fn alive(daemon: &Daemon) -> Outcome {
    let log = std::fs::read_to_string(daemon.log_path())?;
    ensure!(!log.contains("panicked"), "the daemon panicked: {}", daemon.log_end());
    Client::operator(daemon).await?.put_one(entry("test.garbage", "t", "{}")).await?;
    Ok(())
}

/// The next bad input: a method, and a message that no method takes.
fn bad(chance: &mut Chance, methods: &[String]) -> (String, Bytes) {
    let method = methods[chance.below(methods.len() as u64) as usize].clone();
    let count = chance.below(400) as usize;
    match chance.below(6) {
        // The first bit of each byte is set: no field ends, so that nothing can be read.
        0 => (method, chance.bytes(count + 1).iter().map(|byte| byte | 0x80).collect()),
        1 => (method, no_text()),
        2 => (PUT.to_owned(), put(&nested(1_001 + count))),
        3 => (RULE.to_owned(), rule(&nested(20 + count))),
        4 => (TEST.to_owned(), test(&nested(20 + count), &"[".repeat(20 * count + 1))),
        _ => (PUT.to_owned(), put(&format!(r#"{{"p":"{}""#, "p".repeat(20 * count)))),
    }
}

/// Not one is taken, and each refusal is short.
fn judged(method: &str, answer: Result<Bytes, Status>) -> Outcome {
    match answer {
        Ok(answer) if method == PUT => {
            let answer = bascule_api::v1::PutEventsResponse::decode(answer)?;
            ensure!(answer.failed_entry_count == 1, "an entry of garbage was taken");
        }
        // What a request does not know it passes over, as protobuf says.
        Ok(_) if TEXTLESS.contains(&method) => {}
        Ok(_) => anyhow::bail!("{method} took garbage"),
        Err(status) => {
            let expected = matches!(status.code(), Code::InvalidArgument | Code::OutOfRange);
            let reasoned = !reason(&status).contains(':');
            ensure!(expected && reasoned && status.message().len() < 2_000, "{method}: {status:?}");
        }
    }
    Ok(())
}

async fn send(daemon: &Daemon, channel: &Channel, chance: &mut Chance, count: usize) -> Outcome {
    let methods: Arc<Vec<String>> = Arc::new(contract::methods().into_iter().collect());
    let mut open = JoinSet::new();
    for nth in 0..count {
        if nth % 50 == 0 {
            scribble(daemon, &chance.bytes(200))?;
        }
        let (method, message) = bad(chance, &methods);
        let channel = channel.clone();
        open.spawn(async move { judged(&method, raw::call(&channel, &method, message).await) });
        if open.len() >= 32 {
            open.join_next().await.context("nothing is open")???;
        }
    }
    while let Some(done) = open.join_next().await {
        done??;
    }
    Ok(())
}

/// Bytes at the door that are no TLS.
fn scribble(daemon: &Daemon, bytes: &[u8]) -> Outcome {
    let mut tcp = TcpStream::connect(daemon.grpc()?)?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    // It may close at the first byte.
    let _ = tcp.write_all(bytes);
    let _ = tcp.shutdown(Shutdown::Write);
    let _ = tcp.read(&mut [0; 64]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_bad_inputs_leave_no_trace() -> Outcome {
    let mut chance = Chance::printed("ten_thousand_bad_inputs_leave_no_trace");
    let mut daemon = Daemon::start(&Options::default())?;
    let channel = raw::channel(&daemon.context()?, true).await?;
    send(&daemon, &channel, &mut chance, FIRST_INPUTS).await?;
    let before = daemon.rss_bytes()?;
    send(&daemon, &channel, &mut chance, INPUTS - FIRST_INPUTS).await?;
    let after = daemon.rss_bytes()?;
    ensure!(daemon.is_running()?, "the daemon is gone");
    alive(&daemon).await?;
    ensure!(after <= before + GROWTH_LIMIT_BYTES, "memory grew from {before} to {after} bytes");
    let operator = client::Client::operator(&daemon).await?;
    ensure!(operator.deliveries("", "garbage").await.is_err(), "a rule was made of garbage");
    Ok(())
}
