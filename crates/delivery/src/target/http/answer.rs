//! What an answer's status means for a delivery. Pure.
//!
//! API destinations retry 401, 407, 409, 429 and 5xx, follow no redirect, and take nothing else again
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>).

use std::time::{Duration, UNIX_EPOCH};

use bascule_model::time::Millis;

use crate::book::Attempted;
use crate::target::code::Code;

/// What to make of it at `now`.
pub(super) fn meaning(status: u16, retry_after: Option<&str>, now: Millis) -> Attempted {
    let message = format!("the endpoint answered {status}");
    if retry_after.is_some_and(is_negative) && !(200..=299).contains(&status) {
        // The service's own word for `never again`.
        return Attempted::Refused { code: Code::ErrorFromTarget, message };
    }
    let retry_after_ms = retry_after.and_then(|text| wait_ms(text, now));
    // Fewer calls are asked for, whatever they carry; a failure of one event says nothing about the next.
    let quiet_ms = if matches!(status, 429 | 503) { retry_after_ms.unwrap_or(0) } else { 0 };
    match status {
        200..=299 => Attempted::Taken,
        429 => Attempted::Failed { code: Code::Throttling, message, retry_after_ms, quiet_ms },
        401 | 407 | 409 | 500..=599 => {
            Attempted::Failed { code: Code::ErrorFromTarget, message, retry_after_ms, quiet_ms }
        }
        404 | 410 => Attempted::Refused { code: Code::NoResource, message },
        _ => Attempted::Refused { code: Code::SdkClientError, message },
    }
}

/// Whether it is a number below zero, after which nothing is tried again.
fn is_negative(text: &str) -> bool {
    text.trim().parse::<i64>().is_ok_and(|seconds| seconds < 0)
}

/// `Retry-After` in milliseconds from `now`: seconds, or a date (RFC 9110 section 10.2.3).
fn wait_ms(text: &str, now: Millis) -> Option<u64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let then = date.duration_since(UNIX_EPOCH).ok()?;
    let wait = then.saturating_sub(Duration::from_millis(now.0));
    Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_taken_tried_again_or_final() {
        let now = Millis(784_111_777_000);
        for (status, retry_after, expected) in [
            (200, None, "taken"),
            (204, Some("7"), "taken"),
            (301, None, "refused SDK_CLIENT_ERROR"),
            (400, None, "refused SDK_CLIENT_ERROR"),
            (403, None, "refused SDK_CLIENT_ERROR"),
            (404, None, "refused NO_RESOURCE"),
            (410, None, "refused NO_RESOURCE"),
            (401, None, "again ERROR_FROM_TARGET None"),
            (407, None, "again ERROR_FROM_TARGET None"),
            (409, None, "again ERROR_FROM_TARGET None"),
            (429, Some("30"), "again THROTTLING Some(30000)"),
            (429, Some("Sun, 06 Nov 1994 08:49:47 GMT"), "again THROTTLING Some(10000)"),
            (429, Some("Sun, 06 Nov 1994 08:49:30 GMT"), "again THROTTLING Some(0)"),
            (429, Some("soon"), "again THROTTLING None"),
            (429, Some("99999999999999999999"), "again THROTTLING None"),
            (429, Some("-1"), "refused ERROR_FROM_TARGET"),
            (500, Some("7"), "again ERROR_FROM_TARGET Some(7000)"),
            (500, None, "again ERROR_FROM_TARGET None"),
            (503, Some(" 2 "), "again ERROR_FROM_TARGET Some(2000)"),
            (599, None, "again ERROR_FROM_TARGET None"),
        ] {
            let told = match meaning(status, retry_after, now) {
                Attempted::Taken => "taken".to_owned(),
                Attempted::Refused { code, .. } => format!("refused {}", code.word()),
                Attempted::Failed { code, retry_after_ms, quiet_ms, .. } => {
                    assert_eq!(quiet_ms, if matches!(status, 429 | 503) { retry_after_ms.unwrap_or(0) } else { 0 });
                    format!("again {} {retry_after_ms:?}", code.word())
                }
                other => format!("{other:?}"),
            };
            assert_eq!(told, expected, "{status} {retry_after:?}");
        }
    }
}
