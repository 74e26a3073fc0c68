//! How a receiver answers, as the paths of its URLs say it. Pure.

use std::collections::BTreeMap;

/// What a request is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// This status, after so many milliseconds, with `Retry-After` in seconds.
    Status {
        /// The status.
        status: u16,
        /// The wait before it.
        after_ms: u64,
        /// What the sender is asked to wait.
        retry_after_s: Option<u64>,
    },
    /// An OAuth token.
    Token,
    /// Nothing, and the connection stays.
    Hang,
    /// Nothing, and the connection ends; of HTTP/2 the stream.
    Close,
}

impl Answer {
    const fn status(status: u16) -> Self {
        Self::Status { status, after_ms: 0, retry_after_s: None }
    }

    /// The status on the wire; 0 for none.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Status { status, .. } => status,
            Self::Token => 200,
            Self::Hang | Self::Close => 0,
        }
    }
}

/// How a path behaves. What stands behind the words of a behaviour is a label: `/ok/orders` is `/ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// `/ok`, `/slow/MS`, `/status/CODE?retry-after=S`, `/token`, `/hang`, `/close`.
    Always(Answer),
    /// `/flaky/N`: each Nth request fails with 500.
    Flaky(u64),
    /// `/refuse-first/N`: the first N requests of each delivery fail with 503.
    RefuseFirst(u64),
}

impl Behaviour {
    /// Reads a path with its query.
    #[must_use]
    pub fn read(target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut words = path.trim_start_matches('/').split('/');
        let word = words.next()?;
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let retry_after_s = query.split('&').find_map(|pair| pair.strip_prefix("retry-after=")?.parse().ok());
        Some(match word {
            "ok" => Self::Always(Answer::status(200)),
            "slow" => Self::Always(Answer::Status { status: 200, after_ms: number()?, retry_after_s: None }),
            "status" => {
                let status = number().and_then(|number| u16::try_from(number).ok())?;
                Self::Always(Answer::Status { status, after_ms: 0, retry_after_s })
            }
            "token" => Self::Always(Answer::Token),
            "hang" => Self::Always(Answer::Hang),
            "close" => Self::Always(Answer::Close),
            "flaky" => Self::Flaky(number().filter(|number| *number > 0)?),
            "refuse-first" => Self::RefuseFirst(number()?),
            _ => return None,
        })
    }
}

/// What has been answered so far, as far as the next answer depends on it.
#[derive(Debug, Default)]
pub struct Memory {
    by_path: BTreeMap<String, u64>,
    by_delivery: BTreeMap<String, u64>,
}

impl Memory {
    /// The answer to the next request of `delivery` at `path`.
    pub fn answer(&mut self, behaviour: Behaviour, path: &str, delivery: &str) -> Answer {
        match behaviour {
            Behaviour::Always(answer) => answer,
            Behaviour::Flaky(nth) => {
                let seen = self.by_path.entry(path.to_owned()).or_insert(0);
                *seen += 1;
                Answer::status(if seen.is_multiple_of(nth) { 500 } else { 200 })
            }
            Behaviour::RefuseFirst(times) => {
                let seen = self.by_delivery.entry(format!("{path} {delivery}")).or_insert(0);
                *seen += 1;
                Answer::status(if *seen <= times { 503 } else { 200 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_how_they_behave() {
        let status = |status, after_ms, retry_after_s| {
            Some(Behaviour::Always(Answer::Status { status, after_ms, retry_after_s }))
        };
        for (path, expected) in [
            ("/ok", status(200, 0, None)),
            ("/ok/orders", status(200, 0, None)),
            ("/slow/250", status(200, 250, None)),
            ("/status/500", status(500, 0, None)),
            ("/status/429?retry-after=2", status(429, 0, Some(2))),
            ("/hang", Some(Behaviour::Always(Answer::Hang))),
            ("/close/x", Some(Behaviour::Always(Answer::Close))),
            ("/flaky/3", Some(Behaviour::Flaky(3))),
            ("/flaky/0", None),
            ("/slow", None),
            ("/status/99999", None),
            ("/else", None),
            ("", None),
        ] {
            assert_eq!(Behaviour::read(path), expected, "{path}");
        }
    }

    #[test]
    fn what_depends_on_the_past_does() {
        let mut memory = Memory::default();
        let mut codes = |behaviour, delivery, count: usize| -> Vec<u16> {
            (0..count).map(|_| memory.answer(behaviour, "/p", delivery).code()).collect()
        };
        assert_eq!(codes(Behaviour::Flaky(3), "a", 6), [200, 200, 500, 200, 200, 500]);
        assert_eq!(codes(Behaviour::RefuseFirst(2), "a", 3), [503, 503, 200]);
        assert_eq!(codes(Behaviour::RefuseFirst(2), "b", 3), [503, 503, 200]);
    }
}
