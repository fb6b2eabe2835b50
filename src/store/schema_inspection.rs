//! Finds the state of the database's schema, by its migrations and its tables.

use diesel::RunQueryDsl;

use super::connection::Conn;
use super::error::StoreError;
use super::grants::grants;
use super::known_migrations::{POSTGRES, SQLITE, versions};
use super::schema_state::{Foreign, SchemaState};
use super::servers;

/// Diesel's table, which lists the migrations that were run.
const MIGRATIONS_TABLE: &str = "__diesel_schema_migrations";

/// Checks that the database is suitable, and returns the state of its schema.
pub fn inspect_schema(conn: &mut Conn) -> Result<SchemaState, StoreError> {
    match conn {
        Conn::Pg(pg) => servers::require_encoding(pg)?,
        // Every encoding of SQLite can hold every name.
        Conn::Sqlite(_) => {}
    }
    state(conn)
}

/// The state of the schema in which this connection would create tables.
pub fn state(conn: &mut Conn) -> Result<SchemaState, StoreError> {
    let (known, current) = match conn {
        Conn::Pg(_) => (versions(&POSTGRES)?, Some(CurrentSchema::of(conn)?)),
        Conn::Sqlite(_) => (versions(&SQLITE)?, None),
    };
    if let Some(CurrentSchema { role, name: None }) = &current {
        return Ok(SchemaState::Forbidden(format!(
            "no schema of the search_path exists for this role; create the one that DATABASE_URL names, for example by \
             `create schema jeton`, or, if it exists, let its owner run `grant usage on schema jeton to {role}`"
        )));
    }
    let schema = current.as_ref().and_then(|current| current.name.clone());
    let found = tables(conn)?;
    let count = found.first().map_or(0, |table| usize::try_from(table.count).unwrap_or(usize::MAX));
    let has = |name: &str| found.iter().any(|table| table.name == name);
    let has_migrations_table = has(MIGRATIONS_TABLE);
    if let (Some(current), Some(unreadable)) = (&current, found.first().and_then(|table| table.unreadable.as_ref()))
        && has("meta")
        && has_migrations_table
    {
        return Ok(SchemaState::Forbidden(format!(
            "the role {} may not read {unreadable}; {}",
            current.role,
            current.grants()
        )));
    }
    // Diesel would create the table if it is missing, but a query must not write.
    let run: Vec<String> = if has_migrations_table {
        diesel::sql_query(format!("select version from {MIGRATIONS_TABLE}"))
            .load::<Version>(conn)?
            .into_iter()
            .map(|row| row.version)
            .collect()
    } else {
        Vec::new()
    };
    let is_jetons = has("meta") && known.first().is_some_and(|first| run.contains(first));
    if !is_jetons {
        // An empty table of migrations is left over when all of them were reverted.
        let is_empty = |name: &str| name == MIGRATIONS_TABLE && run.is_empty();
        let tables: Vec<String> = found.into_iter().map(|table| table.name).filter(|name| !is_empty(name)).collect();
        let count = count - usize::from(has_migrations_table && run.is_empty());
        return Ok(if tables.is_empty() {
            SchemaState::Missing
        } else {
            SchemaState::Foreign(Foreign { schema, tables, count })
        });
    }
    let unknown = run.iter().filter(|version| !known.contains(version)).max();
    if let Some(unknown) = unknown {
        let needs = usable_from(conn)?.unwrap_or_else(|| unknown.clone());
        if known.last().is_none_or(|newest| *newest < needs) {
            return Ok(SchemaState::Newer { unknown: unknown.clone(), needs });
        }
    }
    let is_complete = known.iter().all(|version| run.contains(version));
    Ok(match (is_complete, unknown) {
        (true, None) => SchemaState::Current,
        (true, Some(_)) => SchemaState::Ahead,
        (false, _) => SchemaState::Behind,
    })
}

/// The newest of the migrations that a version of jeton must know to work with the tables, if `meta` names one.
fn usable_from(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    let row = "select value as version from meta where key = 'schema_usable_from'";
    let mut found = diesel::sql_query(row).load::<Version>(conn)?;
    Ok(found.pop().map(|row| row.version))
}

/// The schema in which this connection would create tables, and its role.
#[derive(diesel::QueryableByName)]
struct CurrentSchema {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    name: Option<String>,
    #[diesel(sql_type = diesel::sql_types::Text)]
    role: String,
}

impl CurrentSchema {
    fn of(conn: &mut Conn) -> Result<Self, StoreError> {
        let current = "select quote_ident(current_schema()) as name, quote_ident(current_user) as role";
        Ok(diesel::sql_query(current).get_result(conn)?)
    }

    fn grants(&self) -> String {
        grants(self.name.as_deref().unwrap_or("SCHEMA"), &self.role)
    }
}

/// Some of the tables in the schema, those that identify jeton first. Views, and tables of extensions, do not count.
fn tables(conn: &mut Conn) -> Result<Vec<Table>, StoreError> {
    let from = match conn {
        Conn::Pg(_) => {
            "select relname::text as name, count(*) over () as count, string_agg(relname::text, ', ') filter (where \
             relname in ('__diesel_schema_migrations', 'meta', 'users', 'groups', 'user_groups', 'tokens', 'clients', 'changes') \
             and not has_table_privilege(pg_class.oid, 'SELECT')) over () as unreadable from pg_class \
             where relnamespace = (select oid from pg_namespace where nspname = current_schema()) \
             and relkind in ('r', 'p', 'f') and not exists (select from pg_depend \
             where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')"
        }
        Conn::Sqlite(_) => {
            "select name, count(*) over () as count, cast(null as text) as unreadable from sqlite_master \
             where type = 'table' and name not like 'sqlite\\_%' escape '\\'"
        }
    };
    let query = format!(
        "select name, count, unreadable from ({from}) as found order by case when name in ('{MIGRATIONS_TABLE}', 'meta') then 0 else 1 end, name \
         limit 8"
    );
    Ok(diesel::sql_query(query).load(conn)?)
}

#[derive(diesel::QueryableByName)]
struct Table {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
    /// The names of jeton's tables that this role may not read; the same in every row.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    unreadable: Option<String>,
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}
