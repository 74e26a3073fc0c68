//! What the tests over whole daemons share: daemons, clients, receivers, and the account of what was delivered.
//!
//! In: the environment of the test run; binaries beside the test's own.
//! Out: running processes with everything they wrote; a line that `./x test` counts for each test that cannot run here.
//! Never: a fixed port, a wait without a deadline, a process that outlives its test, or a test that is silently not run.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

pub mod binaries;
pub mod chance;
pub mod client;
pub mod command;
pub mod daemon;
pub mod history;
pub mod ledger;
pub mod linear;
pub mod links;
pub mod nodes;
pub mod outsiders;
pub mod people;
pub mod producers;
pub mod receiver;
pub mod signature;
pub mod traffic;
pub mod wait;

/// What a test answers: what goes wrong on the way fails it.
pub type Outcome<T = ()> = anyhow::Result<T>;

/// The variable that names the file which `./x test` counts skips in.
pub const SKIPS_ENV: &str = "BASCULE_SKIPS";

/// Records that the test `name` cannot run here, and why; the test then returns.
///
/// One line `name: reason` is appended to the file that `BASCULE_SKIPS` names, in one write, so that tests of many
/// processes may do it at once. Without that variable the line goes to standard error alone.
///
/// # Errors
/// The file cannot be opened or written: let the test fail, for a skip that nobody counts is a lie.
pub fn skip(name: &str, reason: &str) -> io::Result<()> {
    let line = format!("{name}: {}\n", reason.replace('\n', " "));
    if let Some(path) = env::var_os(SKIPS_ENV) {
        record(Path::new(&path), &line)?;
    }
    write!(io::stderr(), "SKIP {line}")
}

fn record(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use super::*;

    #[test]
    fn skips_are_added_one_line_each_and_a_lost_one_is_an_error() {
        let path = env::temp_dir().join(format!("bascule-skips-{}", process::id()));
        record(&path, "a: no vectors\n").unwrap();
        record(&path, "b: no peers\n").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(text, "a: no vectors\nb: no peers\n");
        assert!(record(&path.join("under a file that is gone"), "c: d\n").is_err());
    }
}
