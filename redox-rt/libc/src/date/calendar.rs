//! From seconds to dates and back, in the Gregorian calendar, at any distance. Pure.

const DAY: i64 = 86_400;
/// Days in 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// From 1 March of year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;

/// A date and time, with the fields of C's `struct tm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Date {
    /// Seconds, 0 to 59.
    pub(crate) second: i32,
    /// Minutes, 0 to 59.
    pub(crate) minute: i32,
    /// Hours, 0 to 23.
    pub(crate) hour: i32,
    /// Day of the month, from 1.
    pub(crate) day: i32,
    /// Month, from 0.
    pub(crate) month: i32,
    /// Years since 1900.
    pub(crate) year: i32,
    /// Day of the week; 0 is Sunday.
    pub(crate) weekday: i32,
    /// Day of the year, from 0.
    pub(crate) yearday: i32,
}

/// Whether a year has 366 days.
pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1 January 1970 to a day of a month (1 to 12) of a year.
///
/// The year is counted from March, so that the day that comes and goes is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// The date of an instant in seconds since 1970. `None`: its year does not fit.
pub(crate) fn date(seconds: i64) -> Option<Date> {
    let (day, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let from_epoch = day + EPOCH;
    let (era, of_era) = (from_epoch.div_euclid(ERA), from_epoch.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some(Date {
        second: (rest % 60) as i32,
        minute: (rest / 60 % 60) as i32,
        hour: (rest / 3600) as i32,
        day: (of_year - (153 * from_march + 2) / 5 + 1) as i32,
        month: month as i32 - 1,
        year: i32::try_from(year - 1900).ok()?,
        weekday: (day + 4).rem_euclid(7) as i32,
        yearday: (day - days(year, 1, 1)) as i32,
    })
}

/// The instant of a date whose fields may be anything: 70 seconds are a minute and ten. The day of
/// the week and of the year are not looked at.
pub(crate) fn seconds(date: &Date) -> i64 {
    let month = i64::from(date.month);
    let year = i64::from(date.year) + 1900 + month.div_euclid(12);
    let day = days(year, month.rem_euclid(12) + 1, 1) + i64::from(date.day) - 1;
    let hours = day * 24 + i64::from(date.hour);
    (hours * 60 + i64::from(date.minute)) * 60 + i64::from(date.second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants_have_their_dates() {
        let show = |seconds| {
            let it = date(seconds).unwrap();
            let (year, month) = (i64::from(it.year) + 1900, it.month + 1);
            (year, month, it.day, it.hour, it.minute, it.second, it.weekday, it.yearday)
        };
        assert_eq!(show(0), (1970, 1, 1, 0, 0, 0, 4, 0));
        assert_eq!(show(-1), (1969, 12, 31, 23, 59, 59, 3, 364));
        assert_eq!(show(951_827_696), (2000, 2, 29, 12, 34, 56, 2, 59));
        assert_eq!(show(4_107_542_399), (2100, 2, 28, 23, 59, 59, 0, 58));
        assert_eq!(show(4_107_542_400), (2100, 3, 1, 0, 0, 0, 1, 59));
        assert_eq!(show(-62_135_596_800), (1, 1, 1, 0, 0, 0, 1, 0));
    }

    #[test]
    fn fields_beyond_their_range_carry() {
        let date = Date {
            second: 70,
            minute: 59,
            hour: 23,
            day: 31,
            month: 11,
            year: 99,
            ..Date::default()
        };
        assert_eq!(seconds(&date), 946_684_810);
        let date = Date { day: 0, month: -10, year: 71, ..Date::default() };
        assert_eq!(seconds(&date), 31 * DAY + 27 * DAY);
    }

    #[test]
    fn years_that_do_not_fit_are_told() {
        assert_eq!(date(i64::MAX), None);
        assert_eq!(date(i64::MIN), None);
        let extreme = Date {
            second: i32::MIN,
            minute: i32::MIN,
            hour: i32::MIN,
            day: i32::MIN,
            month: i32::MIN,
            year: i32::MIN,
            ..Date::default()
        };
        assert!(seconds(&extreme) < -(1 << 55));
    }

    proptest! {
        #[test]
        fn dates_and_instants_are_the_same_thing(instant in -(1i64 << 55)..(1i64 << 55)) {
            let date = date(instant).unwrap();
            prop_assert_eq!(seconds(&date), instant);
            prop_assert!((1..=31).contains(&date.day) && (0..12).contains(&date.month));
            let last = if is_leap(i64::from(date.year) + 1900) { 365 } else { 364 };
            prop_assert!((0..=last).contains(&date.yearday));
        }
    }
}
