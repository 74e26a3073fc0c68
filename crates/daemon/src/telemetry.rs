//! Where logs and figures go: lines with stable keys on the standard error, and one registry that the admin listener reads.
//!
//! In: what rooms tell `tracing` and `opentelemetry`.
//! Out: log lines, a Prometheus text.
//! Never: a field named like a secret, another library's chatter below a warning, a word on the standard output.

pub mod figures;
pub mod groups;
pub mod line;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::Arc;

use bascule_model::ambient::Clock;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::settings::{Format, Log};
use crate::limits::PANIC_LIMIT_CHARS;
use line::Lines;

/// Changes the level of a running log.
#[derive(Clone)]
pub struct Levels {
    handle: reload::Handle<Targets, Registry>,
}

impl Levels {
    /// From now on logs from `level` on.
    pub fn set(&self, level: Level) {
        // It refuses only for a log that has ended, which nobody reads.
        let _ = self.handle.reload(filter(level));
    }
}

/// Begins the log of this process; lines carry `node` and `zone`.
#[must_use]
pub fn start(log: Log, clock: Arc<dyn Clock>, node: u64, zone: &str) -> Levels {
    let json = match log.format {
        Format::Json => true,
        Format::Text => false,
        Format::Auto => !std::io::stderr().is_terminal(),
    };
    let (filter, handle) = reload::Layer::new(filter(log.level));
    let lines = Lines::new(clock, json, node, zone);
    let layer = fmt::layer().event_format(lines).with_writer(std::io::stderr).with_filter(filter);
    // A second log in one process is a test's; the first goes on.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    std::panic::set_hook(Box::new(panicked));
    Levels { handle }
}

/// The house's own lines from `level` on. Other libraries log headers and frames at low levels, and secrets with them.
fn filter(level: Level) -> Targets {
    let others = LevelFilter::WARN.min(level.into());
    // openraft warns of each late message of an older vote, and has one at every start.
    Targets::new().with_default(others).with_target("openraft", Level::ERROR).with_target("bascule", level)
}

fn panicked(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text: String = text.unwrap_or("no message").chars().take(PANIC_LIMIT_CHARS).collect();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(panic = text, place, thread = thread.name().unwrap_or_default(), "a thread panicked");
}
