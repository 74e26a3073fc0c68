//! Put → acknowledgement at 1, 16 and 128 in flight, beside a bare append and fdatasync on the same disk at the same moment.
//!
//! Events of 1 KiB that one rule of 300 matches, one entry a call, over mTLS from this process to a daemon on loopback; the
//! rule's target is a queue, so that an acknowledgement means matched, sealed, synced and laid. Rounds are interleaved; shown are
//! medians over the rounds, and their range.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use tokio::task::JoinSet;

const ROUNDS: usize = 5;
const STRETCH: Duration = Duration::from_secs(3);
/// As many as a bus may have.
const RULES: usize = 300;
const EVENT_BYTES: usize = 1_024;
const IN_FLIGHT: [usize; 3] = [1, 16, 128];
/// Calls that share one connection.
const CALLS_A_CONNECTION: usize = 32;

/// Times of one stretch, in microseconds, ascending, and how many there were a second.
struct Stretch {
    times_us: Vec<u64>,
    rate: f64,
}

impl Stretch {
    fn of(mut times_us: Vec<u64>, took: Duration) -> Outcome<Self> {
        ensure!(!times_us.is_empty(), "nothing was measured");
        times_us.sort_unstable();
        let rate = times_us.len() as f64 / took.as_secs_f64();
        Ok(Self { times_us, rate })
    }

    fn at(&self, share: f64) -> f64 {
        let place = ((self.times_us.len() - 1) as f64 * share).round() as usize;
        self.times_us[place.min(self.times_us.len() - 1)] as f64
    }
}

/// Median and range over the rounds.
fn over(rounds: &[Stretch], figure: impl Fn(&Stretch) -> f64) -> (f64, f64, f64) {
    let mut all: Vec<f64> = rounds.iter().map(figure).collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[0], all[all.len() - 1])
}

fn fdatasync(folder: &Path) -> Outcome<Stretch> {
    let mut file = File::create(folder.join("bare"))?;
    let (block, began) = ([7_u8; EVENT_BYTES], Instant::now());
    let mut times = Vec::new();
    while began.elapsed() < STRETCH {
        let at = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(u64::try_from(at.elapsed().as_micros())?);
    }
    Stretch::of(times, began.elapsed())
}

async fn puts(clients: &[Arc<Client>], in_flight: usize, next: &Arc<AtomicU64>) -> Outcome<Stretch> {
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let client = Arc::clone(&clients[caller / CALLS_A_CONNECTION % clients.len()]);
        let next = Arc::clone(next);
        callers.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < STRETCH {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let filler = "x".repeat(EVENT_BYTES - 200);
                let detail = format!(r#"{{"number":{number},"filler":"{filler}"}}"#);
                let at = Instant::now();
                client.put_one(entry("bench.rule-7", "Benched", &detail)).await?;
                times.push(u64::try_from(at.elapsed().as_micros())?);
            }
            Outcome::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(one) = callers.join_next().await {
        times.extend(one??);
    }
    Stretch::of(times, began.elapsed())
}

async fn prepare(client: &Client) -> Outcome {
    let queue = client.queue("bench").await?;
    for number in 0..RULES {
        let name = format!("rule-{number}");
        client.rule("", &name, &format!(r#"{{"source":["bench.{name}"]}}"#)).await?;
        client.targets("", &name, vec![bascule_tests::client::target("queue", &queue)]).await?;
    }
    Ok(())
}

async fn run(folder: &Path) -> Outcome {
    let home = folder.join("home");
    let options = Options::default().home(&home);
    let daemon = Daemon::start(&options)?;
    let mut clients = Vec::new();
    for _ in 0..IN_FLIGHT[2].div_ceil(CALLS_A_CONNECTION) {
        clients.push(Arc::new(Client::operator(&daemon).await?));
    }
    let at_rest = daemon.rss_bytes()?;
    prepare(clients.first().context("no client")?).await?;
    let next = Arc::new(AtomicU64::new(0));
    puts(&clients, 16, &next).await?;
    let mut bare = Vec::new();
    let mut put: Vec<Vec<Stretch>> = IN_FLIGHT.iter().map(|_| Vec::new()).collect();
    for round in 1..=ROUNDS {
        writeln!(io::stderr(), "round {round} of {ROUNDS}")?;
        bare.push(fdatasync(folder)?);
        for (place, in_flight) in IN_FLIGHT.iter().enumerate() {
            put[place].push(puts(&clients, *in_flight, &next).await?);
        }
    }
    let mut out = io::stdout().lock();
    let shown = |(median, least, most): (f64, f64, f64)| format!("{median:.0} ({least:.0}–{most:.0})");
    let sync = over(&bare, |stretch| stretch.at(0.5));
    writeln!(
        out,
        "what            p50 µs (range)        p99 µs (range)        per second (range)     p50 / fdatasync p50"
    )?;
    let rows = [("fdatasync".to_owned(), &bare)];
    let rows = rows.into_iter().chain(IN_FLIGHT.iter().zip(&put).map(|(n, rounds)| (format!("put, {n} open"), rounds)));
    for (name, rounds) in rows {
        let (p50, p99) = (over(rounds, |one| one.at(0.5)), over(rounds, |one| one.at(0.99)));
        let rate = over(rounds, |one| one.rate);
        let ratio = p50.0 / sync.0;
        writeln!(out, "{name:<15} {:<21} {:<21} {:<22} {ratio:.2}", shown(p50), shown(p99), shown(rate))?;
    }
    let goal = 1.5 * sync.0 + 500.0;
    let one = over(&put[0], |stretch| stretch.at(0.5)).0;
    writeln!(out, "PD3 (one node): {one:.0} µs, the goal is 1.5 × fdatasync p50 + 500 µs = {goal:.0} µs")?;
    let mib = |bytes: u64| bytes / 1_048_576;
    writeln!(out, "memory: {} MiB at rest, {} MiB now", mib(at_rest), mib(daemon.rss_bytes()?))?;
    Ok(())
}

fn main() -> Outcome {
    // Beside the build, so that it is the disk of the work and no memory file system.
    let near = std::env::current_exe()?;
    let near = near.parent().context("the benchmark's own binary lies nowhere")?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(near)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(folder.path()))
}
