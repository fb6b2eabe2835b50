//! `jeton import django`.

use clap::Args;

use super::{Bar, number, warn};
use crate::cli::{Failure, with_service_on};
use crate::config::{Config, PASSWORD_IN_ARGUMENT};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Clock;
use crate::server::{Schema, open_store};
use crate::service::{Counts, DjangoImport, Imported, open_django, would_import_django};

#[derive(Args)]
pub struct DjangoArguments {
    /// Django's database, which is only read: sqlite://PATH or postgres://USER@HOST/NAME. Arguments stand in the list of
    /// processes: give PostgreSQL's password in PGPASSWORD or ~/.pgpass
    #[arg(long, value_name = "URL")]
    from: String,
    /// The table of a custom user model
    #[arg(long, value_name = "TABLE", default_value = "auth_user")]
    user_table: String,
    /// The column of the login names: the model's USERNAME_FIELD
    #[arg(long, value_name = "COLUMN", default_value = "username")]
    username_column: String,
    /// Say what would be imported, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn import_django(arguments: DjangoArguments, config: &Config) -> Result<(), Failure> {
    let from = DatabaseUrl::parse(&arguments.from).map_err(|fault| Failure::new(format!("--from: {fault}")))?;
    if from.has_password() {
        return Err(Failure::new(format!("--from: {PASSWORD_IN_ARGUMENT}; give it in PGPASSWORD or ~/.pgpass")));
    }
    let DjangoArguments { user_table, username_column, dry_run, .. } = arguments;
    // Before jeton's own database: an import that cannot be makes none.
    let source = open_django(&DjangoImport { from, user_table, username_column })?;
    let bar = Bar::new();
    let ended = bar.clone();
    let legacy_allowed = config.hashing.policy.legacy;
    if dry_run {
        let store = open_store(config)?;
        let found = would_import_django(
            &store,
            source,
            config.policy.token_prefix.clone(),
            config.hashing.policy.max_memory_kib,
            Clock::System.now(),
            move |at| bar.show(at),
        );
        store.close();
        ended.end();
        tell(&found?, "would be imported", legacy_allowed);
        Ok(())
    } else {
        with_service_on(Schema::Migrate, config, |service, caller| async move {
            let done = service.import.import_django(source, &caller, move |at| bar.show(at)).await;
            ended.end();
            tell(&done?, "imported", legacy_allowed);
            Ok(())
        })
    }
}

fn tell(done: &Imported, what: &str, legacy_allowed: bool) {
    eprintln!("{what}: {}", words(done.new));
    if done.here != Counts::default() {
        eprintln!("skipped, because already here: {}", words(done.here));
    }
    warn(done.hashes, legacy_allowed);
    if done.malformed > 0 {
        eprintln!(
            "warning: refused as long as JETON_TOKEN_PREFIX is set, which they begin with, but without its checksum: {}",
            number(done.malformed, "DRF token")
        );
    }
    if done.foreign_digests > 0 {
        eprintln!(
            "warning: left out: {} by whose digests no key is found, because they are not SHA-512's or made by a Knox before \
             5.0; their holders must log in again",
            number(done.foreign_digests, "Knox token")
        );
    }
}

fn words(counts: Counts) -> String {
    [
        number(counts.users, "user"),
        number(counts.groups, "group"),
        number(counts.drf_tokens, "DRF token"),
        number(counts.knox_tokens, "Knox token"),
    ]
    .join(", ")
}
