//! The migrations that this binary knows.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::error::StoreError;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::safe_text::one_line;

pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The versions of migrations, oldest first.
pub fn versions(migrations: &EmbeddedMigrations) -> Result<Vec<String>, StoreError> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::pg::Pg>>> = migrations.migrations().map_err(failed)?;
    let mut versions: Vec<String> = migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// The newest migration that this binary knows.
pub fn newest(url: &DatabaseUrl) -> String {
    let migrations = match url {
        DatabaseUrl::Postgres(_) => &POSTGRES,
        DatabaseUrl::Sqlite(_) => &SQLITE,
    };
    versions(migrations).ok().and_then(|versions| versions.last().cloned()).unwrap_or_default()
}

pub fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Failed(one_line(&error.to_string()))
}
