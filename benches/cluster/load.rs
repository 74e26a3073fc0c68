//! Callers that each have one call open at a time, for a while; and what such calls were like.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bascule_tests::Outcome;
use tokio::task::JoinSet;

/// The calls of one stretch.
#[derive(Debug, Clone)]
pub struct Calls {
    /// Their times in microseconds, ascending.
    times_us: Vec<u64>,
    /// Events that were acknowledged.
    pub events: u64,
    /// How long it took until the last answer.
    pub took: Duration,
}

impl Calls {
    /// Events a second.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64()
    }

    /// The time by which a share of all calls was answered, in microseconds.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.times_us.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        self.times_us.get(place.min(last)).map_or(f64::NAN, |time| *time as f64)
    }

    /// Calls of these times.
    ///
    /// # Errors
    /// There are none.
    pub fn of(mut times_us: Vec<u64>, events: u64, took: Duration) -> Outcome<Self> {
        ensure!(!times_us.is_empty(), "nothing was measured");
        times_us.sort_unstable();
        Ok(Self { times_us, events, took })
    }
}

/// Calls `call` from so many tasks for `span`; it is given the caller's number and answers how many events were acknowledged.
///
/// # Errors
/// The first call that failed: a figure with refusals in it is none.
pub async fn closed<C, F>(callers: usize, span: Duration, call: C) -> Outcome<Calls>
where
    C: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = Outcome<u64>> + Send + 'static,
{
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let call = call.clone();
        tasks.spawn(async move {
            let (mut times, mut events) = (Vec::new(), 0);
            while began.elapsed() < span {
                let at = Instant::now();
                events += call(caller).await?;
                times.push(u64::try_from(at.elapsed().as_micros())?);
            }
            Outcome::Ok((times, events))
        });
    }
    let (mut times, mut events) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (more, acknowledged) = done??;
        times.extend(more);
        events += acknowledged;
    }
    Calls::of(times, events, began.elapsed())
}
