//! What can be asked for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bascule_tests::Outcome;

const HELP: &str = "\
./x bench cluster [--rounds N] [--only PD1,PD3] [--seconds S] [--kills N] [--pauses N] [--no-counts] [--evidence FOLDER]
    --rounds N      interleaved rounds, 5 unless said
    --only IDS      only what these goals need, of PD1 PD2 PD3 PD5 PD7a PD7b PD8
    --seconds S     length of each stretch, 3 unless said
    --kills N       leaders that are killed on each side for PD7a and PD7b, 20 unless said
    --pauses N      leaders that stand still for PD8, 10 unless said
    --no-counts     syncs are not counted
    --evidence F    where cluster-bench.md is written; nowhere with --only
";

/// The arguments.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// Rounds of load.
    pub rounds: usize,
    /// The goals that are looked at; none: all.
    pub only: Vec<String>,
    /// Length of a stretch.
    pub span: Duration,
    /// Leaders that are killed.
    pub kills: usize,
    /// Leaders that stand still.
    pub pauses: usize,
    /// Whether syncs are counted.
    pub counts: bool,
    /// Where the page goes.
    pub evidence: Option<PathBuf>,
}

impl Arguments {
    /// Reads them; `None` if all that was asked for is the help, which is shown.
    ///
    /// # Errors
    /// What nobody knows.
    pub fn read(mut words: impl Iterator<Item = String>) -> Outcome<Option<Self>> {
        let (only, span, evidence) = (Vec::new(), Duration::from_secs(3), None);
        let mut read = Self { rounds: 5, only, span, kills: 20, pauses: 10, counts: true, evidence };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{word}` needs a value"));
            match word.as_str() {
                // What cargo says to every bench.
                "--bench" => {}
                "--rounds" => read.rounds = value()?.parse()?,
                "--seconds" => read.span = Duration::from_secs_f64(value()?.parse()?),
                "--kills" => read.kills = value()?.parse()?,
                "--pauses" => read.pauses = value()?.parse()?,
                "--only" => read.only = value()?.split(',').map(|goal| goal.trim().to_owned()).collect(),
                "--no-counts" => read.counts = false,
                "--evidence" => read.evidence = Some(PathBuf::from(value()?)),
                "--help" | "-h" => {
                    crate::say(HELP)?;
                    return Ok(None);
                }
                other => bail!("`{other}` is not known\n{HELP}"),
            }
        }
        if !read.only.is_empty() {
            read.evidence = None;
        }
        Ok(Some(read))
    }

    fn wants(&self, goals: &[&str]) -> bool {
        self.only.is_empty() || goals.iter().any(|goal| self.only.iter().any(|named| named == goal))
    }

    /// Whether anything under load is asked for.
    pub fn wants_load(&self) -> bool {
        self.rounds > 0 && self.wants(&["PD1", "PD2", "PD3", "PD5"])
    }

    /// Whether leaders are to be killed.
    pub fn wants_kills(&self) -> bool {
        self.wants(&["PD7a", "PD7b"])
    }

    /// Whether leaders are to stand still.
    pub fn wants_pauses(&self) -> bool {
        self.wants(&["PD8"])
    }
}
