//! The command line of `basculed`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The event backbone's daemon. Without a verb it runs a node.
#[derive(Debug, Parser)]
#[command(name = "basculed", version, subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What else to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The configuration file.
    #[arg(long, value_name = "FILE", required = true)]
    pub config: Option<PathBuf>,
    /// One setting, above file and environment, for example `log.level=debug`; may be given several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Start although acknowledged writes are missing from the logs. They are then lost for good.
    #[arg(long)]
    pub accept_loss: bool,
}

/// Everything but running a node.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a new cluster: data folder, keys, certificates. Once; it refuses where anything is.
    Init(Configured),
    /// Runs a node on loopback for trying things out, with everything made for it.
    Dev(Dev),
    /// Says what is wrong with a configuration; exits with 0 or 78.
    Check(Configured),
    /// Issues the certificates of server and operator anew; then send the daemon SIGHUP.
    Renew(Configured),
    /// Says which build this is.
    Version,
}

/// A configuration.
#[derive(Debug, Args)]
pub struct Configured {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// One setting, above file and environment; may be given several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// How to try things out.
#[derive(Debug, Args)]
pub struct Dev {
    /// A folder to keep; without one, everything is gone at the end.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of gRPC; port 0 lets the system choose [default: 127.0.0.1:6470].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub grpc: Option<SocketAddr>,
    /// Address of health and metrics [default: 127.0.0.1:6472].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: Option<SocketAddr>,
    /// One setting, above the environment; may be given several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}
