//! Compiles the contract under `proto/` with a compiler written in Rust, so that no protoc is needed.

use std::error::Error;
use std::path::{Path, PathBuf};

use protox::prost::Message;

/// Folders under `proto/` whose files make the contract, one per package.
const PACKAGES: [&str; 3] = ["bascule/v1", "bascule/admin/v1", "bascule/iam/v1"];

/// The private package, spoken between nodes: no part of the contract, of its descriptors or of reflection.
const PEER: &str = "bascule/peer/v1";

/// Messages that hold a secret or a user's content: `src/redact.rs` writes their Debug by hand.
const REDACTED: [&str; 8] = [
    ".bascule.v1.Secret",
    ".bascule.v1.PutEventsRequestEntry",
    ".bascule.v1.TestEventPatternRequest",
    ".bascule.v1.QueueMessage",
    ".bascule.admin.v1.DeadLetter",
    ".bascule.admin.v1.CreateJoinTokenResponse",
    ".bascule.iam.v1.AssumeRoleRequest",
    ".bascule.iam.v1.AssumeRoleResponse",
];

/// The same of the private package: tokens and keys.
const REDACTED_PEER: [&str; 2] = [".bascule.peer.v1.JoinRequest", ".bascule.peer.v1.JoinAnswer"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = contract(&root, &PACKAGES)?;
    println!("cargo::rerun-if-changed={}", root.display());
    let set = protox::compile(files, [&root])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    // Source information stays in: reflection then answers the comments too, and a test demands one on every field.
    std::fs::write(out.join("bascule.bin"), set.encode_to_vec())?;
    tonic_prost_build::configure().btree_map(".").skip_debug(REDACTED).compile_fds(set)?;
    let peer = protox::compile(contract(&root, &[PEER])?, [&root])?;
    tonic_prost_build::configure().bytes(".").skip_debug(REDACTED_PEER).compile_fds(peer)?;
    Ok(())
}

/// The contract's files in a fixed order, so that equal sources give equal descriptors.
fn contract(root: &Path, packages: &[&str]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for package in packages {
        for entry in std::fs::read_dir(root.join(package))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
