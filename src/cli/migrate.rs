//! `jeton migrate`.

use super::Failure;
use crate::config::Config;
use crate::server::{migrate as migrate_store, open_store};

/// Brings the schema up to date.
pub fn migrate(config: &Config) -> Result<(), Failure> {
    let store = open_store(config)?;
    let run = migrate_store(config, &store);
    store.close();
    let run = run?;
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
