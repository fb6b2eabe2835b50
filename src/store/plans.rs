//! Ends sessions whose prepared statements a migration has made invalid.
//!
//! A session uses the types that a statement had when it was prepared. If a migration changes the type or collation of
//! a column, PostgreSQL refuses the statement in that session. This version of jeton prepares it again
//! ([`StoreError::Outdated`]). Older versions do not, so their sessions are ended, and they open new ones.

use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl, sql_query};

use super::StoreError;

/// A column of jeton's tables, and its type and collation.
#[derive(diesel::QueryableByName)]
pub struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    column_type: String,
}

/// All columns of jeton's tables.
pub fn columns(conn: &mut PgConnection) -> Result<Vec<Column>, StoreError> {
    let columns = "select attrelid::text || '.' || attnum::text as name, \
                   concat_ws(' ', atttypid, atttypmod, attcollation) as column_type \
                   from pg_attribute join pg_class on pg_class.oid = attrelid \
                   where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and attnum > 0 \
                   and not attisdropped";
    Ok(sql_query(columns).load(conn)?)
}

/// Ends jeton's other sessions, if the type of a column from `before` has changed. Sessions that wait for the migration
/// lock are left, because they have prepared nothing yet. So are those that this role may not end.
pub fn end_outdated(conn: &mut PgConnection, before: &[Column]) -> Result<(), StoreError> {
    let now = columns(conn)?;
    let has_changed = |old: &Column| now.iter().any(|new| new.name == old.name && new.column_type != old.column_type);
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
