//! `basculed`: reads the configuration, builds the rooms in order, introduces them, and stops them in reverse.
//!
//! In: arguments, a configuration file, `BASCULE__…` of the environment, signals.
//! Out: a running node; one line on the standard output once it is ready; logs on the standard error; an exit code.
//! Never: a start on what cannot be read, verified or decrypted; a decision about an event; a second process on one folder.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use bascule_model::ambient::Entropy;
use bascule_model::id::ClusterId;

use crate::ambient::System;
use crate::args::{
    Arguments, Config, ConfigVerb, Configured, Dev, Doctor, Founded, Issue, Join, Looking, Print, Revoke, Verb,
};
use crate::certificates::{issue, revoke};
use crate::config::keys::PREFIX;
use crate::config::{PRESUMED, Place, Problem, Refused, Settings, Sources, USUAL, page, schema, told};
use crate::dev::Wish;
use crate::disks::Loss;
use crate::error::Error;
use crate::folder::{Folder, Identity};
use crate::limits::OPEN_FILES_WANTED_COUNT;
use crate::planted::Plant;
use crate::run::Order;

mod admin;
mod admission;
mod ambient;
mod args;
mod beginning;
mod certificates;
mod config;
mod dev;
mod disks;
mod doctor;
mod error;
mod folder;
mod found;
mod ground;
mod health;
mod house;
mod joining;
mod limits;
mod log_target;
mod lookout;
mod neighbours;
mod notify;
mod planted;
mod readiness;
mod run;
mod signals;
mod telemetry;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    prepare();
    match act(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Told { exit }) => ExitCode::from(exit),
        Err(error) => {
            // Where nobody reads the standard error, the exit code has to do.
            let _ = writeln!(io::stderr().lock(), "basculed: {}", error.chain());
            ExitCode::from(error.exit())
        }
    }
}

/// Files are made for their owner alone, and as many may be open as the system allows.
fn prepare() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(OPEN_FILES_WANTED_COUNT).min(OPEN_FILES_WANTED_COUNT);
    if limit.current.is_some_and(|now| now < most) {
        // What is there has to do where the system refuses.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    }
}

fn act(arguments: Arguments) -> Result<(), Error> {
    match arguments.verb {
        Some(Verb::Init(configured)) => init(configured),
        Some(Verb::Join(wish)) => join(wish),
        Some(Verb::Dev(Dev { data, grpc, admin, set })) => {
            dev::dev(Wish { folder: data, grpc, admin, set }, variables()?, plant()?)
        }
        Some(Verb::Check(configured)) => {
            config::read(&sources(configured)?)?;
            say("the configuration is sound\n")
        }
        Some(Verb::Doctor(wish)) => look(wish),
        Some(Verb::Health(Looking { config, set })) => health::health(&usual(config, set)?),
        Some(Verb::Config(Config { what })) => configuration(what),
        Some(Verb::Renew(configured)) => renew(configured),
        Some(Verb::Issue(wish)) => issue_one(wish),
        Some(Verb::Revoke(wish)) => revoke_one(wish),
        Some(Verb::Version) => {
            let planted = if cfg!(feature = "planted") { " with planted faults" } else { "" };
            say(&format!("basculed {}{planted}\n", env!("CARGO_PKG_VERSION")))
        }
        None => {
            let loss = if arguments.accept_loss { Loss::Accept } else { Loss::Refuse };
            run_node(Configured { config: arguments.config.unwrap_or_default(), set: arguments.set }, loss)
        }
    }
}

fn run_node(configured: Configured, loss: Loss) -> Result<(), Error> {
    let plant = plant()?;
    let mut sources = sources(configured)?;
    let mut settings = config::read(&sources)?;
    let folder = Folder::open(&settings.node.data)?;
    let identity = folder.identity()?;
    if identity.begun.by_others() {
        // What the cluster gave it is presumed; a configuration that says something else is still refused.
        let given = [("node.id", identity.node.0.to_string()), ("node.groups", identity.groups.to_string())];
        sources.presumed.extend(given);
        settings = config::read(&sources)?;
    }
    run::run(Order { settings, sources, folder, loss, plant, bound: Box::new(|_| Ok(())) })
}

fn look(wish: Doctor) -> Result<(), Error> {
    let Doctor { looking: Looking { config, set }, json, fail_on, cert_expiry } = wish;
    let form = if json { doctor::Form::Json } else { doctor::Form::Text };
    let sources = usual(config, set)?;
    let (text, exit) = doctor::doctor(doctor::Wish { sources, form, fail_on, expiry_seconds: cert_expiry })?;
    say(&text)?;
    if exit == 0 { Ok(()) } else { Err(Error::Told { exit }) }
}

fn configuration(what: ConfigVerb) -> Result<(), Error> {
    let text = match what {
        ConfigVerb::Schema => schema::schema(),
        ConfigVerb::Docs => page::page(),
        ConfigVerb::Print(Print { configured, json }) => {
            let form = if json { told::Form::Json } else { told::Form::Toml };
            told::told(&sources(configured)?, form)?
        }
    };
    say(&text)
}

