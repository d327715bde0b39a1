//! The firmware's calendar as seconds since 1970.

/// A time as the firmware gives it.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// Year, 1900 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Minutes to add to come to UTC; 0 if unknown.
    pub to_utc: i16,
}

impl Calendar {
    /// Seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        // Years that start in March put the leap day last (Howard Hinnant, "chrono-compatible
        // low-level date algorithms").
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year.saturating_sub(1) } else { year };
        let month_from_march = month.saturating_add(9).rem_euclid(12);
        let day_of_year = month_from_march
            .saturating_mul(153)
            .saturating_add(2)
            .div_euclid(5)
            .saturating_add(i64::from(self.day))
            .saturating_sub(1);
        let days = year
            .saturating_mul(365)
            .saturating_add(year.div_euclid(4))
            .saturating_sub(year.div_euclid(100))
            .saturating_add(year.div_euclid(400))
            .saturating_add(day_of_year)
            .saturating_sub(719_468);
        days.saturating_mul(86_400)
            .saturating_add(i64::from(self.hour).saturating_mul(3600))
            .saturating_add(i64::from(self.minute).saturating_mul(60))
            .saturating_add(i64::from(self.second))
            .saturating_add(i64::from(self.to_utc).saturating_mul(60))
    }
}

#[cfg(test)]
mod tests {
    use super::Calendar;

    fn at(year: u16, month: u8, day: u8, hour: u8) -> i64 {
        Calendar { year, month, day, hour, minute: 0, second: 0, to_utc: 0 }.unix_seconds()
    }

    #[test]
    fn known_dates_are_right() {
        assert_eq!(at(1970, 1, 1, 0), 0);
        assert_eq!(at(2000, 2, 29, 12), 951_825_600);
        assert_eq!(at(2000, 3, 1, 0), 951_868_800);
        assert_eq!(at(2026, 11, 21, 0), 1_795_219_200);
        assert_eq!(at(2100, 3, 1, 0), 4_107_542_400);
    }

    #[test]
    fn a_time_zone_is_taken_off() {
        let berlin =
            Calendar { year: 1970, month: 1, day: 1, hour: 1, minute: 0, second: 0, to_utc: -60 };
        assert_eq!(berlin.unix_seconds(), 0);
    }
}
