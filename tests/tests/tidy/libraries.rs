//! Which foreign library is known to which rooms, each with its reason.

use super::house::{self, Finding, Kind, Package};

/// Who may name a library.
#[derive(Debug, Clone, Copy)]
enum Rooms {
    Every,
    /// Every room that may wait: all but the pure ones.
    Running,
    Only(&'static [&'static str]),
    /// Any room, in its tests.
    InTests,
}

use Rooms::{Every, InTests, Only, Running};

/// Rooms that compute and never wait.
const PURE: &[&str] = &["model", "pattern", "policy", "schema", "statemachine"];

/// The packages that look at the house from outside may name what they measure.
const OUTSIDE: &[&str] = &["tests", "benches"];

const LIBRARIES: &[(&str, Rooms, &str)] = &[
    ("bytes", Every, "payloads are shared, not copied"),
    ("serde", Every, "edges read and write documents"),
    ("thiserror", Every, "each room has one error enum"),
    ("tracing", Every, "what happened, for operators"),
    ("tokio", Running, "the one runtime; pure rooms never wait"),
    ("futures-util", Running, "streams and joins on that runtime"),
    ("tokio-stream", Running, "channels as streams"),
    ("parking_lot", Running, "locks that do not poison; pure rooms share nothing"),
    ("arc-swap", Running, "readers never wait; pure rooms swap nothing"),
    ("opentelemetry", Running, "instruments; the daemon alone decides where they go"),
    ("aws-lc-rs", Only(&["keyring"]), "one crypto library, known to one room"),
    ("zeroize", Only(&["keyring", "pki"]), "keys are wiped where keys are held"),
    ("rustls", Only(&["pki"]), "pki hands out ready TLS configurations"),
    ("rustls-pki-types", Only(&["pki"]), "names of certificates and keys"),
    ("rustls-native-certs", Only(&["pki"]), "the machine's own trust, for targets outside"),
    ("tokio-rustls", Only(&["pki"]), "pki hands out ready acceptors and connectors"),
    ("rcgen", Only(&["pki"]), "the cluster's own CA"),
    ("x509-parser", Only(&["pki"]), "principals are read from certificates in one place"),
    ("time", Only(&["pki"]), "rcgen's dates; everybody else speaks model's times"),
    ("rocksdb", Only(&["storage"]), "disks are behind ports"),
    ("crc32c", Only(&["storage"]), "checksums of records at rest"),
    ("openraft", Only(&["replication"]), "an alpha; behind one room it can be exchanged"),
    ("rand", Only(&["replication"]), "openraft's runtime names its trait; chance of ours comes by a port"),
    ("prost", Only(&["statemachine", "api", "replication", "storage"]), "canonical bytes and the contract"),
    ("prost-types", Only(&["api"]), "well-known types of the contract"),
    ("tonic", Only(&["api", "ingress", "replication", "delivery", "cli"]), "where gRPC is spoken"),
    ("tonic-prost", Only(&["api"]), "generated code names it"),
    ("tonic-prost-build", Only(&["api"]), "generates that code"),
    ("protox", Only(&["api"]), "compiles proto/ without protoc"),
    ("tonic-types", Only(&["api", "ingress"]), "rich errors on the wire"),
    ("tonic-health", Only(&["ingress"]), "the standard health service"),
    ("tonic-reflection", Only(&["ingress"]), "the standard reflection service"),
    ("tower", Only(&["ingress", "delivery"]), "the stack's bytes tier, and the resolver of the HTTP client"),
    ("axum", Only(&["ingress", "console", "daemon"]), "HTTP listeners, pages, the admin listener"),
    ("http", Only(&["ingress", "delivery"]), "where HTTP is spoken"),
    ("http-body-util", Only(&["ingress", "delivery"]), "where HTTP is spoken"),
    (
        "hyper",
        Only(&["ingress", "delivery", "replication"]),
        "where HTTP is spoken, to peers by connections of our own",
    ),
    ("hyper-util", Only(&["ingress", "delivery", "replication"]), "where HTTP is spoken"),
    ("httpdate", Only(&["delivery"]), "`Retry-After` may be a date"),
    ("percent-encoding", Only(&["delivery"]), "path values and queries of endpoints"),
    ("hyper-rustls", Only(&["delivery"]), "HTTPS out, with pki's configurations"),
    (
        "serde_json",
        Only(&["pattern", "policy", "schema", "routing", "audit", "ingress", "delivery", "console", "daemon", "cli"]),
        "JSON is read at edges; what is replicated has one byte form, and it is not JSON",
    ),
    ("base64", Only(&["ingress", "delivery", "cli", "pki"]), "an edge's spelling of bytes, and of join tokens"),
    ("hex", Only(&["keyring", "ingress", "cli"]), "an edge's spelling of bytes, and names of key files"),
    ("sha2", Only(&["model", "statemachine", "audit"]), "ids and state hashes need a pure hash"),
    ("jiff", Only(&["model"]), "calendars; everybody else speaks model's times"),
    ("tracing-subscriber", Only(&["daemon"]), "where logs go is decided once"),
    ("opentelemetry_sdk", Only(&["daemon"]), "where figures go is decided once"),
    ("opentelemetry-prometheus", Only(&["daemon"]), "where figures go is decided once"),
    ("prometheus", Only(&["daemon"]), "where figures go is decided once"),
    ("rustix", Only(&["daemon"]), "the system's clocks, random bytes and limits of the process, without `unsafe`"),
    ("anyhow", Only(&["daemon", "cli"]), "the mains of binaries; rooms have enums"),
    ("clap", Only(&["daemon", "cli"]), "command lines"),
    ("clap_complete", Only(&["daemon", "cli"]), "completion in shells"),
    ("clap_mangen", Only(&["daemon", "cli"]), "man pages"),
    ("serde-saphyr", Only(&["cli"]), "YAML for people who keep their rules in files"),
    ("toml", Only(&["daemon", "cli"]), "configuration files"),
    ("strsim", Only(&["daemon", "cli"]), "`did you mean`"),
    ("comfy-table", Only(&["cli"]), "tables for people"),
    ("indicatif", Only(&["cli"]), "progress for people"),
    ("proptest", InTests, "properties"),
    ("tempfile", InTests, "folders that tests leave no trace of"),
];

