//! Transactions that write their own row into the change log, or none, instead of one for each row that they change.

use diesel::connection::SimpleConnection;

use crate::store::StoreError;
use crate::store::connection::Conn;

/// The triggers write nothing until [`resume`], or the end of the transaction that rolls this back.
pub fn pause(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(conn.batch_execute(match conn {
        Conn::Pg(_) => "set local jeton.quiet = 'on'",
        Conn::Sqlite(_) => "insert or ignore into meta (key, value) values ('change_log_paused', '')",
    })?)
}

/// The triggers write again.
pub fn resume(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(conn.batch_execute(match conn {
        // The setting ends with the transaction.
        Conn::Pg(_) => "set local jeton.quiet = 'off'",
        Conn::Sqlite(_) => "delete from meta where key = 'change_log_paused'",
    })?)
}

/// Writes that anything may have changed.
pub fn everything_changed(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(conn.batch_execute(match conn {
        Conn::Pg(_) => "insert into changes (what, subject) values ('all', '') on conflict do nothing",
        Conn::Sqlite(_) => "insert into changes (what, subject) values ('all', '')",
    })?)
}
