//! Steps from one setup to another, and exports, as records.

use std::path::PathBuf;

use crate::folder::Setup;
use crate::folder::differ::{Action, Plan, Step};
use crate::output::record::{Item, Record};
use crate::output::{Part, View};

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It would be taken.
    Planned,
    /// It would be taken, but could not be checked yet.
    Unchecked(String),
    /// It was taken.
    Done,
    /// It is or was refused.
    Refused(String),
    /// It was not come to.
    NotDone,
}

/// The steps of a plan, and what became of each.
pub fn steps(plan: &Plan, fates: &[Fate]) -> View {
    let record = |(step, fate): (&Step, &Fate)| {
        let action = match step.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        };
        let (state, note) = match fate {
            Fate::Planned => ("planned", ""),
            Fate::Unchecked(why) => ("planned", why.as_str()),
            Fate::Done => ("done", ""),
            Fate::Refused(why) => ("refused", why.as_str()),
            Fate::NotDone => ("not done", ""),
        };
        Record::new()
            .text("Action", action)
            .text("Kind", step.thing.kind())
            .text("Name", &step.thing.name())
            .texts("Changes", &step.changes)
            .text("State", state)
            .text("Note", note)
    };
    let records = plan.steps.iter().zip(fates).map(record).collect();
    let columns = [
        ("ACTION", "Action"),
        ("KIND", "Kind"),
        ("NAME", "Name"),
        ("CHANGES", "Changes"),
        ("STATE", "State"),
        ("NOTE", "Note"),
    ];
    let mut view = View::list("Steps", records, &columns, &[], "nothing to do");
    let count = |action: Action| plan.steps.iter().filter(|step| step.action == action).count();
    let (create, update, delete) = (count(Action::Create), count(Action::Update), count(Action::Delete));
    if !plan.steps.is_empty() {
        view.add(Part::Line(match fates.iter().any(|fate| matches!(fate, Fate::Done | Fate::NotDone)) {
            false => format!("{create} to create, {update} to update, {delete} to delete"),
            true => {
                let done = fates.iter().filter(|fate| **fate == Fate::Done).count();
                format!("{done} of {} steps done", plan.steps.len())
            }
        }));
    }
    if plan.left_alone_count > 0 {
        view.add(Part::Line(format!("{} not in the folder and left alone; `--prune` deletes", plan.left_alone_count)));
    }
    view.json = view
        .json
        .number("CreateCount", create as u64)
        .number("UpdateCount", update as u64)
        .number("DeleteCount", delete as u64)
        .number("LeftAloneCount", plan.left_alone_count as u64);
    view
}

/// What was exported, and where to.
pub fn exported(setup: &Setup, paths: &[PathBuf]) -> View {
    let rules = setup.buses.values().map(|bus| bus.rules.len()).sum::<usize>();
    let text = format!(
        "buses: {}, rules: {rules}, queues: {}, connections: {}, destinations: {}",
        setup.buses.len(),
        setup.queues.len(),
        setup.connections.len(),
        setup.destinations.len()
    );
    let files: Vec<String> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut parts = vec![Part::Line(text)];
    parts.extend(files.iter().map(|file| Part::Line(file.clone())));
    let secrets: Vec<Item> = setup
        .connections
        .values()
        .flat_map(|connection| {
            let mut connection = connection.clone();
            let names = connection.secrets_mut().into_iter().filter_map(|(_, reference)| reference.variable());
            names.map(Item::Text).collect::<Vec<_>>()
        })
        .collect();
    if !secrets.is_empty() {
        let names: Vec<String> = secrets.iter().map(ToString::to_string).collect();
        parts.push(Part::Line(format!("secrets are not exported; `apply` takes them from {}", names.join(", "))));
    }
    View::new(parts, Record::new().texts("Files", &files).list("SecretVariables", secrets))
}
