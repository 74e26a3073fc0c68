//! Times of the contract and of the nouns: `google.protobuf.Timestamp` and milliseconds since the Unix epoch.

use bascule_model::time::Millis;
use prost_types::Timestamp;

/// The timestamp of a time.
#[must_use]
pub fn timestamp(time: Millis) -> Timestamp {
    let seconds = i64::try_from(time.0 / 1_000).unwrap_or(i64::MAX);
    // Below 10⁹ by the remainder, so that the cast loses nothing.
    Timestamp { seconds, nanos: (time.0 % 1_000) as i32 * 1_000_000 }
}

/// The time of a timestamp; `None` for one before 1970, or with nanoseconds that no timestamp has.
#[must_use]
pub fn millis(timestamp: &Timestamp) -> Option<Millis> {
    let seconds = u64::try_from(timestamp.seconds).ok()?;
    let nanos = u64::try_from(timestamp.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Millis(seconds.checked_mul(1_000)? + nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for time in [0, 1, 999, 1_000, 1_795_426_200_999] {
            assert_eq!(millis(&timestamp(Millis(time))), Some(Millis(time)));
        }
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
            assert_eq!(millis(&Timestamp { seconds, nanos }), None, "{seconds} {nanos}");
        }
    }
}
