//! The `sessions` table: who is signed in to the console or at `/account/`. It stores only digests of the session keys.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::schema::{console_forms, sessions, users};
use super::user_rows::{UserRow, lock, with_groups};
use super::{Changed, FormUse, Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::session::{FormDigest, SESSION_IDLE, SESSION_MAX, SessionDigest, SessionKind};
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// A signed-in user.
#[derive(Clone, Debug)]
pub struct Session {
    /// As the database has them now.
    pub user: User,
    /// A message to be shown once.
    pub notice: Option<String>,
}

impl Store {
    /// Begins a session, if the user has not changed since the check.
    pub fn create_session(
        &self,
        read: &User,
        digest: &SessionDigest,
        kind: SessionKind,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<()>, StoreError> {
        self.write(|conn| {
            let same = |user: &User| user.password == read.password && user.is_active == read.is_active;
            let Some(user) = lock(conn, read)?.filter(same) else { return Ok(Changed::UserChanged) };
            diesel::insert_into(sessions::table)
                .values((
                    sessions::user_id.eq(user.id),
                    sessions::digest.eq(digest.as_bytes().as_slice()),
                    sessions::kind.eq(kind.as_str()),
                    sessions::created_at.eq(now.naive()),
                    sessions::seen_at.eq(now.naive()),
                ))
                .execute(conn)?;
            audit::record(conn, by, Action::Login, &user.username, &json!({ "via": kind.as_str() }), now)?;
            Ok(Changed::Done(()))
        })
    }

    /// The user of a session and, with `take_notice`, its notice, which is then removed. Records that it was used now.
    /// A session that has ended is deleted.
    pub fn use_session(
        &self,
        digest: &SessionDigest,
        kind: SessionKind,
        take_notice: bool,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.write(|conn| {
            type SessionColumns = (i64, NaiveDateTime, NaiveDateTime, Option<String>);
            let found: Option<(SessionColumns, UserRow)> = sessions::table
                .inner_join(users::table)
                .filter(sessions::digest.eq(digest.as_bytes().as_slice()))
                .filter(sessions::kind.eq(kind.as_str()))
                .select((
                    (sessions::id, sessions::created_at, sessions::seen_at, sessions::notice),
                    UserRow::as_select(),
                ))
                .first(conn)
                .optional()?;
            let Some(((id, created, seen, notice), row)) = found else { return Ok(None) };
            let (created, seen) = (Timestamp::from_naive(created), Timestamp::from_naive(seen));
            let Some(user) = with_groups(conn, vec![row])?.pop() else { return Ok(None) };
            // Distances in both directions: a clock that was far ahead for a moment must not keep a session alive.
            let is_over = now.distance(seen) >= SESSION_IDLE || now.distance(created) >= SESSION_MAX;
            if is_over || !kind.is_for(&user) {
                diesel::delete(sessions::table.find(id)).execute(conn)?;
                return Ok(None);
            }
            let session = diesel::update(sessions::table.find(id));
            // A request that finishes after a later one does not move the time back.
            let seen = sessions::seen_at.eq(now.max(seen).naive());
            if take_notice && notice.is_some() {
                session.set((seen, sessions::notice.eq(None::<String>))).execute(conn)?;
            } else {
                session.set(seen).execute(conn)?;
            }
            Ok(Some(Session { user, notice: notice.filter(|_| take_notice) }))
        })
    }

    /// Sets the message that the session's next page shows.
    pub fn set_notice(&self, digest: &SessionDigest, notice: &str) -> Result<(), StoreError> {
        self.write(|conn| {
            diesel::update(sessions::table.filter(sessions::digest.eq(digest.as_bytes().as_slice())))
                .set(sessions::notice.eq(notice.replace('\0', "")))
                .execute(conn)?;
            Ok(())
        })
    }

    /// Records that a form of the session was submitted.
    pub fn take_form(&self, session: &SessionDigest, form: &FormDigest, now: Timestamp) -> Result<FormUse, StoreError> {
        let taken = self.write(|conn| {
            let is_this = sessions::digest.eq(session.as_bytes().as_slice());
            let id: Option<i64> = sessions::table.filter(is_this).select(sessions::id).first(conn).optional()?;
            let Some(id) = id else { return Ok(FormUse::Refused) };
            diesel::insert_into(console_forms::table)
                .values((
                    console_forms::session_id.eq(id),
                    console_forms::form.eq(form.as_bytes().as_slice()),
                    console_forms::taken_at.eq(now.naive()),
                ))
                .execute(conn)?;
            Ok(FormUse::First)
        });
        match taken {
            Err(StoreError::Taken) => Ok(FormUse::Refused),
            other => other,
        }
    }

    /// Allows a form to be submitted again, because it had no effect.
    pub fn give_form_back(&self, form: &FormDigest) -> Result<(), StoreError> {
        self.write(|conn| {
            let form = console_forms::form.eq(form.as_bytes().as_slice());
            diesel::delete(console_forms::table.filter(form)).execute(conn)?;
            Ok(())
        })
    }

    /// Ends a session.
    pub fn delete_session(&self, digest: &SessionDigest) -> Result<(), StoreError> {
        self.write(|conn| {
            diesel::delete(sessions::table.filter(sessions::digest.eq(digest.as_bytes().as_slice()))).execute(conn)?;
            Ok(())
        })
    }
}

/// Ends the sessions that a user may not have any more.
pub(super) fn end_forbidden_sessions(conn: &mut Conn, user: &User) -> Result<(), StoreError> {
    for kind in SessionKind::ALL.into_iter().filter(|kind| !kind.is_for(user)) {
        let of_kind = sessions::user_id.eq(user.id).and(sessions::kind.eq(kind.as_str()));
        diesel::delete(sessions::table.filter(of_kind)).execute(conn)?;
    }
    Ok(())
}

/// Whether this session of a user has not ended.
pub(super) fn has_session(conn: &mut Conn, user_id: i64, digest: &SessionDigest) -> Result<bool, StoreError> {
    let this = sessions::digest.eq(digest.as_bytes().as_slice()).and(sessions::user_id.eq(user_id));
    Ok(sessions::table.filter(this).select(sessions::id).first::<i64>(conn).optional()?.is_some())
}

/// Ends all sessions of a user.
pub(super) fn end_sessions(conn: &mut Conn, user_id: i64) -> Result<(), StoreError> {
    diesel::delete(sessions::table.filter(sessions::user_id.eq(user_id))).execute(conn)?;
    Ok(())
}
