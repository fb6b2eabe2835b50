//! How the store runs work: on which connection, in which transaction, and what a node learns from the result.

use std::cell::RefCell;

use diesel::connection::SimpleConnection;

use super::connection::{Conn, Role};
use super::deadline::Deadline;
use super::disk;
use super::error::StoreError;
use super::handle::Store;
use super::hints;
use super::opened_file::Written;
use super::pool_connection::PoolConnection;
use super::sqlite_log;
use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;

/// Work on a connection. It keeps its result itself, so that the code that runs it is compiled only once, and not for
/// each type of result.
type Work<'a> = &'a mut dyn FnMut(&mut Conn) -> Result<(), StoreError>;

/// Has `run` run `work`, and returns the work's result.
fn result_of<T>(
    work: impl Fn(&mut Conn) -> Result<T, StoreError>,
    run: impl FnOnce(Work<'_>) -> Result<(), StoreError>,
) -> Result<T, StoreError> {
    let mut value = None;
    run(&mut |conn| {
        value = Some(work(conn)?);
        Ok(())
    })?;
    Ok(value.expect("work that succeeded has a result"))
}

/// What a transaction has done.
struct Done {
    /// Whether it is known to have changed something.
    wrote: bool,
    /// What it has changed in an SQLite file.
    in_file: Option<Written>,
}

impl Store {
    pub(super) fn read<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        result_of(work, |work| self.run(Role::Read, work))
    }

    /// Runs `work` on the connection that writes, outside a transaction.
    pub(super) fn on_writer<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        result_of(work, |work| self.run(Role::Write, work))
    }

    fn run(&self, role: Role, work: Work<'_>) -> Result<(), StoreError> {
        self.with_connection(role, |opened| opened.run(&mut *work))
    }

    /// Runs `work` on a connection. If that one has prepared statements for tables that have changed since, its work is
    /// undone, and `work` runs again on another connection.
    pub(super) fn with_connection<T>(
        &self,
        role: Role,
        mut work: impl FnMut(&mut PoolConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut done = work(&mut self.connect(role)?.conn);
        if matches!(done, Err(StoreError::Outdated(_))) {
            done = work(&mut self.connect(role)?.conn);
        }
        self.observe(done)
    }

    /// As [`Store::read`], without the statement timeout, which is for requests.
    pub(super) fn read_without_timeout<T>(
        &self,
        work: impl Fn(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        result_of(work, |work| match &self.url {
            DatabaseUrl::Postgres(_) => self.with_connection(Role::Read, |opened| {
                opened.in_transaction(|conn| {
                    conn.batch_execute("set local statement_timeout = 0")?;
                    work(conn)
                })
            }),
            // SQLite has no such limit.
            DatabaseUrl::Sqlite(_) => self.run(Role::Read, work),
        })
    }

    /// Runs `work` in a transaction that may write, and commits it when `work` succeeds.
    pub(super) fn write<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        result_of(work, |work| self.run_and_commit(work))
    }

    fn run_and_commit(&self, work: Work<'_>) -> Result<(), StoreError> {
        let Done { wrote, in_file } = self.with_connection(Role::Write, |opened| {
            opened.in_transaction(|conn| {
                let done = self.run_and_detect_writes(conn, &mut *work)?;
                self.deadline.map(Deadline::left).transpose()?;
                Ok(done)
            })
        })?;
        if wrote {
            self.disk.write_succeeded();
        }
        if let Some(written) = in_file {
            self.checkpoint_first_write(written);
        }
        Ok(())
    }

    /// Runs `work`, and finds out whether it has changed anything.
    fn run_and_detect_writes(&self, conn: &mut Conn, work: Work<'_>) -> Result<Done, StoreError> {
        match conn {
            Conn::Sqlite(_) => {
                // Read within the transaction, while nobody else can empty the log.
                let begins_log = self.sqlite_log_state().is_none();
                let in_file = sqlite_log::counted(conn, work)?.map(|transaction| Written { transaction, begins_log });
                Ok(Done { wrote: in_file.is_some(), in_file })
            }
            Conn::Pg(_) => {
                work(conn)?;
                let wrote = self.disk.refuses() && disk::has_written(conn)?;
                Ok(Done { wrote, in_file: None })
            }
        }
    }

    /// Updates the known state of the database and its disk from a result.
    fn observe<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let pools = self.pools.current();
        match &result {
            Err(error @ StoreError::Disk(_)) => {
                pools.breaker.answered();
                self.disk.observe(error);
            }
            Err(error) if error.is_transient() => pools.start_probe(),
            _ => pools.breaker.answered(),
        }
        result
    }

    /// As [`Store::write`], for changes that make cached answers wrong: `work` records what it changes.
    pub(super) fn change<T>(
        &self,
        work: impl Fn(&mut Conn, &mut Vec<Change>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let changes = RefCell::default();
        let result = self.write(|conn| work(conn, &mut changes.borrow_mut()));
        // After an error, too: a commit whose confirmation was lost may have succeeded.
        if let Some(observer) = &self.observer {
            for change in changes.into_inner() {
                observer(change);
            }
        }
        self.hint();
        result
    }

    /// Tells the readers of the change log that there may be something to read.
    fn hint(&self) {
        if !self.hints.record() {
            return;
        }
        if let Err(error) = self.with_connection(Role::Write, |opened| opened.in_transaction(hints::send)) {
            log::debug!("cannot send a hint: {error}");
        }
    }

    /// Runs `work`, which is one statement and so its own transaction. In PostgreSQL this saves two round trips.
    pub(super) fn write_statement<T>(
        &self,
        work: impl Fn(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.url {
            DatabaseUrl::Postgres(_) => self.on_writer(work),
            // Its transactions are counted, as `sqlite_log` says.
            DatabaseUrl::Sqlite(_) => self.write(work),
        }
    }
}
