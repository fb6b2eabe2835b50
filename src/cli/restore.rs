//! `jeton restore`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::config::Config;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Clock;
use crate::server::{StartError, open_store, read_sealer};
use crate::service::login_tokens::key_file;
use crate::store::StoreError;

#[derive(Args)]
pub struct RestoreArguments {
    /// The backup file; it is not changed
    file: PathBuf,
}

/// Replaces an SQLite database, which nobody may have open, by a backup.
pub fn restore(arguments: RestoreArguments, config: &Config) -> Result<(), Failure> {
    let sealer = read_sealer(config)?;
    let check = |check_value: &str| match &sealer {
        Some(sealer) if sealer.position_of(check_value).is_none() => Err(other_key(&arguments.file, config)),
        _ => Ok(()),
    };
    let restored = open_store(config)?.restore(&arguments.file, check, Clock::System.now());
    let restored = restored.map_err(StartError::Store)?;
    eprintln!("restored {} from {}", config.database.url, arguments.file.display());
    if let Some(kept) = restored.kept {
        eprintln!("the previous database is kept at {}", kept.display());
    }
    if restored.is_older {
        eprintln!("the backup is from an older version of jeton: `jeton serve` or `jeton migrate` upgrades it");
    }
    eprintln!(
        "the data is from the time of the backup: repeat later changes, above all revocations, before you start jeton"
    );
    Ok(())
}

fn other_key(backup: &Path, config: &Config) -> StoreError {
    let (ours, without) = match (&config.secret_keys.key, &config.database.url) {
        (None, DatabaseUrl::Sqlite(database)) => {
            let file = key_file::path_beside(database).display().to_string();
            (format!("the one in {file}"), format!("move {file} away"))
        }
        (Some(_), _) | (None, DatabaseUrl::Postgres(_)) => {
            ("JETON_SECRET_KEY".to_owned(), "unset JETON_SECRET_KEY".to_owned())
        }
    };
    StoreError::Unusable(format!(
        "{backup} was made with another secret key than {ours}: it belongs to another jeton, or the key was replaced \
         later; use another backup, or the secret key of this backup; if the key was replaced, put the old one into \
         JETON_SECRET_KEY_FALLBACKS; to restore without the backup's key, {without} first",
        backup = backup.display()
    ))
}
