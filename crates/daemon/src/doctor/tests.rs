//! Readings as rows: each is sound but for one thing, and the check that looks at it says so.

use std::path::{Path, PathBuf};

use bascule_model::time::Millis;
use bascule_pki::inventory::Facts;

use super::finding::{Check, Finding};
use super::judge::judge;
use super::readings::{
    Access, Answer, Chain, DataFolder, Disk, Holder, Host, KeyFile, LogFolder, Node, Opened, Peers, Port, Readings,
    Seed, Seen, State, Tried, Trust,
};
use super::*;

const NOW_S: i64 = 1_795_426_200;
const DAY_S: i64 = 86_400;
const GIB: u64 = 1 << 30;

fn facts(from_days: i64, to_days: i64) -> Facts {
    Facts {
        subject: "CN=a".to_owned(),
        serial: vec![1],
        not_before_unix_s: NOW_S + from_days * DAY_S,
        not_after_unix_s: NOW_S + to_days * DAY_S,
        dns: Vec::new(),
        uris: Vec::new(),
    }
}

fn host() -> Host {
    Host {
        open_files_limit: Ok(Some(65_536)),
        core_limit_bytes: Ok(Some(0)),
        core_pattern: Ok("core".to_owned()),
        swaps: Ok(Vec::new()),
        swap_limit_bytes: Ok(None),
        memory_limit_bytes: Ok(None),
        memory_bytes: Ok(8 * GIB),
        wall: Millis(NOW_S as u64 * 1_000),
        synchronised: Ok(true),
    }
}

fn node() -> Node {
    let key = |path: &str, needed| KeyFile {
        path: path.into(),
        needed,
        access: Ok(Some(Access { mode: 0o600, owner: 990 })),
    };
    let port = |key, address: &str| Port { key, address: address.parse().unwrap(), tried: Tried::Held, answer: None };
    let chain = |purpose, path: &str, days| Chain {
        purpose,
        path: path.into(),
        bundle: purpose != "server's certificate",
        facts: Ok(vec![facts(-1, days)]),
    };
    Node {
        folder: DataFolder {
            path: "/var/lib/bascule".into(),
            state: State::Made { cluster: "0707".to_owned() },
            access: Ok(Access { mode: 0o700, owner: 990 }),
            holder: Holder::Process(4_242),
        },
        log_folder: None,
        disk: Disk {
            at: "/var/lib/bascule".into(),
            kind: Ok(0xEF53),
            read_only: false,
            bytes: Ok((60 * GIB, 100 * GIB)),
            inodes: Ok((900_000, 1_000_000)),
            syncs_us: Ok(vec![900, 1_100, 4_000, 1_000]),
        },
        keys: vec![key("/etc/bascule/keys/root.key", true), key("/etc/bascule/pki/operator.key", false)],
        root_key: Ok(Opened::Yes),
        trust: Trust {
            foreign: false,
            listener: Ok(Ok(())),
            files: vec![
                chain("server's certificate", "/etc/bascule/pki/server.pem", 364),
                chain("authority of clients", "/etc/bascule/pki/authority.pem", 3_649),
            ],
            lists_until_unix_s: None,
            targets: Ok(()),
            handshakes: Ok(vec![("localhost".to_owned(), Ok(())), ("127.0.0.1".to_owned(), Ok(()))]),
        },
        ports: [
            port("listen.grpc", "127.0.0.1:6470"),
            Port { answer: Some(Ok(())), ..port("listen.admin", "127.0.0.1:6472") },
        ],
        peers: Peers {
            port: Some(port("listen.peer", "127.0.0.1:6473")),
            certificate: Ok(Ok(1)),
            seeds: Ok(vec![seed(2, 3), seed(3, -20)]),
        },
        connections: 4_096,
        election_min_ms: 500,
    }
}

fn seed(node: u64, clock_ahead_ms: i64) -> Seed {
    let answer = Ok(Answer { clock_ahead_ms, build: "0.0.0".to_owned() });
    Seed { node, address: format!("n{node}:6473"), answer }
}

fn readings() -> Readings {
    let file = Some(PathBuf::from("/etc/bascule/basculed.toml"));
    Readings { configuration: Configuration { file, problems: Vec::new() }, host: host(), node: Some(node()) }
}

fn report(change: impl FnOnce(&mut Readings)) -> Report {
    let mut readings = readings();
    change(&mut readings);
    judge(&readings, Asked::default())
}

fn found(report: &Report, check: Check) -> &Finding {
    report.findings.iter().find(|finding| finding.check == check).unwrap()
}

