//! `bascule org`: show, tree, unit, policy, attach, detach.
//!
//! In: ids of the root, of units and accounts; ARNs and documents of control policies.
//! Out: the organisation, and what its control policies are attached to.
//! Never: a unit or policy that takes others with it when it is deleted.

use bascule_api::iam::v1::{
    AttachControlPolicyRequest, DescribeOrganizationRequest, DetachControlPolicyRequest, ListAccountsRequest,
    ListOrganizationalUnitsRequest,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{ask, change, listed};
use crate::output::record::Record;
use crate::output::{View, organization, tree};
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said};

pub mod control;
pub mod unit;

/// What to do with the organisation.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what the organisation is
    Show(Reading),
    /// Show units and accounts below each other, with the control policies that are attached
    Tree(Reading),
    /// Units
    #[command(subcommand)]
    Unit(unit::Verb),
    /// Control policies: what may be done at most below what they are attached to
    #[command(subcommand)]
    Policy(control::Verb),
    /// Attach a control policy to the root, a unit or an account
    Attach(Attachment),
    /// Detach a control policy
    Detach(Attachment),
}

/// A control policy and what it is attached to.
#[derive(Debug, Args)]
pub struct Attachment {
    /// Id of the root, a unit or an account
    target: String,
    /// ARN of the control policy
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
        Verb::Show(reading) => {
            let link = desk.dial.link().await?;
            let request = DescribeOrganizationRequest { allow_stale: reading.allow_stale };
            let answer = ask!(link, organizations.describe_organization, request).await?;
            let found = held(answer.organization, "DescribeOrganization", "organization")?;
            Ok(Outcome::done(View::one(organization::record(&found))))
        }
        Verb::Tree(reading) => whole(reading, desk).await,
        Verb::Unit(verb) => unit::run(verb, desk).await,
        Verb::Policy(verb) => control::run(verb, desk).await,
        Verb::Attach(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                organizations.attach_control_policy(AttachControlPolicyRequest {
                    policy_arn: it.arn.clone(),
                    target_id: it.target.clone(),
                })
            );
            let text = said(&it.writing, "control policy", &it.arn, &format!("attached to `{}`", it.target));
            let undo = format!("bascule org detach {} {}", it.target, it.arn);
            Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
        }
        Verb::Detach(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                organizations.detach_control_policy(DetachControlPolicyRequest {
                    policy_arn: it.arn.clone(),
                    target_id: it.target.clone(),
                })
            );
            let text = said(&it.writing, "control policy", &it.arn, &format!("detached from `{}`", it.target));
            let undo = format!("bascule org attach {} {}", it.target, it.arn);
            Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
        }
    }
}

async fn whole(reading: Reading, desk: &mut Desk) -> Result<Outcome, Error> {
    let stale = reading.allow_stale;
    let link = desk.dial.link().await?;
    let request = DescribeOrganizationRequest { allow_stale: stale };
    let answer = ask!(link, organizations.describe_organization, request).await?;
    let root = held(answer.organization, "DescribeOrganization", "organization")?;
    let units = listed!(
        link,
        organizations
            .list_organizational_units(ListOrganizationalUnitsRequest { parent_id: String::new(), allow_stale: stale })
            .organizational_units
    );
    let accounts = listed!(
        link,
        organizations.list_accounts(ListAccountsRequest { parent_id: String::new(), allow_stale: stale }).accounts
    );
    Ok(Outcome::done(tree::tree(&root, &units, &accounts)))
}
