//! `jeton token update`.

use std::time::Duration;

use clap::Args;

use crate::cli::audit::moment;
use crate::cli::wait::Wait;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::duration;
use crate::domain::time::Timestamp;
use crate::service::{EndTime, Error, NewEnd};

#[derive(Args)]
#[command(override_usage = "jeton token update [OPTIONS] <ID>")]
pub struct Update {
    /// The token's id
    id: i64,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    pub wait: Wait,
}

/// When it ends: its grace period if it was replaced, or else the token itself.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct End {
    /// End it after this time: whole seconds, or for example 90d
    #[arg(long, value_name = "TIME", value_parser = duration::lifetime)]
    expires_in: Option<Duration>,
    /// End it at this time, for example 2026-12-31T23:59:59Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires_at: Option<Timestamp>,
    /// Let it live without an end
    #[arg(long)]
    no_expiry: bool,
}

/// Moves the end of a live token.
pub fn update(Update { id, end, wait: _ }: Update, config: &Config) -> Result<(), Failure> {
    let end = end.expires_in.map(EndTime::In).or(end.expires_at.map(EndTime::At));
    with_service(config, |service, caller| async move {
        let updated = service.tokens.update_token(id, None, NewEnd::Shown(end), &caller).await;
        updated.map_err(|error| match error {
            Error::NotFound => Failure::new(format!("there is no live token with id {id}")),
            other => other.into(),
        })?;
        let found = service.tokens.token(id, None, &caller).await?;
        match found.token.ends_at() {
            Some(end) => eprintln!("token {id} now ends at {end}"),
            None => eprintln!("token {id} now has no end"),
        }
        Ok(())
    })
}
