//! `jeton user create`.

use clap::Args;

use crate::cli::output::say;
use crate::cli::prompt::new_password;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::profile::Profile;
use crate::domain::user::NewUser;

#[derive(Args)]
pub struct Create {
    /// The new user's name
    username: String,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "no_password")]
    password_stdin: bool,
    /// Set no password: the user cannot log in until one is set
    #[arg(long)]
    no_password: bool,
    /// The user's e-mail address
    #[arg(long, default_value = "", hide_default_value = true)]
    email: String,
    /// Let the user use the admin API and introspect
    #[arg(long)]
    staff: bool,
    /// Let the user do everything
    #[arg(long)]
    superuser: bool,
    /// Add the user to a group, which is created if missing; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

/// Creates the user.
pub fn create(create: Create, config: &Config) -> Result<(), Failure> {
    with_service(config, |service, caller| async move {
        let password = if create.no_password { None } else { Some(new_password(create.password_stdin)?) };
        let user = NewUser {
            profile: Profile { email: create.email, ..Profile::default() },
            is_staff: create.staff,
            is_superuser: create.superuser,
            groups: create.groups,
            ..NewUser::named(create.username, password)
        };
        let user = service.accounts.create_user(user.into(), &caller).await?;
        say(&format!("created user {} (id {})", user.username, user.id));
        Ok(())
    })
}
