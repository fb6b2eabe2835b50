//! Turns the change log's triggers off for a part of a transaction, which then writes one row of its own, or none.

use diesel::connection::SimpleConnection;

use crate::store::StoreError;
use crate::store::connection::Conn;

/// Turns the triggers off until [`resume`]. A rollback turns them on, too.
pub fn pause(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(conn.batch_execute(match conn {
        Conn::Pg(_) => "set local jeton.quiet = 'on'",
        Conn::Sqlite(_) => "insert or ignore into meta (key, value) values ('change_log_paused', '')",
    })?)
}

/// Turns the triggers on.
pub fn resume(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(conn.batch_execute(match conn {
        // Ends with the transaction, as in `pause`.
        Conn::Pg(_) => "set local jeton.quiet = 'off'",
        Conn::Sqlite(_) => "delete from meta where key = 'change_log_paused'",
    })?)
}

/// Writes the row that says that anything may have changed.
pub fn everything_changed(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(conn.batch_execute(match conn {
        Conn::Pg(_) => "insert into changes (what, subject) values ('all', '') on conflict do nothing",
        Conn::Sqlite(_) => "insert into changes (what, subject) values ('all', '')",
    })?)
}