fn init(configured: Configured) -> Result<(), Error> {
    let settings = config::read(&sources(configured)?)?;
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    let founded = found::found(&settings, &System, &entropy)?;
    let mut text = format!(
        "cluster {} is made: data in {}, its root key in {}\n\
         Keep a copy of the root key where no copy of the data is: without it the data cannot be read.\n",
        founded.identity.cluster,
        settings.node.data.display(),
        settings.root_key.display(),
    );
    if !settings.tls.foreign {
        let context = found::context(&settings)?;
        text += &format!(
            "Certificates are in {0}; its authority.key is needed to issue more, and not to run.\n\
             For the operator: export BASCULE_CONTEXT={1}\n",
            settings.tls.folder.display(),
            context.display()
        );
    }
    say(&text)
}

fn join(wish: Join) -> Result<(), Error> {
    let Join { configured, token } = wish;
    let sources = sources(configured)?;
    let settings = config::read(&sources)?;
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    let number = config::says(&sources, "node.id").then_some(settings.node.id);
    let joined = joining::join(&settings, number, &token, &entropy)?;
    say(&joined)
}

fn renew(configured: Configured) -> Result<(), Error> {
    let settings = config::read(&sources(configured)?)?;
    let Identity { cluster, node, .. } = folder::identity(&settings.node.data)?;
    found::renew(&settings, (cluster, node), &System, &System)?;
    let whose = if settings.tls.foreign {
        "the node's certificate is issued anew, those of the API are renewed where they come from"
    } else {
        "the certificates of node, server and operator are issued anew"
    };
    say(&format!("{whose}; a running daemon reads them by itself\n"))
}

fn issue_one(wish: Issue) -> Result<(), Error> {
    let Issue { founded, name, dns, valid, out } = wish;
    let (settings, cluster) = own_authority(founded_sources(founded)?)?;
    let whose = match dns {
        Some(dns) => issue::Whose::Dns(dns),
        None => issue::Whose::Name(name.unwrap_or_default()),
    };
    let wish = issue::Wish { whose, valid_seconds: valid, out };
    say(&issue::issue(&settings, cluster, &wish, &System, &System)?)
}

fn revoke_one(wish: Revoke) -> Result<(), Error> {
    let Revoke { founded, serial, certificate } = wish;
    // Nodes have certificates of the own authority, wherever those of the API come from.
    let settings = config::read(&founded_sources(founded)?)?;
    let which = match certificate {
        Some(path) => revoke::Which::Certificate(path),
        None => revoke::Which::Serial(serial.unwrap_or_default()),
    };
    say(&revoke::revoke(&settings, &which, &System, &System)?)
}

/// Settings of a cluster that has an authority of its own, and which cluster that is.
fn own_authority(sources: Sources) -> Result<(Settings, ClusterId), Error> {
    let settings = config::read(&sources)?;
    if settings.tls.foreign {
        let text = "the certificates of callers come from elsewhere, so they are issued there".to_owned();
        let place = Place::File(sources.file.unwrap_or_default());
        return Err(Refused(vec![Problem { place, text }]).into());
    }
    let cluster = folder::identity(&settings.node.data)?.cluster;
    Ok((settings, cluster))
}

fn founded_sources(founded: Founded) -> Result<Sources, Error> {
    let Founded { config, dev, set } = founded;
    match (config, dev) {
        (_, Some(folder)) => Ok(dev::kept(&folder, set, variables()?)),
        (config, None) => sources(Configured { config: config.unwrap_or_default(), set }),
    }
}

fn sources(configured: Configured) -> Result<Sources, Error> {
    let Configured { config, set } = configured;
    Ok(Sources { file: Some(config), variables: variables()?, flags: set, ..Sources::default() })
}

/// The same with the file that was named, or the one at its usual place, or none and what it would have to say presumed.
fn usual(config: Option<PathBuf>, set: Vec<String>) -> Result<Sources, Error> {
    let file = config.or_else(|| Some(PathBuf::from(USUAL)).filter(|path| path.is_file()));
    let presumed = if file.is_none() { PRESUMED.to_vec() } else { Vec::new() };
    let presumed = presumed.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
    Ok(Sources { presumed, file, variables: variables()?, flags: set, ..Sources::default() })
}

/// The environment's part of the configuration.
fn variables() -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let Some(value) = value.to_str() else {
            let text = "its value is no UTF-8".to_owned();
            return Err(Refused(vec![Problem { place: Place::Variable(name.to_owned()), text }]).into());
        };
        found.push((name.to_owned(), value.to_owned()));
    }
    found.sort();
    Ok(found)
}

fn plant() -> Result<Plant, Error> {
    let value = std::env::var_os(planted::VARIABLE);
    Plant::read(value.as_ref().map(|value| value.to_string_lossy()).as_deref())
}

/// Writes to the standard output; a reader that has gone away is no failure.
fn say(text: &str) -> Result<(), Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::File { verb: "written", path: PathBuf::from("standard output"), source })
        }
        _ => Ok(()),
    }
}
