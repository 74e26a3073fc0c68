//! Which faults strike whom, drawn from one seed. Pure.

use bascule_tests::chance::Chance;

/// What is done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL, and a start on the same folder.
    Kill,
    /// SIGSTOP for a while.
    Pause,
    /// Nothing comes to it or from it.
    CutOff,
    /// Nothing comes from it; what is sent to it arrives.
    CutOneWay,
    /// Cut off and not, again and again.
    Flapping,
    /// Its disk loses what is not synced.
    PowerCut,
    /// The same of all nodes at once.
    PowerCutOfAll,
}

impl Fault {
    /// Every fault, in the order of tables.
    pub const ALL: [Self; 7] =
        [Self::Kill, Self::Pause, Self::CutOff, Self::CutOneWay, Self::Flapping, Self::PowerCut, Self::PowerCutOfAll];

    /// Whether it is done to a disk.
    #[must_use]
    pub const fn takes_a_disk(self) -> bool {
        matches!(self, Self::PowerCut | Self::PowerCutOfAll)
    }

    /// What a table calls it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::CutOff => "cut off",
            Self::CutOneWay => "cut one way",
            Self::Flapping => "flapping",
            Self::PowerCut => "power cut",
            Self::PowerCutOfAll => "power cut of all",
        }
    }
}

/// Whom it strikes, by what a node leads at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The leader of the control group, and of nothing else.
    Control,
    /// A leader of shard groups, and not of the control group.
    Shards,
    /// The leader of the control group, which leads a shard group too.
    Both,
    /// One that leads nothing.
    Follower,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Control, Self::Shards, Self::Both, Self::Follower];

    /// What a table calls it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Control => "leader of control",
            Self::Shards => "leader of shards",
            Self::Both => "leader of both",
            Self::Follower => "follower",
        }
    }

    /// The role of a node that leads the control group or not, and so many shard groups.
    #[must_use]
    pub const fn of(leads_control: bool, shards: usize) -> Self {
        match (leads_control, shards) {
            (true, 0) => Self::Control,
            (true, _) => Self::Both,
            (false, 0) => Self::Follower,
            (false, _) => Self::Shards,
        }
    }
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Kills.
    pub kills: u32,
    /// Pauses and partitions.
    pub cuts: u32,
    /// Power cuts; every third of them is of all nodes.
    pub power: u32,
}

/// The faults of a campaign, in their order: each kind over all roles.
#[must_use]
pub fn plan(wanted: Wanted, chance: &mut Chance) -> Vec<(Fault, Role)> {
    const CUTS: [Fault; 4] = [Fault::Pause, Fault::CutOff, Fault::CutOneWay, Fault::Flapping];
    const POWER: [Fault; 3] = [Fault::PowerCutOfAll, Fault::PowerCut, Fault::PowerCut];
    let kills = std::iter::repeat_n(Fault::Kill, wanted.kills as usize);
    let cuts = CUTS.into_iter().cycle().take(wanted.cuts as usize);
    let power = POWER.into_iter().cycle().take(wanted.power as usize);
    let mut plan: Vec<(Fault, Role)> = Vec::new();
    for fault in kills.chain(cuts).chain(power) {
        let before = plan.iter().filter(|(other, _)| *other == fault).count();
        plan.push((fault, Role::ALL[before % Role::ALL.len()]));
    }
    // Fisher and Yates, from the back.
    for last in (1..plan.len()).rev() {
        let other = usize::try_from(chance.below(last as u64 + 1)).unwrap_or_default();
        plan.swap(last, other);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_what_is_wanted_over_all_roles_and_comes_from_its_seed_alone() {
        let wanted = Wanted { kills: 200, cuts: 60, power: 30 };
        let made = plan(wanted, &mut Chance::seeded(7));
        let count = |fault, role| made.iter().filter(|row| **row == (fault, role)).count();
        for (fault, all) in Fault::ALL.into_iter().zip([200, 15, 15, 15, 15, 20, 10]) {
            let roles = Role::ALL.map(|role| count(fault, role));
            assert_eq!(roles.iter().sum::<usize>(), all, "{fault:?}");
            assert!(roles.iter().all(|role| *role >= all / 4), "{fault:?}: {roles:?}");
        }
        assert_eq!(made, plan(wanted, &mut Chance::seeded(7)));
        assert_ne!(made, plan(wanted, &mut Chance::seeded(8)));
        assert!(plan(Wanted { kills: 0, cuts: 0, power: 0 }, &mut Chance::seeded(7)).is_empty());
    }
}
