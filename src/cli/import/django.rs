//! `jeton import django`.

use clap::Args;

use super::{Bar, number, warn};
use crate::cli::{Failure, with_service_on};
use crate::config::{Config, PASSWORD_IN_ARGUMENT};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Clock;
use crate::server::{Schema, open_store};
use crate::service::{Counts, DjangoImport, Imported, dry_run_django, open_django};

#[derive(Args)]
pub struct DjangoArguments {
    /// Django's database, which is only read: sqlite://PATH or postgres://USER@HOST/NAME. Arguments are visible in the
    /// process list: give PostgreSQL's password in PGPASSWORD or ~/.pgpass
    #[arg(long, value_name = "URL")]
    from: String,
    /// The table of a custom user model
    #[arg(long, value_name = "TABLE", default_value = "auth_user")]
    user_table: String,
    /// The column of the login names: the model's USERNAME_FIELD
    #[arg(long, value_name = "COLUMN", default_value = "username")]
    username_column: String,
    /// Print what would be imported, but import nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn import_django(arguments: DjangoArguments, config: &Config) -> Result<(), Failure> {
    let from = DatabaseUrl::parse(&arguments.from).map_err(|fault| Failure::new(format!("--from: {fault}")))?;
    if from.has_password() {
        return Err(Failure::new(format!("--from: {PASSWORD_IN_ARGUMENT}; give it in PGPASSWORD or ~/.pgpass")));
    }
    let DjangoArguments { user_table, username_column, dry_run, .. } = arguments;
    // Opened before jeton's own database, so that a failed import creates none.
    let source = open_django(&DjangoImport { from, user_table, username_column })?;
    let bar = Bar::new();
    let ended = bar.clone();
    let legacy_allowed = config.hashing.policy.legacy;
    if dry_run {
        let store = open_store(config)?;
        let found = dry_run_django(
            &store,
            source,
            config.policy.token_prefix.clone(),
            config.hashing.policy.max_memory_kib,
            Clock::System.now(),
            move |at| bar.show(at),
        );
        store.close();
        ended.end();
        print_counts(&found?, "would be imported", legacy_allowed);
        Ok(())
    } else {
        with_service_on(Schema::Migrate, config, |service, caller| async move {
            let done = service.import.import_django(source, &caller, move |at| bar.show(at)).await;
            ended.end();
            print_counts(&done?, "imported", legacy_allowed);
            Ok(())
        })
    }
}

fn print_counts(done: &Imported, what: &str, legacy_allowed: bool) {
    eprintln!("{what}: {}", describe(done.new));
    if done.existing != Counts::default() {
        eprintln!("skipped, because already here: {}", describe(done.existing));
    }
    warn(done.hashes, legacy_allowed);
    if done.malformed > 0 {
        eprintln!(
            "warning: refused because they begin with JETON_TOKEN_PREFIX but have no valid checksum: {}",
            number(done.malformed, "DRF token")
        );
    }
    if done.foreign_digests > 0 {
        eprintln!(
            "warning: not imported: {} whose digests are not SHA-512, or were made by Knox before 5.0; their holders \
             must log in again",
            number(done.foreign_digests, "Knox token")
        );
    }
}

fn describe(counts: Counts) -> String {
    [
        number(counts.users, "user"),
        number(counts.groups, "group"),
        number(counts.drf_tokens, "DRF token"),
        number(counts.knox_tokens, "Knox token"),
    ]
    .join(", ")
}
