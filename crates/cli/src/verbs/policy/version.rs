//! `bascule policy version`: create, delete, set-default.

use std::path::PathBuf;

use bascule_api::iam::v1::{CreatePolicyVersionRequest, DeletePolicyVersionRequest, SetDefaultPolicyVersionRequest};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::change;
use crate::output::policy;
use crate::output::record::Record;
use crate::verbs::principal::policy_arn;
use crate::verbs::{Desk, Outcome, Writing, said, shown};

/// What to do with versions of a policy.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Add a version; a policy has at most 5
    Create(Create),
    /// Delete a version that is not in force
    Delete(Version),
    /// Put a version in force wherever the policy is attached
    SetDefault(Version),
}

/// The version to add.
#[derive(Debug, Args)]
pub struct Create {
    /// ARN of the policy
    arn: String,
    /// File with an identity policy, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Put it in force at once
    #[arg(long)]
    set_default: bool,
    #[command(flatten)]
    writing: Writing,
}

/// A version of a policy.
#[derive(Debug, Args)]
pub struct Version {
    /// ARN of the policy
    arn: String,
    /// Version: `v` and a number
    version: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Create(it) => create(it, desk).await,
        Verb::Delete(it) => {
            let arn = policy_arn("ARN", &it.arn)?;
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                policies.delete_policy_version(DeletePolicyVersionRequest {
                    policy_arn: arn.clone(),
                    version_id: it.version.clone(),
                })
            );
            let thing = format!("version `{}` of policy", it.version);
            Ok(Outcome::changed(said(&it.writing, &thing, &arn, "deleted"), Record::new(), answer.control_index))
        }
        Verb::SetDefault(it) => {
            let arn = policy_arn("ARN", &it.arn)?;
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                policies.set_default_policy_version(SetDefaultPolicyVersionRequest {
                    policy_arn: arn.clone(),
                    version_id: it.version.clone(),
                })
            );
            let thing = format!("version `{}` of policy", it.version);
            let text = said(&it.writing, &thing, &arn, "put in force");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let arn = policy_arn("ARN", &create.arn)?;
    let document = desk.inputs.policy("--document", &create.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        create.writing,
        policies.create_policy_version(CreatePolicyVersionRequest {
            policy_arn: arn.clone(),
            policy_document: document,
            set_as_default: create.set_default,
        })
    );
    let made = answer.policy_version.as_ref();
    let json = shown(&create.writing, made.map(policy::version), "CreatePolicyVersion", "policy_version")?;
    // What is only validated has no version yet.
    let thing =
        made.map_or_else(|| "a version of policy".to_owned(), |it| format!("version `{}` of policy", it.version_id));
    let text =
        said(&create.writing, &thing, &arn, if create.set_default { "created and put in force" } else { "created" });
    let outcome = Outcome::changed(text, json, answer.control_index);
    Ok(match made.filter(|_| !create.set_default) {
        Some(it) => {
            outcome.undone_by(&create.writing, format!("bascule policy version delete {arn} {}", it.version_id))
        }
        None => outcome,
    })
}
