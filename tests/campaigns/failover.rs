//! `campaign failover`: daemons of one cluster are killed, paused, cut off and lose their power under load, one after the other.
//!
//! In: how many faults of each kind, a seed; the built programs, for a negative control the planted daemon.
//! Out: a line for each fault; a page with the gaps, the account of every event, and every fault.
//! Never: a fault without puts that are not answered, a fault before the cluster has healed from the last, an account that waits for
//! what is missing without an end.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;

use crate::arguments::Arguments;
use crate::campaign::{PLANT, PLANTED_ENV, Verdict};
use crate::evidence;
use crate::failover::blows::Planted;
use crate::failover::cluster::Manner;
use crate::failover::page::{Page, Strike};
use crate::failover::plan::{Fault, Role};
use crate::failover::sight::{Sight, Victim};
use crate::failover::world::World;
use crate::say;

mod blows;
mod board;
mod cluster;
mod gaps;
mod load;
mod oracle;
mod page;
pub mod plan;
mod session;
mod sight;
mod world;

/// Entries that are acknowledged between two faults, at least.
const BETWEEN_FAULTS: u64 = 1_000;
/// Faults between two looks at everything.
const AUDIT_EVERY: usize = 10;
/// A fault waits so long for a put that its victim has not answered, and takes any that is not answered then.
const UNANSWERED_LIMIT: Duration = Duration::from_secs(2);

/// What takes longer is told as slow: on a machine that does other work too, that is no wrong.
const SLOW: Duration = Duration::from_secs(10);

/// A campaign as far as it is.
struct Campaign {
    world: World,
    chance: Chance,
    planted: Planted,
    /// The cluster when it was last whole.
    sight: Sight,
    acknowledged_before: u64,
    repeats_before: u64,
    /// What the last fault may still repeat.
    repeats_left: u64,
}

/// Runs a campaign and writes its page.
///
/// # Errors
/// What kept it from running; a loss is a verdict.
pub async fn run(arguments: &Arguments) -> Outcome<Verdict> {
    let Some(manner) = manner(arguments)? else {
        say(&format!("campaign: `{PLANTED_ENV}` names no binary: `./x campaign failover --planted` makes it"));
        return Ok(Verdict::CannotRun);
    };
    let folder = tempfile::Builder::new().prefix("bascule-failover-").tempdir()?;
    say(&format!("campaign failover: seed {}", arguments.seed));
    let verdict = within(folder.path(), arguments, &manner).await;
    if !matches!(verdict, Ok(Verdict::Passed)) {
        say(&format!("campaign failover: seed {}; logs are kept in {}", arguments.seed, folder.keep().display()));
    }
    verdict
}

/// How daemons are started; none: a fault is to be planted, and there is no daemon for it.
fn manner(arguments: &Arguments) -> Outcome<Option<Manner>> {
    if !arguments.planted {
        return Ok(Some(Manner::default()));
    }
    let Some(binary) = env::var_os(PLANTED_ENV).map(PathBuf::from) else { return Ok(None) };
    anyhow::ensure!(binary.is_file(), "`{PLANTED_ENV}` names `{}`, which is no file", binary.display());
    Ok(Some(Manner { binary: Some(binary), environment: Some(PLANT), has_disks: true }))
}

/// What a campaign came to so far.
struct Sums<'a> {
    arguments: &'a Arguments,
    began: Instant,
    chance: Chance,
    /// Faults that are planned.
    planned: usize,
    strikes: Vec<Strike>,
    /// What is wrong, and stands in no strike.
    wrong: Vec<String>,
    lost: u64,
    figures: BTreeMap<String, u64>,
}

