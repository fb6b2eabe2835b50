//! Groups for staff: listed with their members' numbers, renamed, deleted.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::json;

use super::connection::{Conn, storable};
use super::schema::{groups, user_groups};
use super::{Store, StoreError, audit, change_log};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::group::Group;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;

/// The result of a change to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum GroupChange {
    /// The change was made.
    Done,
    /// There is no such group.
    NoSuchGroup,
    /// Another group has the new name.
    Taken,
}

#[derive(QueryableByName)]
struct GroupRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    members: i64,
}

impl Store {
    /// A page of the groups by name. Counting the members of one stops at one more than `count_limit`.
    pub fn list_groups(&self, page: PageRequest, count_limit: u32) -> Result<Page<Group>, StoreError> {
        self.read(|conn| {
            let count = groups::table.count().get_result(conn)?;
            let page = page.in_list(count);
            let rows = counted(
                conn,
                &format!("order by name limit {} offset {}", page.size, page.offset()),
                None,
                count_limit,
            )?;
            Ok(Page { count, results: rows })
        })
    }

    /// The names of the first groups.
    pub fn group_names(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        self.read(|conn| Ok(groups::table.order(groups::name).limit(limit.into()).select(groups::name).load(conn)?))
    }

    /// The group with exactly this name.
    pub fn group(&self, name: &str, count_limit: u32) -> Result<Option<Group>, StoreError> {
        if !storable(name) {
            return Ok(None);
        }
        self.read(|conn| Ok(counted(conn, "where name = $1", Some(name), count_limit)?.pop()))
    }

    /// Gives a group another name. Its members keep it.
    pub fn rename_group(&self, name: &str, new: &str, by: &Actor, now: Timestamp) -> Result<GroupChange, StoreError> {
        if !storable(name) {
            return Ok(GroupChange::NoSuchGroup);
        }
        self.change(|conn, changes| {
            let Some(id) = locked(conn, name)? else { return Ok(GroupChange::NoSuchGroup) };
            if name == new {
                return Ok(GroupChange::Done);
            }
            let is_taken =
                groups::table.filter(groups::name.eq(new)).select(groups::id).first::<i64>(conn).optional()?;
            if is_taken.is_some() {
                return Ok(GroupChange::Taken);
            }
            changes.push(Change::Everything);
            diesel::update(groups::table.find(id)).set(groups::name.eq(new)).execute(conn)?;
            audit::record(conn, by, Action::GroupUpdate, name, &json!({ "name": new }), now)?;
            Ok(GroupChange::Done)
        })
    }

    /// Deletes a group with all memberships.
    pub fn delete_group(&self, name: &str, by: &Actor, now: Timestamp) -> Result<GroupChange, StoreError> {
        if !storable(name) {
            return Ok(GroupChange::NoSuchGroup);
        }
        self.change(|conn, changes| {
            let Some(id) = locked(conn, name)? else { return Ok(GroupChange::NoSuchGroup) };
            changes.push(Change::Everything);
            // One row of the change log says that anything may have changed, in place of one for each member.
            change_log::pause(conn)?;
            let memberships = user_groups::table.filter(user_groups::group_id.eq(id));
            let members = diesel::delete(memberships).execute(conn)?;
            change_log::resume(conn)?;
            diesel::delete(groups::table.find(id)).execute(conn)?;
            audit::record(conn, by, Action::GroupDelete, name, &json!({ "members": members }), now)?;
            Ok(GroupChange::Done)
        })
    }
}

/// Locks a group, so that nobody joins it meanwhile.
fn locked(conn: &mut Conn, name: &str) -> Result<Option<i64>, StoreError> {
    let group = groups::table.filter(groups::name.eq(name)).select(groups::id);
    Ok(match conn {
        Conn::Pg(pg) => group.for_update().first(pg).optional()?,
        Conn::Sqlite(sqlite) => group.first(sqlite).optional()?,
    })
}

/// Groups with the numbers of their members.
fn counted(conn: &mut Conn, which: &str, name: Option<&str>, count_limit: u32) -> Result<Vec<Group>, StoreError> {
    let most = i64::from(count_limit) + 1;
    let query = diesel::sql_query(format!(
        "select id, name, (select count(*) from (select user_id from user_groups where group_id = groups.id limit {most}) \
         as some_members) as members from groups {which}"
    ))
    .into_boxed();
    let rows: Vec<GroupRow> = match name {
        Some(name) => query.bind::<Text, _>(name).load(conn)?,
        None => query.load(conn)?,
    };
    Ok(rows.into_iter().map(|GroupRow { id, name, members }| Group { id, name, members }).collect())
}
