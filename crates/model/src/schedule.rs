//! When a scheduled rule is due: `rate(…)` and `cron(…)`, in UTC. Pure.
//!
//! In: an expression, a time, and since when a rate counts.
//! Out: the next due time after that time, or the last one up to it.
//! Never: a time zone, or a due time that is no whole minute of a calendar.
//!
//! Semantics: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>.

mod cron;
mod field;

use crate::fault::Fault;
use crate::time::Millis;

use cron::Cron;

const MINUTE_MS: u64 = 60_000;

/// A schedule expression that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Every so many milliseconds, counted from when the rule was given its schedule or was enabled.
    Rate(u64),
    /// At the times of a calendar.
    Cron(Box<Cron>),
}

impl Schedule {
    /// Reads `rate(VALUE UNIT)`, UNIT `minute(s)`, `hour(s)` or `day(s)`, or `cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK
    /// YEAR)`.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for `ScheduleExpression`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let read = match (inner("rate"), inner("cron")) {
            (Some(rate), _) => read_rate(rate).map(Self::Rate),
            (_, Some(fields)) => Cron::parse(fields).map(|cron| Self::Cron(Box::new(cron))),
            _ => Err("it must be `rate(…)` or `cron(…)`".to_owned()),
        };
        read.map_err(|why| {
            Fault::invalid(
                "ScheduleExpression",
                format!("Parameter ScheduleExpression is not valid. Reason: {why}"),
                text,
            )
        })
    }

    /// The first due time after `after`; `None` if there is none. `anchor` is when the rule was given this schedule or was
    /// enabled last.
    #[must_use]
    pub fn next_after(&self, after: Millis, anchor: Millis) -> Option<Millis> {
        match self {
            Self::Rate(every_ms) => {
                let passed = after.since(anchor) / every_ms;
                Some(anchor.plus((passed + 1).saturating_mul(*every_ms)))
            }
            Self::Cron(cron) => cron.next_after(after),
        }
    }

    /// The last due time up to `now` and after `after`: what there is to catch up with. `None` if nothing was due.
    #[must_use]
    pub fn last_until(&self, now: Millis, after: Millis, anchor: Millis) -> Option<Millis> {
        let first = self.next_after(after, anchor).filter(|due| *due <= now)?;
        match self {
            Self::Rate(every_ms) => Some(anchor.plus(now.since(anchor) / every_ms * every_ms)),
            // Times of a calendar are whole minutes: the last is found by halving what lies between.
            Self::Cron(_) => {
                let (mut due, mut low, mut high) = (first, first.0 / MINUTE_MS, now.0 / MINUTE_MS);
                while low < high {
                    let middle = low + (high - low).div_ceil(2);
                    match self.next_after(Millis(middle * MINUTE_MS - 1), anchor).filter(|next| *next <= now) {
                        Some(next) => (due, low) = (next, next.0 / MINUTE_MS),
                        None => high = middle - 1,
                    }
                }
                Some(due)
            }
        }
    }
}

fn read_rate(text: &str) -> Result<u64, String> {
    let (value, unit) = text.trim().split_once(char::is_whitespace).ok_or("a rate is a value and a unit")?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 =
        value.parse().ok().filter(|value| digits && *value > 0).ok_or("a rate's value is a positive integer")?;
    let minutes = match (unit.trim(), value) {
        ("minute", 1) | ("minutes", 2..) => 1,
        ("hour", 1) | ("hours", 2..) => 60,
        ("day", 1) | ("days", 2..) => 1_440,
        ("minute" | "hour" | "day", _) => return Err("the unit of more than one is plural".to_owned()),
        ("minutes" | "hours" | "days", _) => return Err("the unit of one is singular".to_owned()),
        _ => return Err("a rate's unit is minute, minutes, hour, hours, day or days".to_owned()),
    };
    Ok(u64::from(value) * minutes * MINUTE_MS)
}

#[cfg(test)]
mod tests;
