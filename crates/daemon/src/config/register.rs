//! Every key that a configuration may have. The reader, the schema and the page of all settings are made from this table.

use crate::config::keys::Applies::{Issue, Life, Reload};
use crate::config::keys::Key;
use crate::config::keys::Kind::{Address, Count, Flag, OneOf, Path, Paths, Text, Texts};
use crate::config::keys::Unsaid::{Is, Nothing, Refused};
use crate::limits::{
    ADDRESS_CONNECTIONS_DEFAULT_COUNT, BUS_EVENTS_DEFAULT_PER_SECOND, CALLS_DEFAULT_COUNT, CONNECTION_AGE_DEFAULT_MS,
    CONNECTION_AGE_LIMIT_MS, CONNECTIONS_DEFAULT_COUNT, GROUPS_LIMIT_COUNT, PRINCIPAL_CALLS_DEFAULT_PER_SECOND,
    STOP_DEFAULT_MS, UNCONFIRMED_LIMIT_DELIVERIES,
};

/// Each section with what it is about, in the order of the example.
pub const SECTIONS: &[(&str, &str)] = &[
    ("node", "Which node this is, and which cluster's."),
    ("listen", "Where it listens."),
    ("peers", "The other nodes of its cluster."),
    ("tls", "Its certificates, and who may call."),
    ("keys", "The key above all keys."),
    ("storage", "How rows lie on disk."),
    ("limits", "How much at once."),
    ("delivery", "How events go out."),
    ("log", "What is logged, and how."),
    ("raft", "The groups' clockwork."),
];

