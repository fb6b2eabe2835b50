//! `jeton restore`.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::Config;
use crate::domain::time::Clock;
use crate::server::{StartError, open_store};

#[derive(Args)]
pub struct RestoreArguments {
    /// The backup; it is left as it is
    file: PathBuf,
}

/// Puts a backup in the place of an SQLite database that nobody uses.
pub fn restore(arguments: RestoreArguments, config: &Config) -> Result<(), Failure> {
    let restored = open_store(config)?.restore(&arguments.file, Clock::System.now()).map_err(StartError::Store)?;
    eprintln!("restored {} from {}", config.database.url, arguments.file.display());
    if let Some(kept) = restored.kept {
        eprintln!("what was there is kept at {}", kept.display());
    }
    if restored.is_older {
        eprintln!("the backup is of an older jeton: `jeton serve` or `jeton migrate` brings it up to date");
    }
    eprintln!("all is as it was then: what was revoked or changed since is not, so do that again before jeton starts");
    Ok(())
}
