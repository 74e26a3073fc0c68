//! The command line of a campaign.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_model::ambient::Entropy;
use bascule_tests::Outcome;
use bascule_tests::chance::Air;

use crate::failover::plan::Wanted;

/// Messages of `queue`, unless the command line says otherwise.
const QUEUE_MESSAGES: u32 = 100_000;
/// With fewer there would be nothing to see between two kills.
const QUEUE_MESSAGES_LEAST: u32 = 1_000;

/// How long certificates of `rotation` live, unless the command line says otherwise.
const LIFE_SECONDS: u32 = 60;
/// With a shorter life there would be no time between two replacements.
const LIFE_LEAST_SECONDS: u32 = 6;

/// Faults of `failover`, unless the command line says otherwise.
const FAULTS: Wanted = Wanted { kills: 200, cuts: 60, power: 30 };
/// The most of a kind.
const FAULTS_LIMIT: u32 = 100_000;

/// Which campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// SIGKILL under load.
    Crash,
    /// The file system goes away without a flush, under load.
    PowerCut,
    /// SIGKILL under subscribers of a queue.
    Queue,
    /// Certificates that are replaced, revoked and removed under load.
    Rotation,
    /// Nodes of a cluster that are killed, paused, cut off and lose their power, under load.
    Failover,
}

impl Name {
    /// The word of the command line, and the page of evidence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::PowerCut => "power-cut",
            Self::Queue => "queue",
            Self::Rotation => "rotation",
            Self::Failover => "failover",
        }
    }

    /// How many rounds, unless the command line says otherwise.
    const fn rounds(self) -> u32 {
        match self {
            Self::Crash => 100,
            Self::PowerCut => 20,
            // A fault each.
            Self::Failover => u32::MAX,
            Self::Queue => 1,
            Self::Rotation => 20,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Which campaign.
    pub name: Name,
    /// From which all moments are drawn.
    pub seed: u64,
    /// Most rounds.
    pub rounds: u32,
    /// Messages of `queue`.
    pub messages: u32,
    /// How long certificates of `rotation` live.
    pub life_seconds: u32,
    /// Faults of `failover`.
    pub faults: Wanted,
    /// No round begins after this.
    pub limit: Option<Duration>,
    /// With the binary that acknowledges without a sync, or keeps what it says that it deleted: that must be found.
    pub planted: bool,
    /// With a subscriber of `queue` that forgets what it deletes: that loss must be found.
    pub forgetful: bool,
    /// Where the page of evidence is written; none: nowhere.
    pub evidence: Option<PathBuf>,
    /// As it was typed.
    pub typed: String,
}

impl Arguments {
    /// Reads `NAME [--seed N] [--minutes M] [--rounds N] [--messages N] [--life SECONDS] [--kills N] [--cuts N]
    /// [--power N] [--planted | --forgetful] [--evidence DIR | --no-evidence]`.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read(words: impl Iterator<Item = String>) -> Outcome<Self> {
        let words: Vec<String> = words.collect();
        let typed = words.join(" ");
        let mut words = words.into_iter();
        let name = match words.next().as_deref() {
            Some("crash") => Name::Crash,
            Some("power-cut") => Name::PowerCut,
            Some("queue") => Name::Queue,
            Some("rotation") => Name::Rotation,
            Some("failover") => Name::Failover,
            other => bail!(
                "there is `crash`, `power-cut`, `queue`, `rotation` and `failover`, not `{}`",
                other.unwrap_or_default()
            ),
        };
        let evidence = Some(PathBuf::from("docs/evidence"));
        let mut read = Self {
            name,
            seed: drawn()?,
            rounds: name.rounds(),
            messages: QUEUE_MESSAGES,
            life_seconds: LIFE_SECONDS,
            faults: FAULTS,
            limit: None,
            planted: false,
            forgetful: false,
            evidence,
            typed,
        };
        let (mut rounds, mut messages, mut life) = (None, None, None);
        let (mut kills, mut cuts, mut power) = (None, None, None);
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--seed" => read.seed = value()?.parse().context("`--seed` takes a number")?,
                "--minutes" => {
                    let minutes: u64 = value()?.parse().context("`--minutes` takes a number")?;
                    read.limit = Some(Duration::from_secs(60 * minutes));
                }
                "--rounds" => rounds = Some(value()?.parse().context("`--rounds` takes a number")?),
                "--messages" => messages = Some(value()?.parse().context("`--messages` takes a number")?),
                "--life" => life = Some(value()?.parse().context("`--life` takes a number")?),
                "--kills" => kills = Some(value()?.parse().context("`--kills` takes a number")?),
                "--cuts" => cuts = Some(value()?.parse().context("`--cuts` takes a number")?),
                "--power" => power = Some(value()?.parse().context("`--power` takes a number")?),
                "--planted" => read.planted = true,
                "--forgetful" => read.forgetful = true,
                "--evidence" => read.evidence = Some(value()?.into()),
                "--no-evidence" => read.evidence = None,
                other => bail!("`{other}` is no argument"),
            }
        }
        read.count_faults([kills, cuts, power], rounds)?;
        read.judged(rounds, messages, life)
    }

    /// What belongs to one campaign stands with no other.
    fn judged(mut self, rounds: Option<u32>, messages: Option<u32>, life: Option<u32>) -> Outcome<Self> {
        let of_rounds = self.name != Name::Queue;
        ensure!(
            of_rounds || (rounds.is_none() && self.limit.is_none()),
            "`queue` takes `--messages`, and has no rounds"
        );
        ensure!(!of_rounds || messages.is_none(), "`--messages` belongs to `queue`");
        ensure!(self.name == Name::Rotation || life.is_none(), "`--life` belongs to `rotation`");
        self.life_seconds = life.unwrap_or(self.life_seconds);
        ensure!(self.life_seconds >= LIFE_LEAST_SECONDS, "`--life` takes at least {LIFE_LEAST_SECONDS}");
        self.messages = messages.unwrap_or(self.messages);
        ensure!(self.messages >= QUEUE_MESSAGES_LEAST, "`--messages` takes at least {QUEUE_MESSAGES_LEAST}");
        // With a time and no count, the time alone ends it.
        self.rounds = rounds.unwrap_or(if self.limit.is_some() { u32::MAX } else { self.rounds });
        ensure!(self.rounds > 0, "`--rounds` takes at least 1");
        ensure!(
            !self.planted || matches!(self.name, Name::PowerCut | Name::Queue | Name::Failover),
            "`--planted` belongs to `power-cut`, `queue` and `failover`: a kill loses no unsynced bytes"
        );
        ensure!(
            !self.forgetful || (!of_rounds && !self.planted),
            "`--forgetful` belongs to `queue`, and is a control of its own"
        );
        Ok(self)
    }

    /// Faults that were not counted on the command line are as many as ever; of a planted one power cuts alone can be the trigger.
    fn count_faults(&mut self, said: [Option<u32>; 3], rounds: Option<u32>) -> Outcome {
        let is_failover = self.name == Name::Failover;
        ensure!(is_failover || said == [None; 3], "`--kills`, `--cuts` and `--power` belong to `failover`");
        ensure!(
            !is_failover || rounds.is_none(),
            "`failover` takes `--kills`, `--cuts` and `--power`, and has no rounds"
        );
        let usual = if self.planted { Wanted { kills: 0, cuts: 0, power: 6 } } else { FAULTS };
        let [kills, cuts, power] = said;
        self.faults = Wanted {
            kills: kills.unwrap_or(usual.kills),
            cuts: cuts.unwrap_or(usual.cuts),
            power: power.unwrap_or(usual.power),
        };
        let all = [self.faults.kills, self.faults.cuts, self.faults.power];
        ensure!(all.iter().all(|count| *count <= FAULTS_LIMIT), "at most {FAULTS_LIMIT} faults of a kind");
        ensure!(all.iter().any(|count| *count > 0), "`failover` takes at least one fault");
        ensure!(!self.planted || !is_failover || self.faults.power > 0, "`--planted` takes at least one power cut");
        Ok(())
    }
}

