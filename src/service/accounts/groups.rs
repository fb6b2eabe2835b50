//! Groups of users: listed, renamed, deleted. Users join a group by a change of theirs, which creates it.

use super::users::check_group;
use crate::domain::group::Group;
use crate::domain::page::{Page, PageRequest};
use crate::domain::user::{User, UserChange};
use crate::service::messages::GROUP_TAKEN;
use crate::service::{Accounts, ChangeableUser, Error, Faults, Staff, Superuser, UserPatch};
use crate::store::GroupChange;

impl Accounts {
    /// A page of the groups, by name. Counting the members of one stops at one more than `count_limit`.
    pub async fn list_groups(&self, page: PageRequest, count_limit: u32, _: &Staff) -> Result<Page<Group>, Error> {
        self.database.run(move |store| store.list_groups(page, count_limit)).await
    }

    /// The names of the first groups.
    pub async fn group_names(&self, limit: u32, _: &Staff) -> Result<Vec<String>, Error> {
        self.database.run(move |store| store.group_names(limit)).await
    }

    /// One group.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn group(&self, name: &str, count_limit: u32, _: &Staff) -> Result<Group, Error> {
        let name = name.to_owned();
        self.database.run(move |store| store.group(&name, count_limit)).await?.ok_or(Error::NotFound)
    }

    /// Gives a group another name. Services that go by the old one must learn the new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `name`; [`Error::NotFound`].
    pub async fn rename_group(&self, name: &str, new: &str, caller: &Superuser) -> Result<(), Error> {
        let mut faults = Faults::default();
        check_group("name", new, &mut faults);
        faults.into_result()?;
        let (name, new, by, now) = (name.to_owned(), new.to_owned(), caller.actor.clone(), self.clock.now());
        match self.database.run(move |store| store.rename_group(&name, &new, &by, now)).await? {
            GroupChange::Done => Ok(()),
            GroupChange::NoSuchGroup => Err(Error::NotFound),
            GroupChange::Taken => Err(Error::invalid("name", GROUP_TAKEN)),
        }
    }

    /// Deletes a group. Its members stay, without it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_group(&self, name: &str, caller: &Superuser) -> Result<(), Error> {
        let (name, by, now) = (name.to_owned(), caller.actor.clone(), self.clock.now());
        match self.database.run(move |store| store.delete_group(&name, &by, now)).await? {
            GroupChange::Done => Ok(()),
            GroupChange::NoSuchGroup | GroupChange::Taken => Err(Error::NotFound),
        }
    }

    /// Adds a user to a group, or removes them from it. Their other groups stay.
    ///
    /// # Errors
    /// As [`Accounts::update_user`]; [`Error::Conflict`] when the user changes at the same moment.
    pub async fn set_member(&self, target: &ChangeableUser, group: &str, is_member: bool) -> Result<User, Error> {
        let user = target.user();
        let mut groups: Vec<String> = user.groups.iter().filter(|known| *known != group).cloned().collect();
        if is_member {
            groups.push(group.to_owned());
        }
        let change = UserChange { groups: Some(groups), ..UserChange::default() };
        self.update_user(target, UserPatch { change, edition: Some(user.edition()), ..UserPatch::default() }).await
    }
}
