//! The schema: embedded migrations, applied under a lock so that nodes may start at once.

use std::path::Path;
use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection, get_default_instrumentation};
use diesel::result::Error as DieselError;
use diesel::{Connection, PgConnection};
use diesel_migrations::MigrationHarness;

use super::connection::{Conn, Role};
use super::known_migrations::{POSTGRES, SQLITE, failed};
use super::schema_inspection::{inspect_schema, state};
use super::schema_state::SchemaState;
use super::{Store, StoreError, plans, sqlite_file, sqlite_schema, sqlstate};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::safe_text::one_line;
use crate::domain::time::Stopwatch;

/// An arbitrary number, the same in every jeton: the key of the migration lock.
const LOCK: i64 = 0x6a65_746f_6e00_0001;

/// How long a migration waits for a lock. All others who need the table queue behind it, so after this time it gives
/// up, lets them go first, and tries again.
const LOCK_TIMEOUT: &str = "1s";
const MAX_WAIT: Duration = Duration::from_mins(2);
const LOCK_PAUSE: Duration = Duration::from_secs(1);

impl Store {
    /// Creates the database if it is missing and runs its migrations. Returns the migrations that were run. Runs all of
    /// them or none. A database with the tables of another program is not changed.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database is newer than this binary, or belongs to another program.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let state = self.inspect()?;
        let is_usable = state.is_usable();
        if let Some(refusal) = refusal_to_migrate(state, self.url()) {
            return Err(refusal);
        }
        let max_wait = match self.url() {
            DatabaseUrl::Postgres(_) => MAX_WAIT,
            DatabaseUrl::Sqlite(path) => {
                sqlite_file::make(path)?;
                self.claim_file(path)?;
                // An SQLite transaction waits for its lock when it begins, so there is no second wait.
                Duration::ZERO
            }
        };
        // A usable schema is not migrated, so a role that may only read and write rows can start.
        if is_usable {
            return Ok(Vec::new());
        }
        let since = Stopwatch::start();
        loop {
            match self.run_migrations() {
                Err(StoreError::Unavailable(why)) if since.elapsed() < max_wait => {
                    log::warn!(
                        "migrations wait for locks, and let others go first: {why}; pg_stat_activity \
                         shows whose transactions are old"
                    );
                }
                result => return result,
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }

    fn run_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.write(|conn| {
            match conn {
                Conn::Pg(pg) => {
                    // The lock is held until this transaction ends. The usual statement time-out is for requests;
                    // another node's migrations may take longer.
                    pg.batch_execute(&format!(
                        "set local statement_timeout = '60s'; select pg_advisory_xact_lock({LOCK}); \
                         set local statement_timeout = 0; set local lock_timeout = '{LOCK_TIMEOUT}'"
                    ))?;
                    // If this process ends meanwhile, the server cancels the statement. PostgreSQL before 14 lacks this
                    // setting.
                    pg.batch_execute(
                        "select set_config(name, '1s', true) from pg_settings \
                         where name = 'client_connection_check_interval'",
                    )?;
                }
                // The transaction itself is the lock.
                Conn::Sqlite(_) => {}
            }
            // Checked again: others may have created tables since.
            if let Some(refusal) = refusal_to_migrate(state(conn)?, self.url()) {
                return Err(refusal);
            }
            match conn {
                Conn::Pg(pg) => {
                    let before = plans::columns(pg)?;
                    let run = run_postgres(pg, self.url())?;
                    plans::end_outdated(pg, &before)?;
                    Ok(run)
                }
                Conn::Sqlite(sqlite) => {
                    let run = sqlite.run_pending_migrations(SQLITE).map_err(failed)?;
                    Ok(run.iter().map(ToString::to_string).collect())
                }
            }
        })
    }

    /// Checks that this binary can use the schema. Nothing is created or written.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], with what to do.
    pub fn require_schema(&self) -> Result<(), StoreError> {
        let state = self.inspect()?;
        self.claim_file_if_ours(&state)?;
        state.refusal(self.url()).map_or(Ok(()), Err)
    }

    /// Whether there is a schema that this binary can use; `false` when there is none yet.
    ///
    /// # Errors
    /// As [`Store::require_schema`], except when the database is missing.
    pub(super) fn is_initialized(&self) -> Result<bool, StoreError> {
        let state = self.inspect()?;
        if state == SchemaState::Missing {
            return Ok(false);
        }
        self.claim_file_if_ours(&state)?;
        state.refusal(self.url()).map_or(Ok(true), Err)
    }

    /// The state of the database's schema.
    pub fn schema_state(&self) -> Result<SchemaState, StoreError> {
        match self.url() {
            DatabaseUrl::Sqlite(path) if !self.file.is_ours() => {
                sqlite_schema::schema_state_of(path, self.options.timeout)
            }
            DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => self.read(state),
        }
    }

    /// The state of the schema. In PostgreSQL this opens the first connection. Nothing is created or written. A permanent
    /// error is reported at once, while the pool would wait and try again.
    fn inspect(&self) -> Result<SchemaState, StoreError> {
        match self.url() {
            DatabaseUrl::Postgres(_) => {}
            DatabaseUrl::Sqlite(_) => return self.schema_state(),
        }
        let manager = self.manager(Role::Read);
        match manager.first_connect() {
            Ok(mut opened) => opened.run(inspect_schema),
            Err(error) if error.is_permanent() => Err(StoreError::Unavailable(error.to_string())),
            Err(_) => self.read(inspect_schema),
        }
    }

    /// Marks the SQLite file as jeton's, if the state shows that it is.
    fn claim_file_if_ours(&self, state: &SchemaState) -> Result<(), StoreError> {
        match (self.url(), state) {
            (DatabaseUrl::Sqlite(path), SchemaState::Current | SchemaState::Ahead) => self.claim_file(path),
            (DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_), _) => Ok(()),
        }
    }

    fn claim_file(&self, path: &Path) -> Result<(), StoreError> {
        sqlite_file::require_writable(path)?;
        sqlite_file::restrict_files(path)?;
        self.file.mark_as_ours();
        Ok(())
    }
}

/// Why migrations may not run; `None` if they may, or if there is nothing to do.
fn refusal_to_migrate(state: SchemaState, url: &DatabaseUrl) -> Option<StoreError> {
    match state {
        SchemaState::Current | SchemaState::Ahead | SchemaState::Behind | SchemaState::Missing => None,
        other => other.refusal(url),
    }
}

/// Runs pending migrations. Their errors are text only, so the SQLSTATE is caught by the instrumentation.
fn run_postgres(conn: &mut PgConnection, url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    let (send_code, codes) = std::sync::mpsc::channel();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery { error: Some(DieselError::DatabaseError(_, info)), .. } = event
            && let Some(code) = sqlstate::of(&**info)
        {
            let _ = send_code.send(code.to_owned());
        }
    });
    let run = conn.run_pending_migrations(POSTGRES);
    let run =
        run.map(|run| run.iter().map(ToString::to_string).collect()).map_err(|error| one_line(&error.to_string()));
    conn.set_instrumentation(get_default_instrumentation());
    // The first one is the cause.
    run.map_err(|words| match codes.try_iter().next().as_deref() {
        Some("42501") => StoreError::Unusable(format!(
            "this role may not create and change the tables of {url}: {words}; run `jeton migrate` as their owner, and \
             `jeton serve` with JETON_MIGRATE=false"
        )),
        Some(code) => sqlstate::error_of(code, words),
        None => StoreError::Failed(words),
    })
}
