//! What users and roles have in common on the command line: their names, what is attached to them, their inline policies and tags.

use std::path::PathBuf;

use bascule_model::name::PolicyName;
use clap::Args;

use crate::error::Error;
use crate::verbs::{Reading, Writing};

/// How the names of shipped identity policies begin.
const SHIPPED: &str = "Bascule";

/// Which to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only those whose path begins so
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub path_prefix: String,
    #[command(flatten)]
    pub reading: Reading,
}

/// The one to look at.
#[derive(Debug, Args)]
pub struct Show {
    /// Name
    pub name: String,
    #[command(flatten)]
    pub reading: Reading,
}

/// The one to delete, or whose sessions end.
#[derive(Debug, Args)]
pub struct Named {
    /// Name
    pub name: String,
    #[command(flatten)]
    pub writing: Writing,
}

/// The policy to attach or detach.
#[derive(Debug, Args)]
pub struct Attachment {
    /// Name
    pub name: String,
    /// ARN of the policy; `BasculePublisher` is short for the shipped policy of that name
    pub policy: String,
    #[command(flatten)]
    pub writing: Writing,
}

/// The inline policy to set.
#[derive(Debug, Args)]
pub struct PutPolicy {
    /// Name
    pub name: String,
    /// Name of the inline policy, 1 to 128 of `A-Za-z0-9_+=,.@-`
    #[arg(long, value_name = "NAME")]
    pub policy_name: String,
    /// File with an identity policy, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    pub document: PathBuf,
    #[command(flatten)]
    pub writing: Writing,
}

/// The inline policy to delete.
#[derive(Debug, Args)]
pub struct DeletePolicy {
    /// Name
    pub name: String,
    /// Name of the inline policy
    #[arg(long, value_name = "NAME")]
    pub policy_name: String,
    #[command(flatten)]
    pub writing: Writing,
}

/// The tags to set.
#[derive(Debug, Args)]
pub struct Tag {
    /// Name
    pub name: String,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", required = true)]
    pub tags: Vec<String>,
    #[command(flatten)]
    pub writing: Writing,
}

/// The tags to remove.
#[derive(Debug, Args)]
pub struct Untag {
    /// Name
    pub name: String,
    /// Key of a tag; may be repeated
    #[arg(long = "key", value_name = "KEY", required = true)]
    pub keys: Vec<String>,
    #[command(flatten)]
    pub writing: Writing,
}

/// The ARN of a managed policy that is given by it, or by the name of a shipped one, which begins with `Bascule`.
///
/// # Errors
/// [`Error::Argument`].
pub fn policy_arn(flag: &'static str, text: &str) -> Result<String, Error> {
    if text.starts_with("arn:") {
        return Ok(text.to_owned());
    }
    if text.starts_with(SHIPPED) && PolicyName::parse(text).is_ok() {
        return Ok(format!("arn:aws:iam::aws:policy/{text}"));
    }
    let problem = format!(
        "`{text}` is neither an ARN nor the name of a shipped policy, which begins with `{SHIPPED}`; `bascule policy list` shows both"
    );
    Err(Error::Argument { flag, problem })
}

/// The boundary that is given, as [`policy_arn`] has it; empty for none.
///
/// # Errors
/// [`Error::Argument`].
pub fn boundary(text: &str) -> Result<String, Error> {
    if text.is_empty() { Ok(String::new()) } else { policy_arn("--boundary", text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_named_by_arn_or_by_a_shipped_name() {
        let own = "arn:aws:iam::000000000001:policy/team/Shop";
        let rows = [
            (own, Some(own)),
            ("BasculePublisher", Some("arn:aws:iam::aws:policy/BasculePublisher")),
            ("Bascule/Publisher", None),
            ("Shop", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(policy_arn("--attach", text).ok().as_deref(), expected, "{text}");
        }
        assert_eq!(boundary("").unwrap(), "");
        assert!(boundary("Shop").unwrap_err().to_string().starts_with("`--boundary`: `Shop` is neither"));
    }
}
