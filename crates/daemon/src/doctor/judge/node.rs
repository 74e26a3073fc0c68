//! The data folder, the files with keys, and the two ports.

use crate::doctor::finding::{Check, Finding};
use crate::doctor::judge::peers;
use crate::doctor::readings::{DataFolder, Holder, KeyFile, LogFolder, Node, Opened, Port, Seen, State, Tried};

/// What a key's file may allow.
const KEY_MODE: u32 = 0o600;
/// What the data folder should allow.
const FOLDER_MODE: u32 = 0o700;

/// All checks of the node.
pub fn all(node: &Node) -> Vec<Finding> {
    let made = matches!(node.folder.state, State::Made { .. });
    let owner = node.folder.access.as_ref().ok().map(|access| access.owner).filter(|_| made);
    let [grpc, admin] = &node.ports;
    let holder = Some(node.folder.holder).filter(|_| !matches!(node.folder.state, State::Unseen(_)));
    let mut all = vec![
        folder(&node.folder),
        log_folder(node.log_folder.as_ref(), owner),
        keys(&node.keys, made, owner),
        root_key(&node.root_key),
        port(Check::GrpcPort, grpc, holder),
        port(Check::AdminPort, admin, holder),
    ];
    all.extend(peers::all(&node.peers, holder));
    all
}

fn folder(folder: &DataFolder) -> Finding {
    const CHECK: Check = Check::DataFolder;
    let path = folder.path.display();
    match &folder.state {
        State::Unmade => Finding::skipped(CHECK, format!("`{path}` holds nothing yet; `basculed init` makes it, once")),
        State::Unseen(why) => Finding::skipped(CHECK, why),
        State::Wrong(why) => {
            Finding::fail(CHECK, why, "see docs/runbooks/node-does-not-start.md; never run `init` where data was")
        }
        State::Made { cluster } => {
            let user = match folder.holder {
                Holder::Nobody => "no basculed runs on it".to_owned(),
                Holder::Process(id) => format!("process {id} runs on it"),
                Holder::Somebody => "a basculed runs on it".to_owned(),
            };
            let seen = format!("`{path}` is of cluster {cluster}; {user}");
            match &folder.access {
                Ok(access) if access.mode & !FOLDER_MODE != 0 => {
                    let seen = format!("{seen}; its mode is {:04o}", access.mode);
                    Finding::warn(CHECK, seen, format!("chmod 0700 {path}"))
                }
                _ => Finding::ok(CHECK, seen),
            }
        }
    }
}

/// Whether the folder of log targets can be written by the owner of the data folder.
fn log_folder(folder: Option<&LogFolder>, owner: Option<u32>) -> Finding {
    const CHECK: Check = Check::LogFolder;
    const OTHERS_WRITE: u32 = 0o002;
    let Some(folder) = folder else { return Finding::ok(CHECK, "lines of log targets go to the daemon's own log") };
    let path = folder.path.display();
    if folder.inside {
        let advice = "set `delivery.log_folder` to a place outside `node.data`: what log targets write is not sealed";
        return Finding::fail(CHECK, format!("`{path}` lies in the data folder"), advice);
    }
    let access = match &folder.access {
        Err(why) => return Finding::skipped(CHECK, why),
        Ok(None) => return Finding::ok(CHECK, format!("`{path}` is made at the start")),
        Ok(Some(access)) => access,
    };
    let foreign = owner.filter(|owner| *owner != 0 && *owner != access.owner && access.mode & OTHERS_WRITE == 0);
    match foreign {
        None => Finding::ok(CHECK, format!("`{path}` is there")),
        Some(owner) => {
            let seen = format!("`{path}` belongs to user {}, the data folder to user {owner}", access.owner);
            Finding::warn(CHECK, seen, format!("chown {owner} {path}, unless its group lets the daemon write there"))
        }
    }
}

