//! How a row of `tokens` ends: by a revocation, at once or after a grace period.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::audit::Actor;
use crate::domain::time::Timestamp;
use crate::store::connection::Conn;
use crate::store::error::StoreError;
use crate::store::schema::tokens;

/// Ends tokens at once, so that they have ended by every node's clock. Returns how many may have been live by the clock
/// of some node. If a grace period is over by this node's clock, `revoked_by` and `revoked_at` are left unchanged.
pub(in crate::store) fn end_for_every_clock(
    conn: &mut Conn,
    ids: &[i64],
    by: &Actor,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let these = || tokens::table.filter(tokens::id.eq_any(ids.to_vec()));
    let revoked = diesel::update(these().filter(unrevoked(now))).set(revocation(by, now)).execute(conn)?;
    Ok(revoked + diesel::update(these().filter(has_grace())).set(clear_grace()).execute(conn)?)
}

/// Tokens that may be live by the clock of some node: not revoked, or with a grace period, over or not.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn maybe_live() -> _ {
    tokens::revoked_at.is_null().or(tokens::revoked_at.eq(tokens::grace_until))
}

/// Tokens that no revocation has ended by `now`: not revoked, or within a grace period. Expired ones are included.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn unrevoked(now: Timestamp) -> _ {
    let now: NaiveDateTime = now.naive();
    tokens::revoked_at.is_null().or(tokens::revoked_at.eq(tokens::grace_until).and(tokens::grace_until.gt(now)))
}

/// Tokens that a revocation has ended by `now`: the opposite of [`unrevoked`], also where a column is null.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn revoked(now: Timestamp) -> _ {
    let now: NaiveDateTime = now.naive();
    let has_no_grace = tokens::grace_until.is_null().or(tokens::grace_until.ne(tokens::revoked_at));
    tokens::revoked_at.is_not_null().and(has_no_grace.or(tokens::grace_until.le(now)))
}

/// Tokens whose `grace_until` counts: the grace period was not cut short, whether it is over or not. To cut a grace
/// period short, `revoked_at` alone is changed: SQL can do this, too, and so can a jeton without grace periods.
#[diesel::dsl::auto_type(no_type_alias)]
fn has_grace() -> _ {
    tokens::revoked_at.eq(tokens::grace_until)
}

/// A user's tokens: those of logins, or all.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn user_tokens(user_id: i64, all: bool) -> _ {
    tokens::table
        .filter(tokens::user_id.eq(user_id))
        .filter(tokens::name.is_null().or(all.into_sql::<diesel::sql_types::Bool>()))
}

/// Ends a user's tokens: at once, or after a grace period; a token that ends sooner keeps its end. Returns how many of
/// them were live.
///
/// Those that look expired are marked, too: another node may have recorded a use that extends the expiry, and write it
/// after this, which would revive the token. Without such a use it still counts as expired (`TokenFacts::is_revoked`).
/// A grace period that looks over is ended for the same reason.
pub(in crate::store) fn end_tokens(
    conn: &mut Conn,
    user_id: i64,
    all: bool,
    by: &Actor,
    now: Timestamp,
    grace_until: Option<Timestamp>,
) -> Result<usize, StoreError> {
    lock_tokens(conn, user_id)?;
    unseal(conn, user_id)?;
    let is_unexpired = tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive()));
    let expired = tokens::expires_at.le(now.naive());
    let Some(end) = grace_until else {
        let not_revoked = || user_tokens(user_id, all).filter(unrevoked(now));
        let ended = diesel::update(not_revoked()).filter(is_unexpired).set(revocation(by, now)).execute(conn)?;
        diesel::update(not_revoked()).filter(expired).set(revocation(by, now)).execute(conn)?;
        diesel::update(user_tokens(user_id, all)).filter(has_grace()).set(clear_grace()).execute(conn)?;
        return Ok(ended);
    };
    let ending_after_grace = || user_tokens(user_id, all).filter(unrevoked(end));
    let ended = diesel::update(ending_after_grace()).filter(is_unexpired).set(grace(by, end)).execute(conn)?;
    diesel::update(ending_after_grace()).filter(expired).set(grace(by, end)).execute(conn)?;
    Ok(ended)
}

/// Locks all of a user's tokens in the order of their ids, as `record_usage` does, to avoid a deadlock.
pub(in crate::store) fn lock_tokens(conn: &mut Conn, user_id: i64) -> Result<(), StoreError> {
    let user_tokens = tokens::table.filter(tokens::user_id.eq(user_id)).select(tokens::id).order(tokens::id);
    match conn {
        Conn::Pg(pg) => drop(user_tokens.for_no_key_update().load::<i64>(pg)?),
        // Nothing to lock: SQLite has one writer at a time.
        Conn::Sqlite(_) => {}
    }
    Ok(())
}

