//! `bascule event tail`: shows events as they are accepted.
//!
//! In: a bus, a pattern.
//! Out: an event on a line at once; on the standard error what was not shown.
//! Never: an event that is taken from anybody, or a gap that is not told.

use bascule_api::client::tail::Tail;
use bascule_api::v1::tail_events_response::Says;
use bascule_api::v1::{TailEventsRequest, TailSkipped};
use clap::Args;

use crate::error::{Error, FailedCall, Intent};
use crate::output::event::tailed;
use crate::output::{View, visible};
use crate::verbs::follow::{Reader, Stop, show};
use crate::verbs::{Desk, Outcome};

/// What to show.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name or ARN of the bus [default: default]
    #[arg(long)]
    bus: Option<String>,
    /// Show only what matches this event pattern: JSON, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "JSON")]
    pattern: Option<String>,
    /// Most events shown in a second, 1 to 1,000; others are counted on the standard error
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    max_rate: u32,
    /// End after so many events [default: when it is stopped]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Shows events until it is stopped.
///
/// # Errors
/// Why it could not, or could not go on.
pub async fn run(asked: Arguments, desk: &mut Desk) -> Result<Outcome, Error> {
    let event_pattern = match &asked.pattern {
        Some(pattern) => desk.inputs.document("--pattern", pattern)?,
        None => String::new(),
    };
    let link = desk.dial.link().await?;
    let request = TailEventsRequest {
        event_bus_name: asked.bus.unwrap_or_default(),
        event_pattern,
        max_events_per_second: asked.max_rate,
    };
    let mut tail = link.session.tail(request).await.map_err(failed)?;
    let mut stop = Stop::heed();
    tokio::select! {
        biased;
        () = stop.asked() => {}
        ended = follow(&mut tail, desk, asked.count.unwrap_or(u64::MAX)) => ended?,
    }
    Ok(Outcome::done(View::written()))
}

async fn follow(tail: &mut Tail, desk: &mut Desk, mut left: u64) -> Result<(), Error> {
    while let Some(says) = tail.next().await.map_err(failed)? {
        match says {
            Says::Started(started) => {
                let text = format!("events of {} from now on; Ctrl-C ends", visible(&started.event_bus_arn));
                aside(desk, &text).await;
            }
            Says::Skipped(skipped) => {
                let text = said(&skipped);
                aside(desk, &text).await;
            }
            Says::Event(event) => {
                let mut line = Vec::new();
                tailed(&event, desk.format, &mut line)?;
                let reader = show(&mut desk.out, &line).await?;
                left -= 1;
                if left == 0 || reader == Reader::Left {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// A line on the standard error. Where nobody can be told, the events still come.
async fn aside(desk: &mut Desk, text: &str) {
    let _ = show(&mut desk.aside, format!("{text}\n").as_bytes()).await;
}

fn said(skipped: &TailSkipped) -> String {
    let counts = [
        (skipped.rate_limited_count, "beyond the rate (raise --max-rate or narrow --pattern)"),
        (skipped.overrun_count, "that came faster than they could be looked at"),
        (skipped.undecided_count, "of which the pattern cannot be decided"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    format!("not shown: {}", counts.join(", "))
}

fn failed(source: bascule_api::error::Error) -> Error {
    Error::Call(Box::new(FailedCall {
        operation: "TailEvents".to_owned(),
        intent: Intent::Read,
        repeat: bascule_api::client::retry::Repeat::Freely,
        request_id: None,
        broken: None,
        source,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_said() {
        let skipped = TailSkipped { rate_limited_count: 40, overrun_count: 0, undecided_count: 1 };
        let text = "not shown: 40 beyond the rate (raise --max-rate or narrow --pattern), 1 of which the pattern cannot be decided";
        assert_eq!(said(&skipped), text);
    }
}
