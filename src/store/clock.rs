//! The database's clock: asked to be compared with, and for nothing else.

use chrono::NaiveDateTime;
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Timestamp as SqlTimestamp;

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::time::Timestamp;

impl Store {
    /// What the database's clock says, between two looks at another one. `None` for SQLite, which has the machine's.
    pub fn compare_clocks(&self, look: impl Fn() -> Timestamp) -> Result<Option<[Timestamp; 3]>, StoreError> {
        if !self.url.is_postgres() {
            return Ok(None);
        }
        // With a connection in hand: the wait for one is not the way to the database.
        self.read(|conn| match conn {
            Conn::Pg(pg) => {
                let before = look();
                let theirs: NaiveDateTime = diesel::select(sql::<SqlTimestamp>("clock_timestamp()")).get_result(pg)?;
                Ok(Some([before, Timestamp::from_naive(theirs), look()]))
            }
            Conn::Sqlite(_) => Ok(None),
        })
    }
}
