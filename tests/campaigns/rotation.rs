//! The campaign of certificates that live a minute: server's and clients' are replaced under load, again and again, and no call fails;
//! between two replacements a certificate is revoked, or an authority removed, and whoever has one is cut off in time.
//!
//! In: how long certificates live, how many replacements.
//! Out: calls and how many failed, how streams ended, how long each cut took.
//! Never: a failure that a repetition by the campaign itself hides: what the client library repeats is all that is.

mod callers;
mod page;
mod victims;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::outsiders::Outsiders;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::campaign::Verdict;
use crate::evidence;
use crate::rotation::callers::{Caller, Seen};
use crate::rotation::page::Page;
use crate::rotation::victims::{Cause, Cut};
use crate::say;

/// Callers that put, each over a connection of its own.
const CALLERS: usize = 4;
/// The queue that is followed, the one that has nothing, and the bus on which nothing happens.
const QUEUE: &str = "work";
const EMPTY: &str = "empty";
const QUIET: &str = "quiet";
/// What is put.
const SOURCE: &str = "campaign.rotation";
/// How long everybody may take to end.
const END: Duration = Duration::from_secs(60);

/// Runs the campaign and writes its page.
///
/// # Errors
/// What kept it from running; a failed call is a verdict.
pub async fn run(arguments: &Arguments) -> Outcome<Verdict> {
    let life = Duration::from_secs(arguments.life_seconds.into());
    say(&format!("campaign rotation: certificates of {} s, replaced each {} s", life.as_secs(), life.as_secs() / 2));
    let (began, commit) = (Instant::now(), evidence::commit());
    let daemon = Daemon::start(&Options::default())?;
    let operator = Client::operator(&daemon).await?;
    operator.queued(QUEUE, &format!(r#"{{"source":["{SOURCE}"]}}"#)).await?;
    operator.bus(QUIET).await?;
    operator.queue(EMPTY).await?;
    drop(operator);
    let mut campaign = Campaign {
        outsiders: Outsiders::of(&daemon)?,
        daemon,
        life,
        seen: Arc::default(),
        rotations: 0,
        cuts: Vec::new(),
        wrong: Vec::new(),
    };
    campaign.replace_server()?;
    let (mut tasks, mut callers) = (JoinSet::new(), Vec::new());
    for number in 0..CALLERS + 3 {
        let caller = Caller::connect(&campaign.fresh()?, Arc::clone(&campaign.seen)).await?;
        callers.push(caller.clone());
        match number {
            0 => tasks.spawn(async move { caller.follow().await }),
            1 => tasks.spawn(async move { caller.tail().await }),
            2 => tasks.spawn(async move { caller.wait().await }),
            _ => tasks.spawn(async move { caller.put().await }),
        };
    }
    while campaign.rotations < arguments.rounds && arguments.limit.is_none_or(|limit| began.elapsed() < limit) {
        campaign.round(&callers).await?;
    }
    campaign.seen.stop();
    timeout(END, tasks.join_all()).await.context("callers do not end")?;
    campaign.judge();
    let page = Page { arguments, commit: &commit, campaign: &campaign, took: began.elapsed() };
    for wrong in &campaign.wrong {
        say(&format!("WRONG: {wrong}"));
    }
    evidence::keep(arguments, &page.text())?;
    say(&format!("campaign rotation: {}", page.verdict()));
    Ok(if campaign.wrong.is_empty() { Verdict::Passed } else { Verdict::Failed })
}

/// A campaign that runs.
struct Campaign {
    daemon: Daemon,
    outsiders: Outsiders,
    life: Duration,
    seen: Arc<Seen>,
    rotations: u32,
    cuts: Vec<Cut>,
    wrong: Vec<String>,
}

impl Campaign {
    /// Half a life: server and clients get other certificates, and somebody is cut off.
    async fn round(&mut self, callers: &[Caller]) -> Outcome {
        let began = Instant::now();
        self.replace_server()?;
        for caller in callers {
            let context = self.fresh()?;
            if let Err(error) = caller.renew(&context).await {
                self.wrong.push(format!("rotation {}: a client cannot connect anew: {error:#}", self.rotations));
            }
        }
        let cause = if self.rotations.is_multiple_of(2) { Cause::Revoked } else { Cause::AuthorityRemoved };
        match victims::cut_off(&self.daemon, &self.outsiders, cause, self.rotations, &self.cuts).await {
            Ok(cut) => {
                say(&format!("rotation {}: {} calls, {cut}", self.rotations, self.seen.calls()));
                self.cuts.push(cut);
            }
            Err(error) => self.wrong.push(format!("rotation {}: {error:#}", self.rotations)),
        }
        self.rotations += 1;
        tokio::time::sleep((self.life / 2).saturating_sub(began.elapsed())).await;
        Ok(())
    }

    /// A certificate of a caller that lives for so long.
    fn fresh(&self) -> Outcome<bascule_api::client::Context> {
        self.outsiders.for_seconds("operator", i64::try_from(self.life.as_secs())?)
    }

    fn replace_server(&self) -> Outcome {
        let (certificate, key) = self.outsiders.server_for_seconds(i64::try_from(self.life.as_secs())?)?;
        let pki = self.daemon.pki();
        replace(&pki.join("server.key"), &key)?;
        replace(&pki.join("server.pem"), &certificate)
    }

    fn judge(&mut self) {
        let seen = self.seen.failures();
        self.wrong.extend(seen);
        for cut in &self.cuts {
            if cut.stream_ms > victims::LIMIT_MS || cut.refused_ms > victims::LIMIT_MS {
                self.wrong.push(format!("a cut took too long: {cut}"));
            }
        }
        if self.cuts.is_empty() || self.seen.calls() == 0 || self.rotations < 2 {
            self.wrong.push("too little happened to show anything".to_owned());
        }
        if [self.seen.received(), self.seen.tailed(), self.seen.waits()].contains(&0) {
            self.wrong.push("a stream, or a receive that waits, brought nothing".to_owned());
        }
    }
}

/// Replaces a file at once, for its owner alone.
fn replace(path: &Path, text: &str) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let next = path.with_extension("next");
    fs::write(&next, text)?;
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600))?;
    if let Err(error) = fs::rename(&next, path) {
        bail!("`{}`: {error}", path.display());
    }
    Ok(())
}
