//! `bascule user`: create, list, show, update, delete, identity, attach, detach, put-policy, delete-policy, tag, untag.

use bascule_api::iam::v1::{
    AttachUserPolicyRequest, CreateUserRequest, DeleteUserPolicyRequest, DeleteUserRequest, DetachUserPolicyRequest,
    GetUserRequest, ListUsersRequest, PutUserPolicyRequest, SetUserIdentitiesRequest, TagUserRequest, UntagUserRequest,
    UpdateUserRequest,
};
use clap::{ArgGroup, Args, Subcommand};

use crate::error::Error;
use crate::link::{Link, ask, change, listed, tell};
use crate::output::principal;
use crate::output::record::{Item, Record};
use crate::verbs::pairs::named;
use crate::verbs::principal::{
    Attachment, DeletePolicy, List, Named, PutPolicy, Show, Tag, Untag, boundary, policy_arn,
};
use crate::verbs::{Desk, Outcome, Writing, held, said, shown};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a user: a service that calls with a certificate of its own
    Create(Create),
    /// List the account's users
    List(List),
    /// Show what a user is and what it holds
    Show(Show),
    /// Change a user; what is not named stays as it is
    Update(Update),
    /// Delete a user with its inline policies; its identities are free again
    Delete(Named),
    /// What certificates say that a user calls
    #[command(subcommand)]
    Identity(Identity),
    /// Attach a managed policy to a user
    Attach(Attachment),
    /// Detach a managed policy from a user
    Detach(Attachment),
    /// Set an inline policy of a user, new or not
    PutPolicy(PutPolicy),
    /// Delete an inline policy of a user
    DeletePolicy(DeletePolicy),
    /// Set tags of a user; those with other keys stay
    Tag(Tag),
    /// Remove tags of a user
    Untag(Untag),
}

/// What to do with identities.
#[derive(Debug, Subcommand)]
pub enum Identity {
    /// Replace all identities of a user
    Set(SetIdentities),
}

/// The user to create.
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
    /// What a certificate says that it calls: a SPIFFE id, `dns:NAME` or `uri:URI`; may be repeated, up to 5 times
    #[arg(long = "identity", value_name = "ID")]
    identities: Vec<String>,
    /// Managed policy that limits what the user may do
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    boundary: String,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// Managed policy to attach once the user is created; may be repeated; `BasculePublisher` is short for the shipped policy of that
    /// name
    #[arg(long = "attach", value_name = "ARN")]
    attach: Vec<String>,
    #[command(flatten)]
    writing: Writing,
}

/// What to change in a user.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["description", "boundary"]))]
pub struct Update {
    /// Name
    name: String,
    /// Description, at most 1,000 characters; empty for none
    #[arg(long)]
    description: Option<String>,
    /// Managed policy that limits what the user may do; empty for none
    #[arg(long, value_name = "ARN")]
    boundary: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// The identities that a user has from now on.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("identity").required(true).args(["identities", "none"]))]
pub struct SetIdentities {
    /// Name
    name: String,
    /// A SPIFFE id, `dns:NAME` or `uri:URI`; may be repeated, up to 5 times
    #[arg(long = "identity", value_name = "ID")]
    identities: Vec<String>,
    /// None: nobody calls as this user
    #[arg(long)]
    none: bool,
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
                users.list_users(ListUsersRequest { path_prefix: path.clone(), allow_stale: stale }).users
            );
            Ok(Outcome::done(principal::users(&all)))
        }
        Verb::Show(it) => {
            let link = desk.dial.link().await?;
            let request = GetUserRequest { user_name: it.name, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, users.get_user, request).await?;
            Ok(Outcome::done(principal::one_user(&held(answer.user, "GetUser", "user")?)))
        }
        Verb::Update(it) => update(it, desk).await,
        Verb::Delete(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(link, it.writing, users.delete_user(DeleteUserRequest { user_name: it.name.clone() }));
            let text = said(&it.writing, "user", &it.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
        Verb::Identity(Identity::Set(it)) => identities(it, desk).await,
        Verb::Attach(it) => attach(it, desk).await,
        Verb::Detach(it) => detach(it, desk).await,
        Verb::PutPolicy(it) => put_policy(it, desk).await,
        Verb::DeletePolicy(it) => delete_policy(it, desk).await,
        Verb::Tag(it) => tag(it, desk).await,
        Verb::Untag(it) => untag(it, desk).await,
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let tags = named("--tag", &create.tags)?;
    let boundary = boundary(&create.boundary)?;
    let policies = create.attach.iter().map(|policy| policy_arn("--attach", policy)).collect::<Result<Vec<_>, _>>()?;
    let link = desk.dial.link().await?;
    let request = CreateUserRequest {
        user_name: create.name.clone(),
        path: create.path,
        description: create.description,
        permissions_boundary: boundary,
        tags,
        identities: create.identities,
        request_id: link.request_id(create.writing.request_id.as_ref())?,
        validate_only: create.writing.validate_only,
    };
    let answer = tell!(link, users.create_user, request).await?;
    let (mut user, mut control_index, mut trouble) = (answer.user, answer.control_index, None);
    let mut text = said(&create.writing, "user", &create.name, "created");
    if create.writing.validate_only && !policies.is_empty() {
        text.push_str("; whether policies can be attached to it is known only when it is there");
    }
    for policy in policies.iter().filter(|_| !create.writing.validate_only) {
        match attached(&link, &Writing::default(), &create.name, policy).await {
            Ok(index) => {
                control_index = index;
                user.iter_mut().for_each(|user| user.attached_policy_arns.push(policy.clone()));
            }
            Err(source) => {
                let created = format!("user `{}`", create.name);
                let command = format!("bascule user attach {} {policy}", create.name);
                trouble = Some(Error::NotAttached { created, command, source: Box::new(source) });
                break;
            }
        }
    }
    let attached = user.as_ref().map(|user| user.attached_policy_arns.join("`, `")).unwrap_or_default();
    if !attached.is_empty() {
        text.push_str(&format!(" and `{attached}` attached"));
    }
    let json = shown(&create.writing, user.as_ref().map(principal::user), "CreateUser", "user")?;
    let undo = format!("bascule user delete {}", create.name);
    let outcome = Outcome::changed(text, json, control_index).undone_by(&create.writing, undo);
    Ok(match trouble {
        Some(error) => outcome.troubled(error),
        None => outcome,
    })
}

/// Attaches a policy to a user; answers the index of the change.
async fn attached(link: &Link, writing: &Writing, name: &str, policy: &str) -> Result<u64, Error> {
    let request = AttachUserPolicyRequest {
        user_name: name.to_owned(),
        policy_arn: policy.to_owned(),
        request_id: link.request_id(writing.request_id.as_ref())?,
        validate_only: writing.validate_only,
    };
    Ok(tell!(*link, users.attach_user_policy, request).await?.control_index)
}

async fn update(update: Update, desk: &mut Desk) -> Result<Outcome, Error> {
    let boundary = update.boundary.as_deref().map(boundary).transpose()?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        update.writing,
        users.update_user(UpdateUserRequest {
            user_name: update.name.clone(),
            description: update.description,
            permissions_boundary: boundary,
        })
    );
    let user = shown(&update.writing, answer.user.as_ref().map(principal::user), "UpdateUser", "user")?;
    Ok(Outcome::changed(said(&update.writing, "user", &update.name, "changed"), user, answer.control_index))
}

