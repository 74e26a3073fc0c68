//! `join`: makes this machine a node of a cluster that is there, by a token that one of its members made.
//!
//! Everything is checked before anything is written, and the identity is written last: without it nothing starts.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use bascule_api::peer::v1::{JoinAnswer, JoinRequest};
use bascule_keyring::node_keys::{FILE_NAME, NodeKeys};
use bascule_keyring::provider::local::Local;
use bascule_keyring::secret::Secret;
use bascule_model::ambient::{Clock, Entropy};
use bascule_model::arn::Scope;
use bascule_model::name::AccountId;
use bascule_model::uid::NodeId;
use bascule_pki::authority::Authority;
use bascule_pki::joining::JoinTls;
use bascule_pki::peering::PeerTls;
use bascule_pki::request::certificate_request;
use bascule_pki::secret::{PrivateKey, write_private};
use bascule_pki::token::Token;
use bascule_pki::{Source, inventory, node};
use bascule_replication::transport::FORMAT;
use bascule_replication::transport::joining::{self, Error as Refusal};

use crate::ambient::{self, Ends, Leads, System, Tasks};
use crate::certificates::{self, AUTHORITY, AUTHORITY_KEY, Manner, NODE, NODE_KEY, Office};
use crate::config::Settings;
use crate::error::{Error, file};
use crate::folder::{self, Begun, Folder, Identity};
use crate::found;
use crate::limits::{GROUPS_LIMIT_COUNT, TOKEN_LIMIT_BYTES};

/// Joins the cluster that the token names; gives what to do next. `number` is what the configuration says of the node's number, if it
/// says anything.
///
/// # Errors
/// [`Error::Present`] with nothing made where anything is, [`Error::NotAdmitted`], [`Error::NoMember`]; [`Error::HalfJoined`] with
/// what was made until then.
pub fn join(
    settings: &Settings,
    number: Option<NodeId>,
    token: &str,
    entropy: &Arc<dyn Entropy>,
) -> Result<String, Error> {
    let present = found::present(settings);
    if !present.is_empty() {
        return Err(Error::Present { present });
    }
    let token = read(token, &System)?;
    let (certificate_request, key) = certificate_request()?;
    let answer = ask(settings, &token, certificate_request)?;
    let given = Given::checked(settings, number, &token, answer, key, entropy)?;
    if let Err(error) = given.write(settings, entropy) {
        let made = found::present(settings);
        return Err(if made.is_empty() { error } else { Error::HalfJoined { made, source: Box::new(error) } });
    }
    tell(&format!("node {} of cluster {}: everything is written", given.identity.node.0, given.identity.cluster));
    Ok(format!(
        "this is node {node} of cluster {cluster}: data in {data}, the cluster's root key in {root}, certificates in {pki}\n\
         Keep a copy of the root key where no copy of the data is, if no other node's operator does.\n\
         Start it: it catches up with the others by itself.\n",
        node = given.identity.node.0,
        cluster = given.identity.cluster,
        data = settings.node.data.display(),
        root = settings.root_key.display(),
        pki = settings.tls.folder.display(),
    ))
}

/// The token of the command line, or of the standard input.
fn read(text: &str, clock: &dyn Clock) -> Result<Token, Error> {
    let refused = |why: String| Error::NotAdmitted { why };
    let token = if text == "-" {
        let mut text = String::new();
        let input = io::stdin().lock().take(TOKEN_LIMIT_BYTES).read_to_string(&mut text);
        input.map_err(file("read", Path::new("standard input")))?;
        Token::parse(&text)
    } else {
        Token::parse(text)
    };
    let token = token.map_err(|error| refused(error.to_string()))?;
    if clock.wall().0 / 1_000 > token.expires_unix_s() {
        return Err(refused("the token is over, or this machine's clock is wrong".to_owned()));
    }
    Ok(token)
}

