//! `cron(…)` with the service's six fields: minutes, hours, day of month, month, day of week, year.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::field::{Range, Set};
use crate::time::Millis;

const MINUTES: Range = Range { name: "minutes", least: 0, most: 59, names: &[] };
const HOURS: Range = Range { name: "hours", least: 0, most: 23, names: &[] };
const DAYS: Range = Range { name: "day-of-month", least: 1, most: 31, names: &[] };
const MONTHS: Range = Range {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEKDAYS: Range =
    Range { name: "day-of-week", least: 1, most: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };
const YEARS: Range = Range { name: "year", least: 1970, most: 2199, names: &[] };

/// Times of a calendar, in UTC, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Days,
    months: Set,
    years: Set,
}

/// Which days of a month: by either of the two fields, the other is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// Days of the month.
    OfMonth(Set),
    /// `L`.
    Last,
    /// `LW`: the last from Monday to Friday.
    LastWorking,
    /// `3W`: the day from Monday to Friday that is nearest to the third, in the same month.
    NearestWorking(i8),
    /// Days of the week, Sunday first.
    OfWeek(Set),
    /// `6L`: the last Friday.
    LastOfWeek(u16),
    /// `6#3`: the third Friday.
    NthOfWeek(u16, i8),
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields.as_slice() else {
            return Err(format!("a cron expression has six fields, and this one {}", fields.len()));
        };
        let days = match (*day, *weekday) {
            ("?", "?") => return Err("one of day-of-month and day-of-week must say which days".to_owned()),
            (day, "?") => of_month(day)?,
            ("?", weekday) => of_week(weekday)?,
            _ => return Err("one of day-of-month and day-of-week must be `?`".to_owned()),
        };
        Ok(Self {
            minutes: MINUTES.set(minutes)?,
            hours: HOURS.set(hours)?,
            days,
            months: MONTHS.set(month)?,
            years: YEARS.set(year)?,
        })
    }

    pub(super) fn next_after(&self, after: Millis) -> Option<Millis> {
        let start = i64::try_from(after.0 / 60_000).ok()?.checked_add(1)?;
        let start = jiff::Timestamp::from_second(start.checked_mul(60)?).ok()?.to_zoned(TimeZone::UTC).datetime();
        let year_of = |date: Date| u16::try_from(date.year()).ok();
        let (mut year, mut month, mut day) = (year_of(start.date())?, start.month(), start.day());
        let (hour, minute) = (clock(start.hour())?, clock(start.minute())?);
        // The rest of the first day; from then on whole days.
        if self.is_due_on(start.date()) {
            let (hours, minutes) = (&self.hours, &self.minutes);
            let later = |from| Some((hours.first_from(from)?, minutes.first_from(0)?));
            let now = if hours.has(hour) { minutes.first_from(minute).map(|minute| (hour, minute)) } else { None };
            if let Some((hour, minute)) = now.or_else(|| later(hour + 1)) {
                return at(start.date(), hour, minute);
            }
        }
        day += 1;
        let first = (self.hours.first_from(0)?, self.minutes.first_from(0)?);
        loop {
            let next_year = self.years.first_from(year)?;
            if next_year > year {
                (year, month, day) = (next_year, 1, 1);
            }
            let wanted = u16::try_from(month).ok().and_then(|month| self.months.first_from(month));
            let Some(next_month) = wanted.and_then(|month| i8::try_from(month).ok()) else {
                (year, month, day) = (year + 1, 1, 1);
                continue;
            };
            if next_month > month {
                (month, day) = (next_month, 1);
            }
            let start = Date::new(i16::try_from(year).ok()?, month, 1).ok()?;
            let due = (day..=start.days_in_month()).filter_map(|day| Date::new(start.year(), month, day).ok());
            if let Some(date) = due.into_iter().find(|date| self.is_due_on(*date)) {
                return at(date, first.0, first.1);
            }
            (month, day) = (month + 1, 1);
        }
    }

    fn is_due_on(&self, date: Date) -> bool {
        let is = |value: i16, set: &Set| u16::try_from(value).is_ok_and(|value| set.has(value));
        is(date.year(), &self.years) && is(i16::from(date.month()), &self.months) && self.days.have(date)
    }
}

impl Days {
    fn have(&self, date: Date) -> bool {
        let (day, last) = (date.day(), date.days_in_month());
        let weekday = u16::from(date.weekday().to_sunday_one_offset().unsigned_abs());
        match self {
            Self::OfMonth(days) => days.has(u16::from(day.unsigned_abs())),
            Self::Last => day == last,
            Self::LastWorking => is_nearest_working(date, last),
            Self::NearestWorking(to) => *to <= last && is_nearest_working(date, *to),
            Self::OfWeek(days) => days.has(weekday),
            Self::LastOfWeek(of) => weekday == *of && day > last - 7,
            Self::NthOfWeek(of, nth) => weekday == *of && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// Whether a day is the one from Monday to Friday nearest to the day `to` of its month, without leaving the month.
fn is_nearest_working(date: Date, to: i8) -> bool {
    let Ok(asked) = Date::new(date.year(), date.month(), to) else {
        return false;
    };
    let last = date.days_in_month();
    let nearest = match asked.weekday() {
        Weekday::Saturday if to == 1 => 3,
        Weekday::Saturday => to - 1,
        Weekday::Sunday if to == last => to - 2,
        Weekday::Sunday => to + 1,
        _ => to,
    };
    date.day() == nearest
}

fn of_month(text: &str) -> Result<Days, String> {
    match text {
        "L" => Ok(Days::Last),
        "LW" => Ok(Days::LastWorking),
        _ => match text.strip_suffix('W') {
            Some(day) => DAYS.value(day).map(|day| Days::NearestWorking(small(day))),
            None => DAYS.set(text).map(Days::OfMonth),
        },
    }
}

fn of_week(text: &str) -> Result<Days, String> {
    if text == "L" {
        return WEEKDAYS.set("7").map(Days::OfWeek);
    }
    if let Some((day, nth)) = text.split_once('#') {
        let nth = match nth {
            "1" | "2" | "3" | "4" | "5" => small(u16::from(nth.as_bytes()[0] - b'0')),
            other => return Err(format!("`#{other}` is none of the first to fifth weeks")),
        };
        return WEEKDAYS.value(day).map(|day| Days::NthOfWeek(day, nth));
    }
    match text.strip_suffix('L') {
        Some(day) => WEEKDAYS.value(day).map(Days::LastOfWeek),
        None => WEEKDAYS.set(text).map(Days::OfWeek),
    }
}

fn small(value: u16) -> i8 {
    i8::try_from(value).unwrap_or(i8::MAX)
}

fn clock(value: i8) -> Option<u16> {
    u16::try_from(value).ok()
}

fn at(date: Date, hour: u16, minute: u16) -> Option<Millis> {
    let time = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    let stamp = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    u64::try_from(stamp.as_millisecond()).ok().map(Millis)
}
