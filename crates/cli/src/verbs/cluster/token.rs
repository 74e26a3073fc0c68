//! `bascule cluster token`: create, list, revoke.

use bascule_api::admin::v1::{CreateJoinTokenRequest, DeleteJoinTokenRequest, ListJoinTokensRequest};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{Link, change, listed};
use crate::output::record::Record;
use crate::output::{Part, cluster};
use crate::verbs::{Outcome, Reading, Writing, said, shown};

/// What to do with join tokens.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a token by which one node may join, once; it is shown now and never again
    Create(Create),
    /// List join tokens, without their secrets
    List(Reading),
    /// Revoke a join token; a node that joined by it stays
    Revoke(Revoke),
}

/// The token to create.
#[derive(Debug, Args)]
pub struct Create {
    /// The only zone in which its node may stand [default: any]
    #[arg(long, default_value = "", hide_default_value = true)]
    zone: String,
    /// For how long it is good, 60 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    ttl: u32,
    #[command(flatten)]
    writing: Writing,
}

/// The token to revoke.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Its id, as `list` shows it
    id: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, link: &Link) -> Result<Outcome, Error> {
    match verb {
        Verb::Create(it) => {
            let answer = change!(
                link,
                it.writing,
                cluster.create_join_token(CreateJoinTokenRequest { zone: it.zone, life_seconds: it.ttl })
            );
            let json = answer.join_token.as_ref().map(cluster::token);
            let json = shown(&it.writing, json, "CreateJoinToken", "join_token")?;
            let id = answer.join_token.map(|token| token.id).unwrap_or_default();
            let text = if it.writing.validate_only {
                "a join token would be created".to_owned()
            } else {
                said(&it.writing, "join token", &id, "created")
            };
            let json = if answer.token.is_empty() { json } else { json.secret("Token", answer.token.clone()) };
            let mut outcome = Outcome::changed(text, json, answer.control_index);
            if !answer.token.is_empty() {
                outcome.view.add(Part::Raw(format!("{}\n", answer.token)));
                let hint = "whoever has this may join one node: `basculed join --config FILE --token TOKEN`; it is not shown again";
                outcome.view.add(Part::Line(hint.to_owned()));
            } else if !it.writing.validate_only {
                let hint = "it was shown when this request was first answered, and is not shown again: revoke it and create another";
                outcome.view.add(Part::Line(hint.to_owned()));
            }
            Ok(outcome.undone_by(&it.writing, format!("bascule cluster token revoke {id}")))
        }
        Verb::List(reading) => {
            let all = listed!(
                link,
                cluster.list_join_tokens(ListJoinTokensRequest { allow_stale: reading.allow_stale }).join_tokens
            );
            Ok(Outcome::done(cluster::tokens(&all)))
        }
        Verb::Revoke(it) => {
            let answer = change!(
                link,
                it.writing,
                cluster.delete_join_token(DeleteJoinTokenRequest { token_id: it.id.clone() })
            );
            Ok(Outcome::changed(
                said(&it.writing, "join token", &it.id, "revoked"),
                Record::new(),
                answer.control_index,
            ))
        }
    }
}
