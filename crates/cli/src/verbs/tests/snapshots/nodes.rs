//! Lines about the cluster's nodes.

/// A verb's line that goes well, and one with its most likely mistake.
pub const LINES: [(&str, &str); 11] = [
    ("cluster status", "cluster status 1"),
    ("cluster members", "cluster member"),
    ("cluster token create --zone b", "cluster token create --zone again"),
    ("cluster token list", "cluster token list t"),
    ("cluster token revoke t", "cluster token revoke gone"),
    ("cluster drain 2", "cluster drain 1"),
    ("cluster resume 2", "cluster resume"),
    ("cluster restart", "cluster restart --nodes 9"),
    ("cluster remove 2", "cluster remove 1 --yes"),
    ("cluster replace 4 --yes", "cluster replace 3"),
    ("node can-stop 2", "node can-stop 1"),
];
