//! `jeton user ...`.

mod create;
mod deactivate;
mod list;
mod password_link;
mod update;

use clap::Subcommand;

use super::names::no_such_user;
use super::output::say;
use super::prompt::{confirm, new_password};
use super::wait::Wait;
use super::{Failure, with_service};
use crate::config::Config;
use crate::service::{ChangeableUser, Service, Staff, Superuser};

/// What can be done to users.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Create a user
    Create(create::Create),
    /// List users
    List(list::List),
    /// Show one user
    Show {
        /// The user's name
        username: String,
        /// Print the admin API's JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change a user's name, e-mail address, groups, rights or external id
    Update(update::Update),
    /// Deactivate a user, or all except some: they cannot log in, and their tokens are not accepted
    Deactivate(deactivate::Deactivate),
    /// Activate a user again
    Activate {
        /// The user's name
        username: String,
    },
    /// Set a user's password and revoke their login tokens
    SetPassword {
        /// The user's name
        username: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Print a link with which a user sets a password; it begins with JETON_ISSUER, which must be set
    PasswordLink(password_link::PasswordLink),
    /// Delete a user and all of their tokens
    Delete {
        /// The user's name
        username: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

impl UserCommand {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::Update(update) => update.wait,
            Self::Deactivate(deactivate) => deactivate.wait,
            Self::SetPassword { wait, .. } | Self::Delete { wait, .. } => *wait,
            Self::Create(_) | Self::List(_) | Self::Show { .. } | Self::Activate { .. } | Self::PasswordLink(_) => {
                Wait::NO
            }
        }
    }
}

pub fn run(command: UserCommand, config: &Config) -> Result<(), Failure> {
    match command {
        UserCommand::Create(arguments) => create::create(arguments, config),
        UserCommand::List(arguments) => list::list(arguments, config),
        UserCommand::Show { username, json } => with_service(config, |service, caller| async move {
            let user = service.accounts.user(&username, &caller).await.map_err(no_such_user(&username))?;
            list::show(&user, json)
        }),
        UserCommand::Update(arguments) => update::update(arguments, config),
        UserCommand::Deactivate(arguments) => deactivate::deactivate(arguments, config),
        UserCommand::Activate { username } => deactivate::set_active(&username, true, config),
        UserCommand::SetPassword { username, password_stdin, .. } => {
            with_service(config, |service, caller| async move {
                let target = user_to_change(&service, &username, &caller).await?;
                let password = new_password(password_stdin)?;
                service.accounts.set_password(&target, password).await.map_err(no_such_user(&username))?;
                say(&format!("set the password of user {username}; their login tokens are revoked"));
                Ok(())
            })
        }
        UserCommand::PasswordLink(arguments) => password_link::password_link(&arguments, config),
        UserCommand::Delete { username, yes, .. } => with_service(config, |service, caller| async move {
            let target = user_to_change(&service, &username, &caller).await?;
            confirm(&format!("Delete user {username} and all of their tokens?"), yes)?;
            service.accounts.delete_user(&target).await.map_err(no_such_user(&username))?;
            say(&format!("deleted user {username}"));
            Ok(())
        }),
    }
}

async fn user_to_change(service: &Service, username: &str, caller: &Superuser) -> Result<ChangeableUser, Failure> {
    let found = service.accounts.user_to_change(username, Staff::clone(caller)).await;
    found.map_err(no_such_user(username))
}
