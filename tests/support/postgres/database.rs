//! A database of a test's own, dropped with it.

use std::path::Path;
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::process::holding;
use super::programs::{client, output, version};

pub struct Database {
    pub url: String,
    name: String,
    admin: String,
}

impl Database {
    /// A new database in the cluster whose socket is in this directory.
    pub fn create(dir: &Path) -> Self {
        Self::copy(dir, "template0")
    }

    /// A new database with this locale, in the words of `create database`.
    pub fn with_locale(dir: &Path, locale: &str) -> Self {
        Self::make(dir, &format!("template template0 encoding 'UTF8' {locale}"))
    }

    /// A copy of the database of this name, to which nobody may be connected.
    pub fn copy(dir: &Path, template: &str) -> Self {
        // This strategy is faster. Before version 15 it was the only one, and had no name.
        let strategy = if version() < 15 { "" } else { "strategy file_copy" };
        Self::make(dir, &format!("template {template} {strategy}"))
    }

    fn make(dir: &Path, how: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("t_{}_{}", COUNT.fetch_add(1, Ordering::Relaxed), id());
        let host = dir.to_str().unwrap().replace('/', "%2F");
        let url = |database| format!("postgres://jeton@{host}/{database}");
        let (admin, url) = (url("postgres"), url(&name));
        let create = format!("create database {name} {how}");
        psql(&admin, &create).unwrap_or_else(|error| panic!("{create}: {error}"));
        Self { url, name, admin }
    }

    /// Runs any number of statements. Returns the rows as `psql -At` prints them, without the last line end.
    #[track_caller]
    pub fn sql(&self, text: &str) -> String {
        self.try_sql(text).unwrap_or_else(|error| panic!("{error}in: {text}"))
    }

    /// The same, or the server's error.
    pub fn try_sql(&self, text: &str) -> Result<String, String> {
        psql(&self.url, text).map(|rows| rows.strip_suffix('\n').unwrap_or(&rows).to_owned())
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A `psql` that waits for statements on its standard input.
    pub fn psql(&self) -> Command {
        psql_command(&self.url)
    }

    pub fn dump(&self) -> Vec<u8> {
        output(client("pg_dump").arg(&self.url)).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The test may have stopped or frozen the server; that is not a failure.
        let admin = format!("{}?connect_timeout=2", self.admin);
        let drop = format!("drop database if exists {} with (force)", self.name);
        psql(&admin, &drop).ok();
    }
}

pub fn psql(url: &str, text: &str) -> Result<String, String> {
    output(psql_command(url).stdin(holding(text))).map(|rows| String::from_utf8(rows).unwrap())
}

fn psql_command(url: &str) -> Command {
    let mut psql = client("psql");
    psql.args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", url]);
    psql
}
