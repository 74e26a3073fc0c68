//! The lanes of a campaign: which events each wants, where they go, and what may become of them. Pure.
//!
//! Which lane an event belongs to is said by the end of its mark, so that an account needs no matcher.

/// Where a lane's events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// To this path of the receiver.
    Path(&'static str),
    /// Into this queue.
    Queue(&'static str),
}

/// How a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything is delivered soon.
    Delivered,
    /// Everything is refused for good, and lies in the queue of dead letters.
    Refused,
    /// Its target fails: it is given up at the first failure or by its age, and lies in the bus's own table in the end.
    Fails,
}

/// One target of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The rule.
    pub rule: &'static str,
    /// The target's id, unique over all rules: the lane's name.
    pub name: &'static str,
    /// The ends of the marks that it wants.
    pub ends: &'static [&'static str],
    /// Where to.
    pub goal: Goal,
    /// What becomes of its events.
    pub end: End,
}

const ALL: &[&str] = &[""];

/// Every lane that lives for a whole campaign.
pub const LANES: [Lane; 8] = [
    Lane { rule: "fast", name: "fast", ends: ALL, goal: Goal::Path("/ok/fast"), end: End::Delivered },
    Lane { rule: "slow", name: "slow", ends: &["0", "5"], goal: Goal::Path("/slow/250/slow"), end: End::Delivered },
    Lane { rule: "flaky", name: "flaky", ends: &["1", "6"], goal: Goal::Path("/flaky/4"), end: End::Delivered },
    Lane { rule: "gone", name: "gone", ends: &["2"], goal: Goal::Path("/status/410"), end: End::Refused },
    Lane { rule: "failing", name: "failing", ends: &["33"], goal: Goal::Path("/status/503"), end: End::Fails },
    Lane { rule: "pulled", name: "pulled", ends: &["4", "7", "8"], goal: Goal::Queue("pulled"), end: End::Delivered },
    Lane { rule: "both", name: "both-hook", ends: &["3", "9"], goal: Goal::Path("/ok/both"), end: End::Delivered },
    Lane { rule: "both", name: "both-queue", ends: &["3", "9"], goal: Goal::Queue("kept"), end: End::Delivered },
];

/// The ends that the rule of one round wants, which is deleted in its middle.
pub const DOOMED_ENDS: &[&str] = &["0", "1", "9"];
/// Where its events go.
pub const DOOMED_PATH: &str = "/slow/150/doomed";
/// What its name begins with.
pub const DOOMED: &str = "doomed-";

/// The queue of dead letters.
pub const LETTERS: &str = "letters";

/// The source of a round's events.
#[must_use]
pub fn source(round: u32) -> String {
    format!("round.{round}")
}

/// A pattern for marks with these ends.
#[must_use]
pub fn pattern(ends: &[&str]) -> String {
    let suffixes: Vec<String> = ends.iter().map(|end| format!(r#"{{"wildcard":"*-*{end}"}}"#)).collect();
    format!(r#"{{"source":[{{"prefix":"round."}}],"detail":{{"mark":[{}]}}}}"#, suffixes.join(","))
}

/// Whether such a lane wants this mark.
#[must_use]
pub fn wants(ends: &[&str], mark: &str) -> bool {
    ends.iter().any(|end| mark.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lanes_have_names_of_their_own_and_every_mark_has_one() {
        let names: BTreeSet<&str> = LANES.iter().map(|lane| lane.name).collect();
        assert_eq!(names.len(), LANES.len());
        for (mark, expected) in [
            ("0-10", "fast slow"),
            ("7-1", "fast flaky"),
            ("7-133", "fast failing both-hook both-queue"),
            ("3-2", "fast gone"),
            ("3-27", "fast pulled"),
        ] {
            let own: Vec<&str> = LANES.iter().filter(|lane| wants(lane.ends, mark)).map(|lane| lane.name).collect();
            assert_eq!(own.join(" "), expected, "{mark}");
        }
        assert_eq!(pattern(&["3"]), r#"{"source":[{"prefix":"round."}],"detail":{"mark":[{"wildcard":"*-*3"}]}}"#);
    }
}