/// Libraries that a manifest names without leave.
fn findings(packages: &[Package]) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| !OUTSIDE.contains(&package.room.as_str())) {
        for want in package.wants.iter().filter(|want| !want.name.starts_with("bascule-")) {
            let row = LIBRARIES.iter().find(|(name, ..)| *name == want.name);
            let text = match row {
                None => format!(
                    "`{}` is in no row: use a library the house has, or add it with its reason to tests/tests/tidy/libraries.rs",
                    want.name
                ),
                Some((_, rooms, _)) if allows(*rooms, &package.room, want.kind) => continue,
                Some((_, rooms, reason)) => format!("`{}` {} ({reason}): {}", want.name, who(*rooms), ASK),
            };
            found.push(Finding::new(&package.manifest.path, package.line_of(&want.name), text));
        }
    }
    found
}

const ASK: &str = "let that room do it and hand you the result";

fn allows(rooms: Rooms, room: &str, kind: Kind) -> bool {
    match rooms {
        Every => true,
        Running => !PURE.contains(&room),
        Only(list) => list.contains(&room),
        InTests => kind == Kind::Dev,
    }
}

fn who(rooms: Rooms) -> String {
    match rooms {
        Every => "is known to every room".to_owned(),
        Running => format!("is not known to the pure rooms {}", PURE.join(", ")),
        Only(list) => format!("is known to {} alone", list.join(", ")),
        InTests => "is for tests alone".to_owned(),
    }
}

#[test]
fn each_library_is_known_to_its_rooms_alone() {
    house::demand_none(&findings(&house::packages()));
}

#[test]
fn planted_libraries_are_found() {
    let rows = [
        ("routing", "rocksdb", Kind::Normal, true),
        ("storage", "rocksdb", Kind::Normal, false),
        ("ingress", "openraft", Kind::Dev, true),
        ("statemachine", "tokio", Kind::Normal, true),
        ("storage", "tokio", Kind::Normal, false),
        ("model", "proptest", Kind::Normal, true),
        ("model", "proptest", Kind::Dev, false),
        ("model", "left-pad", Kind::Build, true),
        ("tests", "openraft", Kind::Normal, false),
    ];
    for (room, library, kind, expected) in rows {
        let found = findings(&[house::planted(room, &[(library, kind)])]);
        assert_eq!(!found.is_empty(), expected, "{room} {library} {kind:?}: {found:?}");
        assert!(found.iter().all(|finding| finding.line == 2), "{found:?}");
    }
}

#[test]
fn each_row_is_one_library_with_a_reason() {
    for (at, (name, rooms, reason)) in LIBRARIES.iter().enumerate() {
        assert!(!reason.is_empty(), "`{name}` has no reason");
        assert!(LIBRARIES[at + 1..].iter().all(|(other, ..)| other != name), "`{name}` has two rows");
        if let Only(list) = rooms {
            assert!(!list.is_empty(), "`{name}` is known to nobody");
        }
    }
}
