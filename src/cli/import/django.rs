//! `jeton import django`.

use std::io::{IsTerminal, stderr};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::visible;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Clock;
use crate::server::open_store;
use crate::service::{Counts, DjangoImport, Imported, Progress, open_django, would_import_django};

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
    let DjangoArguments { user_table, username_column, dry_run, .. } = arguments;
    // Before jeton's own database: an import that cannot be makes none.
    let source = open_django(&DjangoImport { from, user_table, username_column })?;
    let bar = Bar::new();
    let ended = bar.clone();
    if dry_run {
        let found = would_import_django(&open_store(config)?, source, Clock::System.now(), move |at| bar.show(at));
        ended.end();
        tell(&found?, "would be imported");
        Ok(())
    } else {
        with_service(config, |service, caller| async move {
            let done = service.import_django(source, &caller, move |at| bar.show(at)).await;
            ended.end();
            tell(&done?, "imported");
            Ok(())
        })
    }
}

fn tell(done: &Imported, what: &str) {
    eprintln!("{what}: {}", words(done.new));
    if done.here != Counts::default() {
        eprintln!("skipped, because already here: {}", words(done.here));
    }
    if done.unknown_hashes > 0 {
        eprintln!(
            "warning: the password hashes of {} are of a format that jeton does not know; they cannot log in until they \
             get a new password",
            number(done.unknown_hashes, "user")
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

fn number(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How far it is, where a person looks on.
#[derive(Clone)]
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        if !stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} users, {eta} left");
        Self(ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
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
            Progress::Clash(sentence) => self.0.suspend(|| eprintln!("clash: {}", visible(&sentence))),
        }
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
