//! `bascule org policy`: create, update, show, list, delete.

use std::path::PathBuf;

use bascule_api::iam::v1::{
    ControlPolicy, ControlPolicyType, CreateControlPolicyRequest, DeleteControlPolicyRequest,
    DescribeControlPolicyRequest, ListControlPoliciesRequest, UpdateControlPolicyRequest,
};
use clap::{Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::link::{Link, ask, change, listed};
use crate::output::policy;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

/// What to do with control policies.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a control policy
    Create(Create),
    /// Replace what a control policy says, wherever it is attached, at once
    Update(Update),
    /// Show what a control policy says
    Show(Show),
    /// List control policies, the shipped ones first
    List(List),
    /// Delete a control policy that is not attached
    Delete(Delete),
}

/// What a control policy limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Limits {
    /// What principals of accounts may do.
    Scp,
    /// What may be done to resources of accounts.
    Rcp,
}

impl Limits {
    const fn wire(self) -> ControlPolicyType {
        match self {
            Self::Scp => ControlPolicyType::ServiceControlPolicy,
            Self::Rcp => ControlPolicyType::ResourceControlPolicy,
        }
    }
}

/// The control policy to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 128 of `A-Za-z0-9_+=,.@-`
    name: String,
    /// What it limits: `scp` principals, `rcp` resources
    #[arg(long = "type", value_name = "TYPE")]
    limits: Limits,
    /// File with the policy, at most 5,120 characters, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Description, at most 1,000 characters; it never changes
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    writing: Writing,
}

/// What a control policy says from now on.
#[derive(Debug, Args)]
pub struct Update {
    /// ARN
    arn: String,
    /// File with the policy, at most 5,120 characters, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    #[command(flatten)]
    writing: Writing,
}

/// The control policy to look at.
#[derive(Debug, Args)]
pub struct Show {
    /// ARN
    arn: String,
    #[command(flatten)]
    reading: Reading,
}

/// Which control policies to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only those that limit principals (`scp`) or resources (`rcp`)
    #[arg(long = "type", value_name = "TYPE")]
    limits: Option<Limits>,
    #[command(flatten)]
    reading: Reading,
}

/// The control policy to delete.
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
        Verb::Update(it) => update(it, desk).await,
        Verb::Show(it) => {
            let link = desk.dial.link().await?;
            let request = DescribeControlPolicyRequest { policy_arn: it.arn, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, organizations.describe_control_policy, request).await?;
            Ok(Outcome::done(policy::one_control(&held(answer.policy, "DescribeControlPolicy", "policy")?)))
        }
        Verb::List(it) => {
            let link = desk.dial.link().await?;
            let limits = it.limits.map_or_else(|| vec![Limits::Scp, Limits::Rcp], |limits| vec![limits]);
            let mut all = Vec::new();
            for limits in limits {
                all.extend(of_type(&link, limits, it.reading).await?);
            }
            Ok(Outcome::done(policy::controls(&all)))
        }
        Verb::Delete(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                organizations.delete_control_policy(DeleteControlPolicyRequest { policy_arn: it.arn.clone() })
            );
            let text = said(&it.writing, "control policy", &it.arn, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn of_type(link: &Link, limits: Limits, reading: Reading) -> Result<Vec<ControlPolicy>, Error> {
    Ok(listed!(
        *link,
        organizations
            .list_control_policies(ListControlPoliciesRequest {
                r#type: limits.wire().into(),
                allow_stale: reading.allow_stale,
            })
            .policies
    ))
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let content = desk.inputs.policy("--document", &create.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        create.writing,
        organizations.create_control_policy(CreateControlPolicyRequest {
            r#type: create.limits.wire().into(),
            name: create.name.clone(),
            description: create.description,
            content,
        })
    );
    let json = answer.policy.as_ref().map(policy::control);
    let json = shown(&create.writing, json, "CreateControlPolicy", "policy")?;
    let undo = format!("bascule org policy delete {}", answer.policy.map(|policy| policy.arn).unwrap_or_default());
    let text = said(&create.writing, "control policy", &create.name, "created");
    Ok(Outcome::changed(text, json, answer.control_index).undone_by(&create.writing, undo))
}

async fn update(update: Update, desk: &mut Desk) -> Result<Outcome, Error> {
    let content = desk.inputs.policy("--document", &update.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        update.writing,
        organizations.update_control_policy(UpdateControlPolicyRequest { policy_arn: update.arn.clone(), content })
    );
    let json = answer.policy.as_ref().map(policy::control);
    let json = shown(&update.writing, json, "UpdateControlPolicy", "policy")?;
    let text = said(&update.writing, "control policy", &update.arn, "changed");
    Ok(Outcome::changed(text, json, answer.control_index))
}
