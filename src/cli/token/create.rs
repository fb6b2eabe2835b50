//! `jeton token create`.

use std::time::Duration;

use clap::Args;

use crate::cli::output::line;
use crate::cli::wait::Wait;
use crate::cli::{Failure, with_service_on};
use crate::config::Config;
use crate::domain::duration;
use crate::server::Schema;
use crate::service::{Error, NamedToken, RegenerateOptions, Service, Staff, Superuser};

// An option that needs one of two others says that it excludes the other one, too: clap asks for no option that excludes
// one that is given.
#[derive(Args)]
pub struct Create {
    /// The user's name
    username: String,
    /// Revoke the user's login tokens and create a new one
    #[arg(short, long, visible_alias = "reset", conflicts_with = "name")]
    regenerate: bool,
    /// With --regenerate: how long the old tokens stay valid, for example 1h
    #[arg(long, value_name = "TIME", requires = "regenerate", conflicts_with = "name", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// With --regenerate: revoke the user's named tokens too
    #[arg(long, requires = "regenerate", conflicts_with = "name")]
    all: bool,
    /// Create an API key with this name
    #[arg(long)]
    name: Option<String>,
    /// The API key's scopes, separated by spaces
    #[arg(long, requires = "name", conflicts_with = "regenerate", default_value = "", hide_default_value = true)]
    scope: String,
    /// The API key's lifetime: whole seconds, or for example 90d
    #[arg(long, value_name = "TIME", requires = "name", conflicts_with = "regenerate", value_parser = duration::lifetime)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Prints the key, in DRF's line.
pub fn create(create: Create, config: &Config) -> Result<(), Failure> {
    with_service_on(Schema::Require, config, |service, caller| async move {
        let username = create.username.clone();
        let token = created(create, &service, &caller).await.map_err(|error| match error {
            // DRF's sentence (rest_framework/authtoken/management/commands/drf_create_token.py)
            Error::NotFound => Failure::new(format!("Cannot create the Token: user {username} does not exist")),
            other => other.into(),
        })?;
        line(&format!("Generated token {token} for user {username}"))
    })
}

async fn created(create: Create, service: &Service, caller: &Superuser) -> Result<String, Error> {
    let target = service.accounts.user_to_change(&create.username, Staff::clone(caller)).await?;
    let token = if let Some(name) = create.name {
        let wanted = NamedToken { name, scope: create.scope, expires_in: create.expires_in };
        service.tokens.create_named_token(&target, wanted).await?.key
    } else if create.regenerate {
        let options = RegenerateOptions { grace: create.grace, all: create.all };
        service.tokens.regenerate(&target, options).await?.token
    } else {
        service.tokens.create_login_token(&target).await?
    };
    Ok(token.expose().to_owned())
}
