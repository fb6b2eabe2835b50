//! `jeton user password-link`.

use std::time::Duration;

use clap::Args;

use super::super::names::no_such_user;
use super::super::output::{line, say};
use super::super::{Failure, with_service};
use super::user_to_change;
use crate::config::Config;
use crate::domain::duration;
use crate::http::password_link_url;

/// An invitation, or a reset: the link works once.
#[derive(Args)]
pub struct PasswordLink {
    /// The user's name
    username: String,
    /// How long the link is good
    ///
    /// Such as 12h, and at most 7d.
    #[arg(long, value_name = "DURATION", value_parser = duration::lifetime, default_value = "1h")]
    expires_in: Duration,
}

pub fn password_link(arguments: &PasswordLink, config: &Config) -> Result<(), Failure> {
    let username = &arguments.username;
    with_service(config, |service, caller| async move {
        let Some(base) = service.policy.issuer.as_deref() else {
            return Err(Failure::new(
                "set JETON_ISSUER to the URL by which users reach jeton: the link begins with it",
            ));
        };
        let target = user_to_change(&service, username, &caller).await?;
        let link = service.accounts.create_password_link(&target, Some(arguments.expires_in)).await;
        let link = link.map_err(no_such_user(username))?;
        line(&password_link_url(base, &link.key))?;
        say(&format!("user {username} can set a password with it once, until {}", link.expires_at));
        Ok(())
    })
}