/// Asks one member after the other.
fn ask(settings: &Settings, token: &Token, certificate_request: String) -> Result<JoinAnswer, Error> {
    let clock: Arc<dyn Clock> = Arc::new(System);
    let tls = JoinTls::new(token.cluster(), token.authority_sha256(), &clock)?;
    let request = request(settings, token, certificate_request)?;
    let refused = |source| Error::System { what: "a runtime", source };
    let runtime = ambient::runtime("bascule-join", Some(1)).map_err(refused)?;
    let tasks = Arc::new(Tasks::on(runtime.handle(), &Ends::default(), Leads::Terms));
    let mut said = String::new();
    for member in token.members() {
        tell(&format!("asking {member}"));
        match runtime.block_on(joining::join(member, &tls, request.clone(), tasks.clone())) {
            Ok(answer) => return Ok(answer),
            Err(refusal @ Refusal::Refused { .. }) => return Err(Error::NotAdmitted { why: refusal.to_string() }),
            Err(other) => {
                tell(&other.to_string());
                // Writing to a text does not fail.
                let _ = write!(said, "{}{other}", if said.is_empty() { "" } else { "; " });
            }
        }
    }
    Err(Error::NoMember { why: said })
}

fn request(settings: &Settings, token: &Token, certificate_request: String) -> Result<JoinRequest, Error> {
    let unset = || Error::NotAdmitted { why: "`peers.address` must be set: where do the others find it?".to_owned() };
    let host = settings.tls.names.first().map_or("localhost", String::as_str);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Ok(JoinRequest {
        cluster: token.cluster().0.to_vec().into(),
        token_id: token.id().to_owned(),
        token_secret: token.expose_secret().to_vec().into(),
        zone: settings.node.zone.clone(),
        address: settings.peers.address.clone().ok_or_else(unset)?,
        api_address: format!("{host}:{}", settings.listen.grpc.port()),
        names: settings.tls.names.clone(),
        certificate_request,
        format: FORMAT,
    })
}

/// What the cluster gave, known to fit together.
struct Given {
    identity: Identity,
    certificate: String,
    key: PrivateKey,
    authority: Authority,
    revocations: String,
    root_key: Secret,
    wrapped_keys: Vec<u8>,
}

impl Given {
    fn checked(
        settings: &Settings,
        number: Option<NodeId>,
        token: &Token,
        answer: JoinAnswer,
        key: PrivateKey,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let refused = |why: &str| Error::NotAdmitted { why: format!("the member's answer is refused: {why}") };
        let identity = identity(settings, number, token, &answer)?;
        if inventory::fingerprint_sha256(&answer.authority)? != token.authority_sha256() {
            return Err(refused("it has another authority than the token"));
        }
        let clock: Arc<dyn Clock> = Arc::new(System);
        let authority_key = PrivateKey::from_pem(answer.authority_key)?;
        let now_unix_s = i64::try_from(clock.wall().0 / 1_000).unwrap_or(i64::MAX);
        let authority = Authority::from_pem(&answer.authority, authority_key, now_unix_s)?;
        let facts = inventory::of_pem(&answer.certificate)?;
        let own = node::spiffe_id(token.cluster(), identity.node)?;
        if facts.len() != 1 || facts[0].uris != [own.as_str()] {
            return Err(refused("its certificate is not this node's"));
        }
        // As the node itself will load them.
        let source = Source::Pem {
            chain: answer.certificate.clone(),
            key: key.clone(),
            authorities: answer.authority,
            crls: Some(answer.revocations.clone()).filter(|list| !list.is_empty()).into_iter().collect(),
        };
        PeerTls::load(token.cluster(), source, clock)?;
        let secret = || Secret::from_slice(&answer.root_key).ok_or_else(|| refused("its root key is none"));
        opened(&identity, secret()?, &answer.wrapped_keys, entropy)?;
        Ok(Self {
            root_key: secret()?,
            identity,
            certificate: answer.certificate,
            key,
            authority,
            revocations: answer.revocations,
            wrapped_keys: answer.wrapped_keys.to_vec(),
        })
    }

