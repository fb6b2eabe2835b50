//! The `groups` table, and the memberships of users.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::connection::{Conn, storable};
use super::error::StoreError;
use super::schema::{groups, user_groups};

/// The groups of many users with one query, each user's in alphabetical order.
pub fn names_by_user(conn: &mut Conn, user_ids: &[i64]) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let of_all = user_groups::table.inner_join(groups::table).select((user_groups::user_id, groups::name));
    let memberships: Vec<(i64, String)> = match user_ids {
        // One id is a prepared statement. A list is planned each time, which would be most of PostgreSQL's work at a
        // login.
        [one] => of_all.filter(user_groups::user_id.eq(one)).load(conn)?,
        many => of_all.filter(user_groups::user_id.eq_any(many)).load(conn)?,
    };
    let mut names_by_user: HashMap<i64, Vec<String>> = HashMap::new();
    for (user_id, name) in memberships {
        names_by_user.entry(user_id).or_default().push(name);
    }
    // Sorted here, because each database collates in its own way.
    for names in names_by_user.values_mut() {
        names.sort_unstable();
    }
    Ok(names_by_user)
}

/// The id of a group, if there is one of that name.
pub fn id(conn: &mut Conn, name: &str) -> Result<Option<i64>, StoreError> {
    if !storable(name) {
        return Ok(None);
    }
    Ok(groups::table.filter(groups::name.eq(name)).select(groups::id).first(conn).optional()?)
}

/// The ids of groups. Unknown groups are created.
pub fn ids<'a>(
    conn: &mut Conn,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<HashMap<String, i64>, StoreError> {
    // The same order everywhere, so that two transactions making the same groups cannot deadlock.
    let names: BTreeSet<&String> = names.into_iter().collect();
    let mut ids = HashMap::with_capacity(names.len());
    for name in names {
        let insert = diesel::sql_query("insert into groups (name) values ($1) on conflict (name) do nothing");
        insert.bind::<diesel::sql_types::Text, _>(name).execute(conn)?;
        ids.insert(name.clone(), groups::table.filter(groups::name.eq(name)).select(groups::id).first(conn)?);
    }
    Ok(ids)
}

/// Adds a user to groups. Unknown groups are created.
pub fn join(conn: &mut Conn, user_id: i64, names: &[String]) -> Result<(), StoreError> {
    for group_id in ids(conn, names)?.into_values() {
        diesel::insert_into(user_groups::table)
            .values((user_groups::user_id.eq(user_id), user_groups::group_id.eq(group_id)))
            .execute(conn)?;
    }
    Ok(())
}
