//! A few rounds of each campaign, so that what a long run checks cannot rot between long runs.
//!
//! `./x test` kills the daemon three times under load and once under subscribers, and replaces certificates of six seconds; `./x test --long` cuts its power too, and sees that
//! planted faults are found.

use std::env;
use std::process::{Command, ExitStatus, Stdio};

use bascule_tests::{Outcome, skip};

/// Set by `./x test --long`.
const LONG_ENV: &str = "BASCULE_LONG";
/// Set by `./x test --long`: the binary with planted faults.
const PLANTED_ENV: &str = "BASCULED_PLANTED";
/// What a campaign ends with where it cannot run.
const CANNOT_RUN: i32 = 3;

/// Set by `./x test`: the program of this run, which no other build replaces.
const CAMPAIGN_ENV: &str = "BASCULE_CAMPAIGN";

fn campaign(words: &[&str]) -> Outcome<ExitStatus> {
    let program = env::var_os(CAMPAIGN_ENV).unwrap_or_else(|| env!("CARGO_BIN_EXE_campaign").into());
    let mut command = Command::new(program);
    Ok(command.args(words).arg("--no-evidence").stdin(Stdio::null()).status()?)
}

/// Runs one that belongs to long runs, or says why not.
fn long(name: &str, words: &[&str]) -> Outcome {
    if env::var_os(LONG_ENV).is_none() {
        // Not a test that cannot run, but one that was not asked for.
        return Ok(());
    }
    let ended = campaign(words)?;
    if ended.code() == Some(CANNOT_RUN) {
        return Ok(skip(name, "power cannot be cut here: it takes root, loop devices, and the planted binary")?);
    }
    assert!(ended.success(), "the campaign ended with {ended}");
    Ok(())
}

#[test]
fn nothing_is_lost_by_kills() -> Outcome {
    let ended = campaign(&["crash", "--rounds", "3"])?;
    assert!(ended.success(), "the campaign ended with {ended}");
    Ok(())
}

#[test]
fn no_message_is_lost_by_a_kill_under_subscribers() -> Outcome {
    let ended = campaign(&["queue", "--messages", "2000", "--seed", "1"])?;
    assert!(ended.success(), "the campaign ended with {ended}");
    Ok(())
}

#[test]
fn no_call_fails_while_certificates_are_replaced() -> Outcome {
    let ended = campaign(&["rotation", "--rounds", "5", "--life", "6"])?;
    assert!(ended.success(), "the campaign ended with {ended}");
    Ok(())
}

#[test]
fn a_subscriber_that_forgets_is_found_out() -> Outcome {
    long("a_subscriber_that_forgets_is_found_out", &["queue", "--forgetful", "--messages", "2000", "--seed", "1"])
}

#[test]
fn a_daemon_that_does_not_delete_is_found_out() -> Outcome {
    if env::var_os(LONG_ENV).is_some() && env::var_os(PLANTED_ENV).is_none() {
        return Ok(skip("a_daemon_that_does_not_delete_is_found_out", "`BASCULED_PLANTED` names no binary")?);
    }
    long("a_daemon_that_does_not_delete_is_found_out", &["queue", "--planted", "--messages", "2000", "--seed", "1"])
}

#[test]
fn nothing_is_lost_by_power_cuts() -> Outcome {
    long("nothing_is_lost_by_power_cuts", &["power-cut", "--rounds", "3"])
}

#[test]
fn a_daemon_that_does_not_sync_is_found_out() -> Outcome {
    if env::var_os(LONG_ENV).is_some() && env::var_os(PLANTED_ENV).is_none() {
        return Ok(skip("a_daemon_that_does_not_sync_is_found_out", "`BASCULED_PLANTED` names no binary")?);
    }
    long("a_daemon_that_does_not_sync_is_found_out", &["power-cut", "--planted", "--rounds", "5"])
}
