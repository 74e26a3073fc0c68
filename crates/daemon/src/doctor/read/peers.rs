//! The other nodes: whether this one could listen for them, whether its certificate is a node's, and what those at known addresses answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bascule_api::peer::v1::GreetRequest;
use bascule_model::uid::NodeId;
use bascule_pki::peering::{Arrival, PeerTls};
use bascule_replication::limits::FORMAT;
use bascule_replication::peers::Peers as _;
use bascule_replication::transport::connections::{self, Connections, Directory};
use tokio::io::AsyncWriteExt;

use crate::ambient::{self, Ends, Leads, Tasks};
use crate::config::Settings;
use crate::doctor::read::trust::pair;
use crate::doctor::read::{ports, told};
use crate::doctor::readings::{Answer, Peers, Seed, Seen};
use crate::error::Error;
use crate::folder::{self, Identity};
use crate::ground::Air;
use crate::limits::{HANDSHAKE_LIMIT_MS, SEED_LIMIT_MS, SEEDS_LIMIT_COUNT};
use crate::neighbours;

/// Looks at everything about peers.
pub fn read(settings: &Settings, air: &Air) -> Peers {
    let Some(address) = settings.listen.peer else {
        let alone = || "the node is alone: `listen.peer` is not set".to_owned();
        return Peers { port: None, certificate: Err(alone()), seeds: Err(alone()) };
    };
    let port = Some(ports::of_peers(address));
    let unmade = |_| "there is no cluster yet".to_owned();
    let identity = match folder::identity(&settings.node.data).map_err(unmade) {
        Ok(identity) => identity,
        Err(why) => return Peers { port, certificate: Err(why.clone()), seeds: Err(why) },
    };
    let clock = Arc::clone(&air.clock);
    let tls = match PeerTls::load(identity.cluster, neighbours::source(settings), clock) {
        Ok(tls) => Arc::new(tls),
        Err(error) => {
            let why = "the certificate towards peers cannot be used".to_owned();
            return Peers { port, certificate: Ok(Err(told(error))), seeds: Err(why) };
        }
    };
    let runtime = match ambient::runtime("bascule-doctor", Some(1)) {
        Ok(runtime) => runtime,
        Err(error) => return Peers { port, certificate: Err(error.to_string()), seeds: Err(error.to_string()) },
    };
    let certificate = runtime.block_on(shake(&tls, identity.node));
    let seeds = match &certificate {
        Ok(_) => {
            let tasks = Arc::new(Tasks::on(runtime.handle(), &Ends::default(), Leads::Terms));
            let peers = Connections::new(connections::Ports {
                tls,
                directory: Arc::new(Seeds(settings.peers.seeds.clone())),
                spawn: tasks,
                clock: Arc::clone(&air.clock),
                entropy: Arc::clone(&air.entropy),
            });
            let seeds = settings.peers.seeds.iter().take(SEEDS_LIMIT_COUNT);
            Ok(seeds.map(|(node, address)| runtime.block_on(ask(&peers, &identity, (*node, address), air))).collect())
        }
        Err(_) => Err("no peer believes this node's certificate".to_owned()),
    };
    // Connections that were made go with it.
    runtime.shutdown_background();
    Peers { port, certificate: Ok(certificate.map(|()| identity.node.0)), seeds }
}

/// Where the configuration says that peers are.
struct Seeds(BTreeMap<NodeId, String>);

impl Directory for Seeds {
    fn addresses(&self, peer: NodeId) -> Vec<String> {
        self.0.get(&peer).cloned().into_iter().collect()
    }
}

/// A handshake of the node with itself: chain, names, uses, dates and lists are judged as by a peer, in both directions.
async fn shake(tls: &PeerTls, node: NodeId) -> Result<(), String> {
    let (near, far) = pair().await.map_err(|error| format!("no connection to itself: {error}"))?;
    let limit = Duration::from_millis(HANDSHAKE_LIMIT_MS);
    // Who called believes that it was taken only once it hears a word.
    let answered = async {
        let arrival = tls.accept(far, limit, || None::<()>).await.map_err(told)?;
        let Arrival::Node { node: shown, mut stream, .. } = arrival else { return Err("it is no node's".to_owned()) };
        let said = stream.write_all(b"\n").await;
        said.map(|()| (shown, stream)).map_err(|error| error.to_string())
    };
    let (called, answered) = tokio::join!(tls.connect(near, node, limit), answered);
    called.map_err(|error| told(Error::from(error)))?;
    match answered? {
        (shown, _) if shown == node => Ok(()),
        (shown, _) => Err(format!("it is node {}'s, and this is node {}", shown.0, node.0)),
    }
}

/// Asks one peer for its clock. Nothing that it knows of this node changes.
async fn ask(peers: &Connections, identity: &Identity, (node, address): (NodeId, &str), air: &Air) -> Seed {
    let request = GreetRequest {
        cluster: identity.cluster.0.to_vec().into(),
        node: identity.node.0,
        format: FORMAT,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        only_asks: true,
        ..GreetRequest::default()
    };
    let began = air.clock.boot();
    let answer = tokio::time::timeout(Duration::from_millis(SEED_LIMIT_MS), peers.greet(node, request)).await;
    let answer: Seen<Answer> = match answer {
        Ok(Ok(answer)) => {
            // Its clock was read in the middle, as far as one can tell.
            let theirs = answer.clock_ms.saturating_add(air.clock.boot().since(began) / 2);
            let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
            Ok(Answer {
                clock_ahead_ms: signed(theirs).saturating_sub(signed(air.clock.wall().0)),
                build: answer.build,
            })
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it gave no answer within {SEED_LIMIT_MS} ms")),
    };
    Seed { node: node.0, address: address.to_owned(), answer }
}