    /// Writes everything, the identity last.
    fn write(&self, settings: &Settings, entropy: &Arc<dyn Entropy>) -> Result<(), Error> {
        let folder = Folder::create(&settings.node.data)?;
        if let Some(above) = settings.root_key.parent().filter(|above| !above.as_os_str().is_empty()) {
            folder::make(above)?;
        }
        let root_key = Secret::new(*self.root_key.expose());
        let root = Local::create(&settings.root_key, folder.path(), root_key, Arc::clone(entropy))?;
        folder::write_new(&folder.path().join(FILE_NAME), 0o600, &self.wrapped_keys)?;
        NodeKeys::load(folder.path(), self.identity.cluster, &root)?;
        folder::make(&settings.tls.folder)?;
        let at = |name: &str| settings.tls.folder.join(name);
        write_private(&at(AUTHORITY_KEY), self.authority.key())?;
        folder::write_new(&at(AUTHORITY), 0o644, self.authority.certificate_pem().as_bytes())?;
        if !self.revocations.is_empty() {
            let list = certificates::own_crl(&settings.tls.folder);
            folder::write_new(&list, 0o644, self.revocations.as_bytes())?;
        }
        write_private(&at(NODE_KEY), &self.key)?;
        folder::write_new(&at(NODE), 0o644, self.certificate.as_bytes())?;
        if !settings.tls.foreign {
            let office = Office::open(&settings.tls.folder, &System, &**entropy)?;
            office.server(&settings.tls.names, Manner::New)?;
        }
        folder.set_identity(&self.identity)
    }
}

/// Who this node is. What the configuration says must be what the cluster is.
fn identity(
    settings: &Settings,
    number: Option<NodeId>,
    token: &Token,
    answer: &JoinAnswer,
) -> Result<Identity, Error> {
    let refused = |why: String| Error::NotAdmitted { why: format!("the member's answer is refused: {why}") };
    let JoinAnswer { node, groups, partition, region, account, .. } = answer;
    if *node == 0 || *groups == 0 || u64::from(*groups) > GROUPS_LIMIT_COUNT {
        return Err(refused("a number in it is out of bounds".to_owned()));
    }
    let account = AccountId::parse(account).map_err(|fault| refused(fault.to_string()))?;
    let scope = Scope::new(partition, region, account).map_err(|fault| refused(fault.to_string()))?;
    let own = &settings.node.scope;
    let configured = number.map_or(*node, |number| number.0).to_string();
    let pairs = [
        ("node.id", configured, node.to_string()),
        ("node.partition", own.partition().to_owned(), scope.partition().to_owned()),
        ("node.region", own.region().to_owned(), scope.region().to_owned()),
        ("node.account", own.account().to_string(), scope.account().to_string()),
    ];
    for (key, configured, given) in pairs {
        if configured != given {
            let why = format!(
                "`{key}` is `{configured}`, and the cluster says `{given}`: set it so, and join again with the same token"
            );
            return Err(Error::NotAdmitted { why });
        }
    }
    Ok(Identity { cluster: token.cluster(), node: NodeId(*node), groups: *groups, scope, begun: Begun::Joined })
}

/// The root key must open the keys that came with it: tried in a folder of its own, so that nothing is kept of what does not fit.
fn opened(identity: &Identity, root_key: Secret, wrapped: &[u8], entropy: &Arc<dyn Entropy>) -> Result<(), Error> {
    let mut drawn = [0; 8];
    entropy.fill(&mut drawn)?;
    let place = std::env::temp_dir().join(format!("basculed-join-{:016x}", u64::from_be_bytes(drawn)));
    folder::make(&place)?;
    let root = Local::new(root_key, Arc::clone(entropy));
    let tried = folder::write_new(&place.join(FILE_NAME), 0o600, wrapped)
        .and_then(|()| NodeKeys::load(&place, identity.cluster, &root).map(drop).map_err(Error::Keys));
    fs::remove_dir_all(&place).map_err(file("removed", &place))?;
    tried
}

/// Says how far it is; nobody has to listen.
fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "basculed: {text}");
}

#[cfg(test)]
mod tests;
