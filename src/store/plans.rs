//! What a migration leaves of the statements that other sessions have prepared.
//!
//! A session goes on with the types that it was told when it prepared a statement. Where a migration gives a column another
//! type, or collation, PostgreSQL refuses the statement for as long as that session lives. This jeton prepares it anew
//! ([`StoreError::Outdated`]); those of before do not, and so their sessions are ended: they open others.

use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl, sql_query};

use super::StoreError;

/// A column of jeton's tables, and what it holds.
#[derive(diesel::QueryableByName)]
pub struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    held: String,
}

/// All columns there are.
pub fn columns(conn: &mut PgConnection) -> Result<Vec<Column>, StoreError> {
    let columns = "select attrelid::text || '.' || attnum::text as name, \
                   concat_ws(' ', atttypid, atttypmod, attcollation) as held \
                   from pg_attribute join pg_class on pg_class.oid = attrelid \
                   where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and attnum > 0 \
                   and not attisdropped";
    Ok(sql_query(columns).load(conn)?)
}

/// Ends jeton's other sessions, where a column that was there `before` holds something else now. Those that wait for their
/// turn to migrate know nothing yet that could be wrong. What this role may not end goes on.
pub fn end_outdated(conn: &mut PgConnection, before: &[Column]) -> Result<(), StoreError> {
    let now = columns(conn)?;
    let has_changed = |old: &Column| now.iter().any(|new| new.name == old.name && new.held != old.held);
    if !before.iter().any(has_changed) {
        return Ok(());
    }
    let end = "do $$ declare other record; begin \
               for other in select pid from pg_stat_activity where datname = current_database() \
               and pid <> pg_backend_pid() and application_name = current_setting('application_name') \
               and (wait_event is null or wait_event <> 'advisory') \
               and (pg_has_role(usesysid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE')) \
               loop begin perform pg_terminate_backend(other.pid); \
               exception when insufficient_privilege then null; end; end loop; end $$";
    sql_query(end).execute(conn)?;
    Ok(())
}
