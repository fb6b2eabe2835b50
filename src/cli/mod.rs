//! The commands, one file for each group: parse, call the service, print. Data goes to standard output, everything else
//! to standard error. The exit status is 0, 1 (failed) or 2 (usage).

mod audit;
mod backup;
mod client;
mod config;
mod doctor;
mod healthcheck;
mod import;
mod migrate;
mod openapi;
mod output;
mod progress;
mod prompt;
mod restore;
mod revoke_many;
mod serve;
mod shadow;
mod systemd;
mod token;
mod user;
mod wait;
mod with_service;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use wait::Wait;
use with_service::{with_service, with_service_on};

use crate::config::{Config, Kind, RawSettings, Upstream, environment, settings};
use crate::domain::user::User;
use crate::server::StartError;
use crate::service::{Error, Service, Superuser};

/// A token service: a drop-in for Django REST framework's token authentication, with RFC 7662 introspection.
#[derive(Parser)]
#[command(name = "jeton", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
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
    /// Check the database and count the login tokens sealed under each secret key; changes nothing
    Doctor(doctor::DoctorArguments),
    /// Exit with status 0 if a server answers at JETON_LISTEN
    Healthcheck,
}

impl Command {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed.
    const fn wait(&self) -> Wait {
        match self {
            Self::User(command) => command.wait(),
            Self::Token(command) => command.wait(),
            Self::Client(command) => command.wait(),
            _ => Wait::NO,
        }
    }
}

/// Why a command failed. The text is printed after `error: `.
#[derive(Debug)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Failure {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Runs the command that `arguments`, the program's name first, ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors and go to standard output. If nobody reads them there is nothing to do.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let (flags, environment) = (flags(&matches), environment());
    let read_settings = move || RawSettings::gather(&flags, &environment, Path::new(".env"));
    let raw = read_settings();
    let config = match raw.check() {
        Ok(config) => config,
        Err(error) => {
            for line in error.to_string().lines() {
                eprintln!("error: {line}");
            }
            return ExitCode::from(2);
        }
    };
    let command = cli.command.unwrap_or(Command::Serve);
    // Servers start their own logging, with a queue.
    if !matches!(command, Command::Serve | Command::Edge | Command::Shadow(_)) {
        crate::logging::start(&config.log.filter, config.log.format);
    }
    let wait = command.wait();
    let done = match command {
        Command::Serve => serve::serve(&config, &raw, Arc::new(read_settings), serve::ServerKind::Node),
        Command::Edge => {
            let upstream = upstream_of(&config, "an edge asks another jeton, at this URL");
            match upstream.and_then(Upstream::of_edge) {
                Ok(upstream) => {
                    serve::serve(&config, &raw, Arc::new(read_settings), serve::ServerKind::EdgeOf(&upstream))
                }
                Err(fault) => return bad_settings(&fault),
            }
        }
        Command::Shadow(arguments) => {
            let upstream = upstream_of(&config, "a shadow stands before a Django project, at this URL");
            match upstream.map(|upstream| upstream.urls.as_slice()) {
                Ok([url]) => shadow::shadow(&arguments, url, &config, &raw, Arc::new(read_settings)),
                Ok(_) => return bad_settings("JETON_UPSTREAM: a shadow stands before one project; write one URL"),
                Err(fault) => return bad_settings(&fault),
            }
        }
        Command::Migrate => migrate::migrate(&config),
        Command::User(command) => user::run(command, &config),
        Command::Token(command) => token::run(command, &config),
        Command::Client(command) => client::run(command, &config),
        Command::Import(command) => import::run(command, &config),
        Command::Backup(arguments) => backup::backup(arguments, &config),
        Command::Restore(arguments) => restore::restore(arguments, &config),
        Command::Audit(arguments) => audit::audit(arguments, &config),
        Command::Config => config::config(&raw),
        Command::Openapi => openapi::openapi(&config),
        Command::Doctor(arguments) => doctor::doctor(&arguments, &config),
        Command::Healthcheck => healthcheck::healthcheck(&config),
    };
    match done {
        Ok(()) => {
            wait.wait(&config);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn upstream_of<'a>(config: &'a Config, what_for: &str) -> Result<&'a Upstream, String> {
    config.upstream.as_ref().ok_or_else(|| format!("JETON_UPSTREAM: it is missing; {what_for}"))
}

fn bad_settings(fault: &str) -> ExitCode {
    eprintln!("error: {fault}");
    ExitCode::from(2)
}

/// The commands, with a global flag for every setting.
fn command() -> clap::Command {
    let mut command = Cli::command();
    for setting in settings() {
        let default =
            if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
        let flag = |name: &str, flag: &str, help: String| {
            let help = format!("{help} [env: {name}]{default}");
            Arg::new(name.to_owned())
                .long(flag.to_owned())
                .value_name("VALUE")
                .help(help)
                .global(true)
                .help_heading("Settings")
        };
        if setting.kind != Kind::Secret {
            command = command.arg(flag(setting.name, &setting.flag(), setting.help.to_owned()));
        }
        if let Some(file_name) = setting.file_variable() {
            let help = format!("file that holds {}: {}", setting.name, setting.help);
            let shown = setting.kind == Kind::Secret;
            command = command.arg(flag(&file_name, &format!("{}-file", setting.flag()), help).hide(!shown));
        }
    }
    command
}

/// The settings passed as flags. clap copies global flags into subcommands, so the innermost command has all of them.
fn flags(matches: &ArgMatches) -> Vec<(String, String)> {
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

/// The users with these names, each once; a failure names all that do not exist.
async fn users_named(names: &[String], service: &Service, caller: &Superuser) -> Result<Vec<User>, Failure> {
    let (mut users, mut unknown): (Vec<User>, Vec<&str>) = (Vec::new(), Vec::new());
    for name in names {
        match service.accounts.user(name, caller).await {
            Ok(user) if users.iter().any(|other| other.id == user.id) => {}
            Ok(user) => users.push(user),
            Err(Error::NotFound) if unknown.contains(&name.as_str()) => {}
            Err(Error::NotFound) => unknown.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    match unknown[..] {
        [] => Ok(users),
        [name] => Err(no_such_user(name)(Error::NotFound)),
        [..] => Err(Failure::new(format!("users {} do not exist", unknown.join(", ")))),
    }
}

/// What a command prints for a user that does not exist.
fn no_such_user(username: &str) -> impl FnOnce(Error) -> Failure {
    let username = username.to_owned();
    move |error| match error {
        Error::NotFound => Failure::new(format!("user {username} does not exist")),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_are_well_formed() {
        super::command().debug_assert();
    }
}
