//! Points in time: wall-clock milliseconds, boot-clock milliseconds, and the RFC 3339 text of the former.

use std::fmt;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

/// Milliseconds on the boot-time clock of one machine; not comparable between machines or boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BootMillis(pub u64);

/// The text is no RFC 3339 time between 1970 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time between 1970 and 9999")]
pub struct NotATime(pub String);

impl Millis {
    /// The whole-second RFC 3339 form that EventBridge writes into `time`, for example `2026-11-23T09:30:00Z`.
    #[must_use]
    pub fn rfc3339_seconds(self) -> String {
        let seconds = i64::try_from(self.0 / 1000).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_second(seconds) {
            Ok(stamp) => stamp.to_string(),
            Err(_) => jiff::Timestamp::MAX.to_string(),
        }
    }

    /// Reads an RFC 3339 time with any offset.
    ///
    /// # Errors
    /// [`NotATime`] for other text and for times before 1970.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let stamp: jiff::Timestamp = text.parse().map_err(|_| NotATime(text.to_owned()))?;
        u64::try_from(stamp.as_millisecond()).map(Self).map_err(|_| NotATime(text.to_owned()))
    }

    /// This point moved on by `more` milliseconds, held at the greatest value.
    #[must_use]
    pub const fn plus(self, more_ms: u64) -> Self {
        Self(self.0.saturating_add(more_ms))
    }

    /// Milliseconds from `earlier` to here, zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl BootMillis {
    /// Milliseconds from `earlier` to here, zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.rfc3339_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T09:30:00Z", 1_795_426_200_000),
            ("2026-11-23T10:30:00+01:00", 1_795_426_200_000),
        ] {
            let read = Millis::parse(text).unwrap();
            assert_eq!(read, Millis(millis), "{text}");
            assert_eq!(Millis::parse(&read.rfc3339_seconds()).unwrap(), read, "{text}");
        }
        for text in ["", "yesterday", "2026-11-23", "1969-12-31T23:59:59Z"] {
            assert_eq!(Millis::parse(text), Err(NotATime(text.to_owned())));
        }
        assert_eq!(Millis(1_795_426_200_999).rfc3339_seconds(), "2026-11-23T09:30:00Z");
    }
}