async fn identities(set: SetIdentities, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        set.writing,
        users.set_user_identities(SetUserIdentitiesRequest { user_name: set.name.clone(), identities: set.identities })
    );
    let user = shown(&set.writing, answer.user.as_ref().map(principal::user), "SetUserIdentities", "user")?;
    let text = said(&set.writing, "identities of user", &set.name, "replaced");
    Ok(Outcome::changed(text, user, answer.control_index))
}

async fn attach(it: Attachment, desk: &mut Desk) -> Result<Outcome, Error> {
    let policy = policy_arn("POLICY", &it.policy)?;
    let link = desk.dial.link().await?;
    let control_index = attached(&link, &it.writing, &it.name, &policy).await?;
    let text = said(&it.writing, "policy", &policy, &format!("attached to user `{}`", it.name));
    let undo = format!("bascule user detach {} {policy}", it.name);
    Ok(Outcome::changed(text, Record::new(), control_index).undone_by(&it.writing, undo))
}

async fn detach(it: Attachment, desk: &mut Desk) -> Result<Outcome, Error> {
    let policy = policy_arn("POLICY", &it.policy)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        users.detach_user_policy(DetachUserPolicyRequest { user_name: it.name.clone(), policy_arn: policy.clone() })
    );
    let text = said(&it.writing, "policy", &policy, &format!("detached from user `{}`", it.name));
    let undo = format!("bascule user attach {} {policy}", it.name);
    Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
}

async fn put_policy(it: PutPolicy, desk: &mut Desk) -> Result<Outcome, Error> {
    let document = desk.inputs.policy("--document", &it.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        users.put_user_policy(PutUserPolicyRequest {
            user_name: it.name.clone(),
            policy_name: it.policy_name.clone(),
            policy_document: document,
        })
    );
    let thing = format!("inline policy `{}` of user", it.policy_name);
    let text = said(&it.writing, &thing, &it.name, "written");
    Ok(Outcome::changed(text, Record::new(), answer.control_index))
}

async fn delete_policy(it: DeletePolicy, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        users.delete_user_policy(DeleteUserPolicyRequest {
            user_name: it.name.clone(),
            policy_name: it.policy_name.clone(),
        })
    );
    let thing = format!("inline policy `{}` of user", it.policy_name);
    Ok(Outcome::changed(said(&it.writing, &thing, &it.name, "deleted"), Record::new(), answer.control_index))
}

async fn tag(it: Tag, desk: &mut Desk) -> Result<Outcome, Error> {
    let tags = named("--tag", &it.tags)?;
    let link = desk.dial.link().await?;
    let answer = change!(link, it.writing, users.tag_user(TagUserRequest { user_name: it.name.clone(), tags }));
    Ok(Outcome::changed(said(&it.writing, "user", &it.name, "tagged"), Record::new(), answer.control_index))
}

async fn untag(it: Untag, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        it.writing,
        users.untag_user(UntagUserRequest { user_name: it.name.clone(), tag_keys: it.keys.clone() })
    );
    let json = Record::new().items("TagKeys", it.keys.into_iter().map(Item::Text).collect());
    Ok(Outcome::changed(said(&it.writing, "user", &it.name, "untagged"), json, answer.control_index))
}
