//! Counts for the console's first page. Each is bounded, so that none scans a whole large table.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamp as SqlTimestamp};

use super::audit::REFUSED;
use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::time::Timestamp;

/// Counting stops here.
pub const MAX_COUNTED: i64 = 50_000;

/// Of how many of the newest refused logins the names and addresses are compared.
pub const MAX_COMPARED: i64 = 10_000;

/// How many names and addresses with refused logins are listed.
const MOST_REFUSED: usize = 5;

/// How many users there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserCounts {
    /// At most [`MAX_COUNTED`].
    pub all: i64,
    /// How many of them are inactive.
    pub inactive: i64,
}

/// How many tokens are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveTokenCount {
    /// How many were found.
    pub count: i64,
    /// Whether all tokens were looked at.
    pub is_whole: bool,
}

/// Logins hour by hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginHours<const HOURS: usize> {
    /// The oldest hour first.
    pub hours: [HourOfLogins; HOURS],
    /// Whether all entries of these hours were counted.
    pub is_whole: bool,
}

/// Logins of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourOfLogins {
    /// Successful logins.
    pub good: i64,
    /// Refused logins.
    pub refused: i64,
}

/// The names and the addresses with the most refused logins, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MostRefused {
    /// Names that somebody tried to log in with; not all belong to a user.
    pub names: Vec<Refused>,
    /// Addresses that the logins came from.
    pub addresses: Vec<Refused>,
    /// Whether there are no more refused logins than were compared.
    pub is_whole: bool,
}

/// Refused logins with one name, or from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name or the address.
    pub subject: String,
    /// How many.
    pub count: i64,
    /// When the last one was.
    pub last: Timestamp,
}

#[derive(QueryableByName)]
struct RefusedRow {
    #[diesel(sql_type = BigInt)]
    is_name: i64,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = BigInt)]
    refusals: i64,
    #[diesel(sql_type = SqlTimestamp)]
    last_at: NaiveDateTime,
}

#[derive(QueryableByName)]
struct TwoCounts {
    #[diesel(sql_type = BigInt)]
    one: i64,
    #[diesel(sql_type = BigInt)]
    other: i64,
}

#[derive(QueryableByName)]
struct Hour {
    #[diesel(sql_type = BigInt)]
    ago: i64,
    #[diesel(sql_type = BigInt)]
    good: i64,
    #[diesel(sql_type = BigInt)]
    refused: i64,
    #[diesel(sql_type = BigInt)]
    entries: i64,
}

impl Store {
    /// Users, active or not.
    pub fn count_users(&self) -> Result<UserCounts, StoreError> {
        let counted = format!(
            "select count(*) as one, coalesce(sum(case when is_active then 0 else 1 end), 0) as other \
             from (select is_active from users limit {MAX_COUNTED}) as some_users"
        );
        self.read(|conn| {
            let query = diesel::sql_query(&counted);
            let two: TwoCounts = match conn {
                Conn::Pg(pg) => query.get_result(pg)?,
                Conn::Sqlite(sqlite) => query.get_result(sqlite)?,
            };
            Ok(UserCounts { all: two.one, inactive: two.other })
        })
    }

    /// Live tokens among the [`MAX_COUNTED`] oldest ones.
    pub fn count_live_tokens(&self, now: Timestamp) -> Result<LiveTokenCount, StoreError> {
        let counted = format!(
            "select count(*) as one, count(case when is_live then 1 end) as other from (select \
             (revoked_at is null or (grace_until = revoked_at and grace_until > $1)) \
             and (expires_at is null or expires_at > $1) as is_live \
             from tokens order by id limit {}) as some_tokens",
            MAX_COUNTED + 1
        );
        self.read(|conn| {
            let query = diesel::sql_query(&counted).bind::<SqlTimestamp, _>(now.naive());
            let two: TwoCounts = match conn {
                Conn::Pg(pg) => query.get_result(pg)?,
                Conn::Sqlite(sqlite) => query.get_result(sqlite)?,
            };
            Ok(LiveTokenCount { count: two.other, is_whole: two.one <= MAX_COUNTED })
        })
    }

