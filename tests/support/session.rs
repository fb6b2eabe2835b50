//! An open `psql` or `sqlite3`, as an operator or another process has it during a transaction.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::app::TestDatabase;
use super::eventually;

pub struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    mark: &'static str,
}

impl Session {
    pub fn open(database: &TestDatabase) -> Self {
        let (mut command, mark) = if let Some(database) = &database.postgres {
            (database.psql(), "\\echo the end\n")
        } else {
            let mut sqlite = Command::new("sqlite3");
            sqlite.args(["-batch", "-cmd", ".timeout 10000", database.url.strip_prefix("sqlite://").unwrap()]);
            (sqlite, ".print the end\n")
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout, mark }
    }

    /// Runs statements, each with its semicolon. Returns their rows when they are done.
    #[track_caller]
    pub fn run(&mut self, statements: &str) -> String {
        self.stdin.write_all(format!("{statements}\n{}", self.mark).as_bytes()).unwrap();
        self.stdin.flush().unwrap();
        let mut rows = String::new();
        loop {
            let before = rows.len();
            let read = self.stdout.read_line(&mut rows).unwrap();
            assert!(read > 0, "the session ended at: {statements}");
            if rows[before..].trim_end() == "the end" {
                rows.truncate(before);
                return rows.trim_end().to_owned();
            }
        }
    }
}

impl TestDatabase {
    /// A session with an open transaction that may write.
    pub fn writer(&self) -> Session {
        let mut session = Session::open(self);
        session.run(if self.postgres.is_some() { "begin;" } else { "begin immediate;" });
        session
    }

    /// Waits until this many connections to the database wait for a lock. SQLite does not report this: its races are
    /// tested by many stores at once (`tests/store/races.rs`), or one after the other with values that were read
    /// earlier.
    #[track_caller]
    pub fn wait_for_blocked(&self, count: usize) {
        assert!(self.postgres.is_some(), "SQLite does not report blocked connections");
        eventually("blocked connections", Duration::from_secs(20), || {
            let blocked = self.sql(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
            );
            (blocked.parse::<usize>().unwrap() >= count).then_some(())
        });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}