/// The one check that a change is about ends with `status`, its text holds `words`, and whatever is not well says what to do.
#[track_caller]
fn check(check: Check, status: Status, words: &str, change: impl FnOnce(&mut Readings)) {
    let report = report(change);
    let finding = found(&report, check);
    assert_eq!(finding.status, status, "{finding:?}");
    assert!(finding.seen.contains(words), "`{words}` in {finding:?}");
    let silent = finding.advice.is_empty();
    assert_eq!(silent, matches!(status, Status::Ok | Status::Skipped), "{finding:?}");
    assert_eq!(report.findings.len(), Check::ALL.len());
}

fn of_node(change: impl FnOnce(&mut Node)) -> impl FnOnce(&mut Readings) {
    |readings| change(readings.node.as_mut().unwrap())
}

#[test]
fn every_check_is_told_once_and_in_order() {
    let told: Vec<Check> = report(|_| {}).findings.iter().map(|finding| finding.check).collect();
    assert_eq!(told, Check::ALL);
    let report = report(|readings| {
        readings.configuration.problems.push("b.toml:1: bad".to_owned());
        readings.node = None;
    });
    let told: Vec<Check> = report.findings.iter().map(|finding| finding.check).collect();
    assert_eq!(told, Check::ALL);
    assert_eq!(report.verdict(), Status::Fail);
    assert_eq!(found(&report, Check::DiskSpace).status, Status::Skipped);
}

#[test]
fn the_machine_is_judged() {
    use Status::{Fail, Ok as Well, Skipped, Warn};
    type Change = fn(&mut Host);
    let rows: [(Check, Status, &str, Change); 20] = [
        (Check::OpenFiles, Well, "65536", |_| {}),
        (Check::OpenFiles, Well, "no limit", |host| host.open_files_limit = Ok(None)),
        (Check::OpenFiles, Warn, "16384", |host| host.open_files_limit = Ok(Some(16_384))),
        (Check::OpenFiles, Fail, "fewer than the 5120", |host| host.open_files_limit = Ok(Some(1_024))),
        (Check::OpenFiles, Skipped, "no", |host| host.open_files_limit = Err("no".to_owned())),
        (Check::Clock, Well, "2026-11-23", |_| {}),
        (Check::Clock, Fail, "1970-01-01", |host| host.wall = Millis(0)),
        (Check::ClockSync, Warn, "not set it yet", |host| host.synchronised = Ok(false)),
        (Check::ClockSync, Skipped, "no", |host| host.synchronised = Err("no".to_owned())),
        (Check::CoreDumps, Well, "none", |_| {}),
        (Check::CoreDumps, Warn, "all memory", |host| host.core_limit_bytes = Ok(None)),
        (Check::CoreDumps, Warn, "1.0 GiB", |host| host.core_limit_bytes = Ok(Some(GIB))),
        (Check::CoreDumps, Warn, "program", |host| host.core_pattern = Ok("|/usr/share/apport/apport %p".to_owned())),
        (Check::CoreDumps, Well, "none", |host| host.core_pattern = Ok("|/lib/systemd/systemd-coredump %P".to_owned())),
        (Check::Swap, Well, "there is none", |_| {}),
        (Check::Swap, Warn, "/dev/dm-1", |host| host.swaps = Ok(vec!["/dev/dm-1".to_owned()])),
        (Check::Swap, Well, "keeps the daemon from", |host| {
            host.swaps = Ok(vec!["/dev/dm-1".to_owned()]);
            host.swap_limit_bytes = Ok(Some(0));
        }),
        (Check::MemoryLimit, Well, "none but the 8.0 GiB", |_| {}),
        (Check::MemoryLimit, Well, "512.0 MiB, of 8.0 GiB", |host| host.memory_limit_bytes = Ok(Some(GIB / 2))),
        (Check::MemoryLimit, Well, "none but", |host| host.memory_limit_bytes = Ok(Some(u64::MAX / 2))),
    ];
    for (what, status, words, change) in rows {
        check(what, status, words, |readings| change(&mut readings.host));
    }
}

