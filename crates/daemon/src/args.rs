//! The command line of `basculed`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::doctor::{self, FailOn};
use crate::limits::CLIENT_VALID_DEFAULT;

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
    /// Makes this machine a node of a cluster that is there: asks a member, by a token, for a number, keys and a certificate. Once; it
    /// refuses where anything is.
    Join(Join),
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
    /// Issues the certificates of node, server and operator anew, and signs the revocation list anew; a running daemon reads them by itself.
    Renew(Configured),
    /// Issues a certificate for a caller, by the cluster's own authority; offline, where `authority.key` lies.
    Issue(Issue),
    /// Revokes a certificate of the cluster's own authority; a running daemon cuts off whoever has it.
    Revoke(Revoke),
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

/// Which cluster to join.
#[derive(Debug, Args)]
pub struct Join {
    /// The configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The token that a member made (`bascule cluster token create`); `-` to read it from the standard input, so that nobody sees it
    /// in the list of processes.
    #[arg(long, value_name = "TOKEN")]
    pub token: String,
}

/// Whose authority: that of a configuration, or that of a folder of `basculed dev`.
#[derive(Debug, Args)]
#[group(id = "cluster", required = true, multiple = false, args = ["config", "dev"])]
pub struct Founded {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder that `basculed dev --data` keeps.
    #[arg(long, value_name = "DIR")]
    pub dev: Option<PathBuf>,
    /// One setting, above file and environment; may be given several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// What to issue.
#[derive(Debug, Args)]
#[group(id = "whose", required = true, multiple = false, args = ["name", "dns"])]
pub struct Issue {
    /// Whose authority.
    #[command(flatten)]
    pub founded: Founded,
    /// For `spiffe://<cluster id>/NAME`.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// For this DNS name in place of a SPIFFE id.
    #[arg(long, value_name = "DNS")]
    pub dns: Option<String>,
    /// Valid for so long, at most 365d.
    #[arg(long, value_name = "SPAN", value_parser = doctor::span, default_value = CLIENT_VALID_DEFAULT)]
    pub valid: i64,
    /// The folder for certificate, key, authority and context file; nothing in it is overwritten.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What to revoke.
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false, args = ["serial", "certificate"])]
pub struct Revoke {
    /// Whose authority.
    #[command(flatten)]
    pub founded: Founded,
    /// The certificate with this serial number.
    #[arg(long, value_name = "HEX")]
    pub serial: Option<String>,
    /// The first certificate of this PEM file.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
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
