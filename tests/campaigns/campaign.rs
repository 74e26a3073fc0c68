//! The rounds: traffic, a blow in its middle, the daemon again on what is left, and the account.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::{Account, Fate};
use bascule_tests::producers::{Plan, Producers};

use crate::acceptance;
use crate::arguments::{Arguments, Name};
use crate::arrivals::Consumer;
use crate::disk::Disk;
use crate::evidence::{self, Page};
use crate::figures::{self, Round};
use crate::lanes::{End, Goal, LANES, source};
use crate::say;
use crate::world::{World, delete_doomed, see_doomed_gone};

/// The variable that names the planted binary.
pub const PLANTED_ENV: &str = "BASCULED_PLANTED";
/// What makes the planted binary plant.
pub const PLANT: (&str, &str) = ("BASCULE_PLANT", "no-sync");
/// Producers at once.
const PRODUCERS: usize = 8;
/// Groups of a daemon that nobody told otherwise.
const GROUPS: u64 = 12;
/// What may be repeated after a blow, a group.
const UNCONFIRMED_DELIVERIES: u64 = 1_024;
/// The queue that somebody consumes all the time.
const PULLED: &str = "pulled";

/// How a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it must: nothing lost, or with a planted fault the loss found.
    Passed,
    /// Otherwise.
    Failed,
    /// Not here.
    CannotRun,
}

/// What hurts the daemon.
enum Blow {
    Kill,
    PowerCut(Disk),
}

impl Blow {
    /// Strikes, and leaves the daemon dead and its folder as it is found at the next start.
    fn strike(&self, daemon: &mut Daemon, chance: &mut Chance) -> Outcome {
        match self {
            Self::Kill => daemon.kill9(),
            Self::PowerCut(disk) => {
                disk.cut()?;
                // A daemon whose disk is gone must not acknowledge; it gets a moment in which it could.
                std::thread::sleep(Duration::from_millis(chance.below(150)));
                if daemon.is_running()? {
                    daemon.kill9()?;
                }
                disk.back()
            }
        }
    }
}

/// What a campaign does to its daemon, and with which daemon.
struct Harm {
    blow: Blow,
    planted: Option<Planted>,
}

/// A daemon that acknowledges without a sync.
struct Planted {
    binary: PathBuf,
    home: PathBuf,
}

impl Harm {
    /// Starts the daemon again on what is left; what is wrong with it is a finding of the round. `false`: there is no daemon.
    fn start_again(&self, daemon: &mut Daemon, round: &mut Round) -> bool {
        let Err(refused) = daemon.start_again() else { return true };
        round.wrong.push(format!("the daemon does not start on what is left: {refused:#}"));
        let Some(planted) = &self.planted else { return false };
        let started = acceptance::accept(&planted.binary, &planted.home, PLANT).and_then(|()| daemon.start_again());
        if let Err(error) = started {
            round.wrong.push(format!("nor does it with the loss accepted: {error:#}"));
            return false;
        }
        true
    }

    /// Before the traffic of a round with a planted fault: what was set up stays, so that there is something to miss.
    fn prepare(&self) -> Outcome {
        match (&self.blow, &self.planted) {
            (Blow::PowerCut(disk), Some(_)) => disk.flush(),
            _ => Ok(()),
        }
    }
}

/// When the rule of a round is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doom {
    Before,
    AtTheBlow,
    After,
}

