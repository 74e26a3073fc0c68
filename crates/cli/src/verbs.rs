//! The nouns of the command line, each with its verbs in a file of its own.
//!
//! In: parsed arguments, and a desk with the way to the cluster and the inputs.
//! Out: a view of the answer and how the command ended.
//! Never: a prompt, a secret from an argument, or a write that is repeated without a name that makes it harmless.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::context::Variable;
use crate::error::Error;
use crate::explain::Exit;
use crate::inputs::Inputs;
use crate::link::Dial;
use crate::output::record::Record;
use crate::output::{Format, View};
use crate::verbs::follow::Outlet;

pub mod account;
pub mod authz;
pub mod bus;
pub mod cluster;
pub mod connection;
pub mod context;
pub mod dead_letter;
pub mod delivery;
pub mod destination;
pub mod event;
pub mod folder;
pub mod follow;
pub mod key;
pub mod node;
pub mod org;
pub mod pairs;
pub mod pattern;
pub mod policy;
pub mod principal;
pub mod queue;
pub mod quota;
pub mod role;
pub mod rule;
pub mod shell;
pub mod tag;
pub mod target;
pub mod user;
pub mod version;
pub mod whoami;

/// What a verb works with.
pub struct Desk {
    /// The way to the cluster.
    pub dial: Dial,
    /// Files and the standard input.
    pub inputs: Inputs,
    /// How the answer will be written.
    pub format: Format,
    /// Whether somebody watches the standard error.
    pub watched: bool,
    /// Where what is followed is written as it comes: the standard output.
    pub out: Outlet,
    /// Where what happens is told while it happens: the standard error.
    pub aside: Outlet,
    /// The context or its file, if the command line names one.
    pub named: Option<PathBuf>,
    /// Reads a variable of the environment.
    pub variable: Variable,
}

#[cfg(test)]
impl Desk {
    /// A desk that nobody watches, in an empty environment.
    pub fn unwatched(dial: Dial, inputs: Inputs, format: Format) -> Self {
        Self {
            dial,
            inputs,
            format,
            watched: false,
            out: Box::new(tokio::io::sink()),
            aside: Box::new(tokio::io::sink()),
            named: None,
            variable: std::sync::Arc::new(|_| None),
        }
    }
}

/// What a verb did.
pub struct Outcome {
    /// The answer.
    pub view: View,
    /// How it ended.
    pub exit: Exit,
    /// Why it ended early, although there is an answer.
    pub trouble: Option<Error>,
    /// The command that takes it back, if there is one.
    pub undo: Option<String>,
}

impl Outcome {
    /// All went well.
    pub fn done(view: View) -> Self {
        Self { view, exit: Exit::Done, trouble: None, undo: None }
    }

    /// There is nothing to tell but why.
    pub fn failed(error: Error) -> Self {
        let exit = crate::explain::explain(&error).exit;
        Self { exit, trouble: Some(error), ..Self::done(View::new(Vec::new(), Record::new())) }
    }

    /// A change was made: a line for people; for programs the fields, and from which index on every node knows of it.
    pub fn changed(text: String, json: Record, control_index: u64) -> Self {
        Self::done(View::line(text, json.number("ControlIndex", control_index)))
    }

    /// The same with the command that takes it back, unless nothing was done.
    #[must_use]
    pub fn undone_by(self, writing: &Writing, command: String) -> Self {
        Self { undo: (!writing.validate_only).then_some(command), ..self }
    }

    /// The same, ended early by this error.
    #[must_use]
    pub fn troubled(self, error: Error) -> Self {
        Self { exit: crate::explain::explain(&error).exit, trouble: Some(error), ..self }
    }

    /// Some entries failed, unless the count is 0.
    pub fn of_entries(view: View, failed_count: usize) -> Self {
        let exit = if failed_count == 0 { Exit::Done } else { Exit::Negative };
        Self { exit, ..Self::done(view) }
    }
}

/// What to work on.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Event buses.
    #[command(subcommand)]
    Bus(bus::Verb),
    /// Rules: which events of a bus go to which targets.
    #[command(subcommand)]
    Rule(rule::Verb),
    /// Targets of rules.
    #[command(subcommand)]
    Target(target::Verb),
    /// API destinations: HTTPS endpoints that targets can name.
    #[command(subcommand)]
    Destination(destination::Verb),
    /// Connections: how requests to API destinations are authorised.
    #[command(subcommand)]
    Connection(connection::Verb),
    /// Tags of buses and rules.
    #[command(subcommand)]
    Tag(tag::Verb),
    /// Quotas: what an account may have.
    #[command(subcommand)]
    Quota(quota::Verb),
    /// The cluster: its nodes and groups, and the tokens by which nodes join.
    #[command(subcommand)]
    Cluster(cluster::Verb),
    /// One node of the cluster.
    #[command(subcommand)]
    Node(node::Verb),
    /// Queues and their messages.
    #[command(subcommand)]
    Queue(queue::Verb),
    /// Events to publish.
    #[command(subcommand)]
    Event(event::Verb),
    /// Users: the services that call with certificates of their own.
    #[command(subcommand)]
    User(user::Verb),
    /// Access keys: what programs of a user sign requests with.
    #[command(subcommand, after_help = key::AFTER)]
    Key(key::Verb),
    /// Roles: what users and rules act as for a while.
    #[command(subcommand)]
    Role(role::Verb),
    /// Managed policies, and the check of any policy's document.
    #[command(subcommand)]
    Policy(policy::Verb),
    /// The organisation: its units, and the control policies that limit what happens in them.
    #[command(subcommand)]
    Org(org::Verb),
    /// Accounts of the organisation.
    #[command(subcommand)]
    Account(account::Verb),
    /// Named contexts: where clusters are and as whom to ask them.
    #[command(subcommand)]
    Context(context::Verb),
    /// Event patterns.
    #[command(subcommand)]
    Pattern(pattern::Verb),
    /// Events that could not be delivered.
    #[command(subcommand, name = "dead-letter")]
    DeadLetter(dead_letter::Verb),
    /// What became of the events that a rule matched.
    #[command(subcommand)]
    Delivery(delivery::Verb),
    /// Decisions: who may do what, and why.
    #[command(subcommand)]
    Authz(authz::Verb),
    /// Show as whom you call.
    #[command(after_help = whoami::AFTER)]
    Whoami,
    /// Show what `apply` would do, checked by the cluster.
    Plan(folder::Plan),
    /// Make the cluster hold what a folder of YAML says.
    Apply(folder::Apply),
    /// Write what the cluster holds as a folder of YAML; secrets stay where they are.
    Export(folder::Export),
    /// Print the script that completes command lines in a shell.
    Completion(shell::Completion),
    /// Print a man page, or write all of them.
    Man(shell::Man),
    /// Print the version of this command.
    Version,
}

