//! A node joins by way of a member's own listener, and whatever does not fit leaves nothing behind.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_pki::authority::Validity;
use bascule_replication::peers::{Flow, PeerError, Peers};
use bascule_replication::transport::admission::{self, Admission};
use bascule_replication::transport::service::{Options, Service};

use super::*;
use crate::config::{self, Sources};
use crate::error::{EXIT_CONFIG, EXIT_FAILURE};

/// The number that the member gives.
const GIVEN: NodeId = NodeId(3);

/// A machine: where its files are.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn settings(&self, flags: &[&str]) -> Settings {
        let path = |name: &str| self.at(name).display().to_string();
        let presumed = vec![
            ("node.data", path("data")),
            ("node.region", "us-east-1".to_owned()),
            ("node.account", "000000000000".to_owned()),
            ("tls.folder", path("pki")),
            ("keys.root", path("keys/root.key")),
        ];
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        config::read(&Sources { presumed, flags, ..Sources::default() }).unwrap()
    }

    fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
            }
        }
        let mut found = Vec::new();
        walk(self.0.path(), &mut found);
        let shorter = |path: &PathBuf| path.strip_prefix(self.0.path()).unwrap().display().to_string();
        let mut names: Vec<_> = found.iter().map(shorter).collect();
        names.sort();
        names
    }
}

/// Nobody asks it anything.
struct Silent;

fn silent<T: Send + 'static>(peer: NodeId) -> Pending<'static, Result<T, PeerError>> {
    Box::pin(async move { Err(PeerError::Refused { peer, why: "silent".to_owned() }) })
}

impl Peers for Silent {
    fn append(
        &self,
        peer: NodeId,
        _: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        silent(peer)
    }
    fn vote(&self, peer: NodeId, _: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        silent(peer)
    }
    fn snapshot(
        &self,
        peer: NodeId,
        _: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        silent(peer)
    }
    fn transfer(&self, peer: NodeId, _: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        silent(peer)
    }
    fn greet(&self, peer: NodeId, _: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        silent(peer)
    }
    fn propose(&self, peer: NodeId, _: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        silent(peer)
    }
    fn read_index(&self, peer: NodeId, _: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        silent(peer)
    }
    fn ask(&self, peer: NodeId, _: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        silent(peer)
    }
    fn hand_over(&self, peer: NodeId, _: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        silent(peer)
    }
}

/// What a test does to an answer.
type Change = Box<dyn Fn(&mut JoinAnswer) + Send + Sync>;

/// Gives what a member would, then changed by the test.
struct Gives {
    settings: Settings,
    identity: Identity,
    change: Change,
}

impl Gives {
    fn answer(&self, request: &JoinRequest) -> JoinAnswer {
        let read = |name: &str| fs::read_to_string(self.settings.tls.folder.join(name)).unwrap();
        let now = (System.wall().0 / 1_000) as i64;
        let key = PrivateKey::from_pem(read(AUTHORITY_KEY)).unwrap();
        let authority = Authority::from_pem(&read(AUTHORITY), key, now).unwrap();
        let validity = Validity { not_before_unix_s: now - 60, not_after_unix_s: now + 3_600 };
        let leaf = node::leaf(self.identity.cluster, GIVEN, &[]).unwrap();
        let scope = &self.identity.scope;
        let data = &self.settings.node.data;
        let root = Local::load(&self.settings.root_key, data, Arc::new(System)).unwrap();
        let mut answer = JoinAnswer {
            node: GIVEN.0,
            groups: self.identity.groups,
            partition: scope.partition().to_owned(),
            region: scope.region().to_owned(),
            account: scope.account().to_string(),
            certificate: authority.sign(&request.certificate_request, &leaf, validity, [4; 16]).unwrap(),
            authority: read(AUTHORITY),
            authority_key: read(AUTHORITY_KEY),
            revocations: authority.revocation_list(&[vec![0x41]], 1, validity).unwrap(),
            root_key: root.secret().expose().to_vec().into(),
            wrapped_keys: fs::read(data.join(FILE_NAME)).unwrap().into(),
            members: Vec::new(),
        };
        (self.change)(&mut answer);
        answer
    }
}

