//! `bascule policy`: create, list, show, delete, version, lint.
//!
//! In: ARNs, and documents from files.
//! Out: managed policies with their versions, and what is wrong with a document.
//! Never: a document changed on its way, or the cluster asked by `lint`.

use std::path::PathBuf;

use bascule_api::iam::v1::{
    CreatePolicyRequest, DeletePolicyRequest, GetPolicyRequest, ListPoliciesRequest, PolicyScope,
};
use clap::{Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::link::{ask, change, listed};
use crate::output::policy;
use crate::output::record::Record;
use crate::verbs::principal::policy_arn;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

pub mod lint;
pub mod version;

/// What to do with managed policies.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a policy, whose first version is in force
    Create(Create),
    /// List the shipped policies and the account's own
    List(List),
    /// Show what a policy says, with all its versions
    Show(Show),
    /// Delete a policy that is not attached, with its versions
    Delete(Delete),
    /// Versions of a policy
    #[command(subcommand)]
    Version(version::Verb),
    /// Check a policy document of any kind without asking the cluster
    #[command(after_help = lint::AFTER)]
    Lint(lint::Lint),
}

/// The policy to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 128 of `A-Za-z0-9_+=,.@-`
    name: String,
    /// File with an identity policy, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Path, between two `/`; it never changes [default: /]
    #[arg(long, default_value = "", hide_default_value = true)]
    path: String,
    /// Description, at most 1,000 characters; it never changes
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    writing: Writing,
}

/// Whose policies to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// The shipped ones and the account's own.
    All,
    /// The account's own.
    Own,
    /// The shipped ones.
    Shipped,
}

/// Which policies to list.
#[derive(Debug, Args)]
pub struct List {
    /// Whose
    #[arg(long, default_value = "all")]
    scope: Scope,
    #[command(flatten)]
    reading: Reading,
}

/// The policy to look at.
#[derive(Debug, Args)]
pub struct Show {
    /// ARN; `BasculePublisher` is short for the shipped policy of that name
    arn: String,
    #[command(flatten)]
    reading: Reading,
}

/// The policy to delete.
#[derive(Debug, Args)]
pub struct Delete {
    /// ARN
    arn: String,
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
        Verb::List(it) => {
            let scope = match it.scope {
                Scope::All => PolicyScope::All,
                Scope::Own => PolicyScope::Own,
                Scope::Shipped => PolicyScope::Shipped,
            };
            let stale = it.reading.allow_stale;
            let link = desk.dial.link().await?;
            let all = listed!(
                link,
                policies.list_policies(ListPoliciesRequest { scope: scope.into(), allow_stale: stale }).policies
            );
            Ok(Outcome::done(policy::list(&all)))
        }
        Verb::Show(it) => {
            let arn = policy_arn("ARN", &it.arn)?;
            let link = desk.dial.link().await?;
            let request = GetPolicyRequest { policy_arn: arn, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, policies.get_policy, request).await?;
            Ok(Outcome::done(policy::one(&held(answer.policy, "GetPolicy", "policy")?)))
        }
        Verb::Delete(it) => {
            let arn = policy_arn("ARN", &it.arn)?;
            let link = desk.dial.link().await?;
            let answer =
                change!(link, it.writing, policies.delete_policy(DeletePolicyRequest { policy_arn: arn.clone() }));
            let text = said(&it.writing, "policy", &arn, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
        Verb::Version(verb) => version::run(verb, desk).await,
        Verb::Lint(it) => lint::lint(&it, &mut desk.inputs),
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let document = desk.inputs.policy("--document", &create.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        create.writing,
        policies.create_policy(CreatePolicyRequest {
            policy_name: create.name.clone(),
            path: create.path,
            description: create.description,
            policy_document: document,
        })
    );
    let made = shown(&create.writing, answer.policy.as_ref().map(policy::record), "CreatePolicy", "policy")?;
    let text = said(&create.writing, "policy", &create.name, "created");
    let arn = answer.policy.map(|policy| policy.arn).unwrap_or_default();
    let outcome = Outcome::changed(text, made, answer.control_index);
    Ok(outcome.undone_by(&create.writing, format!("bascule policy delete {arn}")))
}