impl Sums<'_> {
    fn is_wrong(&self) -> bool {
        !self.wrong.is_empty() || self.strikes.iter().any(|strike| !strike.wrong.is_empty())
    }

    fn is_over(&self) -> bool {
        self.is_wrong() || self.arguments.limit.is_some_and(|limit| self.began.elapsed() > limit)
    }

    /// Strikes one cluster with these faults, and takes the account of it.
    async fn part(&mut self, home: &Path, manner: &Manner, faults: &[(Fault, Role)]) -> Outcome {
        let began = Instant::now();
        let mut world = World::build(home, manner, self.arguments.planted).await?;
        let sight = world.whole().await?;
        say(&format!("the cluster stands after {} ms", began.elapsed().as_millis()));
        world.begin()?;
        let planted = if self.arguments.planted { Planted::NoSync } else { Planted::Nothing };
        let chance = self.chance.clone();
        let mut campaign =
            Campaign { world, chance, planted, sight, acknowledged_before: 0, repeats_before: 0, repeats_left: 0 };
        for (at, (fault, role)) in (1..).zip(faults) {
            if self.is_over() {
                break;
            }
            match campaign.fault(*fault, *role).await {
                Ok(strike) => {
                    say(&page::line(self.strikes.len() + 1, self.planned, &strike));
                    self.strikes.push(strike);
                }
                Err(error) => self.wrong.push(format!("{} of {}: {error:#}", fault.word(), role.word())),
            }
            if !self.is_wrong() && at % AUDIT_EVERY == 0 {
                self.wrong = campaign.audit().await;
            }
        }
        // The account at the end, also of a run that is over early: it says what is lost.
        for wrong in campaign.audit().await {
            if !self.wrong.contains(&wrong) {
                self.wrong.push(wrong);
            }
        }
        self.chance = campaign.chance.clone();
        self.lost += campaign.world.lost();
        for (name, count) in campaign.figures() {
            *self.figures.entry(name).or_default() += count;
        }
        if !self.is_wrong() {
            tokio::task::block_in_place(|| campaign.world.stop())?;
        }
        Ok(())
    }

    /// The verdict and the page.
    fn end(self, commit: &str) -> Outcome<Verdict> {
        let Self { arguments, strikes, wrong, .. } = &self;
        let word = if arguments.planted { "FOUND" } else { "WRONG" };
        let all = strikes.iter().flat_map(|strike| &strike.wrong).chain(wrong);
        all.for_each(|wrong| say(&format!("{word}: {wrong}")));
        let has_passed = if arguments.planted { self.lost > 0 } else { !self.is_wrong() };
        let page = Page {
            commit,
            arguments,
            planned: self.planned,
            strikes,
            wrong,
            figures: self.figures.iter().map(|(name, count)| (name.clone(), *count)).collect(),
            took: self.began.elapsed(),
            has_passed,
        };
        evidence::keep(arguments, &page::text(&page))?;
        say(&gaps::tables(strikes));
        say(&format!("campaign failover: {}", page::verdict(&page)));
        Ok(if has_passed { Verdict::Passed } else { Verdict::Failed })
    }
}

/// Two clusters, one after the other: one on the machine's own file system, whose gaps are what they are there, and one on disks whose
/// power can be cut, which are files and slower.
async fn within(home: &Path, arguments: &Arguments, manner: &Manner) -> Outcome<Verdict> {
    let commit = evidence::commit();
    let mut chance = Chance::seeded(arguments.seed);
    let mut plan = plan::plan(arguments.faults, &mut chance);
    if arguments.planted {
        // A node that went back alone is refused by itself and by its leaders; what all of them lost nobody else knows.
        plan = plan.into_iter().map(|(_, role)| (Fault::PowerCutOfAll, role)).collect();
    }
    let (cuts, others): (Vec<_>, Vec<_>) = plan.iter().partition(|(fault, _)| fault.takes_a_disk());
    let mut sums = Sums {
        arguments,
        began: Instant::now(),
        chance,
        planned: plan.len(),
        strikes: Vec::new(),
        wrong: Vec::new(),
        lost: 0,
        figures: BTreeMap::new(),
    };
    for (name, has_disks, faults) in [("folders", false, others), ("disks", true, cuts)] {
        if faults.is_empty() || sums.is_over() {
            continue;
        }
        let home = home.join(name);
        fs::create_dir_all(&home)?;
        sums.part(&home, &Manner { has_disks, ..manner.clone() }, &faults).await?;
    }
    sums.end(&commit)
}

