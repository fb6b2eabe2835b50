//! Rows by the thousand: in PostgreSQL a batch is one statement, in SQLite a row is, prepared once.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamp as SqlTimestamp};
use serde_json::Value;

use super::super::StoreError;
use super::super::connection::Conn;
use super::super::schema::{audit_log, tokens, users};
use super::{ImportTarget, naive};
use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;
use crate::domain::user::ImportedUser;

/// A login token that was made elsewhere.
#[derive(Clone, Debug)]
pub struct ImportedToken {
    /// Whose.
    pub user_id: i64,
    /// What it is found by.
    pub digest: TokenDigest,
    /// The key, sealed, if logins are to hand it out.
    pub sealed: Option<Vec<u8>>,
    /// The key's first characters.
    pub hint: String,
    /// When it was made, there.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What the audit log says of it.
#[derive(Clone, Debug)]
pub struct ImportedEntry {
    /// What was done.
    pub action: Action,
    /// To whom.
    pub target: String,
    /// A JSON object.
    pub details: Value,
}

impl ImportTarget<'_> {
    /// Makes groups that are not there.
    pub fn insert_groups(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.written(names.len()).map_or(Ok(()), |conn| super::super::groups::ids(conn, names).map(drop))
    }

    /// Makes users, and puts them into groups that are there.
    pub fn insert_users(&mut self, rows: &[ImportedUser]) -> Result<(), StoreError> {
        self.users_came |= !rows.is_empty();
        self.insert_user_rows(rows)?;
        let groups = |row: &ImportedUser| row.user.groups.iter().map(|name| (row.id, name.clone())).collect::<Vec<_>>();
        self.insert_memberships(&rows.iter().flat_map(groups).collect::<Vec<_>>())
    }

