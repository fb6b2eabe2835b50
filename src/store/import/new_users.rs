//! Writes new users with their groups: in PostgreSQL one statement a batch, in SQLite one prepared statement a row.

use chrono::NaiveDateTime;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamp as SqlTimestamp};

use super::super::StoreError;
use super::super::connection::Conn;
use super::super::schema::{imported_users, users};
use super::super::user_rows::UserRow;
use super::{ImportTarget, column, naive};
use crate::domain::django::ImportedFields;
use crate::domain::profile::ProfileField;
use crate::domain::user::ImportedUser;

impl ImportTarget<'_> {
    /// Creates the missing groups.
    pub fn insert_groups(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.writer(names.len()).map_or(Ok(()), |conn| super::super::groups::ids(conn, names).map(drop))
    }

    /// Creates users, and adds them to existing groups.
    pub fn insert_users(&mut self, rows: &[ImportedUser]) -> Result<(), StoreError> {
        self.has_new_users |= !rows.is_empty();
        self.insert_user_rows(rows)?;
        let groups = |row: &ImportedUser| row.user.groups.iter().map(|name| (row.id, name.clone())).collect::<Vec<_>>();
        self.insert_memberships(&rows.iter().flat_map(groups).collect::<Vec<_>>())
    }

    fn insert_user_rows(&mut self, rows: &[ImportedUser]) -> Result<(), StoreError> {
        match self.writer(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => drop(insert_all("users", user_columns(rows)).execute(pg)?),
            Some(Conn::Sqlite(sqlite)) => {
                for row in rows {
                    let row = UserRow::imported(row);
                    diesel::insert_into(users::table).values(row).execute(sqlite)?;
                }
            }
        }
        Ok(())
    }

    fn insert_memberships(&mut self, rows: &[(i64, String)]) -> Result<(), StoreError> {
        match self.writer(rows.len()) {
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

    /// Stores the digests of the fields of new users, by which a later import notices changes.
    pub fn remember(&mut self, rows: &[(i64, ImportedFields)]) -> Result<(), StoreError> {
        let password = |fields: &ImportedFields| fields.get_password().unwrap_or_default();
        match self.writer(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "insert into imported_users (user_id, fields, password) \
                     select * from unnest($1::bigint[], $2::bytea[], $3::bytea[])",
                )
                .bind::<Array<BigInt>, _>(column(rows, |row| row.0))
                .bind::<Array<Binary>, _>(column(rows, |row| row.1.as_bytes()))
                .bind::<Array<Binary>, _>(column(rows, |row| password(&row.1).to_vec()))
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for (user_id, fields) in rows {
                    diesel::insert_into(imported_users::table)
                        .values((
                            imported_users::user_id.eq(user_id),
                            imported_users::fields.eq(fields.as_bytes()),
                            imported_users::password.eq(password(fields).as_slice()),
                        ))
                        .execute(sqlite)?;
                }
            }
        }
        Ok(())
    }
}

/// The values of one column, row by row.
enum Values<'a> {
    Integers(Vec<i64>),
    Texts(Vec<&'a str>),
    OptionalTexts(Vec<Option<&'a str>>),
    Flags(Vec<bool>),
    Moments(Vec<Option<NaiveDateTime>>),
}

impl Values<'_> {
    const fn sql_type(&self) -> &'static str {
        match self {
            Self::Integers(_) => "bigint",
            Self::Texts(_) | Self::OptionalTexts(_) => "text",
            Self::Flags(_) => "boolean",
            Self::Moments(_) => "timestamptz",
        }
    }
}

/// All columns of `users`, with their names.
fn user_columns(rows: &[ImportedUser]) -> Vec<(&'static str, Values<'_>)> {
    let text = |field| column(rows, move |row| row.user.profile.get(field).as_str());
    let profile = ProfileField::ALL.map(|field| (field.name(), Values::Texts(text(field))));
    let mut columns = vec![
        ("id", Values::Integers(column(rows, |row| row.id))),
        ("external_id", Values::OptionalTexts(column(rows, |row| row.external_id.as_deref()))),
        ("username", Values::Texts(column(rows, |row| row.user.username.as_str()))),
        ("password", Values::Texts(column(rows, |row| row.user.password.as_str()))),
        ("is_active", Values::Flags(column(rows, |row| row.user.is_active))),
        ("is_staff", Values::Flags(column(rows, |row| row.user.is_staff))),
        ("is_superuser", Values::Flags(column(rows, |row| row.user.is_superuser))),
        ("date_joined", Values::Moments(column(rows, |row| Some(row.date_joined.naive())))),
        ("last_login", Values::Moments(column(rows, |row| naive(row.last_login)))),
    ];
    columns.extend(profile);
    columns
}

/// One statement for all rows.
fn insert_all<'a>(table: &str, columns: Vec<(&'static str, Values<'a>)>) -> BoxedSqlQuery<'a, Pg, SqlQuery> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let lists: Vec<String> =
        (1..).zip(&columns).map(|(number, (_, values))| format!("${number}::{}[]", values.sql_type())).collect();
    let (names, lists) = (names.join(", "), lists.join(", "));
    let text = format!("insert into {table} ({names}) select * from unnest({lists})");
    columns.into_iter().fold(diesel::sql_query(text).into_boxed(), |query, (_, values)| match values {
        Values::Integers(values) => query.bind::<Array<BigInt>, _>(values),
        Values::Texts(values) => query.bind::<Array<Text>, _>(values),
        Values::OptionalTexts(values) => query.bind::<Array<Nullable<Text>>, _>(values),
        Values::Flags(values) => query.bind::<Array<Bool>, _>(values),
        Values::Moments(values) => query.bind::<Array<Nullable<SqlTimestamp>>, _>(values),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_users_is_written() {
        let select = diesel::debug_query::<Pg, _>(&users::table.select(users::all_columns)).to_string();
        let mut columns: Vec<&str> =
            select.split("\"users\".\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let mut written: Vec<&str> = user_columns(&[]).into_iter().map(|(name, _)| name).collect();
        columns.sort_unstable();
        written.sort_unstable();
        assert_eq!(written, columns);
    }
}