impl Admission for Gives {
    fn admit(&self, request: JoinRequest) -> Pending<'_, Result<JoinAnswer, admission::Refusal>> {
        Box::pin(async move {
            if request.token_secret.as_ref() != [5; 32] {
                return Err(admission::Refusal::Denied);
            }
            Ok(self.answer(&request))
        })
    }
}

/// A member that listens until it is dropped.
struct Member {
    machine: Machine,
    address: String,
    identity: Identity,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Member {
    fn new(change: impl Fn(&mut JoinAnswer) + Send + Sync + 'static) -> Self {
        let machine = Machine::new();
        let settings = machine.settings(&["node.groups=7"]);
        let entropy: Arc<dyn Entropy> = Arc::new(System);
        let identity = found::found(&settings, &System, &entropy).unwrap().identity;
        let folder = settings.tls.folder.clone();
        let source = Source::Files {
            chain: folder.join(NODE),
            key: folder.join(NODE_KEY),
            authorities: folder.join(AUTHORITY),
            crls: Vec::new(),
            own_crl: Some(certificates::own_crl(&folder)),
        };
        let tls = Arc::new(PeerTls::load(identity.cluster, source, Arc::new(System)).unwrap());
        let runtime = ambient::runtime("member", Some(1)).unwrap();
        let socket = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let tasks: Arc<Tasks> = Arc::new(Tasks::on(runtime.handle(), &Ends::default(), Leads::Terms));
        let service = Service::new(Options {
            socket,
            tls,
            peers: Arc::new(Silent),
            admission: Arc::new(Gives { settings, identity: identity.clone(), change: Box::new(change) }),
            is_member: Arc::new(|_| true),
            spawn: tasks,
            clock: Arc::new(System),
        });
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(service.run(stopped));
        Self { machine, address, identity, _stop: stop, _runtime: runtime }
    }

    fn token(&self, secret: u8, members: &[&str]) -> String {
        let pem = fs::read_to_string(self.machine.at("pki").join(AUTHORITY)).unwrap();
        let authority = inventory::fingerprint_sha256(&pem).unwrap();
        let expires = System.wall().0 / 1_000 + 600;
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        let token = Token::new(self.identity.cluster, "t1".to_owned(), [secret; 32], authority, expires, members);
        token.unwrap().render().unwrap()
    }

    fn good_token(&self) -> String {
        self.token(5, &[&self.address])
    }
}

fn tries(machine: &Machine, flags: &[&str], number: Option<u64>, token: &str) -> Result<String, Error> {
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    join(&machine.settings(flags), number.map(NodeId), token, &entropy)
}

#[test]
fn a_node_gets_everything_but_an_operator() {
    let (member, machine) = (Member::new(|_| {}), Machine::new());
    // The first of two members is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let token = member.token(5, &[&gone, &member.address]);
    let told = tries(&machine, &[], None, &token).unwrap();
    assert!(told.contains("this is node 3 of cluster"), "{told}");
    let files = [
        "data/identity",
        "data/keys",
        "data/lock",
        "keys/root.key",
        "pki/authority.key",
        "pki/authority.pem",
        "pki/node.key",
        "pki/node.pem",
        "pki/revoked.pem",
        "pki/server.key",
        "pki/server.pem",
    ];
    assert_eq!(machine.files(), files);
    let identity = folder::identity(&machine.at("data")).unwrap();
    assert_eq!(identity, Identity { node: GIVEN, begun: Begun::Joined, ..member.identity.clone() });
    for same in ["data/keys", "keys/root.key", "pki/authority.pem", "pki/authority.key"] {
        assert_eq!(fs::read(machine.at(same)).unwrap(), fs::read(member.machine.at(same)).unwrap(), "{same}");
    }
    for renewed in [NODE, "server.pem"] {
        let shown = || fs::read(machine.at("pki").join(renewed)).unwrap();
        let before = shown();
        found::renew(&machine.settings(&[]), (identity.cluster, identity.node), &System, &System).unwrap();
        assert_ne!(shown(), before, "{renewed}");
    }
    assert!(!machine.at("pki").join(certificates::OPERATOR).exists());
    // Not twice.
    let error = tries(&machine, &[], None, &token).unwrap_err();
    assert!(
        matches!(&error, Error::Present { present } if !present.is_empty()) && error.exit() == EXIT_CONFIG,
        "{error}"
    );
}

#[test]
fn where_the_apis_certificates_come_from_elsewhere_none_is_made_for_it() {
    let (member, machine) = (Member::new(|answer| answer.revocations.clear()), Machine::new());
    let foreign =
        ["tls.certificate=/x/a.pem", "tls.key=/x/a.key", "tls.authorities=/x/b.pem", "tls.operators=spiffe://a/b"];
    tries(&machine, &foreign, Some(GIVEN.0), &member.good_token()).unwrap();
    let pki: Vec<_> = machine.files().into_iter().filter(|name| name.starts_with("pki")).collect();
    assert_eq!(pki, ["pki/authority.key", "pki/authority.pem", "pki/node.key", "pki/node.pem"]);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    fn check(member: &Member, flags: &[&str], number: Option<u64>, token: &str, part: &str, exit: u8) {
        let machine = Machine::new();
        let error = tries(&machine, flags, number, token).expect_err(part);
        assert!(error.chain().contains(part), "{}, not {part}", error.chain());
        assert_eq!(error.exit(), exit, "{}", error.chain());
        assert!(machine.files().is_empty(), "{part}: {:?}", machine.files());
        assert!(!error.chain().contains(&member.good_token()[20..40]));
    }
    let member = Member::new(|_| {});
    let good = member.good_token();
    check(&member, &[], None, "bascule1.AAAA", "not whole", EXIT_CONFIG);
    check(&member, &[], None, &member.token(6, &[&member.address]), "lets nobody in", EXIT_CONFIG);
    check(&member, &[], Some(9), &good, "`node.id` is `9`, and the cluster says `3`", EXIT_CONFIG);
    check(&member, &["node.region=eu-west-1"], None, &good, "`node.region` is `eu-west-1`", EXIT_CONFIG);
    check(&member, &["listen.peer=127.0.0.1:0"], None, &good, "`peers.address` must be set", EXIT_CONFIG);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    check(&member, &[], None, &member.token(5, &[&gone]), "nothing was made", EXIT_FAILURE);
    let over = Token::new(member.identity.cluster, "t".to_owned(), [5; 32], [0; 32], 1, vec![gone]).unwrap();
    check(&member, &[], None, &over.render().unwrap(), "the token is over", EXIT_CONFIG);

    let other = Member::new(|_| {});
    let strange = |name: &'static str| {
        let folder = other.machine.at("pki");
        fs::read_to_string(folder.join(name)).unwrap()
    };
    let (authority, authority_key) = (strange(AUTHORITY), strange(AUTHORITY_KEY));
    let changes: Vec<(Change, &str)> = vec![
        (Box::new(|answer| answer.node = 0), "out of bounds"),
        (Box::new(|answer| answer.groups = 10_000), "out of bounds"),
        (Box::new(|answer| answer.node = 4), "certificate is not this node's"),
        (Box::new(move |answer| answer.authority = authority.clone()), "another authority"),
        (Box::new(move |answer| answer.authority_key = authority_key.clone()), "does not belong"),
        (Box::new(|answer| answer.certificate = answer.authority.clone()), "certificate is not this node's"),
        (Box::new(|answer| answer.root_key = vec![1; 31].into()), "root key is none"),
        (Box::new(|answer| answer.root_key = vec![1; 32].into()), "keys are refused"),
        (Box::new(|answer| answer.wrapped_keys = b"x"[..].into()), "not a whole key file"),
        (Box::new(|answer| answer.revocations = "x".to_owned()), "revocation list"),
    ];
    for (change, part) in changes {
        let member = Member::new(change);
        let machine = Machine::new();
        let error = tries(&machine, &[], None, &member.good_token()).expect_err(part);
        assert!(error.chain().contains(part), "{}, not {part}", error.chain());
        assert!(machine.files().is_empty(), "{part}: {:?}", machine.files());
    }
}

#[test]
fn what_could_not_be_written_is_told_with_what_was() {
    let (member, machine) = (Member::new(|_| {}), Machine::new());
    // A file where a folder must be.
    fs::write(machine.at("keys"), b"").unwrap();
    let error = tries(&machine, &[], None, &member.good_token()).unwrap_err();
    let Error::HalfJoined { made, .. } = &error else { panic!("{error}") };
    assert_eq!(made, &[machine.at("data")]);
    assert!(error.to_string().contains("join again with the same token") && error.exit() == EXIT_FAILURE);
    assert!(folder::identity(&machine.at("data")).is_err());
}
