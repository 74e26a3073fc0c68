//! `bascule role`: create, list, show, update, delete, trust, attach, detach, put-policy, delete-policy, tag, untag, revoke-sessions,
//! assume.
//!
//! In: names, documents, or the wish that rules may assume the role.
//! Out: roles, and what became of them.
//! Never: a trust policy that names a service without saying for whom, where that is known.

use bascule_api::iam::v1::{
    AttachRolePolicyRequest, CreateRoleRequest, DeleteRolePolicyRequest, DeleteRoleRequest, DetachRolePolicyRequest,
    GetRoleRequest, ListRolesRequest, PutRolePolicyRequest, RevokeRoleSessionsRequest, TagRoleRequest,
    UntagRoleRequest, UpdateAssumeRolePolicyRequest, UpdateRoleRequest,
};
use clap::{ArgGroup, Args, Subcommand};

use crate::error::Error;
use crate::link::{ask, change, listed};
use crate::output::principal;
use crate::output::record::{Item, Record};
use crate::verbs::pairs::named;
use crate::verbs::principal::{
    Attachment, DeletePolicy, List, Named, PutPolicy, Show, Tag, Untag, boundary, policy_arn,
};
use crate::verbs::role::trust::Trust;
use crate::verbs::{Desk, Outcome, Writing, held, said, shown};

pub mod assume;
pub mod trust;

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a role: what users and rules act as for a while
    Create(Create),
    /// List the account's roles
    List(List),
    /// Show what a role is and what it holds
    Show(Show),
    /// Change a role; what is not named stays as it is
    Update(Update),
    /// Delete a role with its inline policies
    Delete(Named),
    /// Replace the policy that says who may assume a role; sessions that were given before go on
    Trust(SetTrust),
    /// Attach a managed policy to a role
    Attach(Attachment),
    /// Detach a managed policy from a role
    Detach(Attachment),
    /// Set an inline policy of a role, new or not
    PutPolicy(PutPolicy),
    /// Delete an inline policy of a role
    DeletePolicy(DeletePolicy),
    /// Set tags of a role; those with other keys stay
    Tag(Tag),
    /// Remove tags of a role
    Untag(Untag),
    /// End every session of a role that was given until now
    RevokeSessions(Named),
    /// Begin a session of a role, to act as it for a while
    #[command(after_help = assume::AFTER)]
    Assume(assume::Assume),
}

/// The role to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 64 of `A-Za-z0-9_+=,.@-`
    name: String,
    /// Path, between two `/`; it never changes [default: /]
    #[arg(long, default_value = "", hide_default_value = true)]
    path: String,
    /// Description, at most 1,000 characters
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    trust: Trust,
    /// Longest session, 3,600 to 43,200 seconds [default: 3,600]
    #[arg(long, value_name = "SECONDS")]
    max_session_seconds: Option<u32>,
    /// Managed policy that limits what the role may do
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    boundary: String,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    #[command(flatten)]
    writing: Writing,
}

/// What to change in a role.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["description", "max_session_seconds", "boundary"]))]
pub struct Update {
    /// Name
    name: String,
    /// Description, at most 1,000 characters; empty for none
    #[arg(long)]
    description: Option<String>,
    /// Longest session, 3,600 to 43,200 seconds
    #[arg(long, value_name = "SECONDS")]
    max_session_seconds: Option<u32>,
    /// Managed policy that limits what the role may do; empty for none
    #[arg(long, value_name = "ARN")]
    boundary: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Who may assume a role from now on.
#[derive(Debug, Args)]
pub struct SetTrust {
    /// Name
    name: String,
    #[command(flatten)]
    trust: Trust,
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
            let link = desk.dial.link().await?;
            let (path, stale) = (it.path_prefix, it.reading.allow_stale);
            let all = listed!(
                link,
                roles.list_roles(ListRolesRequest { path_prefix: path.clone(), allow_stale: stale }).roles
            );
            Ok(Outcome::done(principal::roles(&all)))
        }
        Verb::Show(it) => {
            let link = desk.dial.link().await?;
            let request = GetRoleRequest { role_name: it.name, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, roles.get_role, request).await?;
            Ok(Outcome::done(principal::one_role(&held(answer.role, "GetRole", "role")?)))
        }
        Verb::Update(it) => update(it, desk).await,
        Verb::Delete(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(link, it.writing, roles.delete_role(DeleteRoleRequest { role_name: it.name.clone() }));
            let text = said(&it.writing, "role", &it.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
        Verb::Trust(it) => trust(it, desk).await,
        Verb::Attach(it) => attach(it, desk).await,
        Verb::Detach(it) => detach(it, desk).await,
        Verb::PutPolicy(it) => put_policy(it, desk).await,
        Verb::DeletePolicy(it) => delete_policy(it, desk).await,
        Verb::Tag(it) => tag(it, desk).await,
        Verb::Untag(it) => untag(it, desk).await,
        Verb::RevokeSessions(it) => revoke(it, desk).await,
        Verb::Assume(it) => assume::assume(it, desk).await,
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let tags = named("--tag", &create.tags)?;
    let boundary = boundary(&create.boundary)?;
    let document = create.trust.document(&mut desk.inputs)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        create.writing,
        roles.create_role(CreateRoleRequest {
            role_name: create.name.clone(),
            path: create.path,
            description: create.description,
            assume_role_policy_document: document,
            max_session_duration_seconds: create.max_session_seconds.unwrap_or_default(),
            permissions_boundary: boundary,
            tags,
        })
    );
    let role = shown(&create.writing, answer.role.as_ref().map(principal::role), "CreateRole", "role")?;
    let text = said(&create.writing, "role", &create.name, "created");
    let undo = format!("bascule role delete {}", create.name);
    Ok(Outcome::changed(text, role, answer.control_index).undone_by(&create.writing, undo))
}

async fn update(update: Update, desk: &mut Desk) -> Result<Outcome, Error> {
    let boundary = update.boundary.as_deref().map(boundary).transpose()?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        update.writing,
        roles.update_role(UpdateRoleRequest {
            role_name: update.name.clone(),
            description: update.description,
            max_session_duration_seconds: update.max_session_seconds,
            permissions_boundary: boundary,
        })
    );
    let role = shown(&update.writing, answer.role.as_ref().map(principal::role), "UpdateRole", "role")?;
    Ok(Outcome::changed(said(&update.writing, "role", &update.name, "changed"), role, answer.control_index))
}

