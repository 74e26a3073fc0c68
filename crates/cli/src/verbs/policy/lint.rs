//! `bascule policy lint`: whether a document is a policy of its kind, and if not, the place, the value and the limit.

use std::path::PathBuf;

use bascule_policy::{Kind, Policy};
use clap::{Args, ValueEnum};

use crate::error::Error;
use crate::explain::Exit;
use crate::inputs::Inputs;
use crate::output::policy;
use crate::verbs::Outcome;

/// What exit codes mean.
pub const AFTER: &str = "Exit codes: 0 it is a policy of its kind; 2 it would be refused, or the file cannot be read. What only the \
cluster knows is not checked: raised quotas, the limit that inline policies share, and whether what is named exists.";

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Attached {
    /// Users and roles.
    Identity,
    /// A bus or queue.
    Resource,
    /// A role: who may assume it.
    Trust,
    /// Roots, units and accounts: what their principals may do at most.
    Scp,
    /// Roots, units and accounts: what may be done to their resources at most.
    Rcp,
    /// A user or role: what it may do at most.
    Boundary,
    /// A session.
    Session,
}

impl Attached {
    const fn kind(self) -> Kind {
        match self {
            Self::Identity => Kind::Identity,
            Self::Resource => Kind::Resource,
            Self::Trust => Kind::Trust,
            Self::Scp => Kind::Scp,
            Self::Rcp => Kind::Rcp,
            Self::Boundary => Kind::Boundary,
            Self::Session => Kind::Session,
        }
    }
}

/// The document to check.
#[derive(Debug, Args)]
pub struct Lint {
    /// File with the document, `-` for the standard input
    file: PathBuf,
    /// What the policy is attached to
    #[arg(long, value_name = "KIND", default_value = "identity")]
    kind: Attached,
}

/// Checks a document.
///
/// # Errors
/// What is wrong with the file, but not with what it says.
pub fn lint(lint: &Lint, inputs: &mut Inputs) -> Result<Outcome, Error> {
    let text = inputs.policy("FILE", &lint.file)?;
    let kind = lint.kind.kind();
    let name = lint.file.to_string_lossy();
    Ok(match Policy::parse(kind, &name, &text) {
        Ok(policy) => Outcome::done(policy::sound(&name, kind, policy.statements().len())),
        Err(why) => Outcome { exit: Exit::Usage, ..Outcome::done(policy::refused(&name, kind, &text, &why)) },
    })
}
