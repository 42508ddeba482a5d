use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;

/// Formats a time as `20260131T235959Z`, so that the names sort by time.
pub(crate) fn utc_name(moment: SystemTime) -> String {
    let unix_s = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = date(unix_s / DAY_S);
    let second = unix_s % DAY_S;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Returns the Gregorian date of a day since the epoch, by Howard Hinnant's `civil_from_days`: years begin in March, so
/// that a leap day is the last of its year.
const fn date(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_FROM_MARCH_0000: u64 = 719_468;
    const ERA_DAYS: u64 = 146_097;
    let days = days_since_epoch + DAYS_FROM_MARCH_0000;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_match_the_calendar() {
        let moments = [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_798_761_599, "20261231T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ];
        for (unix_s, name) in moments {
            assert_eq!(utc_name(UNIX_EPOCH + Duration::from_secs(unix_s)), name);
        }
    }
}
