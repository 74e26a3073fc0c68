//! `basculed doctor` and `health` as an operator calls them: before `init`, after it, beside a running node, and on a broken one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::daemon::{Daemon, Options};
use serde_json::Value;

fn run(words: &[&str], config: &Path) -> Outcome<Output> {
    let mut command = Command::new(Program::Daemon.find()?);
    command.args(words).arg("--config").arg(config);
    command.output().context("basculed cannot be started")
}

/// What `doctor --json` says of each check, and its exit code.
fn doctor(config: &Path, more: &[&str]) -> Outcome<(Value, i32)> {
    let words: Vec<&str> = ["doctor", "--json"].iter().chain(more).copied().collect();
    let output = run(&words, config)?;
    let json =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((json, output.status.code().context("ended by a signal")?))
}

fn status<'a>(report: &'a Value, check: &str) -> &'a str {
    let rows = report["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = rows.iter().find(|row| row["check"] == check);
    row.and_then(|row| row["status"].as_str()).unwrap_or("missing")
}

/// A configuration of everything in this folder, with free ports where none are named.
fn write(folder: &Path, grpc: &str, admin: &str) -> Outcome<std::path::PathBuf> {
    let path = folder.join("b.toml");
    let text = format!(
        "[node]\ndata = \"data\"\nregion = \"us-east-1\"\naccount = \"000000000000\"\n\
         [listen]\ngrpc = \"{grpc}\"\nadmin = \"{admin}\"\n\
         [tls]\nfolder = \"pki\"\n[keys]\nroot = \"keys/root.key\"\n[raft]\nelection_min_ms = 5000\nelection_max_ms = 6000\n"
    );
    fs::write(&path, text)?;
    Ok(path)
}

#[test]
fn before_and_after_init() -> Outcome {
    let folder = tempfile::tempdir()?;
    let config = write(folder.path(), "127.0.0.1:0", "127.0.0.1:0")?;
    let (report, exit) = doctor(&config, &[])?;
    ensure!(exit == 0 && report["verdict"] != "fail", "{report:#}");
    ensure!(status(&report, "data_folder") == "skipped" && status(&report, "configuration") == "ok", "{report:#}");
    ensure!(fs::read_dir(folder.path())?.count() == 1, "a look left something behind");

    let made = run(&["init"], &config)?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (report, exit) = doctor(&config, &[])?;
    ensure!(exit == 0, "{report:#}");
    for check in ["data_folder", "key_files", "root_key", "certificates", "certificate_expiry", "handshake"] {
        ensure!(status(&report, check) == "ok", "{check}: {report:#}");
    }
    let (report, exit) = doctor(&config, &["--cert-expiry", "400d", "--fail-on", "warn"])?;
    ensure!(exit == 1 && status(&report, "certificate_expiry") == "warn", "{report:#}");

    let key = folder.path().join("keys/root.key");
    let secret = fs::read_to_string(&key)?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    let output = run(&["doctor"], &config)?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.code() == Some(2) && text.contains("chmod 0600"), "{text}");
    ensure!(secret.split(' ').skip(1).all(|part| !text.contains(part.trim())), "a secret is told");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;

    // Another cluster's key: of the right form, and of no use.
    let other = tempfile::tempdir()?;
    let stranger = write(other.path(), "127.0.0.1:0", "127.0.0.1:0")?;
    ensure!(run(&["init"], &stranger)?.status.success(), "a second cluster");
    fs::copy(other.path().join("keys/root.key"), &key)?;
    let (report, exit) = doctor(&config, &[])?;
    ensure!(exit == 2 && status(&report, "root_key") == "fail", "{report:#}");

    // A server's key that belongs to another certificate.
    fs::write(&key, secret)?;
    fs::copy(other.path().join("pki/server.key"), folder.path().join("pki/server.key"))?;
    let (report, exit) = doctor(&config, &[])?;
    ensure!(
        exit == 2 && status(&report, "certificates") == "fail" && status(&report, "root_key") == "ok",
        "{report:#}"
    );

    fs::write(&config, "[node]\nregion = 1\n")?;
    let (report, exit) = doctor(&config, &[])?;
    ensure!(exit == 78 && status(&report, "configuration") == "fail", "{report:#}");
    Ok(())
}

#[test]
fn beside_a_running_node() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let (grpc, admin) = (daemon.grpc()?.to_string(), daemon.admin()?.to_string());
    let config = write(daemon.home(), &grpc, &admin)?;
    let (report, exit) = doctor(&config, &[])?;
    ensure!(exit == 0, "{report:#}");
    ensure!(report["running_pid"] == daemon.pid()?, "{report:#}");
    for check in ["data_folder", "grpc_port", "admin_port", "root_key", "handshake"] {
        ensure!(status(&report, check) == "ok", "{check}: {report:#}");
    }
    ensure!(run(&["health"], &config)?.status.success(), "the node is ready");
    ensure!(daemon.terminate()?.success(), "a look disturbed the node");
    let output = run(&["health"], &config)?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && text.contains("no node is ready at"), "{text}");

    // Somebody else has taken the port meanwhile.
    let _held = std::net::TcpListener::bind(&grpc)?;
    let (report, exit) = doctor(&config, &[])?;
    ensure!(exit == 2 && status(&report, "grpc_port") == "fail", "{report:#}");
    Ok(())
}
