//! The names of the cluster's own nodes: what their certificates say, and which node a certificate is of.

use bascule_model::id::ClusterId;
use bascule_model::uid::NodeId;

use crate::authority::Leaf;
use crate::error::Error;
use crate::peer::Peer;
use crate::spiffe::SpiffeId;

/// What the DNS name of every node ends with. Nobody else is issued a name below it.
const DOMAIN: &str = "bascule.internal";
const PATH: &str = "/node/";

/// The identity of a node: `spiffe://<cluster id>/node/<number>`.
///
/// # Errors
/// [`Error::NotNode`] for the number zero, which no node has.
pub fn spiffe_id(cluster: ClusterId, node: NodeId) -> Result<SpiffeId, Error> {
    let id = SpiffeId::parse(&format!("spiffe://{cluster}{PATH}{}", node.0))?;
    if node.0 == 0 { Err(refused(&id, "no node has the number zero")) } else { Ok(id) }
}

/// The DNS name of a node, `node-<number>.<cluster id>.bascule.internal`. No resolver knows it: it stands in the certificate, so
/// that the usual verification of a server's name says which node of which cluster answered.
#[must_use]
pub fn dns_name(cluster: ClusterId, node: NodeId) -> String {
    format!("node-{}.{cluster}.{DOMAIN}", node.0)
}

/// What a node's certificate is issued for: its identity and its DNS name, and `names` beside them.
///
/// # Errors
/// [`Error::NotNode`]; [`Error::BadName`] for one of `names` that could be a node's.
pub fn leaf(cluster: ClusterId, node: NodeId, names: &[String]) -> Result<Leaf, Error> {
    for name in names {
        let lower = name.to_ascii_lowercase();
        let lower = lower.trim_end_matches('.');
        if lower == DOMAIN || lower.ends_with(&format!(".{DOMAIN}")) {
            return Err(Error::BadName { name: name.clone() });
        }
    }
    let id = spiffe_id(cluster, node)?;
    let all = std::iter::once(dns_name(cluster, node)).chain(names.iter().cloned());
    Ok(Leaf::Node(all.collect(), id))
}

/// Which node of the cluster a verified peer is.
///
/// # Errors
/// [`Error::NotOneUri`], [`Error::BadSpiffe`], [`Error::NotNode`].
pub fn of(cluster: ClusterId, peer: &Peer) -> Result<NodeId, Error> {
    named(cluster, &peer.spiffe()?)
}

/// Which node of the cluster an identity is.
pub(crate) fn named(cluster: ClusterId, id: &SpiffeId) -> Result<NodeId, Error> {
    if id.trust_domain() != cluster.to_string() {
        return Err(refused(id, "it is of another cluster"));
    }
    let number = id.path().strip_prefix(PATH).ok_or_else(|| refused(id, "it is a caller's"))?;
    // One spelling for one node.
    if number.is_empty() || number.starts_with('0') || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(refused(id, "its number is none"));
    }
    number.parse().map(NodeId).map_err(|_| refused(id, "its number is none"))
}

fn refused(id: &SpiffeId, reason: &'static str) -> Error {
    Error::NotNode { id: id.as_str().chars().take(256).collect(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: ClusterId = ClusterId([7; 16]);

    fn check(id: &str, expected: Result<u64, &str>) {
        let id = id.replace("CLUSTER", &CLUSTER.to_string());
        let got = SpiffeId::parse(&id).and_then(|id| named(CLUSTER, &id)).map(|node| node.0);
        match (&got, expected) {
            (Ok(node), Ok(wanted)) => assert_eq!(*node, wanted, "{id}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{id}: {error}"),
            _ => panic!("{id}: {got:?}"),
        }
    }

    #[test]
    fn a_node_is_named_in_one_way() {
        check("spiffe://CLUSTER/node/1", Ok(1));
        check("spiffe://CLUSTER/node/18446744073709551615", Ok(u64::MAX));
        for (id, part) in [
            ("spiffe://CLUSTER/node/0", "none"),
            ("spiffe://CLUSTER/node/01", "none"),
            ("spiffe://CLUSTER/node/18446744073709551616", "none"),
            ("spiffe://CLUSTER/node/-1", "none"),
            ("spiffe://CLUSTER/node/1a", "none"),
            ("spiffe://CLUSTER/node/1/2", "none"),
            ("spiffe://CLUSTER/node", "a caller's"),
            ("spiffe://CLUSTER/operator", "a caller's"),
            ("spiffe://CLUSTER/Node/1", "a caller's"),
            ("spiffe://CLUSTER/a/node/1", "a caller's"),
            ("spiffe://other/node/1", "another cluster"),
            ("spiffe://CLUSTER/node/", "empty"),
        ] {
            check(id, Err(part));
        }
        let id = spiffe_id(CLUSTER, NodeId(3)).unwrap();
        assert_eq!(named(CLUSTER, &id).unwrap(), NodeId(3));
        assert!(spiffe_id(CLUSTER, NodeId(0)).is_err());
    }

    #[test]
    fn a_nodes_certificate_has_its_name_first_and_no_other_nodes() {
        let names = ["n3.example.test".to_owned(), "10.0.0.3".to_owned()];
        let Leaf::Node(all, id) = leaf(CLUSTER, NodeId(3), &names).unwrap() else { panic!() };
        assert_eq!(all[0], format!("node-3.{CLUSTER}.bascule.internal"));
        assert_eq!((&all[1..], id.path()), (&names[..], "/node/3"));
        for name in ["node-2.x.bascule.internal", "BASCULE.internal", "a.Bascule.Internal."] {
            assert!(matches!(leaf(CLUSTER, NodeId(3), &[name.to_owned()]), Err(Error::BadName { .. })), "{name}");
        }
    }
}
