//! The command line of `basculed`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::doctor::{self, FailOn};

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
    /// Looks at machine, disk, certificates and ports as a node will find them, and says what to do.
    Doctor(Doctor),
    /// Asks the running node whether it is ready; exits with 0 or 1.
    Health(Looking),
    /// Says what may be configured, or what is.
    Config(Config),
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

/// A configuration to look at, if there is one.
#[derive(Debug, Args)]
pub struct Looking {
    /// The configuration file [default: /etc/bascule/basculed.toml if it is there, else all defaults].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, above file and environment; may be given several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// How to look at a machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 if all is well, 1 with --fail-on warn if there is a warning, 2 if something fails, \
                        and 78 if the configuration is refused. It works before `init`, with the daemon down, and beside it."
)]
pub struct Doctor {
    /// What to look at.
    #[command(flatten)]
    pub looking: Looking,
    /// Tell it as one JSON document.
    #[arg(long)]
    pub json: bool,
    /// From which verdict on the exit code is not 0.
    #[arg(long, value_name = "VERDICT", default_value = "fail")]
    pub fail_on: FailOn,
    /// Warn so long before a certificate ends, for example 30d [default: 30d, or the last third of a shorter life].
    #[arg(long, value_name = "SPAN", value_parser = doctor::span)]
    pub cert_expiry: Option<i64>,
}

/// What to say about configurations.
#[derive(Debug, Args)]
pub struct Config {
    /// What.
    #[command(subcommand)]
    pub what: ConfigVerb,
}

/// What may be configured, or what is.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// The JSON Schema of the file, for editors and reviews.
    Schema,
    /// The page of all settings, as in docs/configuration.md.
    Docs,
    /// Every value that holds, and which layer said it.
    Print(Print),
}

/// How to show what holds.
#[derive(Debug, Args)]
pub struct Print {
    /// What is looked at.
    #[command(flatten)]
    pub configured: Configured,
    /// As one JSON document.
    #[arg(long)]
    pub json: bool,
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