#[test]
fn the_disk_is_judged() {
    use Status::{Fail, Ok as Well, Skipped, Warn};
    type Change = fn(&mut Disk);
    let rows: [(Check, Status, &str, Change); 19] = [
        (Check::FileSystem, Well, "ext4", |_| {}),
        (Check::FileSystem, Warn, "tmpfs", |disk| disk.kind = Ok(0x0102_1994)),
        (Check::FileSystem, Warn, "overlay", |disk| disk.kind = Ok(0x794C_7630)),
        (Check::FileSystem, Warn, "nfs", |disk| disk.kind = Ok(0x6969)),
        (Check::FileSystem, Warn, "0x1234", |disk| disk.kind = Ok(0x1234)),
        (Check::FileSystem, Fail, "reading alone", |disk| disk.read_only = true),
        (Check::FileSystem, Skipped, "no", |disk| disk.kind = Err("no".to_owned())),
        (Check::SyncLatency, Well, "4 syncs of 4 KiB in `/var/lib/bascule`: median 1.10 ms, worst 4.00 ms", |_| {}),
        (Check::SyncLatency, Warn, "median 20.00 ms", |disk| disk.syncs_us = Ok(vec![20_000])),
        (Check::SyncLatency, Warn, "worst 400.00 ms", |disk| disk.syncs_us = Ok(vec![900, 900, 400_000])),
        (Check::SyncLatency, Fail, "median 200.00 ms", |disk| disk.syncs_us = Ok(vec![200_000])),
        (Check::SyncLatency, Warn, "median 0.00 ms", |disk| disk.syncs_us = Ok(vec![1; 9])),
        (Check::SyncLatency, Skipped, "no sync", |disk| disk.syncs_us = Ok(Vec::new())),
        (Check::DiskSpace, Warn, "5.0 GiB of 100.0 GiB", |disk| disk.bytes = Ok((5 * GIB, 100 * GIB))),
        (Check::DiskSpace, Well, "30.0 GiB", |disk| disk.bytes = Ok((30 * GIB, 4_000 * GIB))),
        (Check::DiskSpace, Fail, "100.0 MiB", |disk| disk.bytes = Ok((100 << 20, GIB))),
        (Check::Inodes, Warn, "900 of", |disk| disk.inodes = Ok((900, 1_000_000))),
        (Check::Inodes, Fail, "9 of", |disk| disk.inodes = Ok((9, 1_000_000))),
        (Check::Inodes, Well, "as it needs", |disk| disk.inodes = Ok((0, 0))),
    ];
    for (what, status, words, change) in rows {
        check(what, status, words, of_node(|node| change(&mut node.disk)));
    }
}

fn log(inside: bool, access: Seen<Option<(u32, u32)>>) -> Option<LogFolder> {
    let access = access.map(|access| access.map(|(mode, owner)| Access { mode, owner }));
    Some(LogFolder { path: "/var/log/bascule".into(), inside, access })
}

