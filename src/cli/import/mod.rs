//! `jeton import ...`.

mod csv;
mod django;
mod summary;

use clap::Subcommand;
use indicatif::ProgressBar;

use super::Failure;
use super::output::visible;
use super::progress::{bar, number};
use super::wait::Wait;
use crate::config::Config;
use crate::service::{Progress, UnusableHashes};

/// Where users can come from.
#[derive(Subcommand)]
pub enum ImportCommand {
    /// Users from a CSV file, with their password hashes
    #[command(long_about = csv::ABOUT)]
    Csv(csv::CsvArguments),
    /// Users, groups and tokens of a Django project, with their ids, passwords and keys
    #[command(long_about = django::ABOUT)]
    Django(Box<django::DjangoArguments>),
}

impl ImportCommand {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed. An update may deactivate users and revoke
    /// tokens.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::Csv(_) => Wait::NO,
            Self::Django(django) => django.wait,
        }
    }
}

pub fn run(command: ImportCommand, config: &Config) -> Result<(), Failure> {
    match command {
        ImportCommand::Csv(arguments) => csv::import(arguments, config)?,
        ImportCommand::Django(arguments) => django::import_django(*arguments, config)?,
    }
    if config.database.is_default() {
        eprintln!("note: this is about jeton.db in this directory; DATABASE_URL names another database");
    }
    Ok(())
}

/// Warns of imported password hashes with which users cannot log in.
fn warn(hashes: &UnusableHashes, legacy_allowed: bool) {
    for (what, users) in &hashes.unreadable {
        let more = if users.count > users.first.len() as u64 { ", .." } else { "" };
        eprintln!(
            "warning: {} cannot log in until they get a new password, because of {}: {}{more}",
            number(users.count, "user"),
            visible(what),
            visible(&users.first.join(", ")),
        );
    }
    if hashes.too_large > 0 {
        eprintln!(
            "warning: the password hashes of {} take more memory to check than JETON_HASH_MAX_MEMORY allows; they cannot \
             log in until that is raised, or they get a new password",
            number(hashes.too_large, "user")
        );
    }
    if hashes.legacy > 0 && !legacy_allowed {
        let users = number(hashes.legacy, "user");
        eprintln!("warning: {users} with md5 or sha1 hashes cannot log in unless JETON_LEGACY_HASHES=true");
    }
}

/// A progress bar, shown on a terminal only.
#[derive(Clone)]
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(bar(None, "", "users"))
    }

    fn show(&self, progress: Progress) {
        match progress {
            Progress::Checks(users) => {
                self.0.set_length(users);
                self.0.set_message("checking ");
            }
            Progress::Writes => {
                self.0.reset();
                self.0.set_message("importing");
            }
            Progress::Users(more) => self.0.inc(more),
            Progress::Clash(sentence) => self.say("clash", &sentence),
            Progress::Bad(sentence) => self.say("bad row", &sentence),
            Progress::Kept(sentence) => self.say("stays as it is here", &sentence),
        }
    }

    fn say(&self, what: &str, sentence: &str) {
        self.0.suspend(|| eprintln!("{what}: {}", visible(sentence)));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
