//! `bascule event put`: publishes one event, or a file of them; the other verbs of events have files of their own.
//!
//! In: flags, or lines of JSON with EventBridge's names.
//! Out: counts, ids, failures with their lines, and what is unknown.
//! Never: a put repeated that may have been accepted.

use std::future::pending;
use std::path::PathBuf;

use bascule_api::v1::PutEventsRequestEntry;
use clap::{Args, Subcommand};

use crate::entries::{self, Source};
use crate::error::Error;
use crate::inputs::Inputs;
use crate::limits::{IN_FLIGHT_COUNT, IN_FLIGHT_MAX_COUNT};
use crate::verbs::event::progress::Progress;
use crate::verbs::event::publish::{Feed, Plan};
use crate::verbs::{Desk, Outcome};

pub mod get;
pub mod progress;
pub mod publish;
pub mod tail;

/// What to do with events.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Publish one event, or with `--file` many
    Put(Box<Put>),
    /// Show an event that is still owed to some target, and how each of its deliveries stands
    Get(get::Arguments),
    /// Show events as they are accepted, until stopped; takes nothing from anybody
    ///
    /// It shows what the asked node accepts, the one that `endpoint` of the context leads to: what other nodes of the cluster accept
    /// meanwhile is not shown. When that node stops or cannot be reached any more, it ends with an error; unlike `queue subscribe` it
    /// does not connect anew, as what is accepted meanwhile could not be shown.
    Tail(tail::Arguments),
}

/// What to publish.
#[derive(Debug, Args)]
pub struct Put {
    /// Who reports the event, such as `com.example.orders`
    #[arg(long, required_unless_present = "file")]
    source: Option<String>,
    /// What happened
    #[arg(long, value_name = "TYPE", required_unless_present = "file")]
    detail_type: Option<String>,
    /// Detail: a JSON object, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "JSON", required_unless_present = "file")]
    detail: Option<String>,
    /// Name or ARN of the bus [default: default]
    #[arg(long)]
    bus: Option<String>,
    /// What the event is about; may be repeated
    #[arg(long = "resource", value_name = "ARN")]
    resources: Vec<String>,
    /// When it happened, RFC 3339 [default: when it is accepted]
    #[arg(long, value_parser = entries::seconds)]
    time: Option<u64>,
    /// File with one JSON entry on each line (Source, DetailType, Detail, Resources, Time, EventBusName, TraceHeader), `-` for the
    /// standard input; a put leaves when it is full or the file ends
    #[arg(long, value_name = "FILE",
        conflicts_with_all = ["source", "detail_type", "detail", "bus", "resources", "time"])]
    file: Option<PathBuf>,
    /// Puts on their way at the same time; with 1, lines are published in order
    #[arg(long, value_name = "COUNT", default_value_t = IN_FLIGHT_COUNT, requires = "file",
        value_parser = clap::value_parser!(u8).range(1..=i64::from(IN_FLIGHT_MAX_COUNT)))]
    in_flight: u8,
    /// Publish with a view that has reached this index, such as the `ControlIndex` of a change that must take part
    #[arg(long, value_name = "INDEX", default_value_t = 0, hide_default_value = true)]
    min_control_index: u64,
    /// Check everything, publish nothing
    #[arg(long)]
    validate_only: bool,
}

impl Put {
    fn source(self, inputs: &mut Inputs) -> Result<Source, Error> {
        if let Some(file) = self.file {
            return Ok(Source::File(file));
        }
        let detail = self.detail.unwrap_or_default();
        let mut wire = PutEventsRequestEntry {
            source: self.source.unwrap_or_default(),
            detail_type: self.detail_type.unwrap_or_default(),
            detail: inputs.document("--detail", &detail)?,
            resources: self.resources,
            event_bus_name: self.bus.unwrap_or_default(),
            ..Default::default()
        };
        if let Some(seconds) = self.time {
            entries::at(&mut wire, seconds);
        }
        Ok(Source::One(Box::new(wire)))
    }
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Put(put) => publish(*put, desk).await,
        Verb::Get(get) => get::run(get, desk).await,
        Verb::Tail(tail) => tail::run(tail, desk).await,
    }
}

async fn publish(put: Put, desk: &mut Desk) -> Result<Outcome, Error> {
    let plan = Plan {
        in_flight_count: put.in_flight,
        validate_only: put.validate_only,
        min_control_index: put.min_control_index,
        keep_ids: put.file.is_none() || !desk.format.is_for_people(),
    };
    match put.source(&mut desk.inputs)? {
        Source::One(wire) => {
            let link = desk.dial.link().await?;
            publish::one(&link, *wire, plan).await
        }
        Source::File(path) => {
            let lines = desk.inputs.lines("--file", &path)?;
            let link = desk.dial.link().await?;
            let progress = match desk.watched {
                true => Progress::on_stderr(lines.size_bytes),
                false => Progress::hidden(),
            };
            // Who waits for a line would not hear of it before the next one: there the signal ends the process, as always.
            let waits = lines.size_bytes.is_none();
            let stop = async { if waits { pending().await } else { interrupted().await } };
            Ok(publish::all(&link, Feed::new(path, lines.from), plan, &progress, stop).await)
        }
    }
}

/// Ends when somebody wants the command to end.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending().await
    }
}
