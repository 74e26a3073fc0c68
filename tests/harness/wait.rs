//! Waiting for something to become true: looked at again and again, never longer than a limit, never slept for luck.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::Outcome;

/// How long most things may take on a machine that does other work too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks with `probe` until it finds something.
///
/// # Errors
/// `what` did not come within `limit`; or the probe's own.
pub async fn until<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        if began.elapsed() > limit {
            bail!("{what}: not within {limit:?}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks with `probe` for the whole of `span`, and fails as soon as it is not true any more. For what must not happen.
///
/// # Errors
/// `what` did not stay true; or the probe's own.
pub async fn stays(what: &str, span: Duration, mut probe: impl AsyncFnMut() -> Outcome<bool>) -> Outcome {
    let began = Instant::now();
    while began.elapsed() < span {
        if !probe().await? {
            bail!("{what}: no longer so after {:?}", began.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
