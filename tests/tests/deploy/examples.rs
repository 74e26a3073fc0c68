//! Each example that lies in config/ is one that the daemon takes, and what lies in the tree as printed by it is what it prints.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;

use super::units::root;

/// Runs `basculed` and gives its standard output; anything but 0 is an error.
pub fn basculed(words: &[&str]) -> Outcome<String> {
    let mut command = Command::new(Program::Daemon.find()?);
    // What a developer's shell configures is not what is tested.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BASCULE__")) {
        command.env_remove(name);
    }
    let output = command.args(words).output().context("basculed cannot be started")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "basculed {}: {}: {error}", words.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn every_example_is_accepted() -> Outcome {
    let folder = root().join("config");
    let mut count = 0;
    for entry in fs::read_dir(&folder)?.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let path = path.display().to_string();
        ensure!(basculed(&["check", "--config", &path])? == "the configuration is sound\n", "{path}");
        count += 1;
    }
    ensure!(count >= 3, "only {count} examples in {}", folder.display());
    Ok(())
}

#[test]
fn what_the_daemon_prints_lies_in_the_tree() -> Outcome {
    for (verb, path) in [("schema", "config/basculed.schema.json"), ("docs", "docs/configuration.md")] {
        let text = fs::read_to_string(root().join(path)).with_context(|| path.to_owned())?;
        let printed = basculed(&["config", verb])?;
        ensure!(text == printed, "{path} is old: `./x cargo run -q -p bascule-daemon -- config {verb} > {path}`");
    }
    Ok(())
}

#[test]
fn the_image_asks_the_daemon_whether_it_is_well() -> Outcome {
    let text = fs::read_to_string(root().join("deploy/container/Containerfile"))?;
    for line in ["USER 65532:65532", "VOLUME /var/lib/bascule", "ENTRYPOINT [\"/usr/bin/basculed\"]"] {
        ensure!(text.lines().any(|own| own == line), "the Containerfile lacks `{line}`");
    }
    ensure!(text.contains("\"/usr/bin/basculed\", \"health\""), "the Containerfile has no health check");
    ensure!(text.lines().filter(|line| line.starts_with("VOLUME")).count() == 1, "more than one volume");
    // What is copied must be there to copy.
    for path in ["config/container.toml", "LICENSE", "x", "deploy/container/Containerfile.dockerignore"] {
        ensure!(root().join(path).is_file(), "{path}");
    }
    Ok(())
}

#[test]
fn what_the_package_holds_is_there() -> Outcome {
    let text = fs::read_to_string(root().join("crates/daemon/Cargo.toml"))?;
    let manifest: toml::Table = toml::from_str(&text)?;
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().context("no assets")?;
    let sources = assets.iter().filter_map(|asset| asset[0].as_str());
    for source in sources.filter(|source| !source.starts_with("target/")) {
        let path = root().join("crates/daemon").join(source);
        let folder = path.parent().context("no folder")?;
        let whole = source.ends_with("*.md") && fs::read_dir(folder)?.next().is_some();
        ensure!(whole || path.is_file(), "{source} is not there");
    }
    // An upgrade takes no node away.
    for key in ["enable", "start", "restart-after-upgrade", "stop-on-upgrade"] {
        ensure!(deb["systemd-units"][key].as_bool() == Some(false), "`{key}` is not off");
    }
    Ok(())
}
