//! The systemd unit: what `systemd-analyze` says of it, and that what it promises is what the daemon does.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::binaries::Program;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::{Outcome, skip};

/// The greatest exposure that the unit may have, of 100.
const EXPOSURE_MOST: &str = "20";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn unit() -> Outcome<String> {
    let path = root().join("deploy/systemd/basculed.service");
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Runs `systemd-analyze`, or says that it is not there.
fn analyze(words: &[&str], unit: &Path) -> Outcome<Option<Output>> {
    match Command::new("systemd-analyze").args(words).arg(unit).env("SYSTEMD_COLORS", "0").output() {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The unit in a folder of its own, with the program that was built in the place of the one that a package installs.
fn runnable(folder: &Path) -> Outcome<PathBuf> {
    let program = Program::Daemon.find()?.canonicalize()?;
    let text = unit()?.replace("/usr/bin/basculed", &program.display().to_string());
    // The page that it points to is installed with it, too.
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("Documentation=")).collect();
    let path = folder.join("basculed.service");
    fs::write(&path, text.join("\n") + "\n")?;
    Ok(path)
}

#[test]
fn systemd_knows_every_line_of_the_unit() -> Outcome {
    const NAME: &str = "deploy::systemd_knows_every_line_of_the_unit";
    let folder = tempfile::tempdir()?;
    let path = runnable(folder.path())?;
    let Some(output) = analyze(&["verify"], &path)? else {
        return Ok(skip(NAME, "systemd-analyze is not there (Debian: systemd)")?);
    };
    let text = said(&output);
    ensure!(output.status.success() && !text.contains("basculed.service:"), "{}: {text}", output.status);
    // A line that nobody knows must be found, or the silence above says nothing.
    fs::write(&path, fs::read_to_string(&path)? + "\n[Service]\nProtectEverything=yes\n")?;
    let output = analyze(&["verify"], &path)?.context("systemd-analyze went away")?;
    ensure!(said(&output).contains("ProtectEverything"), "a planted line was not found: {}", said(&output));
    Ok(())
}

#[test]
fn the_unit_is_hardened() -> Outcome {
    const NAME: &str = "deploy::the_unit_is_hardened";
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("basculed.service");
    fs::write(&path, unit()?)?;
    let threshold = format!("--threshold={EXPOSURE_MOST}");
    let words = ["security", "--offline=yes", &threshold];
    let Some(output) = analyze(&words, &path)? else {
        return Ok(skip(NAME, "systemd-analyze is not there (Debian: systemd)")?);
    };
    let text = said(&output);
    if text.contains("unrecognized option") {
        return Ok(skip(NAME, "this systemd-analyze knows no `--offline`")?);
    }
    ensure!(output.status.success(), "more exposed than {EXPOSURE_MOST} of 100:\n{text}");
    // Without its hardening the same unit must be refused, or the verdict above says nothing.
    fs::write(&path, "[Service]\nExecStart=/bin/true\n")?;
    let output = analyze(&words, &path)?.context("systemd-analyze went away")?;
    ensure!(!output.status.success(), "a bare unit was let through:\n{}", said(&output));
    Ok(())
}

#[test]
fn the_unit_promises_what_the_daemon_does() -> Outcome {
    let unit = unit()?;
    let says = |line: &str| unit.lines().any(|own| own == line);
    for line in ["Type=notify", "RestartPreventExitStatus=78", "ExecReload=/bin/kill -HUP $MAINPID", "LimitCORE=0"] {
        ensure!(says(line), "the unit lacks `{line}`");
    }
    // There is no probe that goes through groups and disk, so nothing may claim that there is one.
    ensure!(!unit.contains("WatchdogSec="), "a watchdog without a probe");
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
    let stop: u64 = value("TimeoutStopSec=").context("no TimeoutStopSec")?.parse()?;
    let config = fs::read_to_string(root().join("config/basculed.toml"))?;
    let limit = config.lines().find_map(|line| line.strip_prefix("stop_ms = ")).context("no stop_ms")?;
    let limit_ms: u64 = limit.parse()?;
    ensure!(stop * 1_000 >= limit_ms + 10_000, "systemd kills after {stop} s what may take {limit_ms} ms");
    let paths = fs::read_to_string(root().join("deploy/systemd/tmpfiles.d/bascule.conf"))?;
    for folder in ["/etc/bascule/pki  0700 bascule", "/etc/bascule/keys 0700 bascule", "/var/lib/bascule  0700 bascule"]
    {
        ensure!(paths.contains(folder), "`{folder}` is not made");
    }
    Ok(())
}

/// The next words that a service manager hears.
fn heard(socket: &UnixDatagram) -> Outcome<String> {
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).context("the daemon says nothing to its manager")?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[test]
fn a_manager_hears_ready_reloading_and_stopping() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let name = path.to_str().context("a folder whose name is no UTF-8")?;
    let mut daemon = Daemon::start(&Options::default().environment("NOTIFY_SOCKET", name))?;
    ensure!(heard(&socket)?.starts_with("READY=1\n"), "not ready first");
    daemon.reload()?;
    let reloading = heard(&socket)?;
    ensure!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    ensure!(heard(&socket)?.starts_with("READY=1\n"), "a reload has no end");
    ensure!(daemon.terminate()?.success(), "no orderly stop");
    ensure!(heard(&socket)?.starts_with("STOPPING=1\n"), "a stop is not told");
    Ok(())
}
