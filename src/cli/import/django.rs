//! `jeton import django`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::Bar;
use super::summary::Summary;
use crate::cli::progress::bar;
use crate::cli::wait::Wait;
use crate::cli::{Failure, with_service_on};
use crate::config::{Config, PASSWORD_IN_ARGUMENT};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::django::{ColumnMap, DjangoOptions, HashAlias, MembershipTableOptions, TimeZone, TokenTableOptions};
use crate::domain::duration::lifetime;
use crate::domain::time::Clock;
use crate::server::{Schema, open_store};
use crate::service::{ImportOptions, dry_run_django, open_django};
use crate::store::Origin;

/// What `--help` says.
pub const ABOUT: &str = "\
Import users, groups and tokens of a Django project, with their ids, passwords and keys

The source is only read, and all of it is checked before anything is written. Look \
at a dry run first: it ends with what would be imported, what would not, and what is \
unusual about the project.

A second import adds what is new at the source. Rows that are here already stay as \
they are, but with --update names, e-mail addresses, flags, groups and hashes that \
changed there, and not here, follow, and tokens without an end take the source's. \
Give the same flags each time.";

// The short help would be longer than a screen with each option.
#[derive(Args)]
#[command(mut_arg("wait", |wait| wait.hide_short_help(true).conflicts_with("dry_run")))]
pub struct DjangoArguments {
    /// Django's database, or a file of dumpdata
    ///
    /// sqlite://PATH, postgres://USER@HOST/NAME, or the JSON that `manage.py dumpdata` wrote; - is standard input.
    /// Arguments are visible in the process list: give PostgreSQL's password in PGPASSWORD or ~/.pgpass.
    #[arg(long, value_name = "URL|FILE")]
    from: String,
    /// The table of users
    ///
    /// That of a custom user model, if the project has one.
    #[arg(long, value_name = "TABLE", default_value = "auth_user")]
    user_table: String,
    /// The login names
    ///
    /// The column of the model's USERNAME_FIELD.
    #[arg(long, value_name = "COLUMN", default_value = "username")]
    username_column: String,
    /// Columns with other names than Django's
    ///
    /// For example is_active=active,name=full_name. `not:` before a column is its opposite, true where it is NULL or
    /// false: is_active=not:deleted_at.
    #[arg(long, value_name = "FIELD=COLUMN", value_delimiter = ',')]
    map: Vec<String>,
    /// The table of groups
    ///
    /// Where foreign keys do not say it.
    #[arg(long, value_name = "TABLE")]
    group_table: Option<String>,
    /// The table of memberships in groups
    ///
    /// Where the table of users does not say it: 'TABLE(user=.., group=..)'.
    #[arg(long, value_name = "TABLE")]
    membership_table: Option<MembershipTableOptions>,
    /// A table of keys; may be repeated
    ///
    /// A table of keys in the clear, in place of authtoken_token. Columns with other names: 'TABLE(key=.., user=..,
    /// created=.., expiry=.., active=..)'.
    #[arg(long, value_name = "TABLE")]
    token_table: Vec<TokenTableOptions>,
    /// A table of Knox's digests; may be repeated
    ///
    /// In place of knox_authtoken; written as --token-table.
    #[arg(long, value_name = "TABLE")]
    knox_table: Vec<TokenTableOptions>,
    /// How long keys are valid: 72h
    ///
    /// Counted from their creation, as the project's own code has it.
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    tokens_expire: Option<Duration>,
    /// The zone of times without one [UTC]
    ///
    /// TIME_ZONE of a project with USE_TZ = False, as Europe/Berlin or +02:00.
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    time_zone: Option<TimeZone>,
    /// A hasher's other name; may be repeated
    ///
    /// A name of the project's own for one of Django's hashers: NAME=pbkdf2_sha256.
    #[arg(long, value_name = "NAME=FORMAT")]
    hash_alias: Vec<HashAlias>,
    /// Give users new ids: for a second project
    ///
    /// For a source whose ids are taken here. A user's key there becomes their external_id. Keys that are not integers
    /// need no flag.
    #[arg(long)]
    new_ids: bool,
    /// Text before each external_id: shop-
    ///
    /// External ids must be unique.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    external_prefix: String,
    /// Let users follow what has changed there
    ///
    /// For users who are here already: what changed at the source, and not here.
    #[arg(long)]
    update: bool,
    /// Leave out flags that an import had
    ///
    /// The last import from this source had them, for example --map.
    #[arg(long)]
    changed_flags: bool,
    /// Leave out rows that cannot be imported
    ///
    /// Each of them is named.
    #[arg(long)]
    skip_bad: bool,
    /// Print what would be imported, no more
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub wait: Wait,
}

