//! `basculed issue` and `basculed revoke` beside a running daemon: who has the certificate is known, and then no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::wait::{PATIENCE, until};
use bytes::Bytes;

use super::raw;

const LIST: &str = "bascule.v1.EventBuses/ListEventBuses";

/// A configuration of this daemon, as it would be in a file.
fn configuration(daemon: &Daemon) -> Outcome<PathBuf> {
    let path = daemon.home().join("basculed.toml");
    let text = format!(
        "[node]\ndata = \"data\"\nregion = \"us-east-1\"\naccount = \"000000000000\"\n\
         [listen]\ngrpc = \"{}\"\n[tls]\nfolder = \"pki\"\n[keys]\nroot = \"keys/root.key\"\n",
        daemon.grpc()?
    );
    fs::write(&path, text)?;
    Ok(path)
}

fn basculed(config: &Path, words: &[&str]) -> Outcome<Output> {
    let mut command = Command::new(Program::Daemon.find()?);
    command.args(words).arg("--config").arg(config);
    command.output().context("basculed cannot be started")
}

/// What `basculed` says when it succeeds.
fn done(config: &Path, words: &[&str]) -> Outcome<String> {
    let output = basculed(config, words)?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What it says when it does not, and its exit code.
fn refused(config: &Path, words: &[&str]) -> Outcome<(String, Option<i32>)> {
    let output = basculed(config, words)?;
    ensure!(!output.status.success(), "{words:?} succeeds");
    Ok((String::from_utf8(output.stderr)?, output.status.code()))
}

fn context(daemon: &Daemon, folder: &Path) -> Outcome<Context> {
    let read = |name: &str| fs::read(folder.join(name));
    let endpoint = daemon.context()?.endpoint;
    Ok(Context { endpoint, ca: read("authority.pem")?, cert: read("client.pem")?, key: read("client.key")? })
}

/// The reason of a refusal; none without a connection, or one that breaks.
async fn told(context: &Context) -> Outcome<Option<String>> {
    let Ok(channel) = raw::channel(context, true).await else { return Ok(None) };
    let answer = raw::call(&channel, LIST, Bytes::new()).await;
    let status = answer.err().context("it was answered")?;
    Ok(bascule_api::status::Refusal::from_status(&status).is_ok().then(|| reason(&status)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_issued_is_known_until_it_is_revoked() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let config = configuration(&daemon)?;
    let out = daemon.home().join("app");
    let at = out.display().to_string();
    let said = done(&config, &["issue", "--name", "app", "--valid", "1h", "--out", &at])?;
    ensure!(said.contains("bascule user create NAME --identity spiffe://") && said.contains("/app\n"), "{said}");
    let app = context(&daemon, &out)?;
    // Who it is is known; that it may nothing is another matter.
    ensure!(told(&app).await?.as_deref() == Some("ACCESS_DENIED"), "{:?}", told(&app).await?);

    let more = daemon.home().join("more").display().to_string();
    for (words, part, exit) in [
        (&["issue", "--name", "app", "--out", &at][..], "client.key", 78),
        (&["issue", "--name", "a b", "--out", &more], "not allowed", 78),
        (&["issue", "--name", "app", "--valid", "400d", "--out", &more], "365d", 78),
        (&["issue", "--name", "app", "--valid", "soon", "--out", &more], "whole number with a unit", 2),
        (&["issue", "--name", "app", "--dns", "app.test", "--out", &more], "cannot be used with", 2),
        (&["issue", "--out", &more], "required", 2),
        (&["issue", "--name", "app"], "required", 2),
        (&["revoke"], "required", 2),
        (&["revoke", "--serial", "zz"], "is no serial number", 78),
        (&["revoke", "--certificate", &more], "could not be read", 1),
    ] {
        let (said, code) = refused(&config, words)?;
        ensure!(said.contains(part) && code == Some(exit), "{words:?}: {code:?} {said}");
    }
    ensure!(!Path::new(&more).exists(), "a refusal left something behind");

    let began = Instant::now();
    let certificate = out.join("client.pem").display().to_string();
    let said = done(&config, &["revoke", "--certificate", &certificate])?;
    ensure!(said.contains("is revoked"), "{said}");
    until("the revoked is refused", PATIENCE, async || Ok(told(&app).await?.is_none().then_some(()))).await?;
    ensure!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
    // Nobody else is, neither now nor once the list is signed anew; and nobody has told the daemon of any of it.
    Client::operator(&daemon).await?.bus("before").await?;
    done(&config, &["renew"])?;
    until("the operator's new certificate", PATIENCE, async || {
        Ok(Client::operator(&daemon).await?.bus("after").await.is_ok().then_some(()))
    })
    .await?;
    ensure!(told(&app).await?.is_none(), "the revoked is let in again");
    Ok(())
}
