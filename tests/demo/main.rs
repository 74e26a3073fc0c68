//! `demo`: 1,000 events, 12 rules, and a daemon that is killed in the middle; then every delivery is accounted for. `demo --zones 3`:
//! the same question to three daemons, of which one is killed and one zone is cut off.
//!
//! In: the events, rules and expected counts beside this file; the built `basculed`, `bascule` and `receiver`.
//! Out: a few lines of narration and progress on the standard error, one table on the standard output; exit code 0 or 1.
//! Never: a fixed port, a folder that is left behind, or a row that is called right because it was not looked at.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::Receiver;
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::{Commands, told};
use crate::script::Script;

mod commands;
mod rights;
mod script;
mod setup;
mod storm;
mod tally;
mod zones;

/// The bus of everything.
const BUS: &str = "shop";
/// How long everything that was accepted may take to arrive.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(90);

/// Says something to whoever watches. Without anybody there is nothing to be done about it.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = tokio::select! {
        // Signals first: they must be caught before anything is made that would be left behind.
        biased;
        stopped = stopped() => stopped,
        done = Box::pin(play()) => done,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends with an error, so that processes and folders go with their owners.
async fn stopped() -> Outcome<bool> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    bail!("stopped")
}

/// What the words on the command line ask for.
async fn play() -> Outcome<bool> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demo().await,
        ["--zones", "3"] => zones::demo().await,
        _ => bail!("`demo` takes `--zones 3` or nothing, not `{}`", words.join(" ")),
    }
}

async fn demo() -> Outcome<bool> {
    let began = Instant::now();
    let script = Script::read()?;
    say("1. A daemon, a receiver of webhooks, and the command line as their user:");
    let folder = tempfile::Builder::new().prefix("bascule-demo-").tempdir()?;
    let mut daemon = Daemon::start(&Options::default().home(&folder.path().join("daemon")))?;
    let receiver = Receiver::start(&daemon)?;
    say(&format!("   $ basculed dev --data {}", daemon.home().display()));
    say(&format!("   $ export BASCULE_CONTEXT={}", daemon.context_path().display()));
    let commands = Commands::new(&daemon, folder.path())?;
    let control_index = setup::everything(&commands, &script, &receiver)?;
    let publisher = rights::publisher(&commands, &daemon)?;
    rights::refused(&commands, &publisher)?;

    say(
        "2. The 1,000 events, one put each by that publisher, up to 128 unanswered at once; and a SIGKILL in the middle:",
    );
    let first = storm::until_killed(&script, (&mut daemon, &publisher), &receiver, control_index).await?;
    say(&format!(
        "   SIGKILL to basculed after {} acknowledged puts, with {} puts unanswered and {} deliveries open",
        first.acknowledged(),
        first.unanswered,
        first.open
    ));

    say("3. The same folder again, and what was not acknowledged once more:");
    daemon.start_again()?;
    say(&format!("   $ basculed dev --data {}", daemon.home().display()));
    let again = storm::put_again(&commands, &script, &first, control_index)?;
    let client = Client::operator(&daemon).await?;
    say("     waiting until nothing is pending: some of these webhooks take 2.5 s to answer");
    for rule in &script.rules {
        let limit = ARRIVAL_LIMIT.saturating_sub(began.elapsed());
        client.settled(BUS, &rule.name, limit).await.context("waiting until nothing is pending")?;
    }
    commands.show(&["delivery", "describe", "--bus", BUS, "--rule", "orders-placed"])?;
    commands.show(&["dead-letter", "list", "--bus", BUS, "--limit", "2"])?;

    say("4. The account, from the receiver's own file, the drained queues and the dead letters:");
    let seen = tally::look(&client, &script, &receiver).await?;
    let rows = tally::rows(&script, &first.join(again), &seen);
    let right = tally::write(&rows, &mut io::stdout())?;
    told(&format!("{} of {} rows are as expected, after {:.1} s", right, rows.len(), began.elapsed().as_secs_f32()));
    let stopped = daemon.terminate()?;
    if !stopped.success() {
        bail!("basculed ended with {stopped}:\n{}", daemon.log_end());
    }
    // Dropped, it would show the end of its log, which is for failures.
    std::mem::forget(daemon);
    Ok(right == rows.len())
}
