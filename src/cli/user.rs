//! `jeton user ...`.

use clap::{Args, Subcommand};

use super::output::{json_array, line, table, visible};
use super::progress::{bar, number};
use super::prompt::{confirm, confirm_or_yes, new_password};
use super::wait::Wait;
use super::{Failure, no_such_user, users_named, with_service};
use crate::config::Config;
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::profile::Profile;
use crate::domain::user::{NewUser, User, UserChange, UserFilter};
use crate::service::{ChangeableUser, Error, Service, Staff, Superuser};

/// What can be done to users.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Create a user
    Create(Create),
    /// List users
    List {
        /// Only users whose names, e-mail address or external id contain these words
        #[arg(long, default_value = "")]
        search: String,
        /// Print a JSON array of the admin API's objects
        #[arg(long)]
        json: bool,
    },
    /// Show one user
    Show {
        /// The user's name
        username: String,
        /// Print the admin API's JSON object
        #[arg(long)]
        json: bool,
    },
    /// Deactivate a user, or all except some: they cannot log in, and their tokens are not accepted
    Deactivate(Deactivate),
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
    wait: Wait,
}

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
    #[arg(long, default_value = "")]
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

impl UserCommand {
    /// Its `--wait`: whether it ends only when `JETON_REVOCATION_BOUND` has passed.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::Deactivate(deactivate) => deactivate.wait,
            Self::SetPassword { wait, .. } | Self::Delete { wait, .. } => *wait,
            Self::Create(_) | Self::List { .. } | Self::Show { .. } | Self::Activate { .. } => Wait::NO,
        }
    }
}

pub fn run(command: UserCommand, config: &Config) -> Result<(), Failure> {
    match command {
        UserCommand::Create(create) => self::create(create, config),
        UserCommand::List { search, json } => {
            with_service(config, |service, caller| async move { list(&service, &caller, &search, json).await })
        }
        UserCommand::Show { username, json } => with_service(config, |service, caller| async move {
            let user = service.accounts.user(&username, &caller).await.map_err(no_such_user(&username))?;
            show(&user, json)
        }),
        UserCommand::Deactivate(Deactivate { username: Some(username), .. }) => set_active(&username, false, config),
        UserCommand::Deactivate(Deactivate { all_but, yes, .. }) => deactivate_many(all_but, yes, config),
        UserCommand::Activate { username } => set_active(&username, true, config),
        UserCommand::SetPassword { username, password_stdin, .. } => {
            with_service(config, |service, caller| async move {
                let target = user_to_change(&service, &username, &caller).await?;
                let password = new_password(password_stdin)?;
                service.accounts.set_password(&target, password).await.map_err(no_such_user(&username))?;
                eprintln!("set the password of user {username}; their login tokens are revoked");
                Ok(())
            })
        }
        UserCommand::Delete { username, yes, .. } => with_service(config, |service, caller| async move {
            let target = user_to_change(&service, &username, &caller).await?;
            confirm(&format!("Delete user {username} and all of their tokens?"), yes)?;
            service.accounts.delete_user(&target).await.map_err(no_such_user(&username))?;
            eprintln!("deleted user {username}");
            Ok(())
        }),
    }
}

async fn user_to_change(service: &Service, username: &str, caller: &Superuser) -> Result<ChangeableUser, Failure> {
    let found = service.accounts.user_to_change(username, Staff::clone(caller)).await;
    found.map_err(no_such_user(username))
}

fn create(create: Create, config: &Config) -> Result<(), Failure> {
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
        eprintln!("created user {} (id {})", user.username, user.id);
        Ok(())
    })
}

fn set_active(username: &str, active: bool, config: &Config) -> Result<(), Failure> {
    with_service(config, |service, caller| async move {
        let change = UserChange { is_active: Some(active), ..UserChange::default() };
        let target = user_to_change(&service, username, &caller).await?;
        service.accounts.update_user(&target, change.into()).await.map_err(no_such_user(username))?;
        eprintln!("{} user {username}", if active { "activated" } else { "deactivated" });
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
        eprintln!("deactivated: {}", number(deactivated, "user"));
        Ok(())
    })
}

async fn list(service: &Service, caller: &Superuser, search: &str, json: bool) -> Result<(), Failure> {
    let (mut users, mut number) = (Vec::new(), 1);
    loop {
        let filter = UserFilter { search: search.to_owned(), ..UserFilter::default() };
        let page =
            service.accounts.list_users(filter, PageRequest::number(number, MAX_PAGE_SIZE), None, caller).await?;
        let last = page.results.len() < MAX_PAGE_SIZE as usize;
        users.extend(page.results);
        if last {
            break;
        }
        number += 1;
    }
    if json {
        return json_array(&users);
    }
    let mut rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            vec![
                user.id.to_string(),
                user.username.clone(),
                user.profile.email.clone(),
                role(user).into(),
                user.groups.join(","),
            ]
        })
        .collect();
    let mut header = vec!["ID", "USERNAME", "EMAIL", "ROLE", "GROUPS"];
    // Most installations have none.
    if users.iter().any(|user| user.external_id.is_some()) {
        header.push("EXTERNAL ID");
        for (row, user) in rows.iter_mut().zip(&users) {
            row.push(user.external_id.clone().unwrap_or_default());
        }
    }
    table(&header, &rows)
}

fn role(user: &User) -> &'static str {
    match (user.is_active, user.is_superuser, user.is_staff) {
        (false, ..) => "inactive",
        (_, true, _) => "superuser",
        (_, _, true) => "staff",
        _ => "user",
    }
}

fn show(user: &User, json: bool) -> Result<(), Failure> {
    let value = serde_json::to_value(user).map_err(|error| Failure::new(error.to_string()))?;
    if json {
        return line(&value.to_string());
    }
    let serde_json::Value::Object(fields) = value else { return Ok(()) };
    for (name, value) in fields {
        let text = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(",")
            }
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        line(format!("{name:13} {}", visible(&text)).trim_end())?;
    }
    Ok(())
}
