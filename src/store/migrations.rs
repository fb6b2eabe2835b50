//! The schema: embedded migrations, applied under a lock so that nodes may start at once.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::shown::one_line;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Any number, as long as every jeton takes the same: the key of the lock round migrations.
const LOCK: i64 = 0x6a65_746f_6e00_0001;

/// How the database's schema stands to this binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// As this binary knows it.
    Current,
    /// Migrations are to be run.
    Behind,
    /// It has this migration, which this binary does not know.
    Newer(String),
}

impl Store {
    /// Brings the schema up to date; says which migrations were run. All of them, or none.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database is newer than this binary.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.write(|conn| {
            if let Conn::Pg(pg) = conn {
                // Until this transaction ends. The time-out of statements is for requests; a lock may take longer.
                pg.batch_execute(&format!(
                    "set local statement_timeout = '60s'; select pg_advisory_xact_lock({LOCK}); \
                     set local statement_timeout = 0"
                ))?;
            }
            if let SchemaState::Newer(version) = state(conn)? {
                return Err(StoreError::Unusable(format!(
                    "the database has the migration {version}, which this jeton does not know: \
                     it was made by a newer jeton; run that one, or restore a backup"
                )));
            }
            let run = match conn {
                Conn::Pg(pg) => pg.run_pending_migrations(POSTGRES),
                Conn::Sqlite(sqlite) => sqlite.run_pending_migrations(SQLITE),
            };
            Ok(run.map_err(failed)?.iter().map(ToString::to_string).collect())
        })
    }

    /// How the schema stands to this binary.
    pub fn schema_state(&self) -> Result<SchemaState, StoreError> {
        self.read(state)
    }
}

fn state(conn: &mut Conn) -> Result<SchemaState, StoreError> {
    let applied = applied(conn)?;
    let known = match conn {
        Conn::Pg(_) => versions(&POSTGRES)?,
        Conn::Sqlite(_) => versions(&SQLITE)?,
    };
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Ok(SchemaState::Newer(unknown.clone()));
    }
    let complete = known.iter().all(|version| applied.contains(version));
    Ok(if complete { SchemaState::Current } else { SchemaState::Behind })
}

/// Whether no jeton has used this database yet.
pub fn is_unmade(conn: &mut Conn) -> Result<bool, StoreError> {
    Ok(applied(conn)?.is_empty())
}

/// The versions applied. Asks first whether their table is there: Diesel would make it, and a question must not write.
fn applied(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let is_there = match conn {
        Conn::Pg(_) => "select to_regclass('__diesel_schema_migrations') is not null as answer",
        Conn::Sqlite(_) => "select count(*) > 0 as answer from sqlite_master where name = '__diesel_schema_migrations'",
    };
    if !diesel::sql_query(is_there).get_result::<IsThere>(conn)?.answer {
        return Ok(Vec::new());
    }
    let applied = match conn {
        Conn::Pg(pg) => pg.applied_migrations(),
        Conn::Sqlite(sqlite) => sqlite.applied_migrations(),
    };
    Ok(applied.map_err(failed)?.iter().map(ToString::to_string).collect())
}

#[derive(diesel::QueryableByName)]
struct IsThere {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    answer: bool,
}

fn versions(migrations: &EmbeddedMigrations) -> Result<Vec<String>, StoreError> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::pg::Pg>>> = migrations.migrations().map_err(failed)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Failed(one_line(&error.to_string()))
}
