//! The commands, one file or folder for each group: parse, call the service, print. Data goes to standard output,
//! everything else to standard error. The exit status is 0, 1 (failed) or 2 (usage).

mod audit;
mod backup;
mod client;
mod command;
mod completions;
mod config;
mod doctor;
mod failure;
mod healthcheck;
mod import;
mod man;
mod migrate;
mod names;
mod openapi;
mod output;
mod paste;
mod progress;
mod prompt;
mod restore;
mod serve;
mod settings;
mod shadow;
mod systemd;
mod table;
mod token;
mod user;
mod wait;
mod with_service;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::FromArgMatches;

use crate::config::{Config, RawSettings, Upstream, environment};
use command::{Cli, Command, commands, flags};
use failure::Failure;
use with_service::{with_service, with_service_on};

/// Runs the command that `arguments`, the program's name first, ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(name) = settings::asked_about(&arguments) {
        return match settings::one(name) {
            Ok(text) => ended(output::line(text.trim_end())),
            Err(fault) => bad_settings(&fault),
        };
    }
    let matches = match commands().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors and go to standard output. If nobody reads them there is nothing to do.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let command = match cli.command.unwrap_or(Command::Serve) {
        // These are about the program itself, and work whatever the settings are.
        Command::Settings => return ended(settings::settings()),
        Command::Completions(arguments) => {
            return ended(completions::completions(&arguments, command::with_setting_flags()));
        }
        Command::Man(arguments) => return ended(man::man(&arguments, command::own_commands())),
        command => command,
    };
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
        Command::Settings | Command::Completions(_) | Command::Man(_) => unreachable!("they have ended above"),
    };
    if done.is_ok() {
        wait.wait(&config);
    }
    ended(done)
}

/// The exit status of a command that is done; prints why it failed.
fn ended(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
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