#[test]
fn folder_keys_and_ports_are_judged() {
    use Status::{Fail, Ok as Well, Skipped, Warn};
    type Change = fn(&mut Node);
    let down: Change = |node| {
        node.folder.holder = Holder::Nobody;
        node.ports.iter_mut().for_each(|port| port.tried = Tried::Free);
    };
    let rows: [(Check, Status, &str, Change); 33] = [
        (Check::GrpcPort, Skipped, "may not see by whom", |node| node.folder.state = State::Unseen("no".to_owned())),
        (Check::DataFolder, Well, "process 4242 runs on it", |_| {}),
        (Check::DataFolder, Well, "no basculed runs on it", down),
        (Check::DataFolder, Skipped, "`basculed init` makes it", |node| node.folder.state = State::Unmade),
        (Check::DataFolder, Skipped, "no", |node| node.folder.state = State::Unseen("no".to_owned())),
        (Check::DataFolder, Fail, "bad", |node| node.folder.state = State::Wrong("bad".to_owned())),
        (Check::DataFolder, Warn, "0755", |node| node.folder.access = Ok(Access { mode: 0o755, owner: 990 })),
        (Check::LogFolder, Well, "own log", |_| {}),
        (Check::LogFolder, Well, "made at the start", |node| node.log_folder = log(false, Ok(None))),
        (Check::LogFolder, Well, "is there", |node| node.log_folder = log(false, Ok(Some((0o750, 990))))),
        (Check::LogFolder, Warn, "belongs to user 0", |node| node.log_folder = log(false, Ok(Some((0o755, 0))))),
        (Check::LogFolder, Fail, "in the data folder", |node| node.log_folder = log(true, Ok(None))),
        (Check::LogFolder, Skipped, "no", |node| node.log_folder = log(false, Err("no".to_owned()))),
        (Check::KeyFiles, Well, "2 seen", |_| {}),
        (Check::KeyFiles, Fail, "mode 0640", |node| node.keys[0].access = Ok(Some(Access { mode: 0o640, owner: 990 }))),
        (Check::KeyFiles, Fail, "mode 0604", |node| node.keys[1].access = Ok(Some(Access { mode: 0o604, owner: 0 }))),
        (Check::KeyFiles, Fail, "belongs to user 0", |node| {
            node.keys[0].access = Ok(Some(Access { mode: 0o600, owner: 0 }));
        }),
        (Check::KeyFiles, Well, "2 seen", |node| node.keys[1].access = Ok(Some(Access { mode: 0o400, owner: 0 }))),
        (Check::KeyFiles, Fail, "root.key` is not there", |node| node.keys[0].access = Ok(None)),
        (Check::KeyFiles, Well, "1 seen", |node| node.keys[1].access = Ok(None)),
        (Check::KeyFiles, Skipped, "none is made yet", |node| {
            node.folder.state = State::Unmade;
            node.keys.iter_mut().for_each(|key| key.access = Ok(None));
        }),
        (Check::KeyFiles, Skipped, "no", |node| node.keys[0].access = Err("no".to_owned())),
        (Check::RootKey, Fail, "other", |node| node.root_key = Ok(Opened::No("other".to_owned()))),
        (Check::RootKey, Skipped, "no", |node| node.root_key = Err("no".to_owned())),
        (Check::GrpcPort, Well, "in use while a basculed runs", |_| {}),
        (Check::GrpcPort, Well, "is free", down),
        (Check::GrpcPort, Warn, "nobody listens", |node| node.ports[0].tried = Tried::Free),
        (Check::GrpcPort, Fail, "another process", |node| node.folder.holder = Holder::Nobody),
        (Check::GrpcPort, Fail, "may not listen", |node| node.ports[0].tried = Tried::Denied),
        (Check::GrpcPort, Fail, "no interface", |node| node.ports[0].tried = Tried::NoSuchAddress),
        (Check::AdminPort, Well, "and is ready", |_| {}),
        (Check::AdminPort, Warn, "starting", |node| node.ports[1].answer = Some(Err("it is starting".to_owned()))),
        (Check::AdminPort, Well, "chooses", |node| node.ports[1].tried = Tried::Chosen),
    ];
    for (what, status, words, change) in rows {
        check(what, status, words, of_node(change));
    }
}

#[test]
fn certificates_are_judged() {
    use Status::{Fail, Ok as Well, Skipped, Warn};
    type Change = fn(&mut Trust);
    let rows: [(Check, Status, &str, Change); 16] = [
        (Check::Certificates, Well, "the listener takes", |_| {}),
        (Check::TargetTrust, Well, "are read", |_| {}),
        (Check::TargetTrust, Fail, "no authority", |trust| trust.targets = Err("no authority".to_owned())),
        (Check::Certificates, Fail, "mismatch", |trust| trust.listener = Ok(Err("mismatch".to_owned()))),
        (Check::Certificates, Skipped, "none are made yet", |trust| {
            trust.listener = Err("none are made yet".to_owned())
        }),
        (
            Check::CertificateExpiry,
            Well,
            "the first to end is server's certificate in `/etc/bascule/pki/server.pem`, until 2027-11-22",
            |_| {},
        ),
        (Check::CertificateExpiry, Warn, "or is left out: server's", |trust| {
            trust.files[0].facts = Ok(vec![facts(-300, 29)])
        }),
        (Check::CertificateExpiry, Well, "", |trust| trust.files[0].facts = Ok(vec![facts(-1, 3)])),
        (Check::CertificateExpiry, Warn, "ends soon", |trust| trust.files[0].facts = Ok(vec![facts(-8, 3)])),
        (Check::CertificateExpiry, Warn, "left out: auth", |trust| {
            trust.files[1].facts = Ok(vec![facts(-8, 9), facts(-8, -1)])
        }),
        (Check::CertificateExpiry, Fail, "is over", |trust| trust.files[0].facts = Ok(vec![facts(-9, -1)])),
        (Check::CertificateExpiry, Fail, "has not begun", |trust| trust.files[0].facts = Ok(vec![facts(1, 99)])),
        (Check::CertificateExpiry, Fail, "revocation list", |trust| trust.lists_until_unix_s = Some(NOW_S - 1)),
        (Check::CertificateExpiry, Skipped, "none yet", |trust| trust.files.clear()),
        (Check::Handshake, Well, "localhost, 127.0.0.1", |_| {}),
        (Check::Handshake, Fail, "as `localhost`: wrong", |trust| {
            trust.handshakes = Ok(vec![("localhost".to_owned(), Err("wrong".to_owned()))]);
        }),
    ];
    for (what, status, words, change) in rows {
        check(what, status, words, of_node(|node| change(&mut node.trust)));
    }
    let asked = Asked { expiry_seconds: Some(400 * DAY_S) };
    let report = judge(&readings(), asked);
    assert_eq!(found(&report, Check::CertificateExpiry).status, Warn);
    assert_eq!((exit(&report, FailOn::Warn), exit(&report, FailOn::Fail)), (EXIT_WARN, 0));
}

