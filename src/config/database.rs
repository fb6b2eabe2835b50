//! The database: its URL, pool and time-out.

use super::parsers;
use super::reader::Reader;
use super::setting::{file, plain};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::user::UsernameCase;
use crate::store::StoreOptions;

/// The database: its URL, pool and time-out.
#[derive(Clone, Debug)]
pub struct Database {
    /// `DATABASE_URL`.
    pub url: DatabaseUrl,
    /// Its pool and time-out.
    pub options: StoreOptions,
    /// Whether `jeton serve` runs migrations.
    pub migrate: bool,
}

impl Database {
    pub(super) fn read(from: &mut Reader<'_>) -> Self {
        Self {
            url: database_url(from),
            options: StoreOptions {
                pool: from.read(plain("JETON_DATABASE_POOL", "8", "database connections at most"), parsers::positive),
                timeout: from.read(
                    plain("JETON_DATABASE_TIMEOUT", "2s", "how long a request waits for the database"),
                    parsers::positive_duration,
                ),
                username_case: UsernameCase::default(),
            },
            migrate: from.read(
                plain(
                    "JETON_MIGRATE",
                    "true",
                    "whether serve runs migrations; false: run `jeton migrate` as the tables' owner",
                ),
                parsers::boolean,
            ),
        }
    }
}

impl Database {
    /// Whether no URL was set, so that the database is a file in the working directory.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.url.to_string() == DEFAULT_URL
    }
}

/// The database without `DATABASE_URL`.
const DEFAULT_URL: &str = "sqlite://jeton.db";

/// The database's URL, which is read again while a server runs.
pub(super) fn database_url(from: &mut Reader<'_>) -> DatabaseUrl {
    from.under("Database").read(
        file("DATABASE_URL", DEFAULT_URL, "postgres://user:password@host/name, or sqlite://PATH"),
        DatabaseUrl::parse,
    )
}
