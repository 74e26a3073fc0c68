//! How long nobody is acknowledged when a leader is killed, or stands still: producers at every node that take the next when one fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_nats::jetstream;
use bascule_api::client::Context;
use bascule_api::v1::TagResourceRequest;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::nodes::FORM_LIMIT;
use bascule_tests::traffic::longest;
use bascule_tests::wait;
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::nats::Nats;
use crate::ours::{EVENT_BYTES, Ours};

/// Tasks that put at once, each at a node of its own first.
const PRODUCERS: usize = 6;
/// Between two puts of one task: what is looked for are gaps, not throughput.
const PAUSE: Duration = Duration::from_millis(2);
/// A client's deadline for each call.
const DEADLINE: Duration = Duration::from_secs(1);
/// For how long a leader stands still.
const STILL: Duration = Duration::from_secs(5);
/// How long a fault is looked at beyond the first acknowledgement after it.
const AFTER: Duration = Duration::from_secs(2);
/// How long a gap may be before it counts as an outage.
const OUTAGE: Duration = Duration::from_secs(60);

/// What is done to a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is killed.
    Kill,
    /// It stands still for five seconds.
    Pause,
}

/// When what was acknowledged.
#[derive(Debug, Clone, Default)]
struct Times(Arc<Mutex<Vec<Instant>>>);

impl Times {
    fn now(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    fn after(&self, from: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().is_some_and(|last| *last > from)
    }

    fn longest(&self, from: Instant, to: Instant) -> f64 {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        longest(&times, from, to).as_secs_f64() * 1e3
    }

    /// Waits until something was acknowledged after `from` and a moment more; answers the end.
    async fn settled(&self, from: Instant) -> Outcome<Instant> {
        wait::until("puts are acknowledged again", OUTAGE, async || Ok(self.after(from).then_some(()))).await?;
        sleep(AFTER).await;
        Ok(Instant::now())
    }
}

/// Longest times without an acknowledgement in milliseconds, one of each fault.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    /// Of puts that nothing binds, over all nodes.
    pub puts: Vec<f64>,
    /// Of writes of the control group, whose leader was hit.
    pub control: Vec<f64>,
    /// Of the peer's publishes, whose stream's leader was hit.
    pub peer: Vec<f64>,
}

/// Hits leaders of both sides in turn.
///
/// # Errors
/// A cluster does not come back.
pub async fn measure(ours: &mut Ours, mut nats: Option<&mut Nats>, fault: Fault, times: usize) -> Outcome<Gaps> {
    let mut gaps = Gaps::default();
    for nth in 1..=times {
        let (puts, control) = hit_ours(ours, fault).await?;
        gaps.puts.push(puts);
        gaps.control.push(control);
        if let Some(nats) = nats.as_deref_mut() {
            gaps.peer.push(hit_peer(nats, fault).await?);
        }
        let peer = gaps.peer.last().copied().unwrap_or(f64::NAN);
        crate::say(&format!(
            "{fault:?} {nth} of {times}: puts {puts:.0} ms, control {control:.0} ms, NATS {peer:.0} ms"
        ))?;
    }
    Ok(gaps)
}

async fn hit_ours(ours: &mut Ours, fault: Fault) -> Outcome<(f64, f64)> {
    let (puts, control, mut tasks) = (Times::default(), Times::default(), JoinSet::new());
    let contexts = ours.nodes.contexts()?;
    for producer in 0..PRODUCERS {
        tasks.spawn(produce(contexts.clone(), producer, puts.clone()));
    }
    for writer in 0..contexts.len() {
        tasks.spawn(write(contexts.clone(), writer, control.clone()));
    }
    let began = Instant::now();
    let (_, _) = (puts.settled(began).await?, control.settled(began).await?);
    let victim = ours.nodes.leader(0, &ours.nodes.numbers()).await?;
    let from = Instant::now();
    match fault {
        Fault::Kill => ours.nodes.node_mut(victim)?.kill9()?,
        Fault::Pause => {
            ours.nodes.node(victim)?.pause()?;
            sleep(STILL).await;
            ours.nodes.node(victim)?.go_on()?;
        }
    }
    // What was sent before the fault is not what is waited for.
    let after = from + Duration::from_millis(10);
    let (_, to) = (puts.settled(after).await?, control.settled(after).await?);
    let told = (puts.longest(from, to), control.longest(from, to));
    tasks.shutdown().await;
    ours.nodes.node_mut(victim)?.start_again()?;
    ours.nodes.whole(FORM_LIMIT).await?;
    Ok(told)
}

