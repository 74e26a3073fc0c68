//! `bascule plan`, `apply` and `export`: a folder of YAML, and what a cluster holds.
//!
//! In: the folder, the cluster's lists, secrets from where the folder says.
//! Out: the steps, what became of each, files.
//! Never: a step before all is read and every secret found, or a deletion without `--prune`.

use std::path::PathBuf;

use bascule_api::error::Error as Failure;
use bascule_api::reasons::Reason;
use clap::Args;

use crate::error::Error;
use crate::explain::{Exit, explain};
use crate::folder::differ::{Action, Manner, Plan as Steps, Step, Thing, plan};
use crate::folder::document::Queue;
use crate::folder::secret::Secrets;
use crate::folder::step::{Mode, take};
use crate::folder::{Over, Setup, live};
use crate::link::Link;
use crate::output::folder::{Fate, exported, steps};
use crate::output::visible;
use crate::verbs::{Desk, Outcome, follow};

/// The exit code of a plan with something to do, as other tools have it.
const SOMETHING_TO_DO: Exit = Exit::Usage;

/// What to compare.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    given: Given,
    /// Exit with 0 if there is nothing to do, with 2 if there is, and with 1 on any error
    #[arg(long)]
    detailed_exitcode: bool,
}

/// What to bring about.
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    given: Given,
}

/// A folder, and what to make of the rest.
#[derive(Debug, Args)]
pub struct Given {
    /// Folder with `.yaml` files, as `bascule export` writes them
    dir: PathBuf,
    /// Delete what the cluster has and the folder has not
    #[arg(long)]
    prune: bool,
    /// Write the secrets of all connections anew; whether a secret differs cannot be seen
    #[arg(long)]
    renew_secrets: bool,
}

/// Where to write.
#[derive(Debug, Args)]
pub struct Export {
    /// Folder; it is created, and files of an earlier export in it are replaced
    dir: PathBuf,
    /// Replace also files that no export wrote
    #[arg(long)]
    overwrite: bool,
}

impl Given {
    async fn steps(&self, wanted: &Setup, link: &Link) -> Result<Steps, Error> {
        let manner = Manner { prune: self.prune, renew_secrets: self.renew_secrets };
        plan(wanted, &live::read(link).await?, manner)
    }
}

/// Shows what `apply` would do.
///
/// # Errors
/// Why it could not.
pub async fn show(given: Plan, desk: &mut Desk) -> Result<Outcome, Error> {
    match (dry_run(&given, desk).await, given.detailed_exitcode) {
        (Ok(outcome), true) => {
            let exit = match outcome.exit {
                Exit::Done if outcome.view.is_empty_list() => Exit::Done,
                Exit::Done => SOMETHING_TO_DO,
                _ => Exit::Negative,
            };
            Ok(Outcome { exit, ..outcome })
        }
        (Err(error), true) => Ok(Outcome { exit: Exit::Negative, ..Outcome::failed(error) }),
        (ended, false) => ended,
    }
}

async fn dry_run(given: &Plan, desk: &mut Desk) -> Result<Outcome, Error> {
    // A mistake in the folder is told even where there is no cluster.
    let wanted = Setup::read(&given.given.dir)?;
    let link = desk.dial.link().await?;
    let plan = given.given.steps(&wanted, &link).await?;
    let created: Vec<&Step> = plan.steps.iter().filter(|step| step.action == Action::Create).collect();
    let (mut fates, mut exit) = (Vec::new(), Exit::Done);
    for step in &plan.steps {
        let fate = rehearse(step, &created, desk, &link).await?;
        if let Fate::Refused(_) = fate {
            exit = Exit::Refused;
        }
        fates.push(fate);
    }
    Ok(Outcome { exit, ..Outcome::done(steps(&plan, &fates)) })
}

