//! The command line of a campaign.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_model::ambient::Entropy;
use bascule_tests::Outcome;
use bascule_tests::chance::Air;

/// Messages of `queue`, unless the command line says otherwise.
const QUEUE_MESSAGES: u32 = 100_000;
/// With fewer there would be nothing to see between two kills.
const QUEUE_MESSAGES_LEAST: u32 = 1_000;

/// How long certificates of `rotation` live, unless the command line says otherwise.
const LIFE_SECONDS: u32 = 60;
/// With a shorter life there would be no time between two replacements.
const LIFE_LEAST_SECONDS: u32 = 6;

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
        }
    }

    /// How many rounds, unless the command line says otherwise.
    const fn rounds(self) -> u32 {
        match self {
            Self::Crash => 100,
            Self::PowerCut => 20,
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
    /// Reads `NAME [--seed N] [--minutes M] [--rounds N] [--messages N] [--life SECONDS] [--planted | --forgetful] [--evidence DIR | --no-evidence]`.
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
            other => {
                bail!("there is `crash`, `power-cut`, `queue` and `rotation`, not `{}`", other.unwrap_or_default())
            }
        };
        let evidence = Some(PathBuf::from("docs/evidence"));
        let mut read = Self {
            name,
            seed: drawn()?,
            rounds: name.rounds(),
            messages: QUEUE_MESSAGES,
            life_seconds: LIFE_SECONDS,
            limit: None,
            planted: false,
            forgetful: false,
            evidence,
            typed,
        };
        let (mut rounds, mut messages, mut life) = (None, None, None);
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
                "--planted" => read.planted = true,
                "--forgetful" => read.forgetful = true,
                "--evidence" => read.evidence = Some(value()?.into()),
                "--no-evidence" => read.evidence = None,
                other => bail!("`{other}` is no argument"),
            }
        }
        let of_rounds = name != Name::Queue;
        ensure!(
            of_rounds || (rounds.is_none() && read.limit.is_none()),
            "`queue` takes `--messages`, and has no rounds"
        );
        ensure!(!of_rounds || messages.is_none(), "`--messages` belongs to `queue`");
        ensure!(name == Name::Rotation || life.is_none(), "`--life` belongs to `rotation`");
        read.life_seconds = life.unwrap_or(read.life_seconds);
        ensure!(read.life_seconds >= LIFE_LEAST_SECONDS, "`--life` takes at least {LIFE_LEAST_SECONDS}");
        read.messages = messages.unwrap_or(read.messages);
        ensure!(read.messages >= QUEUE_MESSAGES_LEAST, "`--messages` takes at least {QUEUE_MESSAGES_LEAST}");
        // With a time and no count, the time alone ends it.
        read.rounds = rounds.unwrap_or(if read.limit.is_some() { u32::MAX } else { read.rounds });
        ensure!(read.rounds > 0, "`--rounds` takes at least 1");
        ensure!(
            !read.planted || matches!(name, Name::PowerCut | Name::Queue),
            "`--planted` belongs to `power-cut` and `queue`: a kill loses no unsynced bytes"
        );
        ensure!(
            !read.forgetful || (!of_rounds && !read.planted),
            "`--forgetful` belongs to `queue`, and is a control of its own"
        );
        Ok(read)
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
        for wrong in [
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
