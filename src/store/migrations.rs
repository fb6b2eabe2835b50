//! The schema: embedded migrations, applied under a lock so that nodes may start at once.

use std::path::Path;
use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection, get_default_instrumentation};
use diesel::result::Error as DieselError;
use diesel::{Connection, PgConnection};
use diesel_migrations::MigrationHarness;

use super::connection::{Conn, Role};
use super::schema_state::{POSTGRES, SQLITE, SchemaState, failed, look_at, state};
use super::{Store, StoreError, plans, sqlite_file, sqlstate};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::shown::one_line;
use crate::domain::time::Stopwatch;

/// Any number, as long as every jeton takes the same: the key of the lock round migrations.
const LOCK: i64 = 0x6a65_746f_6e00_0001;

/// How long a migration waits for a lock that somebody holds: everybody else who wants the table waits behind it. Then it
/// lets them pass, and tries again.
const LOCK_PATIENCE: &str = "1s";
const LONGEST_WAIT: Duration = Duration::from_mins(2);
const LOCK_PAUSE: Duration = Duration::from_secs(1);

impl Store {
    /// Makes the database where it is missing, and brings its schema up to date; says which migrations were run. All of
    /// them, or none. A database that holds the tables of others, and not jeton's, is left as it is.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database is newer than this binary, or somebody else's.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let state = self.look()?;
        let is_usable = state.is_usable();
        if let Some(refusal) = refusal_to_migrate(state, self.url()) {
            return Err(refusal);
        }
        if let DatabaseUrl::Sqlite(path) = self.url() {
            sqlite_file::make(path)?;
            self.take_file(path)?;
        }
        // Who may only read and write rows can do without more.
        if is_usable {
            return Ok(Vec::new());
        }
        let since = Stopwatch::start();
        loop {
            match self.run_migrations() {
                Err(StoreError::Unavailable(why)) if self.url().is_postgres() && since.elapsed() < LONGEST_WAIT => {
                    log::warn!(
                        "migrations wait for what others hold, and let everybody pass meanwhile: {why}; pg_stat_activity \
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
                    // Until this transaction ends. The time-out of statements is for requests; another node's migrations
                    // may take longer.
                    pg.batch_execute(&format!(
                        "set local statement_timeout = '60s'; select pg_advisory_xact_lock({LOCK}); \
                         set local statement_timeout = 0; set local lock_timeout = '{LOCK_PATIENCE}'"
                    ))?;
                    // Of a process that is ended meanwhile nothing goes on at the server. PostgreSQL before 14 does not look.
                    pg.batch_execute(
                        "select set_config(name, '1s', true) from pg_settings \
                         where name = 'client_connection_check_interval'",
                    )?;
                }
                // The transaction itself is the lock.
                Conn::Sqlite(_) => {}
            }
            // Again: others may have made tables since.
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

    /// That the schema is the one this binary knows. Nothing is made and nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], with what to do.
    pub fn require_schema(&self) -> Result<(), StoreError> {
        let state = self.look()?;
        self.take_file_of(&state)?;
        state.refusal(self.url()).map_or(Ok(()), Err)
    }

    /// Whether the schema is the one this binary knows, or is still to be made: `false`.
    ///
    /// # Errors
    /// As [`Store::require_schema`], but for a database that is missing.
    pub(super) fn is_made(&self) -> Result<bool, StoreError> {
        let state = self.look()?;
        if state == SchemaState::Missing {
            return Ok(false);
        }
        self.take_file_of(&state)?;
        state.refusal(self.url()).map_or(Ok(true), Err)
    }

    /// How the schema stands to this binary.
    pub fn schema_state(&self) -> Result<SchemaState, StoreError> {
        match self.url() {
            DatabaseUrl::Sqlite(path) if !self.file.is_ours() => sqlite_file::look(path, self.options.timeout),
            _ => self.read(state),
        }
    }

    /// The same, asked first of all: nothing is made or written, and an error that will come again comes at once, while
    /// the pool would wait and try again.
    fn look(&self) -> Result<SchemaState, StoreError> {
        if !self.url().is_postgres() {
            return self.schema_state();
        }
        let manager = self.manager(Role::Read);
        match manager.first_look() {
            Ok(mut opened) => opened.run(look_at),
            Err(error) if error.is_lasting() => Err(StoreError::Unavailable(error.to_string())),
            Err(_) => self.read(look_at),
        }
    }

    /// From here on the SQLite file is jeton's, if the state says so.
    fn take_file_of(&self, state: &SchemaState) -> Result<(), StoreError> {
        match (self.url(), state) {
            (DatabaseUrl::Sqlite(path), SchemaState::Current | SchemaState::Ahead) => self.take_file(path),
            _ => Ok(()),
        }
    }

    fn take_file(&self, path: &Path) -> Result<(), StoreError> {
        sqlite_file::require_writable(path)?;
        sqlite_file::close_to_everybody(path)?;
        self.file.take_as_ours();
        Ok(())
    }
}

/// Why nothing may be made here; `None` where it may, or where everything is made.
fn refusal_to_migrate(state: SchemaState, url: &DatabaseUrl) -> Option<StoreError> {
    match state {
        SchemaState::Current | SchemaState::Ahead | SchemaState::Behind | SchemaState::Missing => None,
        other => other.refusal(url),
    }
}

/// Runs what is pending. An error of a migration is words alone; its code is caught on its way.
fn run_postgres(conn: &mut PgConnection, url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    let (tell, told) = std::sync::mpsc::channel();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery { error: Some(DieselError::DatabaseError(_, info)), .. } = event
            && let Some(code) = sqlstate::of(&**info)
        {
            let _ = tell.send(code.to_owned());
        }
    });
    let run = conn.run_pending_migrations(POSTGRES);
    let run =
        run.map(|run| run.iter().map(ToString::to_string).collect()).map_err(|error| one_line(&error.to_string()));
    conn.set_instrumentation(get_default_instrumentation());
    // The first one is the cause.
    run.map_err(|words| match told.try_iter().next().as_deref() {
        Some("42501") => StoreError::Unusable(format!(
            "this role may not make and change the tables of {url}: {words}; run `jeton migrate` as their owner, and \
             `jeton serve` with JETON_MIGRATE=false"
        )),
        Some(code) => sqlstate::error(code, words),
        None => StoreError::Failed(words),
    })
}