/// Every key.
pub const KEYS: &[Key] = &[
    Key::new("node.data", Path, Is("/var/lib/bascule")).about(
        "Folder of everything that the node keeps. Nothing a user sent lies in it plain. Keys and \
             certificates lie outside.",
    ),
    Key::new("node.id", Count(1, u64::MAX), Is("1"))
        .applies(Life)
        .about("The node's number, for life: a node that lost its disk comes back under another one."),
    Key::new("node.zone", Text, Is("zone-1"))
        .about("Where the node stands; replicas are put into different zones. 1 to 64 of `A-Z a-z 0-9 . _ -`."),
    Key::new("node.region", Text, Refused).applies(Life).about("Region of all ARNs, for the life of the cluster."),
    Key::new("node.account", Text, Refused)
        .applies(Life)
        .about("The operators' account, twelve digits, for the life of the cluster."),
    Key::new("node.partition", Text, Is("aws"))
        .applies(Life)
        .about("Partition of all ARNs, for the life of the cluster: `aws`, or another that begins so."),
    Key::new("node.groups", Count(1, GROUPS_LIMIT_COUNT), Is("12"))
        .unit("groups")
        .applies(Life)
        .about("Shard groups that `init` makes; for the life of the cluster."),
    Key::new("listen.grpc", Address, Is("127.0.0.1:6470"))
        .about("Address and port of gRPC, always with mutual TLS. Port 0 lets the system choose."),
    Key::new("listen.peer", Address, Is("127.0.0.1:6473")).about(
        "Address and port for the other nodes of the cluster, and for those that join it. Every node shows a certificate of the \
             cluster's own authority. `basculed dev` has none unless it is set.",
    ),
    Key::new("listen.admin", Address, Is("127.0.0.1:6472"))
        .about("Address and port of `/healthz`, `/readyz` and `/metrics`: plain HTTP that asks nobody who they are."),
    Key::new("listen.admin_exposed", Flag, Is("false"))
        .about("Whether `listen.admin` may be an address that others can reach."),
    Key::new("peers.address", Text, Nothing).about(
        "Where the other nodes find this one, `host:port`. It must be set where `listen.peer` is an address that stands for all. \
             Unset: `listen.peer`.",
    ),
    Key::new("peers.seeds", Texts, Is("")).about(
        "Where other nodes are, each as `N=host:port` with the node's number. The cluster knows its members' addresses; what is \
             said here is used in their place. Empty: nothing is.",
    ),
    Key::new("tls.folder", Path, Is("/etc/bascule/pki")).applies(Reload).about(
        "Where `init` puts the cluster's authority, the certificates of node, server and operator, and the context file of \
             the `bascule` command. Files of certificates, keys, authorities and revocation lists that change are read \
             anew by themselves.",
    ),
    Key::new("tls.names", Texts, Is("localhost,127.0.0.1,::1")).applies(Issue).about(
        "Names and addresses that `init` and `renew` issue the server's certificate for. Clients must \
             call it by one of them; the first goes into the context file.",
    ),
    Key::new("tls.certificate", Path, Nothing).applies(Reload).about(
        "The server's chain from elsewhere, PEM with the leaf first. Set with `tls.key`, \
             `tls.authorities` and `tls.operators`; then `init` issues none but the node's own, for its \
             peers. Unset: `server.pem` in `tls.folder`.",
    ),
    Key::new("tls.key", Path, Nothing)
        .applies(Reload)
        .about("Its key, PEM, of mode 0600. Unset: `server.key` in `tls.folder`."),
    Key::new("tls.authorities", Path, Nothing)
        .applies(Reload)
        .about("Authorities of clients, PEM. Unset: `authority.pem` in `tls.folder`."),
    Key::new("tls.crls", Paths, Is("")).applies(Reload).about(
        "Revocation lists, PEM. Where there are any, each certificate below an authority must be \
             covered by one, and none may be over. Beside them always the list of the cluster's own authority, \
             `revoked.pem` in `tls.folder`, once `basculed revoke` has made it.",
    ),
    Key::new("tls.operators", Texts, Is("")).about(
        "SPIFFE ids of the first user, `administrator`, at most five. They are read when the cluster begins and never \
             again: from then on users, and who may do what, are changed by calls alone. Empty: the id that `init` issues a \
             certificate for, `spiffe://<cluster id>/operator`.",
    ),
    Key::new("keys.root", Path, Is("/etc/bascule/keys/root.key")).about(
        "File of the root key, mode 0600, outside the data folder. Without it nothing of the data can \
             be read: keep a copy of it, and not where copies of the data are.",
    ),
    Key::new("storage.compress_tables", Flag, Is("true")).about(
        "Whether rows are compressed on disk, lz4 and in the last level zstd. What is sealed hardly \
             shrinks, what surrounds it does.",
    ),
    Key::new("limits.connections", Count(1, 1_000_000), Is(CONNECTIONS_DEFAULT_COUNT))
        .unit("connections")
        .about("Connections of gRPC at once; more wait in the kernel's queue."),
    Key::new("limits.address_connections", Count(1, 1_000_000), Is(ADDRESS_CONNECTIONS_DEFAULT_COUNT))
        .unit("connections")
        .about(
            "The same of one address, or of one network of 64 bits of IPv6; more are closed at once. Raise it where many \
             clients come through one proxy.",
        ),
    Key::new("limits.connection_age_ms", Count(1_000, CONNECTION_AGE_LIMIT_MS), Is(CONNECTION_AGE_DEFAULT_MS))
        .unit("milliseconds")
        .about(
            "Age at which a connection is retired, and a little before its certificate ends: its calls are answered, its \
             streams told to come again, and the client connects anew.",
        ),
    Key::new("limits.calls", Count(1, 1_000_000), Is(CALLS_DEFAULT_COUNT))
        .unit("calls")
        .about("Calls at once; more are refused as overload."),
    Key::new("limits.principal_calls_per_second", Count(1, 1_000_000), Is(PRINCIPAL_CALLS_DEFAULT_PER_SECOND))
        .unit("calls a second")
        .about("Calls of one certificate's identity, its sessions included, on one node in a second; more are refused as throttled."),
    Key::new("limits.bus_events_per_second", Count(1, 10_000_000), Is(BUS_EVENTS_DEFAULT_PER_SECOND))
        .unit("events a second")
        .about("Events that are put on one bus on one node in a second; more are refused as throttled."),
    Key::new("limits.stop_ms", Count(1_000, 600_000), Is(STOP_DEFAULT_MS)).unit("milliseconds").about(
        "Time within which an orderly stop must be over: five eighths of it for calls (a receive may \
             wait for 20 s), two for deliveries, one for groups.",
    ),
    Key::new("delivery.max_unconfirmed_deliveries", Count(1, UNCONFIRMED_LIMIT_DELIVERIES), Is("1024"))
        .unit("deliveries")
        .about("Open attempts and outcomes not yet written, of each group: what may be repeated after a crash."),
    Key::new("delivery.allow_private", Texts, Is("")).about(
        "Ranges that are not public and in which targets may be, such as `10.0.0.0/8`. Empty: targets \
             at public addresses alone.",
    ),
    Key::new("delivery.roots", Path, Nothing).about(
        "A bundle of authorities, PEM, that calls to targets trust beside the system's. Unset: the \
             system's alone.",
    ),
    Key::new("delivery.log_folder", Path, Nothing).about(
        "Folder of the log target's files, outside the data folder: one of JSON lines for each log \
             group, opened anew at SIGHUP. Unset: lines go to the daemon's own log.",
    ),
    Key::new("log.level", OneOf(&["error", "warn", "info", "debug", "trace"]), Is("info"))
        .applies(Reload)
        .about("From which level on the house's own lines are logged; other libraries are heard from `warn` on."),
    Key::new("log.format", OneOf(&["auto", "json", "text"]), Is("auto"))
        .about("The form of log lines; `auto` is text if the standard error is a terminal, else JSON."),
    Key::new("raft.heartbeat_ms", Count(10, 60_000), Is("150"))
        .unit("milliseconds")
        .about("Time between a leader's heartbeats; less than `raft.election_min_ms`."),
    Key::new("raft.election_min_ms", Count(20, 120_000), Is("500"))
        .unit("milliseconds")
        .about("Time without a leader after which a node campaigns, at least; less than `raft.election_max_ms`."),
    Key::new("raft.election_max_ms", Count(30, 240_000), Is("900"))
        .unit("milliseconds")
        .about("The same, at most; also the length of a leader's lease."),
    Key::new("raft.start_limit_ms", Count(1_000, 3_600_000), Is("60000"))
        .unit("milliseconds")
        .about("Time that each group may take to be led at a start, with what its log holds applied."),
];

#[cfg(test)]
mod tests {
    use crate::config::keys::Kind;

    use super::*;

    #[test]
    fn names_are_sections_with_keys_and_stand_once() {
        for (at, key) in KEYS.iter().enumerate() {
            let (section, name) = key.parts();
            let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(word(section) && word(name) && !name.contains("__"), "{}", key.name);
            assert!(KEYS[at + 1..].iter().all(|other| other.name != key.name), "{} stands twice", key.name);
            assert!(SECTIONS.iter().any(|(known, _)| *known == section), "{section} is in no row");
        }
    }

    #[test]
    fn every_key_says_what_it_is_and_every_number_its_unit() {
        for key in KEYS {
            assert!(key.about.len() > 20 && key.about.ends_with('.'), "{}: `{}`", key.name, key.about);
            let counts = matches!(key.kind, Kind::Count(..)) && key.name != "node.id";
            assert_eq!(counts, !key.unit.is_empty(), "{}: `{}`", key.name, key.unit);
            assert_eq!(key.name.ends_with("_ms"), key.unit == "milliseconds", "{}", key.name);
        }
        for (section, about) in SECTIONS {
            assert!(about.ends_with('.') && KEYS.iter().any(|key| key.parts().0 == *section), "{section}");
        }
    }
}
