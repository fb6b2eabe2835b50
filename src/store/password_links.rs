//! The `password_links` table: open links with which users set a password. It stores only digests of the links' keys.
//! `own.rs` uses a link.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::schema::{password_links, users};
use super::user_rows::{UserRow, lock, with_groups};
use super::{Changed, Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::password_link::LinkDigest;
use crate::domain::rights::Rights;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// The user of an open link, whose maker may still set their password.
#[derive(Clone, Debug)]
pub struct LinkedUser {
    /// As the database has them now. They are active.
    pub user: User,
    /// When the link ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// Stores a link for a user, if the user has not changed since they were read. It ends the user's older link.
    pub fn create_password_link(
        &self,
        read: &User,
        digest: &LinkDigest,
        expires_at: Timestamp,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<()>, StoreError> {
        self.write(|conn| {
            let is_same = |user: &User| user.is_active == read.is_active;
            let Some(user) = lock(conn, read)?.filter(is_same) else { return Ok(Changed::UserChanged) };
            diesel::delete(password_links::table.filter(password_links::user_id.eq(user.id))).execute(conn)?;
            // `None` for a command.
            let made_by: Option<i64> =
                users::table.filter(users::username.eq(&by.name)).select(users::id).first(conn).optional()?;
            diesel::insert_into(password_links::table)
                .values((
                    password_links::user_id.eq(user.id),
                    password_links::made_by.eq(made_by),
                    password_links::digest.eq(digest.as_bytes().as_slice()),
                    password_links::created_at.eq(now.naive()),
                    password_links::expires_at.eq(expires_at.naive()),
                ))
                .execute(conn)?;
            let details = json!({ "expires_at": expires_at });
            audit::record(conn, by, Action::UserPasswordLink, &user.username, &details, now)?;
            Ok(Changed::Done(()))
        })
    }

    /// The active user of an open link.
    pub fn linked_user(&self, digest: &LinkDigest, now: Timestamp) -> Result<Option<LinkedUser>, StoreError> {
        self.read(|conn| {
            let found: Option<(NaiveDateTime, Option<i64>, UserRow)> = password_links::table
                .inner_join(users::table.on(users::id.eq(password_links::user_id)))
                .filter(password_links::digest.eq(digest.as_bytes().as_slice()))
                .filter(password_links::expires_at.gt(now.naive()))
                .filter(users::is_active)
                .select((password_links::expires_at, password_links::made_by, UserRow::as_select()))
                .first(conn)
                .optional()?;
            let Some((expires_at, made_by, row)) = found else { return Ok(None) };
            let expires_at = Timestamp::from_naive(expires_at);
            let Some(user) = with_groups(conn, vec![row])?.pop() else { return Ok(None) };
            Ok(may_still_change(conn, made_by, &user)?.then_some(LinkedUser { user, expires_at }))
        })
    }
}

/// Ends an open link of this user, who is locked. Returns whether there was one that its maker may still give them.
pub(super) fn take(conn: &mut Conn, user: &User, digest: &LinkDigest, now: Timestamp) -> Result<bool, StoreError> {
    let open = password_links::table
        .filter(password_links::digest.eq(digest.as_bytes().as_slice()))
        .filter(password_links::user_id.eq(user.id))
        .filter(password_links::expires_at.gt(now.naive()));
    let made_by: Option<Option<i64>> = open.select(password_links::made_by).first(conn).optional()?;
    let Some(made_by) = made_by else { return Ok(false) };
    Ok(may_still_change(conn, made_by, user)? && diesel::delete(open).execute(conn)? > 0)
}

/// Whether the maker of a link may change its user, as both are now. Links end with these rights, but not if plain SQL
/// or an older node changes them. Commands may change everybody.
fn may_still_change(conn: &mut Conn, made_by: Option<i64>, user: &User) -> Result<bool, StoreError> {
    let Some(made_by) = made_by else { return Ok(true) };
    let flags = (users::is_staff, users::is_superuser);
    let rights: Option<(bool, bool)> =
        users::table.find(made_by).filter(users::is_active).select(flags).first(conn).optional()?;
    Ok(rights.is_some_and(|(is_staff, is_superuser)| Rights::of(is_staff, is_superuser) >= Rights::to_change(user)))
}

/// Ends the link for a user, and the links that they made for others, whose keys they may know.
pub(super) fn end_links(conn: &mut Conn, user_id: i64) -> Result<(), StoreError> {
    let theirs = password_links::user_id.eq(user_id).or(password_links::made_by.eq(user_id));
    diesel::delete(password_links::table.filter(theirs)).execute(conn)?;
    Ok(())
}

/// As [`end_links`], if a change of the user ends them. A change of rights does: whoever made a link for an ordinary
/// user may not be allowed to set the password of staff.
pub(super) fn end_links_after(conn: &mut Conn, before: &User, after: &User) -> Result<(), StoreError> {
    let rights = |user: &User| (user.is_staff, user.is_superuser);
    if after.is_active && rights(before) == rights(after) { Ok(()) } else { end_links(conn, after.id) }
}
