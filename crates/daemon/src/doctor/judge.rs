//! From readings to findings: each check is a function without any look at the world.
//!
//! In: readings, and what the command line asks.
//! Out: one finding for each check, in the order in which they are told.
//! Never: a look at a file, a clock or a socket; a path's content, a key, or a line of a configuration in a text.

mod disk;
mod host;
mod node;
mod peers;
mod trust;

use crate::doctor::finding::{Check, Finding, Report};
use crate::doctor::readings::{Configuration, Holder, Readings};

/// What the command line asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Warn so long before a certificate ends; none: 30 days, or at two thirds of its life if that is later.
    pub expiry_seconds: Option<i64>,
}

/// Judges everything.
#[must_use]
pub fn judge(readings: &Readings, asked: Asked) -> Report {
    let mut findings = vec![configuration(&readings.configuration)];
    match &readings.node {
        Some(node) => {
            findings.extend(node::all(node));
            findings.extend(disk::all(&node.disk, node.election_min_ms));
            findings.extend(trust::all(&node.trust, readings.host.wall, asked));
        }
        None => findings.extend(OF_THE_NODE.map(|check| Finding::skipped(check, "the configuration is refused"))),
    }
    findings.extend(host::all(&readings.host, readings.node.as_ref().map(|node| node.connections)));
    findings.sort_by_key(|finding| finding.check);
    let running = readings.node.as_ref().and_then(|node| match node.folder.holder {
        Holder::Process(id) => Some(id),
        Holder::Nobody | Holder::Somebody => None,
    });
    let config = readings.configuration.file.as_ref().map(|path| path.display().to_string());
    Report { config, running, findings }
}

/// What cannot be looked at without a configuration.
const OF_THE_NODE: [Check; 18] = [
    Check::DataFolder,
    Check::LogFolder,
    Check::FileSystem,
    Check::SyncLatency,
    Check::DiskSpace,
    Check::Inodes,
    Check::KeyFiles,
    Check::RootKey,
    Check::Certificates,
    Check::CertificateExpiry,
    Check::Handshake,
    Check::TargetTrust,
    Check::GrpcPort,
    Check::AdminPort,
    Check::PeerPort,
    Check::PeerCertificate,
    Check::Peers,
    Check::PeerClocks,
];

fn configuration(seen: &Configuration) -> Finding {
    const CHECK: Check = Check::Configuration;
    match (seen.problems.as_slice(), &seen.file) {
        ([], Some(path)) => Finding::ok(CHECK, format!("`{}` is sound", path.display())),
        ([], None) => {
            let text =
                "no file was named, and none lies at the usual place: defaults and the environment are looked at";
            Finding::skipped(CHECK, text)
        }
        (problems, _) => Finding::fail(
            CHECK,
            problems.join("; "),
            "mend the lines named; `basculed check --config FILE` looks at nothing else",
        ),
    }
}

/// Bytes for people.
pub fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", count as f64 / *size as f64),
        None => format!("{count} bytes"),
    }
}
