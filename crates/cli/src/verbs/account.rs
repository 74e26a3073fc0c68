//! `bascule account`: create, list, show, move, close, reopen.

use bascule_api::iam::v1::{
    CloseAccountRequest, CreateAccountRequest, DescribeAccountRequest, ListAccountsRequest, MoveAccountRequest,
    ReopenAccountRequest,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{Link, ask, change, listed};
use crate::output::{View, organization};
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create an account with its default bus, and a role that administers it
    Create(Create),
    /// List accounts, closed ones too
    List(List),
    /// Show what an account is
    Show(Show),
    /// Move an account below the root or a unit
    Move(Move),
    /// Close an account: its principals may do nothing, and it keeps what it has
    Close(Change),
    /// Open a closed account again
    Reopen(Change),
}

/// The account to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Number: twelve digits
    id: String,
    /// Name, 1 to 50 characters
    #[arg(long)]
    name: String,
    /// Id of the root or unit under which it stands [default: the root]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    parent: String,
    /// Name of the role that comes with the account and administers it, which the management account may assume [default:
    /// OrganizationAccountAccessRole]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    role_name: String,
    #[command(flatten)]
    writing: Writing,
}

/// Which accounts to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only those right below the root or unit of this id
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    parent: String,
    #[command(flatten)]
    reading: Reading,
}

/// The account to look at.
#[derive(Debug, Args)]
pub struct Show {
    /// Number: twelve digits
    id: String,
    #[command(flatten)]
    reading: Reading,
}

/// Where an account is to stand.
#[derive(Debug, Args)]
pub struct Move {
    /// Number: twelve digits
    id: String,
    /// Id of the root or unit under which it stands from now on
    #[arg(long, value_name = "ID")]
    parent: String,
    #[command(flatten)]
    writing: Writing,
}

/// The account to close or open.
#[derive(Debug, Args)]
pub struct Change {
    /// Number: twelve digits
    id: String,
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
        Verb::Create(it) => {
            let answer = change!(
                link,
                it.writing,
                organizations.create_account(CreateAccountRequest {
                    account_id: it.id.clone(),
                    account_name: it.name,
                    parent_id: it.parent,
                    role_name: it.role_name,
                })
            );
            let json = answer.account.as_ref().map(organization::account);
            let json = shown(&it.writing, json, "CreateAccount", "account")?;
            Ok(Outcome::changed(said(&it.writing, "account", &it.id, "created"), json, answer.control_index))
        }
        Verb::List(it) => {
            let all = listed!(
                link,
                organizations
                    .list_accounts(ListAccountsRequest {
                        parent_id: it.parent.clone(),
                        allow_stale: it.reading.allow_stale,
                    })
                    .accounts
            );
            Ok(Outcome::done(organization::accounts(&all)))
        }
        Verb::Show(it) => {
            let request = DescribeAccountRequest { account_id: it.id, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, organizations.describe_account, request).await?;
            let found = held(answer.account, "DescribeAccount", "account")?;
            Ok(Outcome::done(View::one(organization::account(&found))))
        }
        Verb::Move(it) => relocate(it, &link).await,
        Verb::Close(it) => close(it, &link).await,
        Verb::Reopen(it) => reopen(it, &link).await,
    }
}

async fn relocate(it: Move, link: &Link) -> Result<Outcome, Error> {
    let answer = change!(
        *link,
        it.writing,
        organizations.move_account(MoveAccountRequest { account_id: it.id.clone(), parent_id: it.parent.clone() })
    );
    let json = answer.account.as_ref().map(organization::account);
    let json = shown(&it.writing, json, "MoveAccount", "account")?;
    let text = said(&it.writing, "account", &it.id, &format!("moved below `{}`", it.parent));
    Ok(Outcome::changed(text, json, answer.control_index))
}

async fn close(it: Change, link: &Link) -> Result<Outcome, Error> {
    let answer =
        change!(*link, it.writing, organizations.close_account(CloseAccountRequest { account_id: it.id.clone() }));
    let json = answer.account.as_ref().map(organization::account);
    let json = shown(&it.writing, json, "CloseAccount", "account")?;
    let undo = format!("bascule account reopen {}", it.id);
    let text = said(&it.writing, "account", &it.id, "closed");
    Ok(Outcome::changed(text, json, answer.control_index).undone_by(&it.writing, undo))
}

async fn reopen(it: Change, link: &Link) -> Result<Outcome, Error> {
    let answer =
        change!(*link, it.writing, organizations.reopen_account(ReopenAccountRequest { account_id: it.id.clone() }));
    let json = answer.account.as_ref().map(organization::account);
    let json = shown(&it.writing, json, "ReopenAccount", "account")?;
    let undo = format!("bascule account close {}", it.id);
    let text = said(&it.writing, "account", &it.id, "opened again");
    Ok(Outcome::changed(text, json, answer.control_index).undone_by(&it.writing, undo))
}
