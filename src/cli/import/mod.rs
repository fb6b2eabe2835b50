//! `jeton import ...`: users from elsewhere.

mod csv;

use clap::Subcommand;

use super::Failure;
use crate::config::Config;

/// Where users can come from.
#[derive(Subcommand)]
pub enum ImportCommand {
    /// Import users from a CSV file
    #[command(long_about = csv::ABOUT)]
    Csv(csv::CsvArguments),
}

pub fn run(command: ImportCommand, config: &Config) -> Result<(), Failure> {
    match command {
        ImportCommand::Csv(arguments) => csv::import(arguments, config),
    }
}
