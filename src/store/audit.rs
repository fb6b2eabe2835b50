//! The audit log: an entry is written in the transaction of its change.

use diesel::prelude::*;
use serde_json::Value;

use super::StoreError;
use super::connection::Conn;
use super::schema::audit_log;
use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;

/// Writes one entry. `details` is a JSON object and must hold nothing secret.
pub fn record(
    conn: &mut Conn,
    by: &Actor,
    action: Action,
    target: &str,
    details: &Value,
    at: Timestamp,
) -> Result<(), StoreError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::at.eq(at.naive()),
            audit_log::actor.eq(&by.name),
            audit_log::action.eq(action.as_str()),
            audit_log::target.eq(target),
            audit_log::address.eq(by.address.map(|address| address.to_string())),
            audit_log::details.eq(details.to_string()),
        ))
        .execute(conn)?;
    Ok(())
}