/// Arguments of every verb that changes something.
#[derive(Debug, Clone, Default, Args)]
pub struct Writing {
    /// Decide and check everything, change nothing
    #[arg(long)]
    pub validate_only: bool,
    /// Name of this change: repeated with the same name within 10 minutes it is made once [default: a new one]
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
}

/// Arguments of every verb that reads settings.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Reading {
    /// Accept an answer that is up to 10 seconds old instead of asking the quorum
    #[arg(long)]
    pub allow_stale: bool,
}

/// Does what the command line says.
///
/// # Errors
/// Why it could not.
pub async fn run(noun: Noun, desk: &mut Desk) -> Result<Outcome, Error> {
    let ended = dispatch(noun, desk).await;
    let source = desk.dial.source();
    let blamed = |outcome: Outcome| Outcome { trouble: outcome.trouble.map(|it| source.blamed(it)), ..outcome };
    ended.map(blamed).map_err(|error| source.blamed(error))
}

async fn dispatch(noun: Noun, desk: &mut Desk) -> Result<Outcome, Error> {
    match noun {
        Noun::Whoami => Box::pin(whoami::run(desk)).await,
        Noun::Authz(verb) => Box::pin(authz::run(verb, desk)).await,
        Noun::Bus(verb) => Box::pin(bus::run(verb, desk)).await,
        Noun::Rule(verb) => Box::pin(rule::run(verb, desk)).await,
        Noun::Target(verb) => Box::pin(target::run(verb, desk)).await,
        Noun::Destination(verb) => Box::pin(destination::run(verb, desk)).await,
        Noun::Connection(verb) => Box::pin(connection::run(verb, desk)).await,
        Noun::Tag(verb) => Box::pin(tag::run(verb, desk)).await,
        Noun::Quota(verb) => Box::pin(quota::run(verb, desk)).await,
        Noun::Cluster(verb) => Box::pin(cluster::run(verb, desk)).await,
        Noun::Node(verb) => Box::pin(node::run(verb, desk)).await,
        Noun::Queue(verb) => Box::pin(queue::run(verb, desk)).await,
        Noun::Event(verb) => Box::pin(event::run(verb, desk)).await,
        Noun::User(verb) => Box::pin(user::run(verb, desk)).await,
        Noun::Key(verb) => Box::pin(key::run(verb, desk)).await,
        Noun::Role(verb) => Box::pin(role::run(verb, desk)).await,
        Noun::Policy(verb) => Box::pin(policy::run(verb, desk)).await,
        Noun::Org(verb) => Box::pin(org::run(verb, desk)).await,
        Noun::Account(verb) => Box::pin(account::run(verb, desk)).await,
        Noun::Context(verb) => context::run(verb, desk),
        Noun::Pattern(verb) => Box::pin(pattern::run(verb, desk)).await,
        Noun::DeadLetter(verb) => Box::pin(dead_letter::run(verb, desk)).await,
        Noun::Delivery(verb) => Box::pin(delivery::run(verb, desk)).await,
        Noun::Plan(it) => Box::pin(folder::show(it, desk)).await,
        Noun::Apply(it) => Box::pin(folder::apply(it, desk)).await,
        Noun::Export(it) => Box::pin(folder::export(it, desk)).await,
        Noun::Completion(it) => Ok(shell::completion(&it)),
        Noun::Man(it) => shell::man(&it),
        Noun::Version => Ok(version::run()),
    }
}

/// The words for a change: with `--validate-only` it would only be made.
pub fn said(writing: &Writing, noun: &str, name: &str, done: &str) -> String {
    match writing.validate_only {
        true => format!("{noun} `{name}` would be {done}"),
        false => format!("{noun} `{name}` {done}"),
    }
}

/// The fields of what was written. What was only validated need not be there, so the answer may lack it.
///
/// # Errors
/// [`Error::AnswerLacks`].
pub fn shown(
    writing: &Writing,
    thing: Option<Record>,
    operation: &'static str,
    field: &'static str,
) -> Result<Record, Error> {
    match writing.validate_only {
        true => Ok(thing.unwrap_or_default()),
        false => held(thing, operation, field),
    }
}

/// What an answer must hold.
///
/// # Errors
/// [`Error::AnswerLacks`].
pub fn held<T>(value: Option<T>, operation: &'static str, field: &'static str) -> Result<T, Error> {
    value.ok_or(Error::AnswerLacks { operation, field })
}

#[cfg(test)]
pub mod tests;
