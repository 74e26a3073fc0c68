//! The command line of a campaign.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_model::ambient::Entropy;
use bascule_tests::Outcome;
use bascule_tests::chance::Air;

/// Which campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// SIGKILL under load.
    Crash,
    /// The file system goes away without a flush, under load.
    PowerCut,
}

impl Name {
    /// The word of the command line, and the page of evidence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::PowerCut => "power-cut",
        }
    }

    /// How many rounds, unless the command line says otherwise.
    const fn rounds(self) -> u32 {
        match self {
            Self::Crash => 100,
            Self::PowerCut => 20,
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
    /// No round begins after this.
    pub limit: Option<Duration>,
    /// With the binary that acknowledges without a sync: loss must be found.
    pub planted: bool,
    /// Where the page of evidence is written; none: nowhere.
    pub evidence: Option<PathBuf>,
    /// As it was typed.
    pub typed: String,
}

impl Arguments {
    /// Reads `NAME [--seed N] [--minutes M] [--rounds N] [--planted] [--evidence DIR | --no-evidence]`.
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
            other => bail!("there is `crash` and `power-cut`, not `{}`", other.unwrap_or_default()),
        };
        let evidence = Some(PathBuf::from("docs/evidence"));
        let mut read =
            Self { name, seed: drawn()?, rounds: name.rounds(), limit: None, planted: false, evidence, typed };
        let mut rounds = None;
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--seed" => read.seed = value()?.parse().context("`--seed` takes a number")?,
                "--minutes" => {
                    let minutes: u64 = value()?.parse().context("`--minutes` takes a number")?;
                    read.limit = Some(Duration::from_secs(60 * minutes));
                }
                "--rounds" => rounds = Some(value()?.parse().context("`--rounds` takes a number")?),
                "--planted" => read.planted = true,
                "--evidence" => read.evidence = Some(value()?.into()),
                "--no-evidence" => read.evidence = None,
                other => bail!("`{other}` is no argument"),
            }
        }
        // With a time and no count, the time alone ends it.
        read.rounds = rounds.unwrap_or(if read.limit.is_some() { u32::MAX } else { read.rounds });
        ensure!(read.rounds > 0, "`--rounds` takes at least 1");
        ensure!(
            !read.planted || name == Name::PowerCut,
            "`--planted` belongs to `power-cut`: a kill loses no unsynced bytes"
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
        for wrong in
            ["", "cras", "crash --seed", "crash --seed x", "crash --rounds 0", "crash --planted", "crash extra"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
