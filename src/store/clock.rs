//! What a node's clock is compared with: the database's clock, or, over SQLite, the last trusted time.

use chrono::NaiveDateTime;
use diesel::dsl::{max, sql};
use diesel::prelude::*;
use diesel::sql_types::Timestamp as SqlTimestamp;

use super::connection::Conn;
use super::meta::put;
use super::schema::audit_log;
use super::{MetaKey, Store, StoreError};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Timestamp;

impl Store {
    /// Three times that were read one after the other: `read_clock`'s, the database's, and `read_clock`'s again. `None`
    /// for SQLite, which uses the machine's clock.
    pub fn compare_clocks(&self, read_clock: impl Fn() -> Timestamp) -> Result<Option<[Timestamp; 3]>, StoreError> {
        match &self.url {
            DatabaseUrl::Postgres(_) => {}
            DatabaseUrl::Sqlite(_) => return Ok(None),
        }
        // The connection is taken before the first reading, because waiting for one is not part of the round trip.
        self.read(|conn| match conn {
            Conn::Pg(pg) => {
                let before = read_clock();
                let theirs: NaiveDateTime = diesel::select(sql::<SqlTimestamp>("clock_timestamp()")).get_result(pg)?;
                Ok(Some([before, Timestamp::from_naive(theirs), read_clock()]))
            }
            Conn::Sqlite(_) => Ok(None),
        })
    }

    /// The last trusted time: see [`Store::store_trusted_time`].
    pub fn last_trusted_time(&self) -> Result<Option<Timestamp>, StoreError> {
        let micros = self.meta(MetaKey::LastTrustedTime)?.and_then(|text| text.parse().ok());
        Ok(micros.map(Timestamp::from_micros))
    }

    /// The time of the newest audit entry, by the clock of the node that wrote it.
    pub fn newest_entry(&self) -> Result<Option<Timestamp>, StoreError> {
        let newest: Option<NaiveDateTime> =
            self.read(|conn| Ok(audit_log::table.select(max(audit_log::at)).first(conn)?))?;
        Ok(newest.map(Timestamp::from_naive))
    }

    /// Stores the time of a node that trusts its clock, for the next node that starts.
    pub fn store_trusted_time(&self, now: Timestamp) -> Result<(), StoreError> {
        let micros = now.as_micros().to_string();
        self.write(|conn| put(conn, MetaKey::LastTrustedTime, &micros))
    }
}
