//! Who is cut off: a caller whose certificate is revoked, or whose authority is no longer one, with a stream open on which nothing
//! happens.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bascule_api::client::Context;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::v1::TailEventsRequest;
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::daemon::Daemon;
use bascule_tests::outsiders::Outsiders;
use tokio::time::timeout;
use tonic::Status;

use crate::rotation::{QUIET, replace};

/// Within which a cut must come.
pub const LIMIT_MS: u64 = 5_000;
/// How long it is waited for, to say how long it took.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the certificates and lists of victims hold: they are cut before.
const HOLDS_S: i64 = 3_600;

/// Why somebody is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The certificate is on the list.
    Revoked,
    /// The authority has gone from the bundle.
    AuthorityRemoved,
}

/// A cut, from when the file was in its place.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Why.
    pub cause: Cause,
    /// Until the open stream ended, in milliseconds.
    pub stream_ms: u64,
    /// Until a new connection was refused, in milliseconds.
    pub refused_ms: u64,
    /// Whose.
    whose: Context,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            Cause::Revoked => "a revoked certificate",
            Cause::AuthorityRemoved => "a removed authority",
        };
        write!(out, "{cause}: stream cut after {} ms, refused after {} ms", self.stream_ms, self.refused_ms)
    }
}

/// Lets somebody in, and cuts them off. Whoever was revoked before stays revoked.
///
/// # Errors
/// They were not let in, or not cut off.
pub async fn cut_off(
    daemon: &Daemon,
    outsiders: &Outsiders,
    cause: Cause,
    number: u32,
    before: &[Cut],
) -> Outcome<Cut> {
    let pki = daemon.pki();
    let (bundle, list) = (pki.join("authority.pem"), pki.join("revoked.pem"));
    let mut revoked: Vec<&Context> =
        before.iter().filter(|cut| cut.cause == Cause::Revoked).map(|cut| &cut.whose).collect();
    let victim = match cause {
        Cause::Revoked => outsiders.for_seconds("operator", HOLDS_S)?,
        Cause::AuthorityRemoved => outsiders.foreign()?,
    };
    // Every authority has its list, or nobody of it would be let in.
    let lists = |revoked: &[&Context], turn: u64| -> Outcome<String> {
        let number = u64::from(number) * 2 + turn;
        Ok(outsiders.revoking(revoked, number, 48 * HOLDS_S)? + &outsiders.another_list(number, 48 * HOLDS_S)?)
    };
    let own = own_authority(&fs::read_to_string(&bundle)?, &outsiders.another_authority());
    if cause == Cause::AuthorityRemoved {
        replace(&list, &lists(&revoked, 1)?)?;
        replace(&bundle, &format!("{own}{}", outsiders.another_authority()))?;
    }
    let client = let_in(&victim).await?;
    let request = TailEventsRequest { event_bus_name: QUIET.to_owned(), ..TailEventsRequest::default() };
    let mut tail = client.session().tail(request).await?;
    timeout(PATIENCE, tail.next()).await.context("no first word")??;
    match cause {
        Cause::Revoked => {
            revoked.push(&victim);
            replace(&list, &lists(&revoked, 2)?)?;
        }
        Cause::AuthorityRemoved => replace(&bundle, &own)?,
    }
    let placed = Instant::now();
    let stream = async {
        while let Ok(Some(_)) = tail.next().await {}
        placed.elapsed()
    };
    let refused = async {
        while answered(&victim).await {
            if placed.elapsed() > PATIENCE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        placed.elapsed()
    };
    let (stream, refused) = tokio::join!(timeout(PATIENCE, stream), refused);
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let stream = stream.context("the stream of somebody who is cut off goes on")?;
    Ok(Cut { cause, stream_ms: millis(stream), refused_ms: millis(refused), whose: victim })
}

/// The bundle without the other house's authority.
fn own_authority(bundle: &str, other: &str) -> String {
    bundle.replace(other, "")
}

/// A client of somebody who is known once the daemon has read the files.
async fn let_in(context: &Context) -> Outcome<Client> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if answered(context).await {
            return Client::connect(context).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("somebody with a good certificate is not let in")
}

/// Whether somebody is let in and known: what they ask for is absent, and they are told so.
async fn answered(context: &Context) -> bool {
    let Ok(client) = Client::connect(context).await else { return false };
    let Err(error) = client.receive("absent", None).await else { return true };
    let refusal = error.downcast_ref::<Status>().and_then(|status| Refusal::from_status(status).ok());
    refusal.is_some_and(|refusal| refusal.reason != Reason::Unauthenticated)
}
