//! What operators see beside gRPC: health, readiness, figures, and a stop that is announced.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::PATIENCE;

/// Status and body of a GET.
fn get(daemon: &Daemon, path: &str) -> Outcome<(u16, String)> {
    let mut tcp = TcpStream::connect(daemon.admin()?)?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(tcp, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer of HTTP")?;
    let status = head.split(' ').nth(1).context("no status")?;
    Ok((status.parse()?, body.to_owned()))
}

/// The value of a figure, over all its labels.
fn figure(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_figures_are_told() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    assert_eq!(get(&daemon, "/healthz")?, (200, "ok\n".to_owned()));
    assert_eq!(get(&daemon, "/readyz")?, (200, "ready\n".to_owned()));
    assert_eq!(get(&daemon, "/absent")?.0, 404);
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", r#"{"source":["test.admin"]}"#, &receiver.url("/ok")).await?;
    client.put((0..10).map(|_| entry("test.admin", "secret-word", "{}")).collect()).await?;
    client.settled("", "hook", PATIENCE).await?;
    let (status, text) = get(&daemon, "/metrics")?;
    assert_eq!(status, 200);
    ensure!(figure(&text, "bascule_calls_total") >= 5.0, "calls are not counted:\n{text}");
    ensure!(figure(&text, "bascule_raft_groups_led") >= 2.0, "groups are not counted:\n{text}");
    // Figures are for everybody who can reach them.
    ensure!(!text.contains("secret-word") && !text.contains("test.admin"), "figures tell of events");
    Ok(())
}