#[test]
fn the_other_nodes_are_judged() {
    use Status::{Fail, Ok as Well, Skipped, Warn};
    type Change = fn(&mut Peers);
    let alone: Change = |peers| {
        let why = || "the node is alone".to_owned();
        *peers = Peers { port: None, certificate: Err(why()), seeds: Err(why()) };
    };
    let rows: [(Check, Status, &str, Change); 16] = [
        (Check::PeerPort, Well, "127.0.0.1:6473 is in use while a basculed runs", |_| {}),
        (Check::PeerPort, Well, "is alone", alone),
        (Check::PeerPort, Fail, "no interface", |peers| {
            peers.port.as_mut().unwrap().tried = Tried::NoSuchAddress;
        }),
        (Check::PeerCertificate, Well, "as node 1's", |_| {}),
        (Check::PeerCertificate, Fail, "it is node 2's", |peers| {
            peers.certificate = Ok(Err("it is node 2's, and this is node 1".to_owned()));
        }),
        (Check::PeerCertificate, Skipped, "alone", alone),
        (Check::Peers, Well, "node 2 (0.0.0), node 3 (0.0.0)", |_| {}),
        (Check::Peers, Skipped, "names none", |peers| peers.seeds = Ok(Vec::new())),
        (Check::Peers, Skipped, "alone", alone),
        (Check::Peers, Warn, "node 3 at `n3:6473`: gone", |peers| {
            let gone = Seed { answer: Err("gone".to_owned()), ..seed(3, 0) };
            peers.seeds = Ok(vec![seed(2, 0), gone]);
        }),
        (Check::PeerClocks, Well, "node 3 is ahead by -20 ms", |_| {}),
        (Check::PeerClocks, Warn, "ahead by 501 ms", |peers| peers.seeds = Ok(vec![seed(2, 501), seed(3, 9)])),
        (Check::PeerClocks, Well, "ahead by 500 ms", |peers| peers.seeds = Ok(vec![seed(2, 500)])),
        (Check::PeerClocks, Fail, "ahead by -2001 ms", |peers| peers.seeds = Ok(vec![seed(2, 0), seed(3, -2_001)])),
        (Check::PeerClocks, Skipped, "no peer", alone),
        (Check::PeerClocks, Skipped, "no peer", |peers| peers.seeds = Ok(Vec::new())),
    ];
    for (what, status, words, change) in rows {
        check(what, status, words, of_node(|node| change(&mut node.peers)));
    }
}

#[test]
fn without_a_file_defaults_are_looked_at() {
    let report = report(|readings| readings.configuration.file = None);
    assert_eq!(found(&report, Check::Configuration).status, Status::Skipped);
    assert_eq!((report.verdict(), exit(&report, FailOn::Warn)), (Status::Ok, 0));
}

/// One of each verdict, as a script sees it: what stands in these files is a promise.
fn mixed() -> Report {
    report(|readings| {
        readings.host.swaps = Ok(vec!["/dev/dm-1".to_owned()]);
        readings.host.synchronised = Err("nobody says".to_owned());
        let node = readings.node.as_mut().unwrap();
        node.keys[0].access = Ok(Some(Access { mode: 0o640, owner: 990 }));
    })
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "`{}` is not what is said", path.display());
}

#[test]
fn what_is_said_is_stable() {
    let report = mixed();
    golden("doctor.json", &report.json("0.0.0").unwrap());
    golden("doctor.txt", &report.text());
    assert_eq!(exit(&report, FailOn::Fail), EXIT_FAIL);
}

#[test]
fn spans_are_read() {
    for (text, seconds) in [("30d", Some(2_592_000)), ("12h", Some(43_200)), ("1m", Some(60)), ("45s", Some(45))] {
        assert_eq!(span(text).ok(), seconds, "{text}");
    }
    for text in ["", "30", "d", "-1d", "1dd", "1.5h", "1w", "99999999999s"] {
        assert!(span(text).is_err(), "{text}");
    }
}
