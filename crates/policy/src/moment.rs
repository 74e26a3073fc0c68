//! Dates and times of conditions: W3C's profile of ISO 8601, or seconds since 1970: `reference_policies_elements_condition_operators`.

use std::fmt;

use bascule_model::time::Millis;

/// A point in time: nanoseconds since 1970, before it below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i128);

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Moment {
    pub fn of(time: Millis) -> Self {
        Self(i128::from(time.0) * 1_000_000)
    }

    pub fn of_seconds(seconds: i64) -> Self {
        Self(i128::from(seconds) * NANOS_PER_SECOND)
    }

    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, `YYYY-MM-DDThh:mmZ`, with seconds, with a fraction, with `±hh:mm` for `Z`;
    /// or seconds since 1970. Four digits are a year: as seconds they would be 1970.
    pub fn read(text: &str) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        if digits(unsigned) && text.len() != 4 {
            return text.parse().ok().map(Self::of_seconds);
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = number(parts.next()?, 4)?;
        let (month, day) = (parts.next(), parts.next());
        if parts.next().is_some() || time.is_some() && day.is_none() {
            return None;
        }
        let month = month.map_or(Some(1), |text| number(text, 2))?;
        let day = day.map_or(Some(1), |text| number(text, 2))?;
        if !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
            return None;
        }
        let midnight = days_before(year, month, day) * SECONDS_PER_DAY;
        let nanos = time.map_or(Some(0), clock)?;
        Some(Self(i128::from(midnight) * NANOS_PER_SECOND + nanos))
    }
}

/// Exactly `width` digits.
fn number(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Nanoseconds that `hh:mm[:ss[.fraction]]` and its zone are behind midnight in UTC.
fn clock(text: &str) -> Option<i128> {
    let at = text.find(['Z', '+', '-'])?;
    let (time, zone) = text.split_at(at);
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (second, fraction) = text.split_once('.').map_or((text, None), |(second, rest)| (second, Some(rest)));
            (number(second, 2)?, fraction.map_or(Some(0), fraction_nanos)?)
        }
    };
    // A leap second counts as the first of the next minute.
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3_600 + minute * 60 + second - offset_seconds(zone)?;
    Some(i128::from(seconds) * NANOS_PER_SECOND + i128::from(nanos))
}

fn fraction_nanos(digits: &str) -> Option<i64> {
    let width = u32::try_from(digits.len()).ok().filter(|width| (1..=9).contains(width))?;
    Some(number(digits, digits.len())? * 10_i64.pow(9 - width))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the given day. Counts years from March, so that the leap day is the last: Hinnant, `days_from_civil`.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `YYYY-MM-DDThh:mm:ssZ`, the other way round: Hinnant, `civil_from_days`.
pub fn write(out: &mut impl fmt::Write, time: Millis) -> fmt::Result {
    let seconds = time.0 / 1000;
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_the_model_reads_them() {
        for text in ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-23T09:30:00Z", "2100-03-01T00:00:00Z"] {
            let model = Millis::parse(text).unwrap();
            assert_eq!(Moment::read(text), Some(Moment::of(model)), "{text}");
            let mut shown = String::new();
            write(&mut shown, model).unwrap();
            assert_eq!(shown, text);
        }
        for (one, other) in [
            ("2026", "2026-01-01T00:00Z"),
            ("2026-03", "2026-03-01"),
            ("2026-03-01T01:00+01:00", "2026-03-01"),
            ("2026-03-01T00:00:00.500Z", "2026-03-01T00:00:00.5Z"),
            ("1772323200", "2026-03-01"),
            ("-86400", "1969-12-31"),
            ("0", "1970"),
        ] {
            assert_eq!(Moment::read(one), Moment::read(other), "{one} {other}");
            assert!(Moment::read(one).is_some(), "{one}");
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut expected = -135_140;
        for year in 1_600..2_405 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    assert_eq!(days_before(year, month, day), expected, "{year}-{month}-{day}");
                    let read = Moment::read(&format!("{year:04}-{month:02}-{day:02}"));
                    assert_eq!(read, Some(Moment::of_seconds(expected * SECONDS_PER_DAY)), "{year}-{month}-{day}");
                    expected += 1;
                }
                let after = format!("{year:04}-{month:02}-{:02}", days_of(year, month) + 1);
                assert_eq!(Moment::read(&after), None, "{after}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        // A prime near a day and a half, so that days, hours, minutes and seconds all go round.
        for at in 0..60_000_u64 {
            let time = Millis(at * 129_607_000);
            let mut shown = String::new();
            write(&mut shown, time).unwrap();
            assert_eq!(Moment::read(&shown), Some(Moment::of(time)), "{shown}");
            assert_eq!(Millis::parse(&shown).ok(), Some(time), "{shown}");
        }
    }

    #[test]
    fn clocks_are_read_to_their_last_digit() {
        let midnight = Moment::read("2026-03-01").unwrap().0;
        for (text, nanos) in [
            ("00:00Z", 0),
            ("23:59Z", 86_340_000_000_000),
            ("23:59:59Z", 86_399_000_000_000),
            // A leap second is the first of the next minute.
            ("23:59:60Z", 86_400_000_000_000),
            ("00:00:01.5Z", 1_500_000_000),
            ("00:00:00.000000001Z", 1),
            ("00:00:00.123456789Z", 123_456_789),
            ("00:00:00.12Z", 120_000_000),
            ("10:20:30+01:02", 33_510_000_000_000),
            ("10:20:30-01:02", 40_950_000_000_000),
            ("00:00+23:59", -86_340_000_000_000),
        ] {
            assert_eq!(Moment::read(&format!("2026-03-01T{text}")), Some(Moment(midnight + nanos)), "{text}");
        }
        for text in
            ["00:00+24:00", "00:00+00:60", "00:00+0100", "00:00:00.", "0:00Z", "00:00:00:00Z", "00:00", "00:00Zx"]
        {
            assert_eq!(Moment::read(&format!("2026-03-01T{text}")), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "-",
            "T",
            "yesterday",
            "2026-13",
            "2026-00",
            "2026-02-30",
            "2025-02-29",
            "2026-1-1",
            "2026-01-01T00:00",
            "2026-01-01T24:00Z",
            "2026-01-01T00:60Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01T00:00Z",
            "2026-01-01T00:00:00.0123456789Z",
            "2026-01-01T00:00+1:00",
            "2026-01-01 00:00Z",
            "+5",
            "1.5",
            "２０２６",
            "99999999999999999999",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }
}
