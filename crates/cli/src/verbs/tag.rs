//! `bascule tag`: list, set, remove the tags of a bus or rule.

use bascule_api::v1::{ListTagsForResourceRequest, TagResourceRequest, UntagResourceRequest};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{ask, tell};
use crate::output::View;
use crate::output::record::{Item, Record};
use crate::verbs::pairs::named;
use crate::verbs::{Desk, Outcome, Reading, Writing, said};

/// What to do with tags.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the tags of a bus or rule
    List(List),
    /// Set tags; those with other keys stay
    Set(Set),
    /// Remove tags
    Remove(Remove),
}

/// Whose tags to list.
#[derive(Debug, Args)]
pub struct List {
    /// ARN of the bus or rule
    arn: String,
    #[command(flatten)]
    reading: Reading,
}

/// The tags to set.
#[derive(Debug, Args)]
pub struct Set {
    /// ARN of the bus or rule
    arn: String,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", required = true)]
    tags: Vec<String>,
    #[command(flatten)]
    writing: Writing,
}

/// The tags to remove.
#[derive(Debug, Args)]
pub struct Remove {
    /// ARN of the bus or rule
    arn: String,
    /// Key of a tag; may be repeated
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::List(list) => {
            let link = desk.dial.link().await?;
            let request = ListTagsForResourceRequest { resource_arn: list.arn, allow_stale: list.reading.allow_stale };
            let answer = ask!(link, tags.list_tags_for_resource, request).await?;
            let tag = |(key, value): (&String, &String)| Record::new().text("Key", key).text("Value", value);
            let records = answer.tags.iter().map(tag).collect();
            Ok(Outcome::done(View::list("Tags", records, &[("KEY", "Key"), ("VALUE", "Value")], &[], "no tags")))
        }
        Verb::Set(set) => {
            let tags = named("--tag", &set.tags)?;
            let link = desk.dial.link().await?;
            let request = TagResourceRequest {
                resource_arn: set.arn.clone(),
                tags,
                request_id: link.request_id(set.writing.request_id.as_ref())?,
                validate_only: set.writing.validate_only,
            };
            let answer = tell!(link, tags.tag_resource, request).await?;
            let text = said(&set.writing, "resource", &set.arn, "tagged");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
        Verb::Remove(remove) => {
            let link = desk.dial.link().await?;
            let request = UntagResourceRequest {
                resource_arn: remove.arn.clone(),
                tag_keys: remove.keys.clone(),
                request_id: link.request_id(remove.writing.request_id.as_ref())?,
                validate_only: remove.writing.validate_only,
            };
            let answer = tell!(link, tags.untag_resource, request).await?;
            let json = Record::new().items("TagKeys", remove.keys.iter().cloned().map(Item::Text).collect());
            let text = said(&remove.writing, "resource", &remove.arn, "untagged");
            Ok(Outcome::changed(text, json, answer.control_index))
        }
    }
}
