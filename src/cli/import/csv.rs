//! `jeton import csv`.

use std::io::{Read, stdin};

use clap::Args;

use super::{Bar, number, warn};
use crate::cli::output::visible;
use crate::cli::{Failure, with_service_on};
use crate::config::Config;
use crate::server::{Schema, open_store};
use crate::service::{CsvError, CsvImported, dry_run_csv};

/// What `--help` says.
pub const ABOUT: &str = "\
Import users from a CSV file, all of them or none

The first line names the columns, in any order:

  username                 required
  email                    may be empty
  password                 the password's hash, never the password: a PHC
                           string of argon2, or one of Django's formats
                           (pbkdf2_sha256, pbkdf2_sha1, argon2, bcrypt_sha256,
                           bcrypt, scrypt; md5 and sha1, which log in with
                           JETON_LEGACY_HASHES=true only). A plain bcrypt hash,
                           $2b$..., is written bcrypt$$2b$... Empty: the user
                           cannot log in until a password is set
  first_name, last_name    may be empty
  is_active                true or false, also t, f, 1, 0; empty: true
  is_staff, is_superuser   the same; empty: false. A superuser is staff
  groups                   names separated by `;`. Missing groups are created

Every line is checked first. If any line is wrong, each error is printed with its \
line number, the exit status is 1 and nothing is imported.

The import may be run again. A user with the same name and the same e-mail address \
(upper or lower case) was imported before and is not changed: password, flags and \
groups stay as they are now. A user with the same name and another e-mail address \
is somebody else, and an error.";

#[derive(Args)]
pub struct CsvArguments {
    /// The file; - is standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    /// Check everything and print what would be imported, but import nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn import(arguments: CsvArguments, config: &Config) -> Result<(), Failure> {
    let CsvArguments { from, dry_run } = arguments;
    let text = read(&from).map_err(|error| Failure::new(format!("{from}: {error}")))?;
    let legacy_allowed = config.hashing.policy.legacy;
    let bar = Bar::new();
    let ended = bar.clone();
    let print_result = move |imported: Result<CsvImported, CsvError>| {
        ended.end();
        match imported {
            Ok(imported) => {
                report(imported, dry_run, legacy_allowed);
                Ok(())
            }
            Err(CsvError::Faults(faults)) => {
                for (line, fault) in &faults {
                    eprintln!("line {line}: {}", visible(fault));
                }
                let count = number(faults.len() as u64, "fault");
                Err(Failure::new(format!("nothing was imported: {count} in {from}")))
            }
            Err(CsvError::Refused(error)) => Err(error.into()),
        }
    };
    if dry_run {
        let store = open_store(config)?;
        let found = dry_run_csv(&store, &text, config.hashing.policy.max_memory_kib, |at| bar.show(at));
        store.close();
        return print_result(found);
    }
    with_service_on(Schema::Migrate, config, |service, caller| async move {
        print_result(service.import.import_csv(text, &caller, move |at| bar.show(at)).await)
    })
}

fn read(from: &str) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match from {
        "-" => stdin().read_to_end(&mut text).map(|_| text),
        path => std::fs::read(path),
    }
}

fn report(imported: CsvImported, dry_run: bool, legacy_allowed: bool) {
    let CsvImported { created, existing, hashes } = imported;
    warn(&hashes, legacy_allowed);
    let done = if dry_run { "would import" } else { "imported" };
    let here = match existing {
        0 => String::new(),
        count => format!("; {} already here, unchanged", number(count, "user")),
    };
    eprintln!("{done} {}{here}", number(created, "user"));
}

#[cfg(test)]
mod tests {
    use super::ABOUT;
    use crate::service::csv_columns;

    #[test]
    fn the_help_names_every_column() {
        let (names, _) = ABOUT.split_once("\n\nEvery line").unwrap();
        for column in csv_columns() {
            let is_there = names.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column);
            assert!(is_there, "--help does not name {column}");
        }
    }
}
