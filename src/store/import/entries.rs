//! Writes the audit log of an import.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Timestamp as SqlTimestamp};
use serde_json::Value;

use super::super::StoreError;
use super::super::connection::Conn;
use super::super::schema::audit_log;
use super::{ImportTarget, column};
use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;

/// An entry of the audit log about the import.
#[derive(Clone, Debug)]
pub struct ImportedEntry {
    /// What was done.
    pub action: Action,
    /// The user.
    pub target: String,
    /// A JSON object.
    pub details: Value,
}

impl ImportTarget<'_> {
    /// Writes entries, all by the same actor at the same moment.
    pub fn insert_entries(&mut self, rows: &[ImportedEntry], by: &Actor, at: Timestamp) -> Result<(), StoreError> {
        let at: NaiveDateTime = at.naive();
        match self.writer(rows.len()) {
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
}
