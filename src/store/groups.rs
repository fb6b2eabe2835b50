//! The `groups` table, and who is in which.

use std::collections::HashMap;

use diesel::prelude::*;

use super::StoreError;
use super::connection::Conn;
use super::schema::{groups, user_groups};

/// The groups of many users with one query, each user's in alphabetical order.
pub fn names_by_user(conn: &mut Conn, user_ids: Vec<i64>) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let memberships: Vec<(i64, String)> = user_groups::table
        .inner_join(groups::table)
        .filter(user_groups::user_id.eq_any(user_ids))
        .select((user_groups::user_id, groups::name))
        .load(conn)?;
    let mut names_by_user: HashMap<i64, Vec<String>> = HashMap::new();
    for (user_id, name) in memberships {
        names_by_user.entry(user_id).or_default().push(name);
    }
    // Here, not by the databases: each collates as it was set up.
    for names in names_by_user.values_mut() {
        names.sort_unstable();
    }
    Ok(names_by_user)
}

/// Puts a user into groups; unknown ones are made.
pub fn join(conn: &mut Conn, user_id: i64, names: &[String]) -> Result<(), StoreError> {
    let mut names: Vec<&String> = names.iter().collect();
    // The same order everywhere, so that two transactions making the same groups cannot deadlock.
    names.sort_unstable();
    names.dedup();
    for name in names {
        let made = diesel::sql_query("insert into groups (name) values ($1) on conflict (name) do nothing");
        made.bind::<diesel::sql_types::Text, _>(name).execute(conn)?;
        let group_id: i64 = groups::table.filter(groups::name.eq(name)).select(groups::id).first(conn)?;
        diesel::insert_into(user_groups::table)
            .values((user_groups::user_id.eq(user_id), user_groups::group_id.eq(group_id)))
            .execute(conn)?;
    }
    Ok(())
}
