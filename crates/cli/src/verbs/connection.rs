//! `bascule connection`: create, list, describe, update, deauthorize, delete.
//!
//! In: names and settings as arguments; secrets from files or the standard input.
//! Out: connections without their secrets.
//! Never: a secret from an argument, or in any output.

use bascule_api::v1::{
    ConnectionState, CreateConnectionRequest, DeauthorizeConnectionRequest, DeleteConnectionRequest,
    DescribeConnectionRequest, ListConnectionsRequest, UpdateConnectionRequest,
};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, every, tell};
use crate::output::record::Record;
use crate::output::{View, connection};
use crate::verbs::connection::authorization::Authorization;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

pub mod authorization;

/// What to do with connections.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a connection and seal its secrets
    Create(Box<Create>),
    /// List the account's connections
    List(List),
    /// Show everything about a connection but its secrets
    Describe(Describe),
    /// Change a connection; a new authorisation replaces the old one whole, what is not named stays as it is
    Update(Box<Update>),
    /// Destroy the secrets and keep the connection; an update authorises it anew
    Deauthorize(Named),
    /// Delete a connection that no destination uses
    Delete(Named),
}

/// Where connections stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Ready for use.
    Authorized,
    /// Without credentials, or the authorisation server refused them.
    Deauthorized,
    /// Asking the authorisation server.
    Authorizing,
    /// Its secrets are being destroyed.
    Deauthorizing,
    /// Being created.
    Creating,
    /// Being changed.
    Updating,
    /// Being deleted.
    Deleting,
}

impl From<State> for ConnectionState {
    fn from(state: State) -> Self {
        match state {
            State::Authorized => Self::Authorized,
            State::Deauthorized => Self::Deauthorized,
            State::Authorizing => Self::Authorizing,
            State::Deauthorizing => Self::Deauthorizing,
            State::Creating => Self::Creating,
            State::Updating => Self::Updating,
            State::Deleting => Self::Deleting,
        }
    }
}

/// The connection to create.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("given").required(true).multiple(true).args(authorization::WAYS))]
pub struct Create {
    /// Name, 1 to 64 of `.-_A-Za-z0-9`
    name: String,
    #[command(flatten)]
    authorization: Authorization,
    /// Description, at most 512 characters
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// Key that seals the secrets [default: the cluster's own]
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    kms_key_identifier: String,
    #[command(flatten)]
    writing: Writing,
}

/// Which connections to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only those in this state
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    reading: Reading,
}

/// The connection to look at.
#[derive(Debug, Args)]
pub struct Describe {
    /// Name
    name: String,
    #[command(flatten)]
    reading: Reading,
}

/// What to change in a connection.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["description", "kms_key_identifier"]).args(authorization::WAYS))]
pub struct Update {
    /// Name
    name: String,
    #[command(flatten)]
    authorization: Authorization,
    /// Description, at most 512 characters; empty for none
    #[arg(long)]
    description: Option<String>,
    /// Key that seals the secrets; empty for the cluster's own
    #[arg(long, value_name = "KEY")]
    kms_key_identifier: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// The connection to deauthorise or delete.
#[derive(Debug, Args)]
pub struct Named {
    /// Name
    name: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Create(create) => self::create(*create, desk).await,
        Verb::List(list) => self::list(list, desk).await,
        Verb::Describe(describe) => {
            let link = desk.dial.link().await?;
            let request = DescribeConnectionRequest { name: describe.name, allow_stale: describe.reading.allow_stale };
            let answer = ask!(link, connections.describe_connection, request).await?;
            let found = held(answer.connection, "DescribeConnection", "connection")?;
            Ok(Outcome::done(View::one(connection::record(&found))))
        }
        Verb::Update(update) => self::update(*update, desk).await,
        Verb::Deauthorize(it) => {
            let link = desk.dial.link().await?;
            let request = DeauthorizeConnectionRequest {
                name: it.name.clone(),
                request_id: link.request_id(it.writing.request_id.as_ref())?,
                validate_only: it.writing.validate_only,
            };
            let answer = tell!(link, connections.deauthorize_connection, request).await?;
            let left = answer.connection.as_ref().map(connection::record);
            let left = shown(&it.writing, left, "DeauthorizeConnection", "connection")?;
            let text = said(&it.writing, "connection", &it.name, "deauthorized");
            Ok(Outcome::changed(text, left, answer.control_index))
        }
        Verb::Delete(it) => {
            let link = desk.dial.link().await?;
            let request = DeleteConnectionRequest {
                name: it.name.clone(),
                request_id: link.request_id(it.writing.request_id.as_ref())?,
                validate_only: it.writing.validate_only,
            };
            let answer = tell!(link, connections.delete_connection, request).await?;
            let text = said(&it.writing, "connection", &it.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let authorization = create.authorization.read(&mut desk.inputs)?;
    let link = desk.dial.link().await?;
    let request = CreateConnectionRequest {
        name: create.name.clone(),
        description: create.description,
        authorization,
        kms_key_identifier: create.kms_key_identifier,
        request_id: link.request_id(create.writing.request_id.as_ref())?,
        validate_only: create.writing.validate_only,
    };
    let answer = tell!(link, connections.create_connection, request).await?;
    let made = answer.connection.as_ref().map(connection::record);
    let made = shown(&create.writing, made, "CreateConnection", "connection")?;
    let text = said(&create.writing, "connection", &create.name, "created");
    let undo = format!("bascule connection delete {}", create.name);
    Ok(Outcome::changed(text, made, answer.control_index).undone_by(&create.writing, undo))
}

async fn update(update: Update, desk: &mut Desk) -> Result<Outcome, Error> {
    let authorization = update.authorization.read(&mut desk.inputs)?;
    let link = desk.dial.link().await?;
    let request = UpdateConnectionRequest {
        name: update.name.clone(),
        description: update.description,
        authorization,
        kms_key_identifier: update.kms_key_identifier,
        request_id: link.request_id(update.writing.request_id.as_ref())?,
        validate_only: update.writing.validate_only,
    };
    let answer = tell!(link, connections.update_connection, request).await?;
    let made = answer.connection.as_ref().map(connection::record);
    let made = shown(&update.writing, made, "UpdateConnection", "connection")?;
    Ok(Outcome::changed(said(&update.writing, "connection", &update.name, "changed"), made, answer.control_index))
}

async fn list(list: List, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListConnectionsRequest {
            name_prefix: list.prefix.clone(),
            allow_stale: list.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
            connection_state: list.state.map_or(ConnectionState::Unspecified, ConnectionState::from).into(),
        };
        let page = ask!(link, connections.list_connections, request);
        async move { page.await.map(|page| (page.connections, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(connection::list(&all)))
}
