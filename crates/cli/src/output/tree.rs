//! The organisation as a tree: units and accounts below each other, each with the control policies that are attached to it.

use std::collections::BTreeMap;

use bascule_api::iam::v1::{Account, AccountState, Organization, OrganizationalUnit};

use crate::limits::TREE_MAX_DEPTH;
use crate::output::record::{Item, Record};
use crate::output::{Part, View, organization};

/// The tree. Its parts are read one after the other, so what was moved meanwhile may hang on nothing: it is told of below.
pub fn tree(organization: &Organization, units: &[OrganizationalUnit], accounts: &[Account]) -> View {
    let mut growing = Growing { units: BTreeMap::new(), accounts: BTreeMap::new() };
    for unit in units {
        growing.units.entry(&unit.parent_id).or_default().push(unit);
    }
    for account in accounts {
        growing.accounts.entry(&account.parent_id).or_default().push(account);
    }
    let root = &organization.root_id;
    let head = format!(
        "root {root} of {}, managed by {}{}",
        organization.id,
        organization.management_account_id,
        attached(&organization.attached_policy_arns)
    );
    let mut lines = vec![head];
    let below = growing.grow(root, "", 0, &mut lines);
    let json = Record::new().record("Organization", organization::record(organization)).record("Tree", below);
    let mut view = View::new(vec![Part::Block(lines)], json);
    let adrift = growing.adrift();
    if !adrift.is_empty() {
        view.add(Part::Line("the tree was changed while it was read; this hangs on nothing:".to_owned()));
        adrift.iter().for_each(|id| view.add(Part::Line(format!("  {id}"))));
        view.json = view.json.texts("Adrift", &adrift);
    }
    view
}

/// What has not found its place yet, by its parent.
struct Growing<'a> {
    units: BTreeMap<&'a str, Vec<&'a OrganizationalUnit>>,
    accounts: BTreeMap<&'a str, Vec<&'a Account>>,
}

impl Growing<'_> {
    /// What stands below `parent`, as lines and as a record. Each is taken once, so that no answer can make it go round in circles.
    fn grow(&mut self, parent: &str, before: &str, depth: usize, lines: &mut Vec<String>) -> Record {
        if depth == TREE_MAX_DEPTH {
            return Record::new();
        }
        let units = self.units.remove(parent).unwrap_or_default();
        let accounts = self.accounts.remove(parent).unwrap_or_default();
        let mut left = units.len() + accounts.len();
        let mut branch = || {
            left -= 1;
            if left == 0 { ("└── ", "    ") } else { ("├── ", "│   ") }
        };
        let (mut unit_items, mut account_items) = (Vec::new(), Vec::new());
        for account in accounts {
            let (fork, _) = branch();
            let closed = if account.state() == AccountState::Closed { ", closed" } else { "" };
            let policies = attached(&account.attached_policy_arns);
            lines.push(format!("{before}{fork}account {} `{}`{closed}{policies}", account.id, account.name));
            account_items.push(Item::Record(organization::account(account)));
        }
        for unit in units {
            let (fork, trunk) = branch();
            let policies = attached(&unit.attached_policy_arns);
            lines.push(format!("{before}{fork}unit {} `{}`{policies}", unit.id, unit.name));
            let below = self.grow(&unit.id, &format!("{before}{trunk}"), depth + 1, lines);
            unit_items.push(Item::Record(organization::unit(unit).record("Below", below)));
        }
        Record::new().list("Accounts", account_items).list("OrganizationalUnits", unit_items)
    }

    /// Ids of what found no place.
    fn adrift(&self) -> Vec<String> {
        let units = self.units.values().flatten().map(|unit| unit.id.clone());
        units.chain(self.accounts.values().flatten().map(|account| account.id.clone())).collect()
    }
}

/// The control policies that are attached, by type and name.
fn attached(arns: &[String]) -> String {
    let of = |step: &str, word: &str| {
        let names: Vec<&str> = arns
            .iter()
            .filter(|arn| arn.split('/').any(|part| part == step))
            .filter_map(|arn| arn.rsplit('/').next())
            .collect();
        if names.is_empty() { String::new() } else { format!("; {word}: {}", names.join(", ")) }
    };
    of("service_control_policy", "scp") + &of("resource_control_policy", "rcp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    fn unit(id: &str, parent: &str) -> OrganizationalUnit {
        OrganizationalUnit { id: id.into(), name: format!("n-{id}"), parent_id: parent.into(), ..Default::default() }
    }

    fn account(id: &str, parent: &str) -> Account {
        Account { id: id.into(), name: "a".into(), parent_id: parent.into(), ..Default::default() }
    }

    fn shown(units: &[OrganizationalUnit], accounts: &[Account]) -> String {
        let organization = Organization {
            id: "o-1".into(),
            root_id: "r-1".into(),
            management_account_id: "1".into(),
            attached_policy_arns: vec![
                "arn:aws:organizations::aws:policy/resource_control_policy/R".into(),
                "arn:aws:organizations::1:policy/o-1/service_control_policy/S".into(),
                "arn:aws:organizations::aws:policy/service_control_policy/T".into(),
            ],
            ..Default::default()
        };
        let mut out = Vec::new();
        tree(&organization, units, accounts).write(Format::Table, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn everything_hangs_below_its_parent() {
        let units = [unit("a", "r-1"), unit("b", "a"), unit("c", "r-1")];
        let accounts = [account("1", "r-1"), account("2", "b"), account("3", "c")];
        let expected = "root r-1 of o-1, managed by 1; scp: S, T; rcp: R\n\
                        ├── account 1 `a`\n\
                        ├── unit a `n-a`\n\
                        │   └── unit b `n-b`\n\
                        │       └── account 2 `a`\n\
                        └── unit c `n-c`\n\
                        \x20   └── account 3 `a`\n";
        assert_eq!(shown(&units, &accounts), expected);
        assert_eq!(shown(&[], &[]).lines().count(), 1);
    }

    #[test]
    fn what_hangs_on_nothing_is_told_and_circles_end() {
        let units = [unit("a", "b"), unit("b", "a"), unit("self", "self")];
        let text = shown(&units, &[account("9", "gone")]);
        assert!(text.ends_with("this hangs on nothing:\n  b\n  a\n  self\n  9\n"), "{text}");
        let deep: Vec<OrganizationalUnit> = (0..5_000).map(|at| unit(&(at + 1).to_string(), &at.to_string())).collect();
        let deep = [vec![unit("0", "r-1")], deep].concat();
        assert_eq!(shown(&deep, &[]).lines().filter(|line| line.contains("unit ")).count(), TREE_MAX_DEPTH);
    }
}
