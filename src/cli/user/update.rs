//! `jeton user update`.

use clap::Args;
use clap::error::ErrorKind;

use super::user_to_change;
use crate::cli::names::no_such_user;
use crate::cli::output::say;
use crate::cli::wait::Wait;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::profile::ProfilePatch;
use crate::domain::user::{User, UserChange};
use crate::service::{Error, UserPatch};

#[derive(Args)]
pub struct Update {
    /// The user's name
    username: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    pub wait: Wait,
}

/// What to change. What is not given stays as it is.
#[derive(Args, Default, PartialEq)]
struct Changes {
    /// The user's new name
    #[arg(long, value_name = "USERNAME")]
    rename: Option<String>,
    /// The user's e-mail address; may be empty
    #[arg(long)]
    email: Option<String>,
    /// The user's first name; may be empty
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The user's last name; may be empty
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// The user's groups, in place of all that they are in; may be repeated
    #[arg(long = "group", value_name = "GROUP", conflicts_with_all = ["add_groups", "remove_groups"])]
    groups: Vec<String>,
    /// Add the user to a group, which is created if missing; may be repeated
    #[arg(long = "add-group", value_name = "GROUP")]
    add_groups: Vec<String>,
    /// Take the user out of a group; may be repeated
    #[arg(long = "remove-group", value_name = "GROUP")]
    remove_groups: Vec<String>,
    /// Let the user use the admin API and introspect
    #[arg(long)]
    staff: bool,
    /// Take that right away
    #[arg(long, conflicts_with_all = ["staff", "superuser"])]
    no_staff: bool,
    /// Let the user do everything
    #[arg(long)]
    superuser: bool,
    /// Take that right away; a superuser stays staff, unless --no-staff is given too
    #[arg(long, conflicts_with = "superuser")]
    no_superuser: bool,
    /// The user's key in another system; introspection shows it
    #[arg(long, value_name = "TEXT")]
    external_id: Option<String>,
    /// The user has no key in another system
    #[arg(long, conflicts_with = "external_id")]
    no_external_id: bool,
}

impl Changes {
    fn change_of(&self, user: &User) -> UserChange {
        let flag = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
        let external_id = if self.no_external_id { Some(None) } else { self.external_id.clone().map(Some) };
        UserChange {
            username: self.rename.clone(),
            profile: ProfilePatch {
                email: self.email.clone(),
                first_name: self.first_name.clone(),
                last_name: self.last_name.clone(),
            },
            is_active: None,
            is_staff: flag(self.staff, self.no_staff),
            is_superuser: flag(self.superuser, self.no_superuser),
            groups: self.groups_of(user),
            external_id,
        }
    }

    fn groups_of(&self, user: &User) -> Option<Vec<String>> {
        if !self.groups.is_empty() {
            return Some(self.groups.clone());
        }
        if !self.is_relative() {
            return None;
        }
        let kept = user.groups.iter().filter(|group| !self.remove_groups.contains(group));
        Some(kept.chain(&self.add_groups).cloned().collect())
    }

    /// Whether the change depends on the groups that the user is in.
    const fn is_relative(&self) -> bool {
        !self.add_groups.is_empty() || !self.remove_groups.is_empty()
    }
}

/// Changes the fields that are given.
pub fn update(arguments: Update, config: &Config) -> Result<(), Failure> {
    let Update { username, changes, wait: _ } = arguments;
    if changes == Changes::default() {
        let sentence = "say what to change, for example --email; `jeton user update -h` lists what can be";
        clap::Error::raw(ErrorKind::MissingRequiredArgument, format!("{sentence}\n")).exit();
    }
    with_service(config, |service, caller| async move {
        let username = username.as_str();
        let (before, after) = loop {
            let target = user_to_change(&service, username, &caller).await?;
            let user = target.user();
            // Nobody else's change of the groups is undone.
            let edition = changes.is_relative().then(|| user.edition());
            let patch = UserPatch { edition, ..UserPatch::from(changes.change_of(user)) };
            match service.accounts.update_user(&target, patch).await {
                Ok(after) => break (user.clone(), after),
                Err(error @ Error::Conflict(_)) => {
                    let now = service.accounts.user(username, &caller).await.map_err(no_such_user(username))?;
                    if !changes.is_relative() || now.edition() == user.edition() {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(no_such_user(username)(error)),
            }
        };
        report(&before, &after);
        Ok(())
    })
}

fn report(before: &User, after: &User) {
    let changed: Vec<&str> = after.differences(before).iter().map(|(name, _)| *name).collect();
    let User { username, id, .. } = after;
    if changed.is_empty() {
        say(&format!("user {username} (id {id}) has these values already"));
    } else {
        say(&format!("updated user {username} (id {id}): {}", changed.join(", ")));
    }
}
