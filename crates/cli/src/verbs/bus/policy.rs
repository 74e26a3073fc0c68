//! `bascule bus policy`: put, show, delete.

use std::path::PathBuf;

use bascule_api::v1::{DescribeEventBusRequest, PutPermissionRequest, RemovePermissionRequest};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::explain::Exit;
use crate::link::{ask, change};
use crate::output::policy;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said};

/// What to do with the resource policy of a bus.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Replace the policy of a bus
    Put(Put),
    /// Show the policy of a bus; exits with 1 if it has none
    Show(Show),
    /// Delete the policy of a bus; one that is not there is as good as deleted
    Delete(Delete),
}

/// The policy that a bus has from now on.
#[derive(Debug, Args)]
pub struct Put {
    /// Name or ARN of the bus
    name: String,
    /// File with the policy, at most 10,240 characters, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    #[command(flatten)]
    writing: Writing,
}

/// The bus whose policy to look at.
#[derive(Debug, Args)]
pub struct Show {
    /// Name or ARN of the bus
    name: String,
    #[command(flatten)]
    reading: Reading,
}

/// The bus whose policy goes.
#[derive(Debug, Args)]
pub struct Delete {
    /// Name or ARN of the bus
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
        Verb::Put(it) => put(it, desk).await,
        Verb::Show(it) => {
            let link = desk.dial.link().await?;
            let request = DescribeEventBusRequest { name: it.name, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, event_buses.describe_event_bus, request).await?;
            let found = held(answer.event_bus, "DescribeEventBus", "event_bus")?;
            let exit = if found.policy.is_empty() { Exit::Negative } else { Exit::Done };
            let view = policy::of_resource(&format!("bus `{}`", found.name), &found.policy);
            Ok(Outcome { exit, ..Outcome::done(view) })
        }
        Verb::Delete(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                event_buses.remove_permission(RemovePermissionRequest {
                    event_bus_name: it.name.clone(),
                    statement_id: String::new(),
                    remove_all_permissions: true,
                })
            );
            let text = said(&it.writing, "policy of bus", &it.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn put(put: Put, desk: &mut Desk) -> Result<Outcome, Error> {
    let document = desk.inputs.policy("--document", &put.document)?;
    if document.is_empty() {
        // The shorthand would be meant then, and its absence be complained of.
        let problem = "the document is empty; `bascule bus policy delete` deletes a policy".to_owned();
        return Err(Error::Argument { flag: "--document", problem });
    }
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        put.writing,
        event_buses.put_permission(PutPermissionRequest {
            event_bus_name: put.name.clone(),
            action: String::new(),
            principal: String::new(),
            statement_id: String::new(),
            condition: None,
            policy: document,
        })
    );
    let json = Record::new().text("Policy", &answer.policy);
    Ok(Outcome::changed(said(&put.writing, "policy of bus", &put.name, "written"), json, answer.control_index))
}
