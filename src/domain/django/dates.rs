//! Dates as Django's databases and dumps write them, with or without a zone.

use std::fmt;
use std::str::FromStr;

use chrono::{FixedOffset, NaiveDateTime, Offset, TimeDelta};

use super::super::time::Timestamp;

/// The zone of dates that are written without one: `TIME_ZONE` of a project with `USE_TZ = False`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeZone {
    /// By its name, with the rules that it had at each time.
    Named(chrono_tz::Tz),
    /// The same difference to UTC at all times.
    Fixed(FixedOffset),
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(zone) => zone.fmt(f),
            Self::Fixed(offset) => offset.fmt(f),
        }
    }
}

impl FromStr for TimeZone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(['+', '-']) {
            let fixed = text.parse().map(Self::Fixed);
            return fixed.map_err(|_| "write a difference to UTC as +02:00".into());
        }
        let named = text.parse().map(Self::Named);
        named.map_err(|_| "there is no such time zone: write Django's TIME_ZONE, as Europe/Berlin, or +02:00".into())
    }
}

impl TimeZone {
    /// The moment at which clocks there show this time. If they show it twice, because they are put back, it is the first
    /// of both; if they skip it, it is counted on from before, as Django does.
    fn moment(&self, shown: Timestamp) -> Timestamp {
        let shown = shown.naive();
        let moment = match self {
            Self::Named(zone) => utc(zone, shown),
            Self::Fixed(offset) => utc(offset, shown),
        };
        Timestamp::from_naive(moment.unwrap_or(shown)).max(Timestamp::EARLIEST)
    }
}

fn utc(zone: &impl chrono::TimeZone, shown: NaiveDateTime) -> Option<NaiveDateTime> {
    // No zone has skipped more than a day.
    let earlier = (0..=25).filter_map(|hours| shown.checked_sub_signed(TimeDelta::hours(hours)));
    let mut offsets = earlier.filter_map(|shown| zone.offset_from_local_datetime(&shown).earliest());
    shown.checked_sub_offset(offsets.next()?.fix())
}

/// Reads dates, and counts those whose zone nobody has said.
#[derive(Debug, Default)]
pub struct Dates<'a> {
    /// The zone of dates without one; UTC if it is not given.
    pub zone: Option<&'a TimeZone>,
    /// How many dates with a time of day, and without a zone, were read.
    pub without_zone: u64,
}

impl Dates<'_> {
    /// Reads a date as SQLite (text, as Django writes it), PostgreSQL (ISO style) or a dump has it.
    pub fn read(&mut self, text: &str) -> Option<Timestamp> {
        let (moment, is_without_zone) = read(text, self.zone)?;
        self.without_zone += u64::from(is_without_zone);
        Some(moment)
    }
}

/// The moment, and whether the text has a time of day without a zone.
fn read(text: &str, zone: Option<&TimeZone>) -> Option<(Timestamp, bool)> {
    let in_zone = |shown: Timestamp| zone.map_or(shown, |zone| zone.moment(shown));
    let Some((date, rest)) = text.split_at_checked(10).filter(|(_, rest)| !rest.is_empty()) else {
        // A date alone never has a zone, so it says nothing about how the project writes times.
        let is_date = text.len() == "2026-11-22".len();
        return Timestamp::parse(text).map(|shown| (if is_date { in_zone(shown) } else { shown }, false));
    };
    let rest = rest.strip_prefix([' ', 'T'])?;
    let (time, written) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
    let seconds = if time.len() == "00:00".len() { ":00" } else { "" };
    let offset = match (written.len(), written.contains(':')) {
        (0, _) => "Z".to_owned(),
        (3, _) => format!("{written}:00"),
        (5, false) => format!("{}:{}", written.get(..3)?, written.get(3..)?),
        _ => written.to_owned(),
    };
    let moment = Timestamp::parse(&format!("{date}T{time}{seconds}{offset}"))?;
    Some(if written.is_empty() { (in_zone(moment), true) } else { (moment, false) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_both_databases() {
        let zero = "2026-11-22T04:04:58Z";
        for (text, shown) in [
            ("2026-11-22 04:04:58", zero),
            ("2026-11-22T04:04:58", zero),
            ("2026-11-22 04:04:58+00", zero),
            ("2026-11-22 04:04:58+00:00", zero),
            ("2026-11-22T04:04:58Z", zero),
            ("2026-11-22 05:34:58+0130", zero),
            ("2026-11-21 23:34:58-04:30", zero),
            ("2026-11-22 04:04:58.04346+00", "2026-11-22T04:04:58.043460Z"),
            ("2026-11-22 04:04:58.043460", "2026-11-22T04:04:58.043460Z"),
            ("2026-11-22 04:04", "2026-11-22T04:04:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("1969-12-31 23:59:59", "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(read(text, None).map(|(moment, _)| moment.to_string()).as_deref(), Some(shown), "{text}");
        }
        for text in [
            "",
            "soon",
            "1763784298",
            "infinity",
            "0044-03-15 00:00:00+00 BC",
            "2026-02-30 00:00:00",
            "2026-11-22 ",
            "2026-11-22 24:00:01",
            "2026-11-22 04:04:58 CET",
            "2026-11-22é04:04",
            "11-22-2026 04:04:58",
        ] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn dates_without_a_zone_are_read_in_the_one_that_is_given() {
        for (zone, text, shown) in [
            ("Europe/Berlin", "2026-01-01 00:30:00", "2025-12-31T23:30:00Z"),
            ("Europe/Berlin", "2026-07-01T12:00:00.250", "2026-07-01T10:00:00.250000Z"),
            ("Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
            ("Europe/Berlin", "2026-07-01 12:00:00+00", "2026-07-01T12:00:00Z"),
            ("Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00Z"),
            // Shown twice, and skipped.
            ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
            ("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T22:00:00Z"),
            ("+02:00", "2026-01-01 00:30:00", "2025-12-31T22:30:00Z"),
            ("-0330", "2026-01-01 00:30:00", "2026-01-01T04:00:00Z"),
            ("UTC", "2026-01-01 00:30:00", "2026-01-01T00:30:00Z"),
            ("+14:00", "0000-01-01 00:30:00", "0000-01-01T00:00:00Z"),
        ] {
            let zone: TimeZone = zone.parse().unwrap();
            let found = read(text, Some(&zone)).map(|(moment, _)| moment.to_string());
            assert_eq!(found.as_deref(), Some(shown), "{text} in {zone:?}");
        }
        for text in ["", "Berlin", "europe/berlin", "+2", "+25:00", "CEST"] {
            assert!(text.parse::<TimeZone>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_without_a_zone_are_counted() {
        let mut dates = Dates::default();
        for text in ["2026-01-01 00:00:00", "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00:00Z", "soon"] {
            dates.read(text);
        }
        assert_eq!(dates.without_zone, 2);
    }
}
