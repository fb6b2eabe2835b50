//! Users whom a command names.

use super::Failure;
use super::output::visible;
use crate::domain::user::User;
use crate::service::{Error, Service, Superuser};

/// The users with these names, each once; a failure names all that do not exist.
pub async fn users_named(names: &[String], service: &Service, caller: &Superuser) -> Result<Vec<User>, Failure> {
    let (mut users, mut unknown): (Vec<User>, Vec<&str>) = (Vec::new(), Vec::new());
    for name in names {
        match service.accounts.user(name, caller).await {
            Ok(user) if users.iter().any(|other| other.id == user.id) => {}
            Ok(user) => users.push(user),
            Err(Error::NotFound) if unknown.contains(&name.as_str()) => {}
            Err(Error::NotFound) => unknown.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    match unknown[..] {
        [] => Ok(users),
        [name] => Err(no_such_user(name)(Error::NotFound)),
        [..] => Err(Failure::new(format!("users {} do not exist", visible(&unknown.join(", "))))),
    }
}

/// What a command prints for a user that does not exist.
pub fn no_such_user(username: &str) -> impl FnOnce(Error) -> Failure {
    let username = username.to_owned();
    move |error| match error {
        Error::NotFound => Failure::new(format!("user {} does not exist", visible(&username))),
        other => other.into(),
    }
}
