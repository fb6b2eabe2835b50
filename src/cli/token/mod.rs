//! `jeton token ...`.

mod create;
mod explain;
mod list;
mod revoke_many;
mod update;

use clap::{Args, Subcommand};

use super::audit::moment;
use super::wait::Wait;
use super::{Failure, with_service};
use crate::config::Config;
use crate::domain::time::Timestamp;
use crate::service::Error;
use revoke_many::{RevokeMany, revoke_many};

/// What can be done to tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Print a user's login token, and create it if there is none; with --name, create an API key
    Create(create::Create),
    /// List live tokens, of one user or of all
    List(list::List),
    /// Explain why introspection accepts or refuses a key, which is asked for, or read from standard input
    Explain(explain::Explain),
    /// Move the end of a token, by the id that `list` shows
    Update(update::Update),
    /// Revoke a token by the id that `list` shows, or many at once
    Revoke(Revoke),
}

#[derive(Args)]
pub struct Revoke {
    /// The token's id
    #[arg(required_unless_present_any = ["all", "users", "since", "until"])]
    id: Option<i64>,
    /// All tokens of all users, named ones too
    #[arg(long, conflicts_with_all = ["id", "users"])]
    all: bool,
    /// All tokens of this user; may be repeated
    #[arg(long = "user", value_name = "USERNAME", conflicts_with = "id")]
    users: Vec<String>,
    /// Only tokens created at this time or later, for example 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "id")]
    since: Option<Timestamp>,
    /// Only tokens created before this time
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "id")]
    until: Option<Timestamp>,
    /// Do not ask for confirmation
    #[arg(long, conflicts_with = "id")]
    yes: bool,
    #[command(flatten)]
    wait: Wait,
}

impl TokenCommand {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::Create(create) => create.wait,
            Self::Revoke(revoke) => revoke.wait,
            Self::Update(update) => update.wait,
            Self::List(_) | Self::Explain(_) => Wait::NO,
        }
    }
}

pub fn run(command: TokenCommand, config: &Config) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(arguments) => create::create(arguments, config),
        TokenCommand::List(arguments) => list::list(arguments, config),
        TokenCommand::Explain(arguments) => explain::explain(&arguments, config),
        TokenCommand::Update(arguments) => update::update(arguments, config),
        TokenCommand::Revoke(Revoke { id: Some(id), .. }) => with_service(config, |service, caller| async move {
            service.tokens.revoke_token(id, None, &caller).await.map_err(|error| match error {
                Error::NotFound => Failure::new(format!("there is no live token with id {id}")),
                other => other.into(),
            })?;
            eprintln!("revoked token {id}");
            Ok(())
        }),
        TokenCommand::Revoke(Revoke { users, since, until, yes, .. }) => {
            revoke_many(RevokeMany { users, since, until, yes }, config)
        }
    }
}
