//! `jeton import ...`.

mod csv;
mod django;

use clap::Subcommand;

use super::Failure;
use crate::config::Config;

/// Where users can come from.
#[derive(Subcommand)]
pub enum ImportCommand {
    /// Users from a CSV file, with their password hashes
    #[command(long_about = csv::ABOUT)]
    Csv(csv::CsvArguments),
    /// Users, groups and tokens of a Django project, with their ids, passwords and keys
    Django(django::DjangoArguments),
}

pub fn run(command: ImportCommand, config: &Config) -> Result<(), Failure> {
    match command {
        ImportCommand::Csv(arguments) => csv::import(arguments, config),
        ImportCommand::Django(arguments) => django::import_django(arguments, config),
    }
}
