//! `bascule cluster init` and `join`: made on the machine itself, so that the daemon's own program does it in this one's place.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::context::Variable;
use crate::error::Error;
use crate::quote;

/// The daemon's program.
const DAEMON: &str = "basculed";

/// Which configuration to make a cluster by.
#[derive(Debug, Args)]
pub struct Init {
    /// The configuration file of the node
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One setting, above file and environment; may be given several times
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// Which cluster to join, and by which configuration.
#[derive(Debug, Args)]
pub struct Join {
    #[command(flatten)]
    node: Init,
    /// The token that a member made (`bascule cluster token create`); `-` to read it from the standard input
    #[arg(long, value_name = "TOKEN")]
    token: String,
}

impl Init {
    fn words(&self, verb: &str) -> Vec<OsString> {
        let mut words = vec![OsString::from(verb), OsString::from("--config"), self.config.clone().into_os_string()];
        for setting in &self.set {
            words.extend([OsString::from("--set"), OsString::from(setting)]);
        }
        words
    }
}

/// Becomes `basculed init`. Returns only if it cannot.
pub fn init(it: &Init, variable: &Variable) -> Error {
    become_daemon(it.words("init"), &[], variable)
}

/// Becomes `basculed join`. Returns only if it cannot.
pub fn join(it: &Join, variable: &Variable) -> Error {
    become_daemon(it.node.words("join"), &[OsString::from("--token"), OsString::from(&it.token)], variable)
}

fn become_daemon(words: Vec<OsString>, secret: &[OsString], variable: &Variable) -> Error {
    let beside = env::current_exe().ok();
    let path = (**variable)("PATH");
    let Some(program) = find(beside.as_deref(), path.as_deref(), Path::is_file) else {
        return Error::NoDaemon { command: told(&words, secret) };
    };
    let source = Command::new(&program).args(words).args(secret).exec();
    Error::DaemonNotRun { path: program, source }
}

/// The daemon beside this program, else the first on the path.
fn find(own: Option<&Path>, path: Option<&OsStr>, is_file: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let beside = own.map(|own| own.with_file_name(DAEMON));
    let folders = path.map(env::split_paths).into_iter().flatten();
    // A relative folder of the path would make it depend on where the command is run.
    let on_path = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(DAEMON));
    beside.into_iter().chain(on_path).find(|candidate| is_file(candidate))
}

/// The command to run where the daemon is, without the token.
fn told(words: &[OsString], secret: &[OsString]) -> String {
    let words = words.iter().map(|word| quote::word(&word.to_string_lossy()));
    let hidden = secret.chunks(2).map(|pair| format!("{} TOKEN", pair[0].to_string_lossy()));
    std::iter::once(DAEMON.to_owned()).chain(words).chain(hidden).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_looked_for_beside_the_command_and_on_the_path() {
        let check = |own: Option<&str>, path: Option<&str>, there: &[&str], expected: Option<&str>| {
            let is_file = |candidate: &Path| there.iter().any(|there| Path::new(there) == candidate);
            let found = find(own.map(Path::new), path.map(OsStr::new), is_file);
            assert_eq!(found.as_deref(), expected.map(Path::new), "{own:?} {path:?} {there:?}");
        };
        let own = Some("/opt/bascule/bascule");
        check(own, Some("/usr/bin"), &["/opt/bascule/basculed", "/usr/bin/basculed"], Some("/opt/bascule/basculed"));
        check(own, Some("/bin:/usr/bin"), &["/usr/bin/basculed"], Some("/usr/bin/basculed"));
        check(None, Some(".:here"), &["./basculed", "here/basculed"], None);
        check(own, None, &[], None);
    }

    #[test]
    fn the_command_is_told_without_the_token() {
        let init = Init { config: "/etc/bascule/a b.toml".into(), set: vec!["node.zone=a".to_owned()] };
        let join = [OsString::from("--token"), OsString::from("bascule1.secret")];
        assert_eq!(
            told(&init.words("join"), &join),
            "basculed join --config '/etc/bascule/a b.toml' --set node.zone=a --token TOKEN"
        );
        assert_eq!(told(&init.words("init"), &[]), "basculed init --config '/etc/bascule/a b.toml' --set node.zone=a");
    }
}