/// What is wrong with one file, and the command that mends it.
fn complaint(file: &KeyFile, made: bool, owner: Option<u32>) -> Option<(String, String)> {
    let path = file.path.display();
    let Ok(Some(access)) = &file.access else {
        let missing = made && file.needed && file.access == Ok(None);
        let advice = format!("bring {path} back from where its copy is kept: docs/runbooks/key-file.md");
        return missing.then(|| (format!("`{path}` is not there"), advice));
    };
    if access.mode & !KEY_MODE != 0 {
        return Some((format!("`{path}` has mode {:04o}", access.mode), format!("chmod 0600 {path}")));
    }
    // A daemon that runs as the folder's owner cannot read what it does not own, unless it is root.
    let owner = owner.filter(|owner| file.needed && *owner != 0 && *owner != access.owner)?;
    let seen = format!("`{path}` belongs to user {}, the data folder to user {owner}", access.owner);
    Some((seen, format!("chown {owner} {path}")))
}

fn keys(files: &[KeyFile], made: bool, owner: Option<u32>) -> Finding {
    const CHECK: Check = Check::KeyFiles;
    let (seen, advice): (Vec<String>, Vec<String>) =
        files.iter().filter_map(|file| complaint(file, made, owner)).unzip();
    if !seen.is_empty() {
        return Finding::fail(CHECK, seen.join("; "), advice.join("; "));
    }
    if let Some(why) = files.iter().find_map(|file| file.access.as_ref().err()) {
        return Finding::skipped(CHECK, why);
    }
    match files.iter().filter(|file| file.access != Ok(None)).count() {
        0 => Finding::skipped(CHECK, "none is made yet"),
        count => Finding::ok(CHECK, format!("{count} seen, each its owner's alone")),
    }
}

fn root_key(opened: &Seen<Opened>) -> Finding {
    const CHECK: Check = Check::RootKey;
    match opened {
        Ok(Opened::Yes) => Finding::ok(CHECK, "it opens the keys of the data folder"),
        Ok(Opened::No(why)) => Finding::fail(
            CHECK,
            why,
            "mend what is named, or put the key file in place that belongs to this data: docs/runbooks/key-file.md",
        ),
        Err(why) => Finding::skipped(CHECK, why),
    }
}

/// Judges a port; without a `holder` nobody knows whether a daemon runs.
pub fn port(check: Check, port: &Port, holder: Option<Holder>) -> Finding {
    let Port { key, address, .. } = port;
    let ours = holder.is_some_and(|holder| holder != Holder::Nobody);
    match &port.tried {
        Tried::Free if ours => Finding::warn(
            check,
            format!("a basculed runs on the data folder, yet nobody listens on {address}"),
            format!("if it has started, it runs with another `{key}`: restart it, or mend the configuration"),
        ),
        Tried::Free => Finding::ok(check, format!("{address} is free")),
        Tried::Chosen => Finding::ok(check, "the system chooses it at the start"),
        Tried::Held if ours => match &port.answer {
            None => Finding::ok(check, format!("{address} is in use while a basculed runs on the data folder")),
            Some(Ok(())) => Finding::ok(check, format!("a node answers on {address}, and is ready")),
            Some(Err(why)) => Finding::warn(
                check,
                format!("{address} is in use, and the answer is: {why}"),
                "wait if it is starting; else see its log, and docs/runbooks/node-does-not-start.md",
            ),
        },
        Tried::Held if holder.is_none() => {
            Finding::skipped(check, format!("{address} is in use, and this user may not see by whom"))
        }
        Tried::Held => Finding::fail(
            check,
            format!("another process listens on {address}, and no basculed runs on the data folder"),
            format!("see which by `ss -ltnp`; stop it, or set `{key}` to another port"),
        ),
        Tried::Denied => Finding::fail(
            check,
            format!("this user may not listen on {address}"),
            format!("set `{key}` to a port above 1023, or give the daemon CAP_NET_BIND_SERVICE"),
        ),
        Tried::NoSuchAddress => Finding::fail(
            check,
            format!("no interface of this machine has the address of {address}"),
            format!("set `{key}` to an address of this machine, or to 0.0.0.0 or [::] for all"),
        ),
        Tried::Failed(why) => {
            Finding::fail(check, format!("{address} cannot be listened on: {why}"), format!("set `{key}` to another"))
        }
    }
}