async fn trust(set: SetTrust, desk: &mut Desk) -> Result<Outcome, Error> {
    let document = set.trust.document(&mut desk.inputs)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        set.writing,
        roles.update_assume_role_policy(UpdateAssumeRolePolicyRequest {
            role_name: set.name.clone(),
            assume_role_policy_document: document,
        })
    );
    let role = shown(&set.writing, answer.role.as_ref().map(principal::role), "UpdateAssumeRolePolicy", "role")?;
    let text = said(&set.writing, "trust policy of role", &set.name, "replaced");
    Ok(Outcome::changed(text, role, answer.control_index))
}

async fn revoke(it: Named, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer =
        change!(link, it.writing, roles.revoke_role_sessions(RevokeRoleSessionsRequest { role_name: it.name.clone() }));
    let role = shown(&it.writing, answer.role.as_ref().map(principal::role), "RevokeRoleSessions", "role")?;
    let text = said(&it.writing, "sessions of role", &it.name, "ended");
    Ok(Outcome::changed(text, role, answer.control_index))
}

async fn attach(it: Attachment, desk: &mut Desk) -> Result<Outcome, Error> {
    let policy = policy_arn("POLICY", &it.policy)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        roles.attach_role_policy(AttachRolePolicyRequest { role_name: it.name.clone(), policy_arn: policy.clone() })
    );
    let text = said(&it.writing, "policy", &policy, &format!("attached to role `{}`", it.name));
    let undo = format!("bascule role detach {} {policy}", it.name);
    Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
}

async fn detach(it: Attachment, desk: &mut Desk) -> Result<Outcome, Error> {
    let policy = policy_arn("POLICY", &it.policy)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        roles.detach_role_policy(DetachRolePolicyRequest { role_name: it.name.clone(), policy_arn: policy.clone() })
    );
    let text = said(&it.writing, "policy", &policy, &format!("detached from role `{}`", it.name));
    let undo = format!("bascule role attach {} {policy}", it.name);
    Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
}

async fn put_policy(it: PutPolicy, desk: &mut Desk) -> Result<Outcome, Error> {
    let document = desk.inputs.policy("--document", &it.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        roles.put_role_policy(PutRolePolicyRequest {
            role_name: it.name.clone(),
            policy_name: it.policy_name.clone(),
            policy_document: document,
        })
    );
    let thing = format!("inline policy `{}` of role", it.policy_name);
    let text = said(&it.writing, &thing, &it.name, "written");
    Ok(Outcome::changed(text, Record::new(), answer.control_index))
}

async fn delete_policy(it: DeletePolicy, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        roles.delete_role_policy(DeleteRolePolicyRequest {
            role_name: it.name.clone(),
            policy_name: it.policy_name.clone(),
        })
    );
    let thing = format!("inline policy `{}` of role", it.policy_name);
    Ok(Outcome::changed(said(&it.writing, &thing, &it.name, "deleted"), Record::new(), answer.control_index))
}

async fn tag(it: Tag, desk: &mut Desk) -> Result<Outcome, Error> {
    let tags = named("--tag", &it.tags)?;
    let link = desk.dial.link().await?;
    let answer = change!(link, it.writing, roles.tag_role(TagRoleRequest { role_name: it.name.clone(), tags }));
    Ok(Outcome::changed(said(&it.writing, "role", &it.name, "tagged"), Record::new(), answer.control_index))
}

async fn untag(it: Untag, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        roles.untag_role(UntagRoleRequest { role_name: it.name.clone(), tag_keys: it.keys.clone() })
    );
    let json = Record::new().items("TagKeys", it.keys.into_iter().map(Item::Text).collect());
    Ok(Outcome::changed(said(&it.writing, "role", &it.name, "untagged"), json, answer.control_index))
}
