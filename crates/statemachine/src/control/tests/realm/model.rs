//! The naive organisation: sets and maps, nothing counted, no index, no epoch; and the commands that it understands.

use std::collections::{BTreeMap, BTreeSet};

/// A policy that is shipped, among the numbers of those that are not.
pub(super) const SHIPPED_NUMBER: u8 = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Role(u8),
    User(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Root,
    Unit(u8),
    Account(u8),
}

/// Whose managed policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    Of(u8),
    Control,
}

#[derive(Debug, Clone)]
pub(super) enum Edit {
    Describe,
    Trust(u8),
    Bound(Option<u8>),
    Revoke(u64),
    Identities(BTreeSet<u8>),
}

/// Places in the tree are units, or none for the root.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Unit(u8, Option<u8>, u8),
    Rename(u8, u8),
    DeleteUnit(u8),
    Account(u8, Option<u8>),
    Move(u8, Option<u8>),
    Turn(u8, bool),
    AttachControl(Node, u8),
    DetachControl(Node, u8),
    Policy(Shelf, u8),
    DeletePolicy(Shelf, u8),
    Version(Shelf, u8, u8, bool),
    DeleteVersion(Shelf, u8, u32),
    InForce(Shelf, u8, u32),
    Make(u8, Who, Option<u8>, BTreeSet<u8>),
    Edit(u8, Who, Edit),
    Unmake(u8, Who),
    Key(u8, u8, u8),
    TurnKey(u8, u8, u8, bool),
    DeleteKey(u8, u8, u8),
    Inline(u8, Who, u8, u8),
    Uninline(u8, Who, u8),
    Attach(u8, Who, u8),
    Detach(u8, Who, u8),
    Tags(u8, Who, u8, Option<u8>),
    BusPolicy(u8, Option<u8>),
    BusTag(u8, Option<u8>),
}

