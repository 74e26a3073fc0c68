//! `campaign NAME`: long runs that hurt a daemon on purpose, account for every event after each round, and write down what was seen.
//!
//! In: the name, a seed, how long; the built `basculed` and `receiver`, for a negative control the planted one.
//! Out: progress on the standard error, a page of evidence, exit code 0 if nothing was lost.
//! Never: a round without its account, a verdict without its figures, a mount or process that stays behind.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use bascule_tests::Outcome;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, Name};
use crate::campaign::Verdict;

mod acceptance;
mod arguments;
mod arrivals;
mod campaign;
mod disk;
mod evidence;
mod failover;
mod figures;
mod lanes;
mod queue;
mod rotation;
mod world;

/// Says something to whoever watches. Without anybody there is nothing to be done about it.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn main() -> ExitCode {
    let arguments = match Arguments::read(env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            say(&format!("campaign: {error:#}"));
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        // The code by which a test knows that it was skipped and did not fail.
        Ok(Verdict::CannotRun) => ExitCode::from(3),
        Err(error) => {
            say(&format!("campaign: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<Verdict> {
    if arguments.name == Name::PowerCut {
        if let Some(reason) = disk::why_not() {
            say(&format!("campaign: power cannot be cut here: {reason}"));
            return Ok(Verdict::CannotRun);
        }
        // Mounts of a namespace go with its last process, however that ends.
        disk::enter_own_namespace()?;
    }
    if arguments.name == Name::Failover && arguments.faults.power > 0 {
        if let Some(reason) = disk::why_not() {
            say(&format!("campaign: power cannot be cut here, `--power 0` goes without: {reason}"));
            return Ok(Verdict::CannotRun);
        }
        disk::enter_own_namespace()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            // Signals first: they must be caught before anything is made that would be left behind.
            biased;
            stopped = stopped() => stopped,
            verdict = Box::pin(campaign(arguments)) => verdict,
        }
    })
}

async fn campaign(arguments: &Arguments) -> Outcome<Verdict> {
    match arguments.name {
        Name::Crash | Name::PowerCut => campaign::run(arguments).await,
        Name::Queue => queue::run(arguments).await,
        Name::Rotation => rotation::run(arguments).await,
        Name::Failover => failover::run(arguments).await,
    }
}

/// Ends with an error, so that processes and folders go with their owners.
async fn stopped() -> Outcome<Verdict> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    bail!("stopped")
}
