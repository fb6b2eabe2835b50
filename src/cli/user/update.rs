//! `jeton user update`.

use clap::{ArgGroup, Args};

use super::user_to_change;
use crate::cli::names::no_such_user;
use crate::cli::wait::Wait;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::profile::ProfilePatch;
use crate::domain::user::{User, UserChange};
use crate::service::{Error, UserPatch};

#[derive(Args)]
#[command(
    override_usage = "jeton user update [OPTIONS] <USERNAME>",
    group = ArgGroup::new("change").required(true).multiple(true)
)]
pub struct Update {
    /// The user's name
    username: String,
    /// The user's new name
    #[arg(long, value_name = "USERNAME", group = "change")]
    rename: Option<String>,
    /// The user's e-mail address; may be empty
    #[arg(long, group = "change")]
    email: Option<String>,
    /// The user's first name; may be empty
    #[arg(long, value_name = "NAME", group = "change")]
    first_name: Option<String>,
    /// The user's last name; may be empty
    #[arg(long, value_name = "NAME", group = "change")]
    last_name: Option<String>,
    /// The user's groups, in place of all that they are in; may be repeated
    #[arg(long = "group", value_name = "GROUP", group = "change", conflicts_with_all = ["add_groups", "remove_groups"])]
    groups: Vec<String>,
    /// Add the user to a group, which is created if missing; may be repeated
    #[arg(long = "add-group", value_name = "GROUP", group = "change")]
    add_groups: Vec<String>,
    /// Take the user out of a group; may be repeated
    #[arg(long = "remove-group", value_name = "GROUP", group = "change")]
    remove_groups: Vec<String>,
    /// Let the user use the admin API and introspect
    #[arg(long, group = "change")]
    staff: bool,
    /// Take that right away
    #[arg(long, group = "change", conflicts_with_all = ["staff", "superuser"])]
    no_staff: bool,
    /// Let the user do everything
    #[arg(long, group = "change")]
    superuser: bool,
    /// Take that right away; a superuser stays staff, unless --no-staff is given too
    #[arg(long, group = "change", conflicts_with = "superuser")]
    no_superuser: bool,
    /// The user's key in another system; introspection shows it
    #[arg(long, value_name = "TEXT", group = "change")]
    external_id: Option<String>,
    /// The user has no key in another system
    #[arg(long, group = "change", conflicts_with = "external_id")]
    no_external_id: bool,
    #[command(flatten)]
    pub wait: Wait,
}

impl Update {
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
    with_service(config, |service, caller| async move {
        let username = arguments.username.as_str();
        let (before, after) = loop {
            let target = user_to_change(&service, username, &caller).await?;
            let user = target.user();
            // Nobody else's change of the groups is undone.
            let edition = arguments.is_relative().then(|| user.edition());
            let patch = UserPatch { edition, ..UserPatch::from(arguments.change_of(user)) };
            match service.accounts.update_user(&target, patch).await {
                Ok(after) => break (user.clone(), after),
                Err(error @ Error::Conflict(_)) => {
                    let now = service.accounts.user(username, &caller).await.map_err(no_such_user(username))?;
                    if !arguments.is_relative() || now.edition() == user.edition() {
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
        eprintln!("user {username} (id {id}) has these values already");
    } else {
        eprintln!("updated user {username} (id {id}): {}", changed.join(", "));
    }
}
