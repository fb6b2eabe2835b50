//! `jeton migrate`.

use super::Failure;
use crate::config::Config;
use crate::server::open_store;

/// Brings the schema up to date.
pub fn migrate(config: &Config) -> Result<(), Failure> {
    let store = open_store(config)?;
    let run = store.migrate().map_err(|error| Failure::new(error.to_string()))?;
    if run.is_empty() {
        eprintln!("the database is up to date");
    }
    for migration in run {
        eprintln!("ran the migration {migration}");
    }
    if let Err(error) = store.make_search_index() {
        eprintln!("warning: {error}");
    }
    Ok(())
}