fn drawn() -> Outcome<u64> {
    let mut bytes = [0; 4];
    Air.fill(&mut bytes)?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_refused() {
        let read = |text: &str| Arguments::read(text.split_ascii_whitespace().map(str::to_owned));
        let plain = read("crash").unwrap();
        assert_eq!((plain.name, plain.rounds, plain.limit, plain.planted), (Name::Crash, 100, None, false));
        let timed = read("power-cut --seed 7 --minutes 3 --no-evidence").unwrap();
        assert_eq!((timed.seed, timed.rounds, timed.limit), (7, u32::MAX, Some(Duration::from_secs(180))));
        assert_eq!((timed.evidence, timed.typed.as_str()), (None, "power-cut --seed 7 --minutes 3 --no-evidence"));
        assert_eq!(read("crash --rounds 3").unwrap().rounds, 3);
        let queue = read("queue --messages 2000 --planted").unwrap();
        assert_eq!((queue.name, queue.messages, queue.planted), (Name::Queue, 2_000, true));
        assert!(queue.planted && !queue.forgetful && read("queue --forgetful").unwrap().forgetful);
        assert_eq!(read("queue").unwrap().messages, 100_000);
        let rotation = read("rotation --minutes 10").unwrap();
        assert_eq!((rotation.rounds, rotation.life_seconds, rotation.planted), (u32::MAX, 60, false));
        assert_eq!(read("rotation --rounds 4 --life 6").unwrap().life_seconds, 6);
        let failover = read("failover --cuts 3 --minutes 5").unwrap();
        assert_eq!(failover.faults, Wanted { kills: 200, cuts: 3, power: 30 });
        let planted = read("failover --planted").unwrap();
        assert_eq!(planted.faults, Wanted { kills: 0, cuts: 0, power: 6 });
        for wrong in [
            "failover --rounds 3",
            "failover --kills 0 --cuts 0 --power 0",
            "failover --kills 100001",
            "failover --planted --power 0",
            "crash --kills 3",
            "",
            "cras",
            "crash --seed",
            "crash --seed x",
            "crash --rounds 0",
            "crash --planted",
            "crash extra",
            "crash --messages 2000",
            "queue --messages 9",
            "queue --rounds 3",
            "queue --minutes 3",
            "queue --planted --forgetful",
            "crash --forgetful",
            "crash --life 6",
            "rotation --life 5",
            "rotation --planted",
            "rotation --messages 2000",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