/// Runs a campaign and writes its page.
///
/// # Errors
/// What kept it from running; a loss is a verdict.
pub async fn run(arguments: &Arguments) -> Outcome<Verdict> {
    let folder = tempfile::Builder::new().prefix("bascule-campaign-").tempdir()?;
    let home = folder.path().join("daemon");
    let mut options = Options::default().home(&home);
    let mut planted = None;
    if arguments.planted {
        let Some(binary) = env::var_os(PLANTED_ENV).map(PathBuf::from) else {
            say(&format!("campaign: `{PLANTED_ENV}` names no binary: `./x campaign power-cut --planted` makes it"));
            return Ok(Verdict::CannotRun);
        };
        options = options.binary(&binary).environment(PLANT.0, PLANT.1);
        planted = Some(Planted { binary, home: home.clone() });
    }
    let blow = match arguments.name {
        Name::Crash | Name::Queue | Name::Rotation | Name::Failover => Blow::Kill,
        Name::PowerCut => Blow::PowerCut(Disk::make(&folder.path().join("image"), &home.join("data"))?),
    };
    let harm = Harm { blow, planted };
    say(&format!("campaign {}: seed {}", arguments.name.word(), arguments.seed));
    let (began, commit) = (Instant::now(), evidence::commit());
    let mut world = World::build(&options).await?;
    let mut rounds = rounds(arguments, &mut world, &harm, began).await?;
    if rounds.iter().all(|round| round.wrong.is_empty()) {
        say("waiting for what fails to be given up");
        let wrong = end(&mut world).await?;
        if let Some(last) = rounds.last_mut() {
            last.wrong = wrong;
        }
    }
    let found: Vec<&String> = rounds.iter().flat_map(|round| &round.wrong).collect();
    let word = if arguments.planted { "FOUND" } else { "WRONG" };
    for wrong in &found {
        say(&format!("{word}: {wrong}"));
    }
    let lost = !world.account().lost.is_empty();
    let verdict = match arguments.planted {
        true if lost => Verdict::Passed,
        false if found.is_empty() => Verdict::Passed,
        _ => Verdict::Failed,
    };
    let page =
        Page { commit: &commit, arguments, rounds: &rounds, account: &world.account(), took: began.elapsed(), verdict };
    evidence::write(&page)?;
    if verdict == Verdict::Passed && !arguments.planted {
        let stopped = world.daemon.terminate()?;
        say(&format!("the daemon stopped with {stopped}"));
    }
    say(&format!("campaign {}: {}", arguments.name.word(), evidence::verdict(&page)));
    Ok(verdict)
}

async fn rounds(arguments: &Arguments, world: &mut World, harm: &Harm, began: Instant) -> Outcome<Vec<Round>> {
    let mut chance = Chance::seeded(arguments.seed);
    let mut rounds: Vec<Round> = Vec::new();
    let mut repeats_before = 0;
    for number in 1..=arguments.rounds {
        if arguments.limit.is_some_and(|limit| began.elapsed() > limit) {
            break;
        }
        let mut round = round(number, world, harm, &mut chance).await?;
        let account = world.account();
        round.repeats = account.repeats() - repeats_before;
        repeats_before = account.repeats();
        round.wrong.extend(judge(&account, &round));
        say(&figures::line(number, &round));
        // A planted fault is found by what it lost; that the daemon found it too is not enough.
        let is_over = if arguments.planted { !account.lost.is_empty() } else { !round.wrong.is_empty() };
        rounds.push(round);
        if is_over {
            break;
        }
    }
    Ok(rounds)
}