pub fn import_django(arguments: DjangoArguments, config: &Config) -> Result<(), Failure> {
    let from = origin(&arguments.from)?;
    let options = ImportOptions {
        new_ids: arguments.new_ids,
        external_prefix: arguments.external_prefix,
        update: arguments.update,
        skip_bad: arguments.skip_bad,
        changed_flags: arguments.changed_flags,
    };
    let project = DjangoOptions {
        user_table: arguments.user_table,
        username_column: arguments.username_column,
        group_table: arguments.group_table,
        map: ColumnMap::parse(&arguments.map).map_err(|fault| Failure::new(format!("--map: {fault}")))?,
        token_tables: arguments.token_table,
        knox_tables: arguments.knox_table,
        hash_aliases: arguments.hash_alias,
        membership_table: arguments.membership_table,
        tokens_expire: arguments.tokens_expire,
        time_zone: arguments.time_zone,
    };
    let is_dry = arguments.dry_run;
    // Opened before jeton's own database, so that a failed import creates none.
    let reading = bar(None, "reading", "MiB");
    let source = open_django(from, project, &mut |all, more| {
        reading.set_length(all);
        reading.inc(more);
    });
    reading.finish_and_clear();
    let source = source?;
    if source.has_integer_keys() && !options.new_ids && !options.external_prefix.is_empty() {
        return Err(Failure::new(
            "--external-prefix: users keep their ids, and have no external_id, without --new-ids",
        ));
    }
    let summary = Summary::of(&source, is_dry, config.hashing.policy.legacy);
    let bar = Bar::new();
    let ended = bar.clone();
    if is_dry {
        let store = open_store(config)?;
        let found = dry_run_django(
            &store,
            source,
            options,
            config.policy.token_prefix.clone(),
            config.hashing.policy.max_memory_kib,
            Clock::System.now(),
            move |at| bar.show(at),
        );
        store.close();
        ended.end();
        if found.is_err() {
            summary.print_notes();
        }
        summary.print(&found?);
        Ok(())
    } else {
        summary.print_notes();
        with_service_on(Schema::Migrate, config, |service, caller| async move {
            let done = service.import.import_django(source, options, &caller, move |at| bar.show(at)).await;
            ended.end();
            summary.print(&done?);
            Ok(())
        })
    }
}

/// A database by its URL, or a file.
fn origin(from: &str) -> Result<Origin, Failure> {
    let is_url = from.contains("://");
    if !is_url && (from == "-" || Path::new(from).is_file()) {
        return Ok(Origin::Dump(PathBuf::from(from)));
    }
    let url = DatabaseUrl::parse(from).map_err(|fault| {
        let other = if is_url {
            "another database comes as what `manage.py dumpdata` writes"
        } else {
            "and there is no such file"
        };
        Failure::new(format!("--from: {fault}; {other}"))
    })?;
    if url.has_password() {
        return Err(Failure::new(format!("--from: {PASSWORD_IN_ARGUMENT}; give it in PGPASSWORD or ~/.pgpass")));
    }
    Ok(Origin::Database(url))
}