/// An inline document: three of them are too many for a user.
pub(super) fn document(number: u8) -> String {
    number.to_string().repeat(900)
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Unit {
    pub(super) parent: Option<u8>,
    pub(super) name: u8,
    pub(super) attached: BTreeSet<u8>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Holder {
    pub(super) trust: u8,
    pub(super) revoked: u64,
    pub(super) boundary: Option<u8>,
    pub(super) attached: BTreeSet<u8>,
    pub(super) inline: BTreeMap<u8, u8>,
    pub(super) tags: BTreeMap<u8, u8>,
    pub(super) identities: BTreeSet<u8>,
    /// Access keys, and whether each is in force.
    pub(super) keys: BTreeMap<u8, bool>,
}

impl Holder {
    fn holds(&self, policy: u8) -> bool {
        self.boundary == Some(policy) || self.attached.contains(&policy)
    }

    /// As decisions see it.
    fn read(&self) -> Self {
        let mut read = self.clone();
        read.keys.retain(|_, active| *active);
        read
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    pub(super) documents: BTreeMap<u32, u8>,
    pub(super) in_force: u32,
    pub(super) next: u32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Account {
    pub(super) parent: Option<u8>,
    pub(super) closed: bool,
    pub(super) attached: BTreeSet<u8>,
    pub(super) holders: BTreeMap<Who, Holder>,
    pub(super) policies: BTreeMap<u8, Policy>,
    pub(super) bus_policy: Option<u8>,
    pub(super) bus_tag: Option<u8>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Naive {
    pub(super) root: BTreeSet<u8>,
    pub(super) units: BTreeMap<u8, Unit>,
    pub(super) accounts: BTreeMap<u8, Account>,
    pub(super) controls: BTreeMap<u8, Policy>,
}

type InForce = BTreeMap<u8, u8>;

impl Naive {
    pub(super) fn begun() -> Self {
        let born = BTreeSet::from([SHIPPED_NUMBER]);
        let account = Account { attached: born.clone(), ..Account::default() };
        Self { root: born, accounts: BTreeMap::from([(0, account)]), ..Self::default() }
    }

    /// What decisions read of an account.
    pub(super) fn read_of(&self, account: u8) -> impl PartialEq + use<> {
        self.accounts.get(&account).map(|account| {
            let held = |policy: &u8| account.holders.values().any(|holder| holder.holds(*policy));
            let in_force = in_force(&account.policies, held);
            let holders: BTreeMap<Who, Holder> =
                account.holders.iter().map(|(who, holder)| (*who, holder.read())).collect();
            (account.closed, holders, in_force, account.bus_policy, account.bus_tag)
        })
    }

    /// What decisions read of the organisation.
    pub(super) fn read_of_tree(&self) -> impl PartialEq + use<> {
        let units: BTreeMap<u8, _> =
            self.units.iter().map(|(id, unit)| (*id, (unit.parent, unit.attached.clone()))).collect();
        let accounts: BTreeMap<u8, _> =
            self.accounts.iter().map(|(id, account)| (*id, (account.parent, account.attached.clone()))).collect();
        let held = |policy: &u8| self.holding(*policy).next().is_some();
        (self.root.clone(), units, accounts, in_force(&self.controls, held))
    }

    /// Every list of attached control policies that has this one.
    fn holding(&self, policy: u8) -> impl Iterator<Item = &BTreeSet<u8>> {
        let units = self.units.values().map(|unit| &unit.attached);
        let accounts = self.accounts.values().map(|account| &account.attached);
        std::iter::once(&self.root).chain(units).chain(accounts).filter(move |list| list.contains(&policy))
    }

    /// Whether the step is taken; then it is.
    pub(super) fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::Unit(..) | Step::Rename(..) | Step::DeleteUnit(..) => self.take_unit(step),
            Step::Account(..) | Step::Move(..) | Step::Turn(..) => self.take_account(step),
            Step::AttachControl(node, policy) => {
                let known = *policy == SHIPPED_NUMBER || self.controls.contains_key(policy);
                known && self.attached(*node).is_some_and(|list| (list.insert(*policy), true).1)
            }
            Step::DetachControl(node, policy) => {
                self.attached(*node).is_some_and(|list| list.len() > 1 && list.remove(policy))
            }
            Step::Policy(shelf, ..)
            | Step::DeletePolicy(shelf, ..)
            | Step::Version(shelf, ..)
            | Step::DeleteVersion(shelf, ..)
            | Step::InForce(shelf, ..) => self.take_policy(*shelf, step),
            Step::BusPolicy(account, document) => self.accounts.get_mut(account).is_some_and(|account| {
                let free = document.is_none() || !account.closed;
                free && (account.bus_policy = *document, true).1
            }),
            Step::BusTag(account, value) => {
                self.accounts.get_mut(account).is_some_and(|account| (account.bus_tag = *value, true).1)
            }
            Step::Make(account, who, boundary, identities) => self.make(*account, *who, *boundary, identities),
            Step::Edit(account, who, edit) => self.edit(*account, *who, edit),
            Step::Unmake(account, who) => self.accounts.get_mut(account).is_some_and(|account| {
                let free = account.holders.get(who).is_some_and(|holder| holder.keys.is_empty());
                free && account.holders.remove(who).is_some()
            }),
            Step::Key(account, user, _) | Step::TurnKey(account, user, ..) | Step::DeleteKey(account, user, _) => {
                self.take_key(*account, *user, step)
            }
            _ => self.take_grant(step),
        }
    }

    fn attached(&mut self, node: Node) -> Option<&mut BTreeSet<u8>> {
        match node {
            Node::Root => Some(&mut self.root),
            Node::Unit(unit) => self.units.get_mut(&unit).map(|unit| &mut unit.attached),
            Node::Account(account) => self.accounts.get_mut(&account).map(|account| &mut account.attached),
        }
    }

    fn is_place(&self, place: Option<u8>) -> bool {
        place.is_none_or(|unit| self.units.contains_key(&unit))
    }

    /// How many units stand above a place and at it; it would not end in a cycle.
    pub(super) fn depth(&self, mut place: Option<u8>) -> u32 {
        let mut depth = 0;
        while let Some(unit) = place {
            depth += 1;
            assert!(depth <= 5);
            place = self.units[&unit].parent;
        }
        depth
    }

    fn take_unit(&mut self, step: &Step) -> bool {
        let taken = |this: &Self, parent: Option<u8>, name: u8, but: u8| {
            this.units.iter().any(|(id, unit)| *id != but && unit.parent == parent && unit.name == name)
        };
        match step {
            Step::Unit(id, parent, name) => {
                let free = !self.units.contains_key(id) && self.is_place(*parent) && !taken(self, *parent, *name, *id);
                let fits = free && self.depth(*parent) < 5;
                let unit = Unit { parent: *parent, name: *name, attached: BTreeSet::from([SHIPPED_NUMBER]) };
                fits && self.units.insert(*id, unit).is_none()
            }
            Step::Rename(id, name) => {
                let Some(parent) = self.units.get(id).map(|unit| unit.parent) else { return false };
                let free = !taken(self, parent, *name, *id);
                free && self.units.get_mut(id).is_some_and(|unit| (unit.name = *name, true).1)
            }
            Step::DeleteUnit(id) => {
                let units = self.units.values().any(|unit| unit.parent == Some(*id));
                let accounts = self.accounts.values().any(|account| account.parent == Some(*id));
                !units && !accounts && self.units.remove(id).is_some()
            }
            _ => unreachable!(),
        }
    }

    fn take_account(&mut self, step: &Step) -> bool {
        match step {
            Step::Account(id, parent) => {
                let free = !self.accounts.contains_key(id) && self.is_place(*parent);
                let attached = BTreeSet::from([SHIPPED_NUMBER]);
                let account = Account { parent: *parent, attached, ..Account::default() };
                free && self.accounts.insert(*id, account).is_none()
            }
            Step::Move(id, parent) => {
                self.is_place(*parent)
                    && self.accounts.get_mut(id).is_some_and(|account| (account.parent = *parent, true).1)
            }
            Step::Turn(id, closed) => {
                let free = *id != 0 || !closed;
                free && self.accounts.get_mut(id).is_some_and(|account| (account.closed = *closed, true).1)
            }
            _ => unreachable!(),
        }
    }

    fn take_policy(&mut self, shelf: Shelf, step: &Step) -> bool {
        let (open, held) = match (shelf, step) {
            (Shelf::Of(id), Step::DeletePolicy(_, policy)) => {
                let holders = self.accounts.get(&id).map(|account| account.holders.values());
                (true, holders.is_some_and(|mut holders| holders.any(|holder| holder.holds(*policy))))
            }
            (Shelf::Of(id), _) => (self.accounts.get(&id).is_some_and(|account| !account.closed), false),
            (Shelf::Control, Step::DeletePolicy(_, policy)) => (true, self.holding(*policy).next().is_some()),
            (Shelf::Control, _) => (true, false),
        };
        let policies = match shelf {
            Shelf::Of(id) => self.accounts.get_mut(&id).map(|account| &mut account.policies),
            Shelf::Control => Some(&mut self.controls),
        };
        let Some(policies) = policies else { return false };
        match step {
            Step::Policy(_, id) => {
                let first = Policy { documents: BTreeMap::from([(1, 0)]), in_force: 1, next: 2 };
                open && !policies.contains_key(id) && policies.insert(*id, first).is_none()
            }
            Step::DeletePolicy(_, id) => !held && policies.remove(id).is_some(),
            Step::Version(_, id, document, force) => policies.get_mut(id).is_some_and(|policy| {
                let fits = open && policy.documents.len() < 5;
                if fits {
                    policy.documents.insert(policy.next, *document);
                    policy.in_force = if *force { policy.next } else { policy.in_force };
                    policy.next += 1;
                }
                fits
            }),
            // In a closed account a version may go.
            Step::DeleteVersion(_, id, version) => policies
                .get_mut(id)
                .is_some_and(|policy| policy.in_force != *version && policy.documents.remove(version).is_some()),
            Step::InForce(_, id, version) => policies.get_mut(id).is_some_and(|policy| {
                let known = open && policy.documents.contains_key(version);
                known && (policy.in_force = *version, true).1
            }),
            _ => unreachable!(),
        }
    }

    fn knows(&self, account: u8, policy: Option<u8>) -> bool {
        policy.is_none_or(|policy| {
            policy == SHIPPED_NUMBER || self.accounts.get(&account).is_some_and(|a| a.policies.contains_key(&policy))
        })
    }

    /// Whether none but `who` of `account` has any of these identities.
    fn are_free(&self, account: u8, who: Who, identities: &BTreeSet<u8>) -> bool {
        let others = self.accounts.iter().flat_map(|(id, a)| a.holders.iter().map(move |(name, h)| ((*id, *name), h)));
        let mut others = others.filter(|(name, _)| *name != (account, who));
        others.all(|(_, holder)| holder.identities.is_disjoint(identities))
    }

    fn make(&mut self, account: u8, who: Who, boundary: Option<u8>, identities: &BTreeSet<u8>) -> bool {
        let user = matches!(who, Who::User(_));
        let identities = if user { identities.clone() } else { BTreeSet::new() };
        let fits = self.knows(account, boundary) && self.are_free(account, who, &identities);
        let Some(row) = self.accounts.get_mut(&account) else { return false };
        let fits = fits && !row.closed && !row.holders.contains_key(&who);
        fits && row.holders.insert(who, Holder { boundary, identities, ..Holder::default() }).is_none()
    }

    fn edit(&mut self, account: u8, who: Who, edit: &Edit) -> bool {
        let fits = match edit {
            Edit::Bound(policy) => self.knows(account, *policy),
            Edit::Identities(list) => matches!(who, Who::Role(_)) || self.are_free(account, who, list),
            Edit::Describe | Edit::Trust(_) | Edit::Revoke(_) => true,
        };
        let row = self.accounts.get_mut(&account).filter(|row| fits && !row.closed);
        let Some(holder) = row.and_then(|row| row.holders.get_mut(&who)) else { return false };
        match (edit, who) {
            (Edit::Trust(document), Who::Role(_)) => holder.trust = *document,
            (Edit::Revoke(before_ms), Who::Role(_)) => holder.revoked = holder.revoked.max(*before_ms),
            (Edit::Identities(list), Who::User(_)) => holder.identities.clone_from(list),
            (Edit::Bound(policy), _) => holder.boundary = *policy,
            _ => {}
        }
        true
    }

    fn take_key(&mut self, account: u8, user: u8, step: &Step) -> bool {
        let all = self.accounts.values().flat_map(|account| account.holders.values());
        let taken: BTreeSet<u8> = all.flat_map(|holder| holder.keys.keys().copied()).collect();
        let Some(row) = self.accounts.get_mut(&account) else { return false };
        let open = !row.closed;
        let Some(holder) = row.holders.get_mut(&Who::User(user)) else { return false };
        match step {
            Step::Key(.., key) => {
                let fits = open && holder.keys.len() < 2 && !taken.contains(key);
                fits && holder.keys.insert(*key, true).is_none()
            }
            Step::TurnKey(.., key, on) => {
                (open || !on) && holder.keys.get_mut(key).is_some_and(|active| (*active = *on, true).1)
            }
            Step::DeleteKey(.., key) => holder.keys.remove(key).is_some(),
            _ => unreachable!(),
        }
    }

    fn take_grant(&mut self, step: &Step) -> bool {
        let (Step::Inline(id, who, ..)
        | Step::Uninline(id, who, ..)
        | Step::Attach(id, who, ..)
        | Step::Detach(id, who, ..)
        | Step::Tags(id, who, ..)) = step
        else {
            unreachable!()
        };
        let known = if let Step::Attach(_, _, policy) = step { self.knows(*id, Some(*policy)) } else { true };
        let Some(account) = self.accounts.get_mut(id) else { return false };
        let open = !account.closed;
        let Some(holder) = account.holders.get_mut(who) else { return false };
        match step {
            Step::Inline(_, _, name, number) => {
                let max = if matches!(who, Who::Role(_)) { 10_240 } else { 2_048 };
                let mut after = holder.inline.clone();
                after.insert(*name, *number);
                let fits = open && after.values().map(|number| document(*number).len()).sum::<usize>() <= max;
                fits && (holder.inline = after, true).1
            }
            Step::Uninline(_, _, name) => holder.inline.remove(name).is_some(),
            Step::Attach(_, _, policy) => open && known && (holder.attached.insert(*policy), true).1,
            Step::Detach(_, _, policy) => holder.attached.remove(policy),
            Step::Tags(_, _, key, Some(value)) => open && (holder.tags.insert(*key, *value), true).1,
            Step::Tags(_, _, key, None) => open && (holder.tags.remove(key), true).1,
            _ => unreachable!(),
        }
    }
}

fn in_force(policies: &BTreeMap<u8, Policy>, held: impl Fn(&u8) -> bool) -> InForce {
    let held = policies.iter().filter(|(number, _)| held(number));
    held.map(|(number, policy)| (*number, policy.documents[&policy.in_force])).collect()
}