    /// The names and addresses with the most refused logins in the day before `now`. Only the newest [`MAX_COMPARED`]
    /// refusals are counted.
    pub fn most_refused(&self, now: Timestamp) -> Result<MostRefused, StoreError> {
        let (since, until) = (now.before(std::time::Duration::from_hours(24)).naive(), now.naive());
        let most = |is_name: u8, column: &str| {
            format!(
                "select * from (select {is_name} as is_name, {column} as subject, count(*) as refusals, max(at) as last_at from newest \
                 where {column} is not null group by {column} order by 3 desc, 2 limit {MOST_REFUSED}) as by_{column}"
            )
        };
        let query = format!(
            "with newest as (select at, target, address from audit_log where at > ? and at <= ? \
             and {REFUSED} order by at desc limit {MAX_COMPARED}) {} union all {} union all \
             select 2 as is_name, '' as subject, count(*) as refusals, max(at) as last_at from newest having count(*) > 0",
            most(1, "target"),
            most(0, "address")
        );
        let rows: Vec<RefusedRow> = self.read(|conn| match conn {
            Conn::Pg(pg) => {
                let query = query
                    .replacen('?', "$1", 1)
                    .replacen('?', "$2", 1)
                    .replace("select 1 as", "select 1::bigint as")
                    .replace("select 2 as", "select 2::bigint as");
                let query = diesel::sql_query(query.replace("select 0 as", "select 0::bigint as"));
                Ok(query.bind::<SqlTimestamp, _>(since).bind::<SqlTimestamp, _>(until).load(pg)?)
            }
            Conn::Sqlite(sqlite) => {
                let query = diesel::sql_query(&query);
                Ok(query.bind::<SqlTimestamp, _>(since).bind::<SqlTimestamp, _>(until).load(sqlite)?)
            }
        })?;
        let mut most = MostRefused { is_whole: true, ..MostRefused::default() };
        for RefusedRow { is_name, subject, refusals, last_at } in rows {
            let list = match is_name {
                0 => &mut most.addresses,
                1 => &mut most.names,
                _ => {
                    most.is_whole = refusals < MAX_COMPARED;
                    continue;
                }
            };
            list.push(Refused { subject, count: refusals, last: Timestamp::from_naive(last_at) });
        }
        Ok(most)
    }

    /// Successful and refused logins of each hour before `now`, the oldest hour first. Only the newest [`MAX_COUNTED`]
    /// entries of the audit log are counted.
    pub fn count_logins<const HOURS: usize>(&self, now: Timestamp) -> Result<LoginHours<HOURS>, StoreError> {
        let since = now.before(std::time::Duration::from_hours(HOURS as u64));
        let by_hour = |ago: &str| {
            format!(
                "select {ago} as ago, sum(case when action = 'login' then 1 else 0 end) as good, \
                 sum(case when action = 'login.failed' then 1 else 0 end) as refused, count(*) as entries \
                 from (select at, action from audit_log where at > $1 and at <= $2 order by at desc \
                 limit {MAX_COUNTED}) as newest group by 1"
            )
        };
        let (since, until) = (since.naive(), now.naive());
        let rows: Vec<Hour> = self.read(|conn| match conn {
            Conn::Pg(pg) => {
                // Not `extract`, which calculates with decimal digits.
                let ago = "floor(date_part('epoch', $2 - at) / 3600)::bigint";
                let query =
                    diesel::sql_query(by_hour(ago).replace("$1", "$1::timestamptz").replace("$2", "$2::timestamptz"));
                Ok(query.bind::<SqlTimestamp, _>(since).bind::<SqlTimestamp, _>(until).load(pg)?)
            }
            Conn::Sqlite(sqlite) => {
                let ago = "cast((julianday($2) - julianday(at)) * 24 as integer)";
                // SQLite numbers `$1` and `$2` by their first occurrence.
                let query = diesel::sql_query(by_hour(ago).replace('$', "?"));
                Ok(query.bind::<SqlTimestamp, _>(since).bind::<SqlTimestamp, _>(until).load(sqlite)?)
            }
        })?;
        let mut hours = [HourOfLogins::default(); HOURS];
        let is_whole = rows.iter().map(|row| row.entries).sum::<i64>() < MAX_COUNTED;
        for row in rows {
            let index = usize::try_from(row.ago).ok().and_then(|ago| HOURS.checked_sub(ago + 1));
            if let Some(hour) = index.and_then(|index| hours.get_mut(index)) {
                *hour = HourOfLogins { good: row.good, refused: row.refused };
            }
        }
        Ok(LoginHours { hours, is_whole })
    }
}
