//! An orderly stop repeats nothing and loses nothing; certificates are read anew on SIGHUP.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::{Arrived, Ledger, read_event};
use bascule_tests::outsiders::Outsiders;
use bascule_tests::producers::{Plan, Producers};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, until};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_nothing_and_loses_nothing() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let pattern = r#"{"source":["test.producers"]}"#;
    client.webhook("hook", pattern, &receiver.url("/ok/hook")).await?;
    client.webhook("sick", pattern, &receiver.url("/status/503/sick")).await?;
    client.queued("inbox", pattern).await?;
    let plan = Plan { producers: 4, batch: 5, ..Plan::default() };
    let producers = Producers::start(daemon.context()?, plan);
    // Stopped in the middle of the work, twice.
    for round in 1..=2 {
        until("acknowledged events", PATIENCE, async || Ok((producers.acknowledged() >= round * 200).then_some(())))
            .await?;
        daemon.restart()?;
        producers.redirect(daemon.context()?);
    }
    until("events after the restarts", PATIENCE, async || Ok((producers.acknowledged() >= 500).then_some(()))).await?;
    let puts = producers.stop().await?;
    receiver.behave("/status/503/sick", "/ok")?;
    let client = Client::operator(&daemon).await?;
    let mut ledger = Ledger::default();
    for put in &puts {
        ledger.put(put, &["hook", "sick", "inbox"]);
    }
    for lane in ["hook", "sick", "inbox"] {
        client.settled("", lane, Duration::from_secs(60)).await?;
        ledger.counted(lane, client.counts("", lane, lane).await?);
    }
    for record in receiver.records()?.iter().filter(|record| record.is_taken()) {
        let lane = record.path.rsplit('/').next().unwrap_or_default();
        ledger.delivered(lane, &Arrived { id: record.event_id.clone(), mark: record.mark.clone() });
    }
    for message in client.drain("inbox").await? {
        ledger.delivered("inbox", &read_event(&message.body).unwrap_or_default());
    }
    ledger.account().demand_exact()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_restart_keeps_everything_and_calls_nobody() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", r#"{"source":["test.idle"]}"#, &receiver.url("/ok")).await?;
    client.put((0..10).map(|_| entry("test.idle", "t", "{}")).collect()).await?;
    client.settled("", "hook", PATIENCE).await?;
    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    assert_eq!(client.counts("", "hook", "hook").await?.delivered, 10);
    let last = client.put_one(entry("test.idle", "t", "{}")).await?;
    client.settled("", "hook", PATIENCE).await?;
    let records = receiver.at("/ok")?;
    assert_eq!(records.len(), 11);
    assert_eq!(records[10].event_id, last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_anew_on_a_signal() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let old = Client::operator(&daemon).await?;
    let before = shown_certificate(&daemon).await?;
    let (certificate, key) = Outsiders::of(&daemon)?.new_server()?;
    let paths = [daemon.pki().join("server.pem"), daemon.pki().join("server.key")];
    // Half of a pair is refused, and the old pair stays in use.
    fs::write(&paths[0], &certificate)?;
    daemon.reload()?;
    until("a refusal in the log", PATIENCE, async || {
        Ok(fs::read_to_string(daemon.log_path())?.contains("the certificates are refused").then_some(()))
    })
    .await?;
    ensure!(shown_certificate(&daemon).await? == before, "half a pair was taken");
    fs::write(&paths[1], &key)?;
    daemon.reload()?;
    let wanted = CertificateDer::from_pem_slice(certificate.as_bytes())?;
    until("the new certificate", PATIENCE, async || {
        Ok((shown_certificate(&daemon).await?.as_ref() == wanted.as_ref()).then_some(()))
    })
    .await?;
    // Connections that were open go on, and new ones are made.
    old.put_one(entry("test.tls", "t", "{}")).await?;
    Client::operator(&daemon).await?.put_one(entry("test.tls", "t", "{}")).await?;
    Ok(())
}

/// The certificate that the server shows to a new connection.
async fn shown_certificate(daemon: &Daemon) -> Outcome<CertificateDer<'static>> {
    let context = daemon.context()?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&context.ca)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let chain = vec![CertificateDer::from_pem_slice(&context.cert)?];
    let config = builder.with_root_certificates(roots);
    let config = config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(&context.key)?)?;
    let tcp = TcpStream::connect(daemon.grpc()?).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, tcp).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    Ok(shown.context("the server shows no certificate")?.clone().into_owned())
}
