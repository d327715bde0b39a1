//! What `strftime` writes, in the *C* locale. Pure.
use super::calendar::{Date, is_leap, seconds};
use core::fmt::{self, Write};

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The number of the week of the year whose weeks start on a day (0: Sunday, 1: Monday).
fn week(date: &Date, start: i32) -> i32 {
    (date.yearday + 7 - (date.weekday - start).rem_euclid(7)) / 7
}

/// Year and week by ISO 8601: weeks start on Monday, the first holds 4 January.
fn iso_week(date: &Date) -> (i64, i32) {
    let year = i64::from(date.year) + 1900;
    let weekday = (date.weekday + 6).rem_euclid(7);
    let week = (date.yearday - weekday + 10).div_euclid(7);
    let weeks_of = |year: i64, first: i32| {
        // A year has 53 weeks when it starts on Thursday, or on Wednesday and is leap.
        if first == 3 || (first == 2 && is_leap(year)) { 53 } else { 52 }
    };
    let first = (weekday - date.yearday).rem_euclid(7);
    if week < 1 {
        let before = if is_leap(year - 1) { 366 } else { 365 };
        (year - 1, weeks_of(year - 1, (first - before).rem_euclid(7)))
    } else if week > weeks_of(year, first) {
        (year + 1, 1)
    } else {
        (year, week)
    }
}

/// Writes a date as a format says. Errors are the writer's own.
pub(crate) fn format(format: &str, date: &Date, out: &mut impl Write) -> fmt::Result {
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.write_char(character)?;
            continue;
        }
        // Alternative forms are those of the locale, which has none.
        let field = match rest.next() {
            Some('E' | 'O') => rest.next(),
            field => field,
        };
        match field {
            Some(field) => conversion(field, date, out)?,
            None => out.write_char('%')?,
        }
    }
    Ok(())
}

fn conversion(field: char, date: &Date, out: &mut impl Write) -> fmt::Result {
    let name = |names: &'static [&str], index: i32| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("?")
    };
    let year = i64::from(date.year) + 1900;
    let twelve = match date.hour.rem_euclid(12) {
        0 => 12,
        hour => hour,
    };
    match field {
        'a' => out.write_str(name(&WEEKDAYS, date.weekday).get(..3).unwrap_or("?")),
        'A' => out.write_str(name(&WEEKDAYS, date.weekday)),
        'b' | 'h' => out.write_str(name(&MONTHS, date.month).get(..3).unwrap_or("?")),
        'B' => out.write_str(name(&MONTHS, date.month)),
        'c' => format("%a %b %e %H:%M:%S %Y", date, out),
        'C' => write!(out, "{:02}", year.div_euclid(100)),
        'd' => write!(out, "{:02}", date.day),
        'D' | 'x' => format("%m/%d/%y", date, out),
        'e' => write!(out, "{:2}", date.day),
        'F' => format("%Y-%m-%d", date, out),
        'g' => write!(out, "{:02}", iso_week(date).0.rem_euclid(100)),
        'G' => write!(out, "{}", iso_week(date).0),
        'H' => write!(out, "{:02}", date.hour),
        'I' => write!(out, "{twelve:02}"),
        'j' => write!(out, "{:03}", date.yearday + 1),
        'k' => write!(out, "{:2}", date.hour),
        'l' => write!(out, "{twelve:2}"),
        'm' => write!(out, "{:02}", date.month + 1),
        'M' => write!(out, "{:02}", date.minute),
        'n' => out.write_char('\n'),
        'p' => out.write_str(if date.hour < 12 { "AM" } else { "PM" }),
        'P' => out.write_str(if date.hour < 12 { "am" } else { "pm" }),
        'r' => format("%I:%M:%S %p", date, out),
        'R' => format("%H:%M", date, out),
        's' => write!(out, "{}", seconds(date)),
        'S' => write!(out, "{:02}", date.second),
        't' => out.write_char('\t'),
        'T' | 'X' => format("%H:%M:%S", date, out),
        'u' => write!(out, "{}", (date.weekday + 6).rem_euclid(7) + 1),
        'U' => write!(out, "{:02}", week(date, 0)),
        'V' => write!(out, "{:02}", iso_week(date).1),
        'w' => write!(out, "{}", date.weekday),
        'W' => write!(out, "{:02}", week(date, 1)),
        'y' => write!(out, "{:02}", year.rem_euclid(100)),
        'Y' => write!(out, "{year}"),
        'z' => out.write_str("+0000"),
        'Z' => out.write_str("UTC"),
        '%' => out.write_char('%'),
        // What is not known is left as it is.
        other => write!(out, "%{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::calendar::date;
    use super::*;
    use std::string::String;

    fn shown(wanted: &str, instant: i64) -> String {
        let mut text = String::new();
        format(wanted, &date(instant).unwrap(), &mut text).unwrap();
        text
    }

    #[test]
    fn dates_are_written_as_c_writes_them() {
        // 2000-02-29 09:04:05, a Tuesday.
        let instant = 951_815_045;
        for (wanted, expected) in [
            ("%Y-%m-%dT%H:%M:%SZ", "2000-02-29T09:04:05Z"),
            ("%c", "Tue Feb 29 09:04:05 2000"),
            ("%D %r %R", "02/29/00 09:04:05 AM 09:04"),
            ("%A, %e. %B", "Tuesday, 29. February"),
            ("%j %u %w %C %y %k|%l", "060 2 2 20 00  9| 9"),
            ("%s %z %Z %%", "951815045 +0000 UTC %"),
            ("%Ey %Od %q %", "00 29 %q %"),
            ("%n%t", "\n\t"),
        ] {
            assert_eq!(shown(wanted, instant), expected);
        }
        assert_eq!(shown("%I %p %I", 0), "12 AM 12");
    }

    #[test]
    fn weeks_are_counted_from_their_first_day() {
        // Instants of 1 January of some years, and what their weeks are.
        for (instant, expected) in [
            (1_104_537_600, "2005 2004-W53 00 00"), // Saturday
            (1_136_073_600, "2006 2005-W52 01 00"), // Sunday
            (1_167_609_600, "2007 2007-W01 00 01"), // Monday
            (1_230_768_000, "2009 2009-W01 00 00"), // Thursday
            (1_262_304_000, "2010 2009-W53 00 00"), // Friday
        ] {
            assert_eq!(shown("%Y %G-W%V %U %W", instant), expected);
        }
        // 31 December 2012 was a Monday.
        assert_eq!(shown("%G-W%V", 1_356_912_000), "2013-W01");
    }
}