/// One round. What goes wrong in it is its finding, as long as the round can be told at all.
async fn round(number: u32, world: &mut World, harm: &Harm, chance: &mut Chance) -> Outcome<Round> {
    let mut round = Round::default();
    let doom = [Doom::Before, Doom::AtTheBlow, Doom::After][usize::try_from(chance.below(3))?];
    let batch = [1, 4, 10, 10][usize::try_from(chance.below(4))?];
    let plan = Plan { producers: PRODUCERS, batch, source: source(number), ..Plan::default() };
    world.make_doomed(number).await?;
    harm.prepare()?;
    let source = plan.source.clone();
    let context = world.daemon.context()?;
    let producers = Producers::start(context.clone(), plan);
    let consumer = Consumer::start(context, PULLED);
    pause(chance, 50, 2_500).await;
    if doom == Doom::Before {
        delete_doomed(&Client::operator(&world.daemon).await?, number).await?;
        pause(chance, 0, 500).await;
    }
    // Now and then a second blow meets the recovery from the first.
    let blows = 1 + u64::from(chance.below(4) == 0);
    for nth in 0..blows {
        if nth > 0 {
            pause(chance, 0, 300).await;
        }
        if doom == Doom::AtTheBlow && nth == 0 {
            let client = Client::operator(&world.daemon).await?;
            tokio::spawn(async move { delete_doomed(&client, number).await });
            pause(chance, 0, 30).await;
        }
        let struck = tokio::task::block_in_place(|| harm.blow.strike(&mut world.daemon, chance));
        struck.context("the blow")?;
        let began = Instant::now();
        round.blows += 1;
        if !tokio::task::block_in_place(|| harm.start_again(&mut world.daemon, &mut round)) {
            return Ok(round);
        }
        round.back_ms = round.back_ms.max(millis(began.elapsed()));
        producers.redirect(world.daemon.context()?);
        consumer.redirect(world.daemon.context()?);
    }
    pause(chance, 100, 1_000).await;
    see_doomed_gone(&world.daemon, number).await?;
    let puts = producers.stop().await?;
    let began = Instant::now();
    for put in &puts {
        match put.fate {
            Fate::Acknowledged(_) => round.acknowledged += 1,
            Fate::Unknown(_) => round.unknown += 1,
            Fate::Refused(_) => round.refused += 1,
        }
    }
    let owed_before = world.account().owed;
    world.put(number, &source, &puts);
    world.messages(PULLED, consumer.stop().await?)?;
    if let Err(error) = world.settle(false).await {
        round.wrong.push(format!("it does not settle: {error:#}"));
    }
    round.settled_ms = millis(began.elapsed());
    round.owed = (world.account().owed - owed_before) as u64;
    Ok(round)
}

/// The lane that fails, to its end.
async fn end(world: &mut World) -> Outcome<Vec<String>> {
    if let Err(error) = world.settle(true).await {
        return Ok(vec![format!("it does not settle at the end: {error:#}")]);
    }
    let account = world.account();
    let mut wrong = judge(&account, &Round { blows: 1, ..Round::default() });
    if !account.absent.is_empty() {
        wrong.push(format!("{} are nowhere although nothing is pending", account.absent.len()));
    }
    Ok(wrong)
}

/// What is wrong with an account after a round.
fn judge(account: &Account, round: &Round) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Err(error) = account.demand_complete() {
        wrong.push(error.to_string());
    }
    let lane = |name: &str| LANES.iter().find(|lane| lane.name == name);
    let nowhere = account.absent.iter().filter(|(name, _)| lane(name).is_some_and(|lane| lane.end != End::Fails));
    let nowhere: Vec<_> = nowhere.take(5).collect();
    if !nowhere.is_empty() {
        wrong.push(format!("nowhere although nothing is pending, among others: {nowhere:?}"));
    }
    if !account.both.is_empty() {
        wrong.push(format!("{} are both delivered and dead", account.both.len()));
    }
    // A message enters a queue in the apply of its event, so it does so once.
    let queued = |name: &String| lane(name).is_some_and(|lane| matches!(lane.goal, Goal::Queue(_)));
    let twice: Vec<_> = account.repeated.keys().filter(|(name, _)| queued(name)).take(5).collect();
    if !twice.is_empty() {
        wrong.push(format!("twice in a queue, among others: {twice:?}"));
    }
    let limit = UNCONFIRMED_DELIVERIES * GROUPS * round.blows;
    if round.repeats > limit {
        wrong.push(format!("{} repeats of at most {limit}", round.repeats));
    }
    wrong
}

async fn pause(chance: &mut Chance, least_ms: u64, more_ms: u64) {
    tokio::time::sleep(Duration::from_millis(least_ms + chance.below(more_ms))).await;
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