impl Campaign {
    /// One fault, from the load before it to the account after it.
    async fn fault(&mut self, fault: Fault, role: Role) -> Outcome<Strike> {
        if self.planted == Planted::NoSync {
            // What was set up, and what is accounted for, stays: so that there is something to miss, and a cluster to miss it.
            for id in self.world.cluster.nodes.numbers() {
                tokio::task::block_in_place(|| self.world.cluster.disk(id)?.flush())?;
            }
        }
        self.world.acknowledged(self.acknowledged_before + BETWEEN_FAULTS).await?;
        let drained = self.world.steer(role).await.context("nobody can be drained")?;
        let before = self.world.sight().await?;
        let nodes = self.world.cluster.nodes.numbers();
        let Victim { node, role, groups } = before.victim(role, &nodes, &mut self.chance)?;
        let unanswered = self.unanswered(node).await?;
        let acknowledged = self.world.board.acknowledged() - self.acknowledged_before;
        self.acknowledged_before += acknowledged;
        let began = Instant::now();
        self.world.board.begin_gaps(began);
        let struck = blows::strike(&mut self.world.cluster, fault, node, &mut self.chance, self.planted).await;
        let mut wrong = struck.context("the blow")?.wrong;
        let healed = Instant::now();
        let under_load = self.world.whole().await;
        // Before anybody is held.
        let gaps = self.world.board.gaps(Instant::now());
        let at_rest = if under_load.is_ok() { under_load } else { self.world.whole_at_rest().await };
        let after = match at_rest {
            Ok(after) => after,
            Err(error) => {
                wrong.push(format!("{error:#}"));
                self.world.sight().await.unwrap_or_else(|_| self.sight.clone())
            }
        };
        let whole = Instant::now();
        if let Err(error) = self.world.drained().await {
            wrong.push(format!("{error:#}"));
        }
        if let Some(drained) = drained {
            self.world.resume(drained).await.context("what was drained does not lead again")?;
        }
        let leads_ended = after.shard_terms_since(&self.sight);
        let repeats = self.world.oracle.repeats() - self.repeats_before;
        let mut strike = Strike {
            fault,
            role,
            node,
            groups: groups.iter().map(|group| (*group, before.term(*group), after.term(*group))).collect(),
            unanswered,
            gaps,
            acknowledged,
            terms: after.terms_since(&self.sight),
            leads_ended,
            repeats,
            repeats_limit: page::repeats_of(leads_ended) + self.repeats_left,
            whole_after: whole - healed,
            drained_after: whole.elapsed(),
            slow: Vec::new(),
            wrong,
        };
        strike.slow = slow(&strike);
        if repeats > strike.repeats_limit {
            strike.wrong.push(format!("{repeats} repeats of at most {}", strike.repeats_limit));
        }
        self.repeats_left = page::repeats_of(leads_ended).min(strike.repeats_limit.saturating_sub(repeats));
        self.repeats_before += repeats;
        self.sight = after;
        Ok(strike)
    }

    /// Waits for the moment in which puts are not answered, by the victim if that can be had; how many, and how many there.
    async fn unanswered(&self, victim: u64) -> Outcome<(usize, usize)> {
        let began = Instant::now();
        loop {
            let seen = self.world.unanswered(victim);
            let late = began.elapsed() > UNANSWERED_LIMIT;
            if seen.1 > 0 || late && seen.0 > 0 {
                return Ok(seen);
            }
            anyhow::ensure!(began.elapsed() < 10 * UNANSWERED_LIMIT, "no put is without an answer");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn audit(&mut self) -> Vec<String> {
        let began = Instant::now();
        let wrong = match self.world.audit().await {
            Ok(wrong) => wrong,
            Err(error) => vec![format!("{error:#}")],
        };
        let (oracle, writes) = (&self.world.oracle, self.world.board.writes().count);
        say(&format!(
            "account after {} ms: {} acknowledged, {} missing, {} unknown, {} repeats, {writes} control writes: {}",
            began.elapsed().as_millis(),
            oracle.acknowledgements(),
            oracle.missing(u64::MAX),
            oracle.unknown(),
            oracle.repeats(),
            if wrong.is_empty() { "in order" } else { "NOT IN ORDER" },
        ));
        wrong
    }

    fn figures(&self) -> Vec<(String, u64)> {
        let (oracle, board) = (&self.world.oracle, &self.world.board);
        let mut figures = vec![
            ("events acknowledged".to_owned(), oracle.acknowledgements()),
            ("acknowledged events missing".to_owned(), oracle.missing(u64::MAX)),
            ("events arrived".to_owned(), oracle.arrivals()),
            ("deliveries repeated".to_owned(), oracle.repeats()),
            ("puts of unknown outcome".to_owned(), oracle.unknown()),
            ("of those arrived".to_owned(), oracle.unknown_arrived()),
            ("control writes acknowledged".to_owned(), board.writes().count),
        ];
        figures.extend(board.refusals().into_iter().map(|(why, count)| (format!("told `{why}`"), count)));
        figures
    }
}

fn slow(strike: &Strike) -> Vec<String> {
    let spans = [("whole", strike.whole_after), ("drained", strike.drained_after)];
    spans.into_iter().filter(|(_, span)| *span > SLOW).map(|(what, span)| format!("{what} after {span:?}")).collect()
}
