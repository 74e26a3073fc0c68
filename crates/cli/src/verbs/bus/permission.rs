//! `bascule bus permission`: add, remove.

use bascule_api::v1::{PermissionCondition, PutPermissionRequest, RemovePermissionRequest};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::change;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome, Writing, said};

/// What to do with single statements of a bus's policy.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Allow an account or everybody to put events; replaces the statement of the same id
    Add(Add),
    /// Remove one statement
    Remove(Remove),
}

/// The statement to add.
#[derive(Debug, Args)]
pub struct Add {
    /// Name or ARN of the bus
    name: String,
    /// Id of the statement, 1 to 64 of `A-Za-z0-9_-`
    #[arg(long, value_name = "ID")]
    statement_id: String,
    /// Twelve digits of an account, or `*` for everybody, best limited by `--organization`
    #[arg(long, value_name = "ACCOUNT")]
    principal: String,
    /// Action that is allowed
    #[arg(long, default_value = "events:PutEvents")]
    action: String,
    /// Only callers of this organisation: `o-` and ten of `a-z0-9`
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// The statement to remove.
#[derive(Debug, Args)]
pub struct Remove {
    /// Name or ARN of the bus
    name: String,
    /// Id of the statement
    #[arg(long, value_name = "ID")]
    statement_id: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    match verb {
        Verb::Add(it) => {
            let condition = it.organization.map(|value| PermissionCondition {
                r#type: "StringEquals".to_owned(),
                key: "aws:PrincipalOrgID".to_owned(),
                value,
            });
            let answer = change!(
                link,
                it.writing,
                event_buses.put_permission(PutPermissionRequest {
                    event_bus_name: it.name.clone(),
                    action: it.action,
                    principal: it.principal,
                    statement_id: it.statement_id.clone(),
                    condition,
                    policy: String::new(),
                })
            );
            let text = said(
                &it.writing,
                "statement",
                &it.statement_id,
                &format!("written to the policy of bus `{}`", it.name),
            );
            let json = Record::new().text("Policy", &answer.policy);
            Ok(Outcome::changed(text, json, answer.control_index))
        }
        Verb::Remove(it) => {
            let answer = change!(
                link,
                it.writing,
                event_buses.remove_permission(RemovePermissionRequest {
                    event_bus_name: it.name.clone(),
                    statement_id: it.statement_id.clone(),
                    remove_all_permissions: false,
                })
            );
            let done = format!("removed from the policy of bus `{}`", it.name);
            let text = said(&it.writing, "statement", &it.statement_id, &done);
            let json = Record::new().text("Policy", &answer.policy);
            Ok(Outcome::changed(text, json, answer.control_index))
        }
    }
}
