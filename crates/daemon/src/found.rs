//! `init`: makes everything that a cluster begins with, once, and `renew`: issues its certificates anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bascule_keyring::node_keys::NodeKeys;
use bascule_keyring::provider::local::Local;
use bascule_keyring::secret::Secret;
use bascule_model::ambient::{Clock, Entropy};
use bascule_model::id::ClusterId;
use bascule_model::uid::NodeId;

use crate::certificates::{self, CONTEXT, Manner, OPERATOR, Office};
use crate::config::Settings;
use crate::config::settings::Node;
use crate::error::Error;
use crate::folder::{self, Begun, Folder, Identity};

/// What was made. The folder stays locked until it is dropped.
#[derive(Debug)]
pub struct Founded {
    /// The data folder.
    pub folder: Folder,
    /// Whose it is.
    pub identity: Identity,
}

/// Makes data folder, root key, keys and certificates. The identity comes last: without it nothing starts.
///
/// # Errors
/// [`Error::Present`] when any of it is there, with nothing made; others with what was made left for a look.
pub fn found(settings: &Settings, clock: &dyn Clock, entropy: &Arc<dyn Entropy>) -> Result<Founded, Error> {
    let present = present(settings);
    if !present.is_empty() {
        return Err(Error::Present { present });
    }
    let folder = Folder::create(&settings.node.data)?;
    let mut cluster = [0; 16];
    entropy.fill(&mut cluster)?;
    let cluster = ClusterId(cluster);
    keys(settings, &folder, cluster, entropy)?;
    let office = Office::found(&settings.tls.folder, cluster, clock, &**entropy)?;
    // Peers know each other by the cluster's own authority, wherever the API's certificates come from.
    office.node(cluster, settings.node.id, Manner::New)?;
    if !settings.tls.foreign {
        office.server(&settings.tls.names, Manner::New)?;
        office.operator(certificates::operator(&settings.tls, cluster)?, Manner::New)?;
    }
    let Node { id: node, groups, ref scope, .. } = settings.node;
    let identity = Identity { cluster, node, groups, scope: scope.clone(), begun: Begun::New };
    folder.set_identity(&identity)?;
    Ok(Founded { folder, identity })
}

/// Writes the context file of a cluster whose certificates `init` issued.
///
/// # Errors
/// [`Error::File`].
pub fn context(settings: &Settings) -> Result<PathBuf, Error> {
    let path = settings.tls.folder.join(CONTEXT);
    let name = settings.tls.names.first().map_or("localhost", String::as_str);
    let text = certificates::context(&certificates::endpoint(name, settings.listen.grpc.port()), "");
    folder::write_new(&path, 0o600, text.as_bytes())?;
    Ok(path)
}

/// Issues the certificates of node, server and operator anew, by the authority that `init` made, and signs its revocation list anew.
/// Where those of the API come from elsewhere, the node's alone.
///
/// # Errors
/// [`Error::NotInitialised`], [`Error::File`], [`Error::Pki`].
pub fn renew(
    settings: &Settings,
    (cluster, node): (ClusterId, NodeId),
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let office = Office::open(&settings.tls.folder, clock, entropy)?;
    office.node(cluster, node, Manner::Anew)?;
    if !settings.tls.foreign {
        office.server(&settings.tls.names, Manner::Anew)?;
        // Only the node that made the cluster has one.
        if settings.tls.folder.join(OPERATOR).exists() {
            office.operator(certificates::operator(&settings.tls, cluster)?, Manner::Anew)?;
        }
    }
    office.renew_list()
}

fn keys(settings: &Settings, folder: &Folder, cluster: ClusterId, entropy: &Arc<dyn Entropy>) -> Result<(), Error> {
    if let Some(above) = settings.root_key.parent().filter(|above| !above.as_os_str().is_empty()) {
        folder::make(above)?;
    }
    let secret = Secret::draw(&**entropy)?;
    let root = Local::create(&settings.root_key, folder.path(), secret, Arc::clone(entropy))?;
    NodeKeys::draw(&**entropy)?.create(folder.path(), cluster, &root, &**entropy)?;
    Ok(())
}

/// What is there already of all that would be made. A folder without anything in it is as good as none.
pub fn present(settings: &Settings) -> Vec<PathBuf> {
    let there = |path: &Path| path.symlink_metadata().is_ok();
    let mut found = Vec::new();
    if let Ok(mut inside) = std::fs::read_dir(&settings.node.data)
        && inside.next().is_some()
    {
        found.push(settings.node.data.clone());
    }
    found.extend(Some(settings.root_key.clone()).filter(|path| there(path)));
    found.extend(certificates::files(&settings.tls).into_iter().filter(|path| there(path)));
    found
}

#[cfg(test)]
mod tests;
