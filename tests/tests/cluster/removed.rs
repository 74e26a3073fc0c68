//! A node that was removed: its certificate, which is good for a year, opens nothing any more, and what it had open is cut.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::admin::v1::RemoveNodeRequest;
use bascule_api::peer::v1::ReadIndexRequest;
use bascule_model::ambient::{Pending, Spawn, TaskKind};
use bascule_model::id::ClusterId;
use bascule_model::uid::NodeId;
use bascule_pki::Source;
use bascule_pki::peering::PeerTls;
use bascule_pki::stream::TlsStream;
use bascule_pki::token::Token;
use bascule_replication::peers::{PeerError, Peers as _};
use bascule_replication::transport::connections::{self, Connections, Directory};
use bascule_tests::Outcome;
use bascule_tests::chance::Air;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::wait::{self, PATIENCE};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The node that goes.
const GONE: u64 = 4;
const LIMIT: Duration = Duration::from_secs(10);

/// As the node, with the files that it has.
fn files_of(nodes: &Nodes, cluster: ClusterId) -> Outcome<PeerTls> {
    let pki = nodes.node(GONE)?.pki();
    let source = Source::Files {
        chain: pki.join("node.pem"),
        key: pki.join("node.key"),
        authorities: pki.join("authority.pem"),
        crls: Vec::new(),
        own_crl: None,
    };
    Ok(PeerTls::load(cluster, source, Arc::new(Air))?)
}

/// Where a node listens for its peers itself, past all wires.
fn address(nodes: &Nodes, number: u64) -> Outcome<String> {
    let config: toml::Value = toml::from_str(&fs::read_to_string(nodes.node(number)?.home().join("node.toml"))?)?;
    let address = config.get("listen").and_then(|listen| listen.get("peer")).and_then(toml::Value::as_str);
    address.map(str::to_owned).context("no `listen.peer`")
}

/// A connection as the node that is held open.
async fn hold(tls: &PeerTls, nodes: &Nodes, number: u64) -> Outcome<TlsStream> {
    let tcp = TcpStream::connect(address(nodes, number)?).await?;
    Ok(tls.connect(tcp, NodeId(number), LIMIT).await?.0)
}

/// Where the others are, for calls as the node.
struct Others(BTreeMap<NodeId, String>);

impl Directory for Others {
    fn addresses(&self, peer: NodeId) -> Vec<String> {
        self.0.get(&peer).cloned().into_iter().collect()
    }
}

/// Tasks of the test's runtime.
struct Tasks;

impl Spawn for Tasks {
    fn spawn(&self, _: TaskKind, work: Pending<'static, ()>) {
        tokio::spawn(work);
    }

    fn block(&self, _: TaskKind, work: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(work);
    }
}

/// Reads to the end of what is open.
async fn is_cut(stream: &mut TlsStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_a_node_that_was_removed_opens_nothing() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(4)).await?;
    let cluster = Token::parse(&nodes.token("").await?)?.cluster();
    let tls = Arc::new(files_of(&nodes, cluster)?);
    let mut others = BTreeMap::new();
    for number in nodes.others(GONE) {
        others.insert(NodeId(number), address(&nodes, number)?);
    }
    let calls = Connections::new(connections::Ports {
        tls: Arc::clone(&tls),
        directory: Arc::new(Others(others)),
        spawn: Arc::new(Tasks),
        clock: Arc::new(Air),
        entropy: Arc::new(Air),
    });
    let mut open = Vec::new();
    for number in nodes.others(GONE) {
        calls.read_index(NodeId(number), ReadIndexRequest {}).await?;
        open.push((number, hold(&tls, &nodes, number).await?));
    }
    let request = RemoveNodeRequest { node_id: GONE, request_id: "remove".to_owned(), validate_only: false };
    nodes.client(1).await?.session().cluster().remove_node(request).await?;
    for number in nodes.others(GONE) {
        wait::until("the node is gone", FORM_LIMIT, async || {
            let status = nodes.status(number).await?;
            let there = status.nodes.iter().any(|sight| sight.node.as_ref().is_some_and(|node| node.id == GONE));
            Ok((!there).then_some(()))
        })
        .await?;
    }
    // Its daemon runs on and calls again and again, as one would that was stolen with its disk.
    for (number, mut stream) in open {
        ensure!(is_cut(&mut stream).await, "node {number} holds an open connection");
        let told = wait::until("a call is refused", PATIENCE, async || {
            Ok(calls.read_index(NodeId(number), ReadIndexRequest {}).await.err())
        });
        let told = told.await?;
        ensure!(matches!(told, PeerError::Removed { .. } | PeerError::Unreachable { .. }), "node {number}: {told}");
    }
    Ok(())
}
