//! What can be written after `jeton`: the commands, and a flag for every setting.

use clap::{Arg, ArgMatches, CommandFactory, Parser, Subcommand};

use super::settings::WIDTH;
use super::wait::Wait;
use super::{audit, backup, client, completions, doctor, import, man, restore, shadow, token, user};
use crate::config::{Kind, settings};

/// A token service: a drop-in for Django REST framework's token authentication, with RFC 7662 introspection.
#[derive(Parser)]
#[command(name = "jeton", version, propagate_version = true, max_term_width = WIDTH)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve requests (what plain `jeton` does)
    Serve,
    /// Serve introspection without a database, from memory and by asking another jeton (JETON_UPSTREAM)
    Edge,
    /// Stand before a Django project (JETON_UPSTREAM), answer with its answers, and report where jeton's differ
    Shadow(shadow::ShadowArguments),
    /// Bring the database's schema up to date
    Migrate,
    /// Create, list, change and delete users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Create, list and revoke tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Register, list, rotate and delete clients
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Import users and tokens from elsewhere
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Back up an SQLite database to a file, also while a server runs
    Backup(backup::BackupArguments),
    /// Restore an SQLite database from a backup
    Restore(restore::RestoreArguments),
    /// Print the audit log, newest first
    Audit(audit::AuditArguments),
    /// Print every setting, its value, and where it came from
    Config,
    /// Print the OpenAPI document of the API
    Openapi,
    /// Check the database, count the login tokens sealed under each secret key, list the nodes; changes nothing
    Doctor(doctor::DoctorArguments),
    /// Exit with status 0 if a server answers at JETON_LISTEN
    Healthcheck,
    /// Print a script that completes commands and options in a shell
    Completions(completions::CompletionsArguments),
    /// Write manual pages to a folder, one for each command
    Man(man::ManArguments),
    /// Print what each setting does: `jeton help settings`
    #[command(hide = true)]
    Settings,
}

impl Command {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::User(command) => command.wait(),
            Self::Token(command) => command.wait(),
            Self::Client(command) => command.wait(),
            Self::Import(command) => command.wait(),
            _ => Wait::NO,
        }
    }
}

/// The commands, each with a flag for every setting. Help does not list these flags: there are many more of them than of
/// options.
pub fn commands() -> clap::Command {
    let named = own_commands().mut_subcommand("settings", |settings| {
        let each = super::settings::each(WIDTH).map(|(setting, text)| {
            clap::Command::new(setting.name).alias(setting.flag()).hide(true).override_help(text)
        });
        settings.override_help(super::settings::text(WIDTH)).subcommands(each).disable_help_subcommand(true)
    });
    let command = with_settings_named(named);
    setting_flags().fold(command, |command, flag| command.arg(flag.global(true).hide(true)))
}

/// The commands with their own options only.
pub fn own_commands() -> clap::Command {
    Cli::command()
}

/// The commands as a shell completes them. Settings are completed after `jeton` alone: after each command they would hide
/// its own options.
pub fn with_setting_flags() -> clap::Command {
    setting_flags().fold(own_commands(), clap::Command::arg)
}

/// The flags of the settings. Secrets have none, because flags are visible in the process list, but files with secrets do.
fn setting_flags() -> impl Iterator<Item = Arg> {
    let flag = |name: String, flag: String, help: String| {
        Arg::new(name).long(flag).value_name("VALUE").help(help).help_heading("Settings")
    };
    settings().into_iter().flat_map(move |setting| {
        let is_secret = setting.kind == Kind::Secret;
        let value = (!is_secret).then(|| flag(setting.name.to_owned(), setting.flag(), setting.help.to_owned()));
        let file = setting.file_variable().map(|name| {
            let help = format!("a file that holds {}: {}", setting.name, setting.help);
            flag(name, format!("{}-file", setting.flag()), help)
        });
        [value, file].into_iter().flatten()
    })
}

/// The command, and those below it, with a line at the end of its help that says where settings are explained.
fn with_settings_named(command: clap::Command) -> clap::Command {
    let command = command.after_help("Settings, which are flags too: jeton help settings");
    command.mut_subcommands(with_settings_named)
}

/// The settings passed as flags. clap copies global flags into subcommands, so the innermost command has all of them.
pub fn flags(matches: &ArgMatches) -> Vec<(String, String)> {
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let settings = settings().into_iter();
    let names = settings.flat_map(|setting| [Some(setting.name.to_owned()), setting.file_variable()]).flatten();
    names
        .filter_map(|name| {
            let value = innermost.try_get_one::<String>(&name).ok()??.clone();
            Some((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_are_well_formed() {
        super::commands().debug_assert();
    }
}
