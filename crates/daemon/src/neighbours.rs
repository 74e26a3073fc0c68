//! The other nodes: where they are, who is a member, the calls to them and the listener for theirs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use tokio::net::TcpListener;
use tokio::sync::watch;

use bascule_model::uid::NodeId;
use bascule_pki::peering::PeerTls;
use bascule_pki::{Source, inventory};
use bascule_replication::alone::Alone;
use bascule_replication::groups::Groups;
use bascule_replication::peers::Peers;
use bascule_replication::transport::admission::Admission;
use bascule_replication::transport::connections::{self, Connections, Directory};
use bascule_replication::transport::service::{Options, Service};
use bascule_routing::viewer::Viewer;

use crate::certificates::{self, AUTHORITY, NODE, NODE_KEY};
use crate::config::Settings;
use crate::error::{Error, file};
use crate::folder::Identity;
use crate::ground::Air;
use crate::house::Runtimes;

/// What a node has towards its peers. A node without a peer listener has none, and is alone.
pub struct Neighbours {
    /// Where the listener is bound, and how others find it.
    pub face: Option<(SocketAddr, String)>,
    /// The calls that go out.
    pub peers: Arc<dyn Peers>,
    /// The node's certificates towards peers, for whoever looks after them.
    pub tls: Option<Arc<PeerTls>>,
    /// SHA-256 of the certificate of the authority that peers are known by: what join tokens name.
    pub authority: Option<[u8; 32]>,
    socket: Option<TcpListener>,
    places: Arc<Places>,
}

/// Where members are: what the configuration says; there in vain, what they said themselves, and what the control group says.
struct Places {
    seeds: BTreeMap<NodeId, String>,
    viewer: Arc<Viewer>,
    groups: OnceLock<Weak<Groups>>,
}

impl Places {
    /// Before a joined node has any rows, everybody whom the cluster's authority vouches for is let in: the rows come from them. Rows
    /// that a crash took come from a quorum again, which the control group's log knows: whoever is in it is let in, unless it is gone.
    fn is_member(&self, node: NodeId) -> bool {
        self.viewer.now().members.may_be_member(node)
    }
}

impl Directory for Places {
    fn addresses(&self, peer: NodeId) -> Vec<String> {
        if !self.is_member(peer) {
            return Vec::new();
        }
        let groups = self.groups.get().and_then(Weak::upgrade);
        let said = groups.as_ref().and_then(|groups| groups.address(peer));
        // Where a crash took the rows, the log's own word is what there is.
        let in_log = groups.and_then(|groups| groups.address_in_log(peer));
        let view = self.viewer.now();
        let written = view.members.address(peer).map(str::to_owned);
        let all = [self.seeds.get(&peer).cloned(), said, written, in_log].into_iter().flatten();
        let mut addresses: Vec<String> = Vec::new();
        for address in all.filter(|address| !address.is_empty()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}

/// The node's certificates towards peers: of the cluster's own authority, whoever issued those of the API.
pub fn source(settings: &Settings) -> Source {
    let at = |name: &str| settings.tls.folder.join(name);
    Source::Files {
        chain: at(NODE),
        key: at(NODE_KEY),
        authorities: at(AUTHORITY),
        crls: Vec::new(),
        own_crl: Some(certificates::own_crl(&settings.tls.folder)),
    }
}

impl Neighbours {
    /// Binds the listener and makes ready to call. Nothing is served or called yet.
    ///
    /// # Errors
    /// [`Error::Socket`], [`Error::Pki`].
    pub async fn prepare(
        settings: &Settings,
        identity: &Identity,
        viewer: &Arc<Viewer>,
        air: &Air,
        runtimes: &Runtimes,
    ) -> Result<Self, Error> {
        let (seeds, viewer) = (settings.peers.seeds.clone(), Arc::clone(viewer));
        let places = Arc::new(Places { seeds, viewer, groups: OnceLock::new() });
        let Some(address) = settings.listen.peer else {
            return Ok(Self { face: None, peers: Arc::new(Alone), tls: None, authority: None, socket: None, places });
        };
        let clock = Arc::clone(&air.clock);
        let tls = Arc::new(PeerTls::load(identity.cluster, source(settings), clock)?);
        let path = settings.tls.folder.join(AUTHORITY);
        let text = std::fs::read_to_string(&path).map_err(file("read", &path))?;
        let authority = Some(inventory::fingerprint_sha256(&text)?);
        let failed = |source| Error::Socket { key: "listen.peer", address, source };
        // Accepted by the runtime of Raft, so that no busy room delays a heartbeat.
        let bound = runtimes.raft.spawn(async move { TcpListener::bind(address).await });
        let panicked = |_| std::io::Error::other("the runtime ended");
        let socket = bound.await.map_err(panicked).and_then(|bound| bound).map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let said = settings.peers.address.clone().unwrap_or_else(|| bound.to_string());
        let peers = Connections::new(connections::Ports {
            tls: Arc::clone(&tls),
            directory: Arc::clone(&places) as _,
            spawn: runtimes.groups(),
            clock: Arc::clone(&air.clock),
            entropy: Arc::clone(&air.entropy),
        });
        Ok(Self { face: Some((bound, said)), peers, tls: Some(tls), authority, socket: Some(socket), places })
    }

    /// What serves the peers, once the groups stand; none for a node that is alone.
    pub fn service(
        &mut self,
        groups: &Arc<Groups>,
        admission: Arc<dyn Admission>,
        air: &Air,
        runtimes: &Runtimes,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        // Held weakly: the groups hold the way out, which holds this.
        let _ = self.places.groups.set(Arc::downgrade(groups));
        let (socket, tls) = (self.socket.take()?, self.tls.clone()?);
        let places = Arc::clone(&self.places);
        let options = Options {
            socket,
            tls,
            peers: Arc::clone(groups) as _,
            admission,
            is_member: Arc::new(move |node| places.is_member(node)),
            spawn: runtimes.groups(),
            clock: Arc::clone(&air.clock),
        };
        Some(async move {
            // It serves as long as the groups do, and those are stopped last of all: the runtime takes it along.
            let (_held, never) = watch::channel(false);
            Service::new(options).run(never).await;
        })
    }
}
