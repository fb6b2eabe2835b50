//! Times as both databases store them.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// A time in UTC, in whole microseconds, which both databases can store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Later than every other time.
    pub const NEVER: Self = Self(i64::MAX);

    /// The beginning of the year 0, which both databases can store.
    pub const EARLIEST: Self = Self(-62_167_219_200_000_000);

    /// The end of the year 9999: SQLite's text cannot order a later time.
    pub const LATEST: Self = Self(253_402_300_799_999_999);

    /// From microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From RFC 3339 text (`2026-11-23T08:00:00Z`), or a date, which means its beginning in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment =
            DateTime::parse_from_rfc3339(text).map(|moment| moment.with_timezone(&Utc)).ok().or_else(|| {
                let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                Some(date.and_hms_opt(0, 0, 0)?.and_utc())
            })?;
        // The range that both databases can store.
        (0..=9999).contains(&moment.year()).then(|| Self(moment.timestamp_micros()))
    }

    /// From a database value without a zone, which is always UTC here.
    #[must_use]
    pub fn from_naive(naive: NaiveDateTime) -> Self {
        Self(naive.and_utc().timestamp_micros())
    }

    /// The same moment without its zone, for the database.
    #[must_use]
    pub fn naive(self) -> NaiveDateTime {
        self.datetime().naive_utc()
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down: `iat` and `exp` of RFC 7662.
    #[must_use]
    pub const fn epoch_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time `span` later, but at most the last representable time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(DateTime::<Utc>::MAX_UTC.timestamp_micros()))
    }

    /// The time `span` earlier, but not before [`Timestamp::EARLIEST`].
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        // Never later than `self`: a database may hold an even earlier time.
        Self(self.0.saturating_sub(micros).max(Self::EARLIEST.0.min(self.0)))
    }

    /// How long from `earlier` to this moment; zero when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The absolute difference of two times.
    #[must_use]
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// If this is the current time: the latest stored time that is plausible. A later one was written by a wrong clock,
    /// and is replaced. The margin of a day prevents a clock that is some hours behind from moving times back.
    #[must_use]
    pub fn latest_plausible(self) -> Self {
        self.after(Duration::from_hours(24))
    }

    /// As in HTTP headers: `Sun, 06 Nov 1994 08:49:37 GMT`.
    #[must_use]
    pub fn http_date(self) -> String {
        self.datetime().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// For tables that people read: `2026-11-23 08:00Z`.
    #[must_use]
    pub fn to_minute(self) -> String {
        self.datetime().format("%Y-%m-%d %H:%MZ").to_string()
    }

    fn datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// RFC 3339 as DRF's `DateTimeField` writes it: microseconds only when there are any, `Z` for UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = if self.0 % 1_000_000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
        f.write_str(&self.datetime().to_rfc3339_opts(precision, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some("A moment, in UTC (RFC 3339)."));
        let text = text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        text.examples(["2026-01-31T09:30:00.123456Z"]).into()
    }
}

impl ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_times_to_the_minute() {
        assert_eq!(Timestamp::parse("2026-11-23T10:59:59.999999+02:00").unwrap().to_minute(), "2026-11-23 08:59Z");
    }

    #[test]
    fn a_time_before_another_is_not_later() {
        let day = Duration::from_hours(24);
        for (time, expected) in [
            ("2026-01-02", "2026-01-01"),
            ("1970-01-01", "1969-12-31"),
            ("1969-01-02", "1969-01-01"),
            ("0000-01-01T12:00:00Z", "0000-01-01"),
            ("0000-01-01", "0000-01-01"),
        ] {
            assert_eq!(Timestamp::parse(time).unwrap().before(day), Timestamp::parse(expected).unwrap(), "{time}");
        }
        assert_eq!(Timestamp::parse("2026-01-02").unwrap().before(Duration::MAX), Timestamp::EARLIEST);
        assert_eq!(Timestamp(i64::MIN).before(day), Timestamp(i64::MIN));
    }
}