type Revocation<'a> = (
    diesel::dsl::Eq<tokens::revoked_at, NaiveDateTime>,
    diesel::dsl::Eq<tokens::grace_until, Option<NaiveDateTime>>,
    diesel::dsl::Eq<tokens::revoked_by, &'a str>,
    diesel::dsl::Eq<tokens::sealed, Option<Vec<u8>>>,
);

/// The columns of a token that is revoked at once. The sealed key is deleted.
fn revocation(by: &Actor, now: Timestamp) -> Revocation<'_> {
    ending(by, now, None)
}

/// Clears `grace_until`, and leaves `revoked_at` and `revoked_by` unchanged: a grace period that is over by this node's
/// clock may not be over by another's, and without `grace_until` the token is revoked for every node.
fn clear_grace() -> diesel::dsl::Eq<tokens::grace_until, Option<NaiveDateTime>> {
    tokens::grace_until.eq(None::<NaiveDateTime>)
}

/// The columns of a token that stays valid until `end`.
fn grace(by: &Actor, end: Timestamp) -> Revocation<'_> {
    ending(by, end, Some(end))
}

fn ending(by: &Actor, at: Timestamp, grace_until: Option<Timestamp>) -> Revocation<'_> {
    (
        tokens::revoked_at.eq(at.naive()),
        tokens::grace_until.eq(grace_until.map(Timestamp::naive)),
        tokens::revoked_by.eq(by.name.as_str()),
        tokens::sealed.eq(None::<Vec<u8>>),
    )
}

/// Revokes all live login tokens of a user. Returns how many.
pub(in crate::store) fn revoke_login_tokens(
    conn: &mut Conn,
    user_id: i64,
    by: &Actor,
    now: Timestamp,
) -> Result<usize, StoreError> {
    end_tokens(conn, user_id, false, by, now, None)
}

/// Deletes the user's sealed key. A user has at most one, so an expired one would block the next.
pub(in crate::store) fn unseal(conn: &mut Conn, user_id: i64) -> Result<(), StoreError> {
    diesel::update(tokens::table.filter(tokens::user_id.eq(user_id)).filter(tokens::sealed.is_not_null()))
        .set(tokens::sealed.eq(None::<Vec<u8>>))
        .execute(conn)?;
    Ok(())
}

/// Another end of a live token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEnd {
    /// When it expires; `None`: never.
    Expiry(Option<Timestamp>),
    /// When its grace period ends, which it must have.
    Grace(Timestamp),
    /// The end of its grace period, if it has one, or else its expiry.
    Shown(Option<Timestamp>),
}

impl TokenEnd {
    /// Which end this is of a token that is in its grace period, or not. `None`: such a token cannot have it.
    const fn of(self, in_grace: bool) -> Option<Self> {
        match (self, in_grace) {
            (Self::Shown(Some(at)), true) => Some(Self::Grace(at)),
            (Self::Shown(None), true) => None,
            (Self::Shown(at), false) => Some(Self::Expiry(at)),
            (other, _) => Some(other),
        }
    }
}

/// What became of a token whose end was to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum MovedEnd {
    /// It has this end now: an expiry, or that of its grace period.
    To(TokenEnd),
    /// It is not live, or has no grace period.
    NotLive,
    /// It is in its grace period, which must have an end.
    NeedsEnd,
}

/// Moves the end of a user's token, if it is live. The user is locked.
pub(in crate::store) fn move_end(
    conn: &mut Conn,
    user_id: i64,
    id: i64,
    end: TokenEnd,
    now: Timestamp,
) -> Result<MovedEnd, StoreError> {
    let live = || {
        let is_unexpired = tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive()));
        tokens::table
            .filter(tokens::id.eq(id))
            .filter(tokens::user_id.eq(user_id))
            .filter(unrevoked(now))
            .filter(is_unexpired)
    };
    let in_grace = live().filter(has_grace()).count().get_result::<i64>(conn)? > 0;
    let Some(end) = end.of(in_grace) else { return Ok(MovedEnd::NeedsEnd) };
    let moved = match end {
        TokenEnd::Expiry(at) | TokenEnd::Shown(at) => {
            diesel::update(live()).set(tokens::expires_at.eq(at.map(Timestamp::naive))).execute(conn)?
        }
        TokenEnd::Grace(at) => {
            let at = at.naive();
            // An expiry before the end of the grace period would end it sooner.
            diesel::update(live().filter(has_grace()).filter(tokens::expires_at.lt(at)))
                .set(tokens::expires_at.eq(at))
                .execute(conn)?;
            diesel::update(live().filter(has_grace()))
                .set((tokens::revoked_at.eq(at), tokens::grace_until.eq(at)))
                .execute(conn)?
        }
    };
    Ok(if moved == 0 { MovedEnd::NotLive } else { MovedEnd::To(end) })
}
