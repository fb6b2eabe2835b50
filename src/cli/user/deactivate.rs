//! `jeton user deactivate` and `jeton user activate`.

use clap::Args;

use super::user_to_change;
use crate::cli::names::{no_such_user, users_named};
use crate::cli::output::say;
use crate::cli::progress::{bar, number};
use crate::cli::prompt::confirm_or_yes;
use crate::cli::wait::Wait;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::user::UserChange;
use crate::service::Error;

#[derive(Args)]
pub struct Deactivate {
    /// The user's name
    #[arg(required_unless_present = "all_but")]
    username: Option<String>,
    /// All users except these, one of whom must be a superuser
    #[arg(long, value_name = "USERNAME", num_args = 1.., conflicts_with = "username")]
    all_but: Vec<String>,
    /// Do not ask for confirmation
    #[arg(long, conflicts_with = "username")]
    yes: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// Deactivates one user, or all except some.
pub fn deactivate(arguments: Deactivate, config: &Config) -> Result<(), Failure> {
    match arguments {
        Deactivate { username: Some(username), .. } => set_active(&username, false, config),
        Deactivate { all_but, yes, .. } => deactivate_many(all_but, yes, config),
    }
}

/// Activates or deactivates a user.
pub fn set_active(username: &str, active: bool, config: &Config) -> Result<(), Failure> {
    with_service(config, |service, caller| async move {
        let change = UserChange { is_active: Some(active), ..UserChange::default() };
        let target = user_to_change(&service, username, &caller).await?;
        service.accounts.update_user(&target, change.into()).await.map_err(no_such_user(username))?;
        say(&format!("{} user {username}", if active { "activated" } else { "deactivated" }));
        Ok(())
    })
}

fn deactivate_many(all_but: Vec<String>, yes: bool, config: &Config) -> Result<(), Failure> {
    with_service(config, |service, caller| async move {
        let kept = users_named(&all_but, &service, &caller).await?;
        let count = service.accounts.count_active_except(&kept, &caller).await.map_err(|error| match error {
            Error::Conflict(why) => Failure::new(format!("{why} Name one after --all-but.")),
            other => other.into(),
        })?;
        if count > 0 {
            let names: Vec<&str> = kept.iter().map(|user| user.username.as_str()).collect();
            let what =
                format!("{} will be deactivated: all except {}.", number(count, "active user"), names.join(", "));
            confirm_or_yes(&what, "Deactivate them?", yes)?;
        }
        let bar = bar(Some(count), "deactivating", "users");
        let done = service.accounts.deactivate_all_except(&kept, &caller, |more| bar.inc(more)).await;
        bar.finish_and_clear();
        let deactivated = done.map_err(|error| {
            let so_far = number(bar.position(), "user");
            Failure::new(format!("{error}; {so_far} deactivated so far, run this again for the rest"))
        })?;
        eprintln!("deactivated {}", number(deactivated, "user"));
        Ok(())
    })
}
