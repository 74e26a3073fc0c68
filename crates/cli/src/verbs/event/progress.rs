//! Progress of a file on the standard error, for whoever watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::event::Report;

/// A bar where the file's size is known, else counts alone.
const SIZED: &str = "{bar:30} {percent:>3} %, {msg}, {eta} left";
const ENDLESS: &str = "{spinner} {msg}, {elapsed} so far";

/// What is shown while a file is published; it leaves no trace.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Nothing is shown.
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Progress on the standard error.
    pub fn on_stderr(size_bytes: Option<u64>) -> Self {
        Self::new(size_bytes, ProgressDrawTarget::stderr())
    }

    fn new(size_bytes: Option<u64>, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(size_bytes, target);
        match ProgressStyle::with_template(if size_bytes.is_some() { SIZED } else { ENDLESS }) {
            Ok(style) => Self(bar.with_style(style)),
            // Only a template that is wrong in itself is refused, and then there is the library's own.
            Err(_) => Self(bar),
        }
    }

    /// So much was read of the file, and this became of its entries.
    pub fn show(&self, read_bytes: u64, report: &Report) {
        if !self.0.is_hidden() {
            self.0.set_message(report.summary());
            self.0.set_position(read_bytes);
        }
    }

    /// The end: what was shown is taken away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        for template in [SIZED, ENDLESS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn what_is_hidden_stays_so() {
        let report = Report { accepted_count: 3, ..Report::default() };
        let hidden = Progress::hidden();
        hidden.show(5, &report);
        assert_eq!((hidden.0.message(), hidden.0.position()), (String::new(), 0));
        hidden.clear();
    }
}