    fn insert_user_rows(&mut self, rows: &[ImportedUser]) -> Result<(), StoreError> {
        match self.written(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "insert into users (id, username, password, email, first_name, last_name, is_active, is_staff, \
                     is_superuser, date_joined, last_login) select * from unnest($1::bigint[], $2::text[], $3::text[], \
                     $4::text[], $5::text[], $6::text[], $7::boolean[], $8::boolean[], $9::boolean[], \
                     $10::timestamptz[], $11::timestamptz[])",
                )
                .bind::<Array<BigInt>, _>(column(rows, |row| row.id))
                .bind::<Array<Text>, _>(column(rows, |row| row.user.username.as_str()))
                .bind::<Array<Text>, _>(column(rows, |row| row.user.password.as_str()))
                .bind::<Array<Text>, _>(column(rows, |row| row.user.email.as_str()))
                .bind::<Array<Text>, _>(column(rows, |row| row.user.first_name.as_str()))
                .bind::<Array<Text>, _>(column(rows, |row| row.user.last_name.as_str()))
                .bind::<Array<Bool>, _>(column(rows, |row| row.user.is_active))
                .bind::<Array<Bool>, _>(column(rows, |row| row.user.is_staff))
                .bind::<Array<Bool>, _>(column(rows, |row| row.user.is_superuser))
                .bind::<Array<SqlTimestamp>, _>(column(rows, |row| row.date_joined.naive()))
                .bind::<Array<Nullable<SqlTimestamp>>, _>(column(rows, |row| naive(row.last_login)))
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for row in rows {
                    diesel::insert_into(users::table)
                        .values((
                            users::id.eq(row.id),
                            users::username.eq(&row.user.username),
                            users::password.eq(row.user.password.as_str()),
                            users::email.eq(&row.user.email),
                            users::first_name.eq(&row.user.first_name),
                            users::last_name.eq(&row.user.last_name),
                            users::is_active.eq(row.user.is_active),
                            users::is_staff.eq(row.user.is_staff),
                            users::is_superuser.eq(row.user.is_superuser),
                            users::date_joined.eq(row.date_joined.naive()),
                            users::last_login.eq(naive(row.last_login)),
                        ))
                        .execute(sqlite)?;
                }
            }
        }
        Ok(())
    }

    fn insert_memberships(&mut self, rows: &[(i64, String)]) -> Result<(), StoreError> {
        match self.written(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "insert into user_groups (user_id, group_id) select row.user_id, groups.id \
                     from unnest($1::bigint[], $2::text[]) as row (user_id, name) join groups on groups.name = row.name \
                     on conflict do nothing",
                )
                .bind::<Array<BigInt>, _>(column(rows, |row| row.0))
                .bind::<Array<Text>, _>(column(rows, |row| row.1.as_str()))
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for (user_id, name) in rows {
                    diesel::sql_query(
                        "insert or ignore into user_groups (user_id, group_id) select $1, id from groups where name = $2",
                    )
                    .bind::<BigInt, _>(*user_id)
                    .bind::<Text, _>(name)
                    .execute(sqlite)?;
                }
            }
        }
        Ok(())
    }

    /// Makes login tokens, all with the same scope.
    pub fn insert_tokens(&mut self, rows: &[ImportedToken], scope: &str) -> Result<(), StoreError> {
        self.tokens_came |= !rows.is_empty();
        match self.written(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "insert into tokens (user_id, digest, sealed, hint, created_at, expires_at, scope) \
                     select row.*, $7 from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::text[], \
                     $5::timestamptz[], $6::timestamptz[]) as row",
                )
                .bind::<Array<BigInt>, _>(column(rows, |row| row.user_id))
                .bind::<Array<Binary>, _>(column(rows, |row| row.digest.as_bytes().as_slice()))
                .bind::<Array<Nullable<Binary>>, _>(column(rows, |row| row.sealed.as_deref()))
                .bind::<Array<Text>, _>(column(rows, |row| row.hint.as_str()))
                .bind::<Array<SqlTimestamp>, _>(column(rows, |row| row.created_at.naive()))
                .bind::<Array<Nullable<SqlTimestamp>>, _>(column(rows, |row| naive(row.expires_at)))
                .bind::<Text, _>(scope)
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for row in rows {
                    diesel::insert_into(tokens::table)
                        .values((
                            tokens::user_id.eq(row.user_id),
                            tokens::digest.eq(row.digest.as_bytes().as_slice()),
                            tokens::sealed.eq(row.sealed.as_deref()),
                            tokens::hint.eq(&row.hint),
                            tokens::created_at.eq(row.created_at.naive()),
                            tokens::expires_at.eq(naive(row.expires_at)),
                            tokens::scope.eq(scope),
                        ))
                        .execute(sqlite)?;
                }
            }
        }
        Ok(())
    }

    /// Writes entries, all by the same actor at the same moment.
    pub fn insert_entries(&mut self, rows: &[ImportedEntry], by: &Actor, at: Timestamp) -> Result<(), StoreError> {
        let at: NaiveDateTime = at.naive();
        match self.written(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "insert into audit_log (at, actor, action, target, details) \
                     select $1::timestamptz, $2, row.* from unnest($3::text[], $4::text[], $5::text[]) as row",
                )
                .bind::<SqlTimestamp, _>(at)
                .bind::<Text, _>(&by.name)
                .bind::<Array<Text>, _>(column(rows, |row| row.action.as_str()))
                .bind::<Array<Text>, _>(column(rows, |row| row.target.as_str()))
                .bind::<Array<Text>, _>(column(rows, |row| row.details.to_string()))
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for row in rows {
                    diesel::insert_into(audit_log::table)
                        .values((
                            audit_log::at.eq(at),
                            audit_log::actor.eq(&by.name),
                            audit_log::action.eq(row.action.as_str()),
                            audit_log::target.eq(&row.target),
                            audit_log::details.eq(row.details.to_string()),
                        ))
                        .execute(sqlite)?;
                }
            }
        }
        Ok(())
    }

    /// Where so many rows are written to, if there are any.
    fn written(&mut self, rows: usize) -> Option<&mut Conn> {
        self.conn.as_deref_mut().filter(|_| rows > 0)
    }
}

fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