/// Lets the cluster check a step. What is refused only since an earlier step is not taken yet is told as such.
async fn rehearse(step: &Step, created: &[&Step], desk: &mut Desk, link: &Link) -> Result<Fate, Error> {
    let needed: Vec<_> = step.needs_secrets().cloned().into_iter().collect();
    let secrets = match Secrets::find(&needed, &*desk.variable, &mut desk.inputs) {
        Ok(secrets) => secrets,
        Err(error) => return Ok(Fate::Unchecked(explain(&error).why)),
    };
    match take(step, Mode::Validate, &secrets, link).await {
        Ok(()) => Ok(Fate::Planned),
        Err(error) => {
            let told = explain(&error);
            let reason = reason(&error);
            let waits = match step.action {
                Action::Delete => {
                    matches!(reason, Some(Reason::BusHasRules | Reason::RuleHasTargets | Reason::ResourceInUse))
                }
                _ if needs_queue(step, created) => true,
                _ => !created.is_empty() && reason == Some(Reason::ResourceNotFound),
            };
            match told.exit {
                _ if waits => Ok(Fate::Unchecked("checked when the steps before it are done".to_owned())),
                Exit::Refused => Ok(Fate::Refused(why(&error))),
                _ => Err(error),
            }
        }
    }
}

/// Whether it is a queue whose dead letters go to one that is still to be created.
fn needs_queue(step: &Step, created: &[&Step]) -> bool {
    let Thing::Queue(Queue { redrive_policy: Some(redrive), .. }) = &step.thing else { return false };
    let name = redrive.dead_letter_target_arn.rsplit(':').next().unwrap_or_default();
    created.iter().any(|step| matches!(&step.thing, Thing::Queue(queue) if queue.name == name))
}

fn reason(error: &Error) -> Option<Reason> {
    match error {
        Error::Call(failed) => match &failed.source {
            Failure::Refused(refusal) => Some(refusal.reason),
            _ => None,
        },
        _ => None,
    }
}

fn why(error: &Error) -> String {
    let told = explain(error);
    let more = told.violations.iter().filter(|it| !told.why.contains(&it.description));
    let more = more.map(|it| format!("`{}`: {}", it.subject, it.description));
    let all: Vec<String> = Some(told.why.clone()).filter(|why| !why.is_empty()).into_iter().chain(more).collect();
    match all.is_empty() {
        true => told.what,
        false => all.join("; "),
    }
}

/// Does what the folder says.
///
/// # Errors
/// Why it could not begin. What stops it later stands in the outcome, with what was done before.
pub async fn apply(apply: Apply, desk: &mut Desk) -> Result<Outcome, Error> {
    let wanted = Setup::read(&apply.given.dir)?;
    let link = desk.dial.link().await?;
    let plan = apply.given.steps(&wanted, &link).await?;
    let needed: Vec<_> = plan.steps.iter().filter_map(Step::needs_secrets).cloned().collect();
    let secrets = Secrets::find(&needed, &*desk.variable, &mut desk.inputs)?;
    let (mut fates, mut trouble) = (Vec::new(), None);
    for (at, step) in plan.steps.iter().enumerate() {
        match take(step, Mode::Apply, &secrets, &link).await {
            Ok(()) => {
                let name = visible(&step.thing.name());
                let text = format!("{}/{} {} {} `{name}`", at + 1, plan.steps.len(), done(step), step.thing.kind());
                follow::show(&mut desk.aside, format!("{text}\n").as_bytes()).await?;
                fates.push(Fate::Done);
            }
            Err(error) => {
                fates.push(Fate::Refused(why(&error)));
                trouble = Some(error);
                break;
            }
        }
    }
    fates.resize(plan.steps.len(), Fate::NotDone);
    let exit = trouble.as_ref().map_or(Exit::Done, |error| explain(error).exit);
    Ok(Outcome { exit, trouble, ..Outcome::done(steps(&plan, &fates)) })
}

fn done(step: &Step) -> &'static str {
    match step.action {
        Action::Create => "created",
        Action::Update => "changed",
        Action::Delete => "deleted",
    }
}

/// Writes what the cluster holds.
///
/// # Errors
/// Why it could not.
pub async fn export(export: Export, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let setup = live::read(&link).await?;
    let over = if export.overwrite { Over::Anything } else { Over::OwnFiles };
    let paths = setup.write(&export.dir, over)?;
    Ok(Outcome::done(exported(&setup, &paths)))
}

#[cfg(test)]
mod tests;
