//! What stands before any disk is touched: whose folder it is, keys, certificates, ways out. Whatever is wrong here stops the start.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bascule_delivery::target::egress::Egress;
use bascule_delivery::target::log::Sink;
use bascule_keyring::atrest::AtRest;
use bascule_keyring::mac::{HandleKeys, IndexKey};
use bascule_keyring::node_keys::NodeKeys;
use bascule_keyring::provider::local::Local;
use bascule_keyring::sealer::Sealer;
use bascule_keyring::session::SessionKeys;
use bascule_model::ambient::{Clock, Entropy, Spawn};
use bascule_model::arn::Scope;
use bascule_pki::Source;
use bascule_pki::client::{OutboundConfig, Roots, outbound};
use bascule_pki::server::ServerTls;
use bascule_routing::vault::Vault;
use bascule_storage::seal::{Keys, Seal};

use crate::certificates;
use crate::config::Settings;
use crate::config::settings::Tls;
use crate::error::{Error, file};
use crate::folder::{Folder, Identity};
use crate::limits::ROOTS_LIMIT_BYTES;
use crate::log_target::{Files, OwnLog};
use crate::planted::Plant;

/// Time and chance, as every room gets them.
#[derive(Clone)]
pub struct Air {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// What the rooms are built on.
pub struct Ground {
    /// Whose folder it is.
    pub identity: Identity,
    /// Seals rows and log records.
    pub seal: Arc<dyn Seal>,
    /// Seals payloads.
    pub vault: Arc<Vault>,
    /// Vouches for receipts and page tokens.
    pub handles: Arc<HandleKeys>,
    /// Seals tokens of sessions.
    pub sessions: Arc<SessionKeys>,
    /// The listener's certificates.
    pub tls: Arc<ServerTls>,
    /// HTTPS to targets.
    pub outbound: OutboundConfig,
    /// Where targets may be.
    pub egress: Egress,
    /// Where log targets write.
    pub sink: Arc<dyn Sink>,
    /// The same, if it is files.
    pub files: Option<Arc<Files>>,
    /// What is planted in it.
    pub plant: Plant,
}

/// Lays the ground for a node with these settings in this folder.
///
/// # Errors
/// The first thing that cannot be read, verified or decrypted.
pub fn lay(
    settings: &Settings,
    folder: &Folder,
    air: &Air,
    plant: Plant,
    spawn: Arc<dyn Spawn>,
) -> Result<Ground, Error> {
    let identity = folder.identity()?;
    agree(settings, &identity)?;
    let root = Local::load(&settings.root_key, folder.path(), Arc::clone(&air.entropy))?;
    let keys = NodeKeys::load(folder.path(), identity.cluster, &root)?;
    // Until handle keys stand in control state they are made of the index key, which labels keep apart.
    let handles = Arc::new(HandleKeys::new(&keys.index, None));
    let sessions = Arc::new(SessionKeys::new(identity.cluster, &keys.index, Arc::clone(&air.entropy)));
    let index = IndexKey::new(&keys.index);
    let (at_rest, sealer) = sealers(&identity, keys, air, plant)?;
    let seal: Arc<dyn Seal> = Arc::new(Keys::new(at_rest, index));
    let vault = Vault::new(sealer, Arc::new(root), Arc::clone(&air.clock), Arc::clone(&air.entropy), spawn);
    let tls = Arc::new(ServerTls::load(source(&settings.tls), Arc::clone(&air.clock))?);
    let outbound = trusted(settings, &air.clock)?;
    let egress = Egress::new(settings.delivery.allow_private.clone())?;
    let (sink, files): (Arc<dyn Sink>, _) = match &settings.delivery.log_folder {
        Some(logs) => {
            let files = Arc::new(Files::within(logs, folder.path(), Arc::clone(&air.clock))?);
            (Arc::clone(&files) as Arc<dyn Sink>, Some(files))
        }
        None => (Arc::new(OwnLog::new(Arc::clone(&air.clock))), None),
    };
    Ok(Ground { identity, seal, vault, handles, sessions, tls, outbound, egress, sink, files, plant })
}

/// Where the listener's certificates come from.
#[must_use]
pub fn source(tls: &Tls) -> Source {
    Source::Files {
        chain: tls.certificate.clone(),
        key: tls.key.clone(),
        authorities: tls.authorities.clone(),
        crls: tls.crls.clone(),
        own_crl: (!tls.foreign).then(|| certificates::own_crl(&tls.folder)),
    }
}

/// What never changes must be what the configuration believes.
///
/// # Errors
/// [`Error::Differs`], with the first key that does.
pub fn agree(settings: &Settings, identity: &Identity) -> Result<(), Error> {
    let facts = |node: u64, groups: u32, scope: &Scope| {
        let (partition, region) = (scope.partition().to_owned(), scope.region().to_owned());
        [node.to_string(), groups.to_string(), partition, region, scope.account().to_string()]
    };
    let keys = ["node.id", "node.groups", "node.partition", "node.region", "node.account"];
    let configured = facts(settings.node.id.0, settings.node.groups, &settings.node.scope);
    let made = facts(identity.node.0, identity.groups, &identity.scope);
    for ((key, configured), made) in keys.into_iter().zip(configured).zip(made) {
        if configured != made {
            return Err(Error::Differs { key, configured, made });
        }
    }
    Ok(())
}

#[cfg(not(feature = "planted"))]
fn sealers(identity: &Identity, keys: NodeKeys, air: &Air, _: Plant) -> Result<(AtRest, Sealer), Error> {
    let at_rest = AtRest::start(identity.cluster, keys.at_rest, Arc::clone(&air.entropy))?;
    Ok((at_rest, Sealer::start(Arc::clone(&air.entropy))?))
}

#[cfg(feature = "planted")]
fn sealers(identity: &Identity, keys: NodeKeys, air: &Air, plant: Plant) -> Result<(AtRest, Sealer), Error> {
    let sealing = plant.sealing();
    let at_rest = AtRest::start_with(identity.cluster, keys.at_rest, Arc::clone(&air.entropy), sealing)?;
    Ok((at_rest, Sealer::start_with(Arc::clone(&air.entropy), sealing)?))
}

/// What calls to targets trust.
///
/// # Errors
/// [`Error::File`], [`Error::Pki`].
pub fn trusted(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<OutboundConfig, Error> {
    let Some(path) = &settings.delivery.roots else {
        return Ok(outbound(Roots::System, clock)?);
    };
    let mut bundle = String::new();
    let opened = File::open(path).map_err(file("read", path))?;
    opened.take(ROOTS_LIMIT_BYTES).read_to_string(&mut bundle).map_err(file("read", path))?;
    Ok(outbound(Roots::SystemAnd(&bundle), clock)?)
}
