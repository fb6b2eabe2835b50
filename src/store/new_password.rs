//! What a new password ends.

use diesel::prelude::*;

use super::StoreError;
use super::connection::Conn;
use super::password_links::end_links;
use super::schema::users;
use super::sessions::end_sessions;
use super::token_rows::revoke_login_tokens;
use crate::domain::audit::Actor;
use crate::domain::password::PasswordHash;
use crate::domain::time::Timestamp;

/// Sets the password of a locked user. Their login tokens, their sessions and the links for a password end.
pub(super) fn set_new_password(
    conn: &mut Conn,
    user_id: i64,
    hash: &PasswordHash,
    by: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(users::table.find(user_id)).set(users::password.eq(hash.as_str())).execute(conn)?;
    revoke_login_tokens(conn, user_id, by, now)?;
    end_sessions(conn, user_id)?;
    end_links(conn, user_id)
}
