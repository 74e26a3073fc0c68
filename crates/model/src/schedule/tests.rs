//! Due times, row by row.
//!
//! Examples of <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>, and the borders of
//! the calendar.

use super::*;

fn time(text: &str) -> Millis {
    Millis::parse(&format!("{text}:00Z")).unwrap()
}

fn next(expression: &str, after: &str) -> Option<String> {
    let schedule = Schedule::parse(expression).unwrap();
    let due = schedule.next_after(time(after), Millis(0))?;
    assert_eq!(due.0 % MINUTE_MS, 0);
    Some(due.rfc3339_seconds().trim_end_matches(":00Z").to_owned())
}

#[test]
fn calendars_are_due() {
    for (expression, after, due) in [
        ("cron(0 10 * * ? *)", "2026-11-26T10:00", "2026-11-27T10:00"),
        ("cron(0 10 * * ? *)", "2026-11-26T09:59", "2026-11-26T10:00"),
        ("cron(15 12 * * ? *)", "2026-12-31T12:15", "2027-01-01T12:15"),
        // Monday to Friday at 18:00; the 27th is a Friday.
        ("cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00", "2026-11-30T18:00"),
        ("cron(0 8 1 * ? *)", "2026-11-26T00:00", "2026-12-01T08:00"),
        ("cron(0/15 * * * ? *)", "2026-11-26T10:15", "2026-11-26T10:30"),
        ("cron(0/15 * * * ? *)", "2026-11-26T23:45", "2026-11-27T00:00"),
        // The page: 1/10 is the 1st, 11th, 21st minute.
        ("cron(1/10 * * * ? *)", "2026-11-26T10:51", "2026-11-26T11:01"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-27T17:55", "2026-11-30T08:00"),
        ("cron(0/30 20-2 ? * MON-FRI *)", "", ""),
        // Last days of months, leap years.
        ("cron(0 0 L * ? *)", "2026-02-01T00:00", "2026-02-28T00:00"),
        ("cron(0 0 L * ? *)", "2028-02-01T00:00", "2028-02-29T00:00"),
        ("cron(0 0 31 * ? *)", "2026-01-31T00:00", "2026-03-31T00:00"),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00", "2028-02-29T00:00"),
        // 2100 is no leap year.
        ("cron(0 0 29 2 ? *)", "2096-02-29T00:00", "2104-02-29T00:00"),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00", ""),
        // Working days: the 1st of August 2026 is a Saturday, the 31st of May 2026 a Sunday.
        ("cron(0 9 3W * ? *)", "2026-10-01T00:00", "2026-10-02T09:00"),
        ("cron(0 9 1W 8 ? *)", "2026-01-01T00:00", "2026-08-03T09:00"),
        ("cron(0 9 31W 5 ? *)", "2026-01-01T00:00", "2026-05-29T09:00"),
        ("cron(0 9 31W * ? *)", "2026-06-01T00:00", "2026-07-31T09:00"),
        ("cron(0 9 LW 5 ? *)", "2026-01-01T00:00", "2026-05-29T09:00"),
        ("cron(0 9 LW 11 ? *)", "2026-01-01T00:00", "2026-11-30T09:00"),
        // Weekdays: 3#2 is the second Tuesday, 6L the last Friday, L the last day of the week.
        ("cron(0 9 ? * 3#2 *)", "2026-11-01T00:00", "2026-11-10T09:00"),
        ("cron(0 9 ? * TUE#2 *)", "2026-11-10T09:00", "2026-12-08T09:00"),
        ("cron(0 9 ? * 2#5 *)", "2026-10-01T00:00", "2026-11-30T09:00"),
        ("cron(15 10 ? * 6L 2026-2030)", "2026-11-01T00:00", "2026-11-27T10:15"),
        ("cron(15 10 ? * FRIL *)", "2026-11-27T10:15", "2026-12-25T10:15"),
        ("cron(0 0 ? * L *)", "2026-11-26T00:00", "2026-11-28T00:00"),
        ("cron(0 0 ? * 1 *)", "2026-11-26T00:00", "2026-11-29T00:00"),
        // Lists, names in any case, steps over ranges, years.
        ("cron(5,35 14 * * ? *)", "2026-11-26T14:05", "2026-11-26T14:35"),
        ("cron(0 0 1 jan,Jul ? *)", "2026-02-01T00:00", "2026-07-01T00:00"),
        ("cron(0 0 1-10/3 * ? *)", "2026-11-07T00:00", "2026-11-10T00:00"),
        ("cron(0 0 1 1 ? 2030)", "2026-01-01T00:00", "2030-01-01T00:00"),
        ("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00", ""),
        ("cron(59 23 31 12 ? 2199)", "2199-12-31T23:59", ""),
        ("cron(0 0 1 1 ? 2026/4)", "2026-01-01T00:00", "2030-01-01T00:00"),
    ] {
        if after.is_empty() {
            assert!(Schedule::parse(expression).is_err(), "{expression}");
            continue;
        }
        assert_eq!(next(expression, after).unwrap_or_default(), due, "{expression} after {after}");
    }
}

#[test]
fn rates_are_due_from_their_anchor() {
    let anchor = Millis(1_000_003);
    for (expression, every_ms) in [
        ("rate(1 minute)", 60_000),
        ("rate(5 minutes)", 300_000),
        ("rate(1 hour)", 3_600_000),
        ("rate(2 hours)", 7_200_000),
        ("rate(1 day)", 86_400_000),
        ("rate( 7  days )", 604_800_000),
    ] {
        let rate = Schedule::parse(expression).unwrap();
        assert_eq!(rate, Schedule::Rate(every_ms), "{expression}");
        for (after, due) in [(anchor.0, 1), (anchor.0 + every_ms - 1, 1), (anchor.0 + every_ms, 2), (0, 1)] {
            assert_eq!(rate.next_after(Millis(after), anchor), Some(Millis(anchor.0 + due * every_ms)), "{expression}");
        }
    }
}

#[test]
fn what_was_missed_is_the_last_due_time() {
    let cron = Schedule::parse("cron(0 9 ? * MON-FRI *)").unwrap();
    for (now, after, due) in [
        // A weekend and two days away: of four times one.
        ("2026-11-26T08:59", "2026-11-20T09:00", Some("2026-11-25T09:00")),
        ("2026-11-26T09:00", "2026-11-20T09:00", Some("2026-11-26T09:00")),
        ("2026-11-22T12:00", "2026-11-20T09:00", None),
        ("2026-11-22T12:00", "2026-11-20T08:59", Some("2026-11-20T09:00")),
        ("2036-11-22T12:00", "1970-01-01T00:00", Some("2036-11-21T09:00")),
    ] {
        assert_eq!(cron.last_until(time(now), time(after), Millis(0)), due.map(time), "{now} {after}");
    }
    let rate = Schedule::parse("rate(5 minutes)").unwrap();
    let (anchor, minute) = (Millis(7), MINUTE_MS);
    assert_eq!(rate.last_until(Millis(7 + 17 * minute), anchor, anchor), Some(Millis(7 + 15 * minute)));
    assert_eq!(rate.last_until(Millis(7 + 4 * minute), anchor, anchor), None);
    assert_eq!(rate.last_until(Millis(7 + 17 * minute), Millis(7 + 15 * minute), anchor), None);
}

#[test]
fn the_next_time_is_the_one_that_a_minute_by_minute_walk_finds() {
    for expression in
        ["cron(7/13 3,5,21 ? * 2#3,4 *)", "cron(7/13 3,5,21 ? * 4L *)", "cron(3 */7 2/9 * ? *)", "cron(0 12 15W * ? *)"]
    {
        let Ok(schedule) = Schedule::parse(expression) else { continue };
        let mut due = time("2026-11-26T00:00");
        for _ in 0..40 {
            let after = due;
            due = schedule.next_after(after, Millis(0)).unwrap();
            assert!(due > after);
            // Asked from any minute between, the answer is the same.
            let middle = Millis(after.0 + (due.0 - after.0) / 2 / MINUTE_MS * MINUTE_MS);
            assert!(middle == due || schedule.next_after(middle, Millis(0)) == Some(due), "{expression} {after} {due}");
        }
    }
}

#[test]
fn what_is_no_schedule_is_refused() {
    for (expression, why) in [
        ("", "`rate(…)` or `cron(…)`"),
        ("at(2026-11-26T00:00:00)", "`rate(…)` or `cron(…)`"),
        ("rate()", "a value and a unit"),
        ("rate(0 minutes)", "positive"),
        ("rate(-1 minutes)", "positive"),
        ("rate(1.5 hours)", "positive"),
        ("rate(1 minutes)", "singular"),
        ("rate(2 minute)", "plural"),
        ("rate(5 seconds)", "unit is"),
        ("rate(99999999999 days)", "positive"),
        ("cron(* * * * *)", "six fields"),
        ("cron(* * * * * *)", "must be `?`"),
        ("cron(0 9 1 * MON *)", "must be `?`"),
        ("cron(* * ? * ? *)", "must say which"),
        ("cron(60 * * * ? *)", "`60` is no value of minutes, which are 0 to 59"),
        ("cron(* 24 * * ? *)", "hours"),
        ("cron(* * 0 * ? *)", "day-of-month"),
        ("cron(* * 32 * ? *)", "day-of-month"),
        ("cron(* * * 13 ? *)", "month"),
        ("cron(* * ? * 8 *)", "day-of-week"),
        ("cron(* * ? * 0 *)", "day-of-week"),
        ("cron(* * * * ? 1969)", "year"),
        ("cron(* * * * ? 2200)", "year"),
        ("cron(*/0 * * * ? *)", "no step"),
        ("cron(, * * * ? *)", "minutes"),
        ("cron(5-1 * * * ? *)", "ends before it begins"),
        ("cron(+5 * * * ? *)", "minutes"),
        ("cron(? * * * ? *)", "minutes"),
        ("cron(L * * * ? *)", "minutes"),
        ("cron(* * W * ? *)", "day-of-month"),
        ("cron(* * 40W * ? *)", "day-of-month"),
        ("cron(* * L-3 * ? *)", "day-of-month"),
        ("cron(* * ? * 3#6 *)", "`#6`"),
        ("cron(* * ? * #1 *)", "day-of-week"),
    ] {
        let told = Schedule::parse(expression).unwrap_err().to_string();
        assert!(told.contains(why), "{expression}: {told}");
    }
}
