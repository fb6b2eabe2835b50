//! `jeton token ...`.

use std::io::Read;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::audit::moment;
use super::output::{json_array, line, table, visible};
use super::revoke_many::{RevokeMany, revoke_many};
use super::wait::Wait;
use super::{Failure, no_such_user, with_service, with_service_on};
use crate::config::Config;
use crate::domain::duration;
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::{ListedToken, copied_key};
use crate::server::Schema;
use crate::service::{Error, NamedToken, RegenerateOptions, Service, Staff, Superuser};

/// What can be done to tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Print a user's login token, and create it if there is none; with --name, create an API key
    Create(Create),
    /// List live tokens, of one user or of all
    List {
        /// Only this user's tokens
        username: Option<String>,
        /// Print a JSON array of the admin API's objects
        #[arg(long)]
        json: bool,
    },
    /// Explain why introspection accepts or refuses the key on standard input
    Explain,
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

#[derive(Args)]
pub struct Create {
    /// The user's name
    username: String,
    /// Revoke the user's login tokens and create a new one
    #[arg(short, long, visible_alias = "reset", conflicts_with = "name")]
    regenerate: bool,
    /// Create an API key with this name
    #[arg(long)]
    name: Option<String>,
    /// The API key's scopes, separated by spaces
    #[arg(long, requires = "name", default_value = "")]
    scope: String,
    /// The API key's lifetime: whole seconds, or for example 90d
    #[arg(long, requires = "name", value_parser = duration::lifetime)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    wait: Wait,
}

impl TokenCommand {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::Create(create) => create.wait,
            Self::Revoke(revoke) => revoke.wait,
            Self::List { .. } | Self::Explain => Wait::NO,
        }
    }
}

pub fn run(command: TokenCommand, config: &Config) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(create) => with_service_on(Schema::Require, config, |service, caller| async move {
            let username = create.username.clone();
            let token = self::create(create, &service, &caller).await.map_err(|error| match error {
                // DRF's sentence (rest_framework/authtoken/management/commands/drf_create_token.py)
                Error::NotFound => Failure::new(format!("Cannot create the Token: user {username} does not exist")),
                other => other.into(),
            })?;
            line(&format!("Generated token {token} for user {username}"))
        }),
        TokenCommand::List { username, json } => {
            with_service(config, |service, caller| async move { list(&service, &caller, username, json).await })
        }
        TokenCommand::Explain => with_service(config, |service, caller| async move {
            let mut key = String::new();
            std::io::stdin().read_to_string(&mut key)?;
            let explanation = service.tokens.explain(copied_key(&key), &caller).await?;
            line(explanation.word())?;
            for (name, value) in [
                ("user", explanation.username),
                ("token", explanation.token.map(|token| token.id.to_string())),
                ("at", explanation.at.map(|moment| moment.to_string())),
                ("by", explanation.by),
            ] {
                if let Some(value) = value {
                    eprintln!("{name:6} {}", visible(&value));
                }
            }
            Ok(())
        }),
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

async fn create(create: Create, service: &Service, caller: &Superuser) -> Result<String, Error> {
    let target = service.accounts.user_to_change(&create.username, Staff::clone(caller)).await?;
    let token = if let Some(name) = create.name {
        let wanted = NamedToken { name, scope: create.scope, expires_in: create.expires_in };
        service.tokens.create_named_token(&target, wanted).await?.key
    } else if create.regenerate {
        service.tokens.regenerate(&target, RegenerateOptions::default()).await?.token
    } else {
        service.tokens.create_login_token(&target).await?
    };
    Ok(token.expose().to_owned())
}

async fn list(service: &Service, caller: &Superuser, username: Option<String>, json: bool) -> Result<(), Failure> {
    let name = username.as_deref();
    let (mut tokens, mut number): (Vec<ListedToken>, u32) = (Vec::new(), 1);
    loop {
        let page = PageRequest::number(number, MAX_PAGE_SIZE);
        let page =
            service.tokens.list_tokens(name, page, caller).await.map_err(no_such_user(name.unwrap_or_default()))?;
        let last = page.results.len() < MAX_PAGE_SIZE as usize;
        tokens.extend(page.results);
        if last {
            break;
        }
        number += 1;
    }
    if json {
        return json_array(&tokens.iter().map(|listed| &listed.token).collect::<Vec<_>>());
    }
    let when = |moment: Option<Timestamp>| moment.map_or_else(|| "-".to_owned(), |moment| moment.to_string());
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|ListedToken { token, username }| {
            vec![
                token.id.to_string(),
                username.clone(),
                token.kind().as_str().to_owned(),
                token.name.clone().unwrap_or_else(|| "-".into()),
                format!("{}...", token.key_start),
                token.scope.clone(),
                token.created_at.to_string(),
                when(token.ends_at()),
                when(token.last_used_at),
            ]
        })
        .collect();
    table(&["ID", "USER", "KIND", "NAME", "KEY", "SCOPE", "CREATED", "EXPIRES", "LAST USED"], &rows)
}
