//! The state of the database's schema for this binary, found by its migrations and its tables.

use std::path::Path;

use diesel::RunQueryDsl;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::connection::Conn;
use super::{StoreError, servers};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::safe_text::one_line;

pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Diesel's table of the migrations that were run.
const RUN: &str = "__diesel_schema_migrations";

/// The state of the database's schema for this binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// The schema is the one that this binary knows.
    Current,
    /// Migrations must be run.
    Behind,
    /// It has a migration that this binary does not know, but can work with.
    Ahead,
    /// It has a migration that this binary does not know, and cannot work with.
    Newer {
        /// That migration.
        unknown: String,
        /// The oldest migration that a jeton must know to work with it.
        needs: String,
    },
    /// There are no tables at all.
    Missing,
    /// There are tables, but not jeton's.
    Foreign(Foreign),
    /// This role may not read jeton's tables: why, and who can change that.
    Forbidden(String),
}

/// Tables of another program, where jeton would create its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The schema that holds them, in PostgreSQL.
    schema: Option<String>,
    /// Some of them.
    tables: Vec<String>,
    /// How many there are.
    count: usize,
}

impl SchemaState {
    /// Whether this binary can work with it.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Current | Self::Ahead)
    }

    /// Why a database in this state cannot be used.
    pub(super) fn refusal(self, url: &DatabaseUrl) -> Option<StoreError> {
        let why = match self {
            Self::Current | Self::Ahead => return None,
            Self::Behind => {
                let newest = newest(url);
                format!(
                    "the database {url} was made by an older jeton, and this one needs the migration {newest}: run `jeton migrate`"
                )
            }
            Self::Newer { unknown, needs } => format!(
                "the database has the migration {unknown}, which this jeton does not know: it was made by a newer jeton, and \
                 needs a jeton that knows the migration {needs}, while this one knows none after {}; run that one, or restore a \
                 backup",
                newest(url)
            ),
            Self::Missing => {
                format!("there is no database of jeton's at {url}: `jeton serve` or `jeton migrate` creates it")
            }
            Self::Foreign(foreign) => foreign.refusal(url),
            Self::Forbidden(why) => why,
        };
        Some(StoreError::Unusable(why))
    }

    /// Why a database in this state has nothing to back up.
    pub(super) fn refusal_to_copy(self, url: &DatabaseUrl) -> Option<StoreError> {
        match self {
            Self::Behind | Self::Newer { .. } => None,
            other => other.refusal(url),
        }
    }

    /// Why this binary cannot restore a backup in this state.
    pub(super) fn refusal_to_restore(self, backup: &Path) -> Option<StoreError> {
        let why = match self {
            Self::Current | Self::Ahead | Self::Behind => return None,
            Self::Newer { unknown, .. } => {
                format!("has the migration {unknown}, which this jeton does not know: restore it by a newer jeton")
            }
            Self::Missing => "holds no tables: it is no backup, or a copy that lacks the log (-wal) beside it".into(),
            Self::Foreign(foreign) => format!("holds tables that are not jeton's ({})", foreign.names()),
            Self::Forbidden(why) => why,
        };
        Some(StoreError::Unusable(format!("{} {why}", backup.display())))
    }
}

impl Foreign {
    fn names(&self) -> String {
        let shown: Vec<&str> = self.tables.iter().take(4).map(String::as_str).collect();
        let more = self.count.saturating_sub(shown.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", shown.join(", "))
    }

    fn refusal(&self, url: &DatabaseUrl) -> String {
        let tables = self.names();
        match &self.schema {
            None => format!(
                "{url} holds tables that are not jeton's ({tables}), and is left as it is: \
                 name a file of jeton's own, for example DATABASE_URL=sqlite://jeton.db"
            ),
            Some(schema) => {
                let separator = if url.has_parameters() { '&' } else { '?' };
                format!(
                    "the schema {schema} of {url} holds tables that are not jeton's ({tables}), and is left as it is: \
                     give jeton a schema of its own, by `create schema jeton` and \
                     {separator}options=-csearch_path%3Djeton at the end of DATABASE_URL, or a database of its own"
                )
            }
        }
    }
}

/// Checks that the database is suitable, and returns the state of its schema.
pub fn inspect_schema(conn: &mut Conn) -> Result<SchemaState, StoreError> {
    match conn {
        Conn::Pg(pg) => servers::require_encoding(pg)?,
        // SQLite has no other encoding.
        Conn::Sqlite(_) => {}
    }
    state(conn)
}

/// The state of the schema in which this connection would create tables.
pub fn state(conn: &mut Conn) -> Result<SchemaState, StoreError> {
    let known = match conn {
        Conn::Pg(_) => versions(&POSTGRES)?,
        Conn::Sqlite(_) => versions(&SQLITE)?,
    };
    let current = match conn {
        Conn::Pg(_) => Some(CurrentSchema::of(conn)?),
        Conn::Sqlite(_) => None,
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
    let has_run = has(RUN);
    if let (Some(current), Some(unreadable)) = (&current, found.first().and_then(|table| table.unreadable.as_ref()))
        && has("meta")
        && has_run
    {
        return Ok(SchemaState::Forbidden(format!(
            "the role {} may not read {unreadable}; {}",
            current.role,
            current.grants()
        )));
    }
    // Diesel would create the table if it is missing, but a query must not write.
    let run: Vec<String> = if has_run {
        diesel::sql_query(format!("select version from {RUN}"))
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
        let is_empty = |name: &str| name == RUN && run.is_empty();
        let tables: Vec<String> = found.into_iter().map(|table| table.name).filter(|name| !is_empty(name)).collect();
        let count = count - usize::from(has_run && run.is_empty());
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

/// The oldest migration that a jeton must know to work with the tables, if they say so.
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

/// Advice: the grants that a role needs to read and write rows.
pub fn grants(schema: &str, role: &str) -> String {
    format!(
        "let the owner of jeton's tables run `grant usage on schema {schema} to {role}` and `grant select, insert, update, \
         delete on all tables in schema {schema} to {role}` (docs/postgresql.md, Roles)"
    )
}

/// Some of the tables in the schema, those that identify jeton first. Views, and tables of extensions, do not count.
fn tables(conn: &mut Conn) -> Result<Vec<Table>, StoreError> {
    let from = match conn {
        Conn::Pg(_) => {
            "select relname::text as name, count(*) over () as count, string_agg(relname::text, ', ') filter (where \
             relname in ('__diesel_schema_migrations', 'meta', 'users', 'groups', 'user_groups', 'tokens', 'clients') \
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
        "select name, count, unreadable from ({from}) as found order by case when name in ('{RUN}', 'meta') then 0 else 1 end, name \
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
    /// The tables, of all, that an introspection reads and this role may not read.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    unreadable: Option<String>,
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

fn versions(migrations: &EmbeddedMigrations) -> Result<Vec<String>, StoreError> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::pg::Pg>>> = migrations.migrations().map_err(failed)?;
    let mut versions: Vec<String> = migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// The newest migration that this binary knows.
pub fn newest(url: &DatabaseUrl) -> String {
    let migrations = if url.is_postgres() { &POSTGRES } else { &SQLITE };
    versions(migrations).ok().and_then(|versions| versions.last().cloned()).unwrap_or_default()
}

pub fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Failed(one_line(&error.to_string()))
}
