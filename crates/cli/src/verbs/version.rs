//! `bascule version`.

use crate::output::View;
use crate::output::record::Record;
use crate::verbs::Outcome;

/// Says which version this is; asks nobody.
pub fn run() -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    Outcome::done(View::line(format!("bascule {version}"), Record::new().text("Version", version)))
}
