//! A server whose SQL statements can be read: its own PostgreSQL logs each of them.

use std::sync::Arc;

use jeton::domain::time::{Clock, Timestamp};

use super::app::{App, TestDatabase};
use super::postgres::{self, Cluster};

pub struct Watched {
    pub app: App, // stopped before its database
    cluster: Cluster,
}

impl Watched {
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let cluster = postgres::private();
        let database = cluster.create_database();
        let log_all = "execute format('alter database %I set log_statement = ''all''', current_database())";
        database.sql(&format!("do $$ begin {log_all}; end $$"));
        let database = TestDatabase { url: database.url.clone(), folder: None, postgres: Some(database) };
        let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456));
        Self { app: App::on(Arc::new(database), clock, settings), cluster }
    }

    /// How many lookups of tokens by digest `work` caused. They are in the log before the answer arrives.
    pub fn lookups(&self, work: impl FnOnce(&App)) -> usize {
        let before = self.cluster.log_text().len();
        work(&self.app);
        let lookup = |line: &&str| line.contains("tokens.digest = any(");
        self.cluster.log_text()[before..].lines().filter(lookup).count()
    }

    /// The statements about one of these tables that `work` caused, without their parameters.
    pub fn statements(&self, tables: &[&str], work: impl FnOnce(&App)) -> Vec<String> {
        let before = self.cluster.log_text().len();
        work(&self.app);
        let words = self.cluster.log_text();
        let text = |line: &str| Some(line.split_once("LOG:  execute ")?.1.split_once(": ")?.1.to_owned());
        let texts = words[before..].lines().filter_map(text);
        texts.filter(|text| tables.iter().any(|table| text.contains(table))).collect()
    }

    /// Freezes the database.
    pub fn freeze(&self) {
        self.cluster.freeze();
    }

    pub fn thaw(&self) {
        self.cluster.thaw();
    }
}