async fn connected(contexts: &[Context], at: usize) -> Outcome<Client> {
    timeout(DEADLINE, Client::connect(&contexts[at % contexts.len()])).await.context("in time")?
}

async fn produce(contexts: Vec<Context>, producer: usize, times: Times) {
    let (mut at, mut client) = (producer, None);
    let detail = format!(r#"{{"kind":"kind-1","filler":"{}"}}"#, "x".repeat(EVENT_BYTES / 2));
    loop {
        let open = match client.take() {
            Some(open) => Ok(open),
            None => connected(&contexts, at).await,
        };
        if let Ok(open) = open
            && let Ok(Ok(_)) = timeout(DEADLINE, open.put_one(entry("bench", "Benched", &detail))).await
        {
            times.now();
            client = Some(open);
        } else {
            at += 1;
        }
        sleep(PAUSE).await;
    }
}

async fn write(contexts: Vec<Context>, writer: usize, times: Times) {
    let (mut at, mut number, mut client) = (writer, 0_u64, None);
    let arn = "arn:aws:events:us-east-1:000000000000:rule/rule-1".to_owned();
    loop {
        let open = match client.take() {
            Some(open) => Ok(open),
            None => connected(&contexts, at).await,
        };
        number += 1;
        let tags = [(format!("w{writer}"), number.to_string())].into();
        let request = TagResourceRequest { resource_arn: arn.clone(), tags, ..TagResourceRequest::default() };
        if let Ok(open) = open
            && let Ok(Ok(_)) = timeout(DEADLINE, open.session().tags().tag_resource(request)).await
        {
            times.now();
            client = Some(open);
        } else {
            at += 1;
        }
        sleep(PAUSE).await;
    }
}

async fn hit_peer(nats: &mut Nats, fault: Fault) -> Outcome<f64> {
    let (times, mut tasks) = (Times::default(), JoinSet::new());
    for producer in 0..PRODUCERS {
        let servers: Vec<usize> = (0..3).map(|nth| (producer + nth) % 3).collect();
        let mut stream = jetstream::new(nats.connect(&servers).await?);
        stream.set_timeout(DEADLINE);
        let (times, payload) = (times.clone(), Bytes::from(vec![b'x'; EVENT_BYTES]));
        tasks.spawn(async move {
            loop {
                if let Ok(Ok(stored)) = timeout(DEADLINE, stream.publish("bench.event", payload.clone())).await
                    && let Ok(Ok(_)) = timeout(DEADLINE, stored.into_future()).await
                {
                    times.now();
                }
                sleep(PAUSE).await;
            }
        });
    }
    times.settled(Instant::now()).await?;
    let victim = nats.leader().await?;
    let from = Instant::now();
    match fault {
        Fault::Kill => nats.kill(victim)?,
        Fault::Pause => {
            signal(nats.pid(victim)?, Signal::STOP)?;
            sleep(STILL).await;
            signal(nats.pid(victim)?, Signal::CONT)?;
        }
    }
    let to = times.settled(from + Duration::from_millis(10)).await?;
    let told = times.longest(from, to);
    tasks.shutdown().await;
    if fault == Fault::Kill {
        nats.start(victim)?;
    }
    nats.leader().await?;
    Ok(told)
}

fn signal(pid: u32, signal: Signal) -> Outcome {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process")?;
    ensure!(kill_process(pid, signal).is_ok(), "the signal was not sent");
    Ok(())
}
