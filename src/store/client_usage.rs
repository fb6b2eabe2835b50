//! The `client_usage` table: how many requests each client sent on each day, and when it last used its old secret.

use std::collections::HashMap;

use chrono::{Days, NaiveDate, NaiveDateTime};
use diesel::dsl::max;
use diesel::prelude::*;

use super::connection::Conn;
use super::schema::{client_usage, clients};
use super::usage::commit_without_standby;
use super::{Store, StoreError};
use crate::domain::client::{Client, ClientUsage};
use crate::domain::time::Timestamp;

/// For how many days the requests of a client are kept. The day of its last request is always kept.
const DAYS_KEPT: Days = Days::new(90);

/// The requests of a client since they were last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRequests {
    /// The client's row. A client that was deleted and registered anew has another one.
    pub row: i64,
    /// How many.
    pub requests: i64,
    /// When the last one was sent that had the secret from before the last rotation.
    pub previous_secret_last_used_at: Option<Timestamp>,
}

impl Store {
    /// Adds the requests of clients to those of the day of `now`. Those of a deleted client are left out.
    pub fn record_client_usage(&self, counted: &[ClientRequests], now: Timestamp) -> Result<(), StoreError> {
        let mut counted = counted.to_vec();
        // The same order on every node, to avoid a deadlock.
        counted.sort_unstable_by_key(|client| client.row);
        let rows: Vec<i64> = counted.iter().map(|client| client.row).collect();
        let at = now.naive();
        self.write(|conn| {
            let existing = clients::table.filter(clients::id.eq_any(&rows)).select((clients::id, clients::client_id));
            let existing: Vec<(i64, String)> = match conn {
                Conn::Pg(pg) => {
                    commit_without_standby(pg)?;
                    // Locked, so that none is deleted before its row is written.
                    existing.order(clients::id).for_key_share().load(pg)?
                }
                Conn::Sqlite(sqlite) => existing.load(sqlite)?,
            };
            let existing: HashMap<i64, String> = existing.into_iter().collect();
            for client in &counted {
                let Some(client_id) = existing.get(&client.row) else { continue };
                add(conn, client_id, client, at)?;
                let old = at.date().checked_sub_days(DAYS_KEPT).unwrap_or(NaiveDate::MIN);
                let theirs = client_usage::table.filter(client_usage::client_id.eq(client_id));
                diesel::delete(theirs.filter(client_usage::day.lt(old))).execute(conn)?;
            }
            Ok(())
        })
    }
}

fn add(conn: &mut Conn, client_id: &str, client: &ClientRequests, at: NaiveDateTime) -> Result<(), StoreError> {
    let row = (
        client_usage::client_id.eq(client_id),
        client_usage::day.eq(at.date()),
        client_usage::requests.eq(client.requests),
        client_usage::last_used_at.eq(at),
    );
    let more = (client_usage::requests.eq(client_usage::requests + client.requests), client_usage::last_used_at.eq(at));
    let key = (client_usage::client_id, client_usage::day);
    match conn {
        Conn::Pg(pg) => {
            diesel::insert_into(client_usage::table).values(row).on_conflict(key).do_update().set(more).execute(pg)?
        }
        Conn::Sqlite(sqlite) => diesel::insert_into(client_usage::table)
            .values(row)
            .on_conflict(key)
            .do_update()
            .set(more)
            .execute(sqlite)?,
    };
    if let Some(used_at) = client.previous_secret_last_used_at.map(Timestamp::naive) {
        let day = client_usage::table.find((client_id, at.date()));
        let before = client_usage::previous_secret_last_used_at;
        diesel::update(day).filter(before.is_null().or(before.lt(used_at))).set(before.eq(used_at)).execute(conn)?;
    }
    Ok(())
}

/// Fills in what these clients have sent.
pub(super) fn fill_in(conn: &mut Conn, clients: &mut [Client], now: Timestamp) -> Result<(), StoreError> {
    let ids: Vec<String> = clients.iter().map(|client| client.client_id.clone()).collect();
    let theirs = client_usage::table.filter(client_usage::client_id.eq_any(&ids));
    let previous_secret = client_usage::previous_secret_last_used_at;
    let last: Vec<(String, Option<NaiveDateTime>, Option<NaiveDateTime>)> = theirs
        .group_by(client_usage::client_id)
        .select((client_usage::client_id, max(client_usage::last_used_at), max(previous_secret)))
        .load(conn)?;
    let last: HashMap<String, (Option<NaiveDateTime>, Option<NaiveDateTime>)> =
        last.into_iter().map(|(id, used_at, previous_secret_at)| (id, (used_at, previous_secret_at))).collect();
    let today = now.naive().date();
    let yesterday = today.pred_opt().unwrap_or(today);
    let theirs = client_usage::table.filter(client_usage::client_id.eq_any(&ids));
    let days: Vec<(String, NaiveDate, i64)> = theirs
        .filter(client_usage::day.eq_any([today, yesterday]))
        .select((client_usage::client_id, client_usage::day, client_usage::requests))
        .load(conn)?;
    let days: HashMap<(String, NaiveDate), i64> =
        days.into_iter().map(|(id, day, requests)| ((id, day), requests)).collect();
    for client in clients {
        let of = |day| days.get(&(client.client_id.clone(), day)).copied().unwrap_or(0);
        let (used_at, previous_secret_at) = last.get(&client.client_id).copied().unwrap_or_default();
        // Before the last rotation another secret was the old one.
        let is_of_previous = |at: &Timestamp| client.previous.is_some() && Some(*at) >= client.rotated_at;
        let previous_secret_at = previous_secret_at.map(Timestamp::from_naive).filter(is_of_previous);
        client.usage = ClientUsage {
            last_used_at: used_at.map(Timestamp::from_naive),
            previous_secret_last_used_at: previous_secret_at,
            requests_today: of(today),
            requests_yesterday: of(yesterday),
        };
    }
    Ok(())
}
