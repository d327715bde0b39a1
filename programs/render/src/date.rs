//! Points in time as text, in UTC.
use alloc::format;
use alloc::string::String;

const DAY: i64 = 86_400;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01.
///
/// The calendar repeats every 400 years, which are 146,097 days. Counted from March, the leap day
/// is the last of its year, and the lengths of months are 153 days in every five.
#[must_use]
pub fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// Seconds since 1970 as `2026-11-21 09:46:18`.
#[must_use]
pub fn text(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_have_their_dates() {
        assert_eq!(text(0), "1970-01-01 00:00:00");
        assert_eq!(text(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(text(1_795_254_378), "2026-11-21 09:46:18");
        assert_eq!(text(-1), "1969-12-31 23:59:59");
        assert_eq!(text(4_107_542_400), "2100-03-01 00:00:00");
    }

    #[test]
    fn days_follow_each_other_without_gap() {
        let mut last = civil(-1_000_000);
        for day in -999_999..1_000_000 {
            let next = civil(day);
            let successor = next == (last.0, last.1, last.2 + 1)
                || next == (last.0, last.1 + 1, 1)
                || (next == (last.0 + 1, 1, 1) && (last.1, last.2) == (12, 31));
            assert!(successor, "{last:?} {next:?}");
            last = next;
        }
    }

    #[test]
    fn no_time_is_too_far() {
        for seconds in [i64::MIN, i64::MAX] {
            assert!(!text(seconds).is_empty());
        }
    }
}
