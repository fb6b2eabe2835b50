//! `jeton backup`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::config::Config;
use crate::domain::database_url::DatabaseUrl;
use crate::server::{StartError, open_store};
use crate::service::login_tokens::key_file;

#[derive(Args)]
pub struct BackupArguments {
    /// The file to create; an existing file is not overwritten
    file: PathBuf,
}

/// Copies an SQLite database to a file.
pub fn backup(arguments: BackupArguments, config: &Config) -> Result<(), Failure> {
    let store = open_store(config)?;
    let made = store.backup(&arguments.file);
    store.close();
    let made = made.map_err(StartError::Store)?;
    eprintln!(
        "backed up {} to {} ({} bytes), and checked the copy",
        config.database.url,
        arguments.file.display(),
        made.bytes
    );
    match &config.database.url {
        DatabaseUrl::Sqlite(path) => remind_of_key(&key_file::path_beside(path)),
        DatabaseUrl::Postgres(_) => {}
    }
    Ok(())
}

fn remind_of_key(key: &Path) {
    if key.exists() {
        eprintln!("the secret key is not part of the backup: keep a copy of {} too, in another place", key.display());
    }
}
