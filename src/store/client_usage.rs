//! The `client_usage` table: how many requests each client sent on each day.

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
    /// The client's id.
    pub client_id: String,
    /// How many.
    pub requests: i64,
}

impl Store {
    /// Adds the requests of clients to those of the day of `now`. Those of a deleted client are left out.
    pub fn record_client_usage(&self, counted: &[ClientRequests], now: Timestamp) -> Result<(), StoreError> {
        let mut counted = counted.to_vec();
        // The same order on every node, to avoid a deadlock.
        counted.sort_unstable_by(|one, other| one.client_id.cmp(&other.client_id));
        let ids: Vec<String> = counted.iter().map(|client| client.client_id.clone()).collect();
        let at = now.naive();
        self.write(|conn| {
            let existing = clients::table.filter(clients::client_id.eq_any(&ids)).select(clients::client_id);
            let existing: Vec<String> = match conn {
                Conn::Pg(pg) => {
                    commit_without_standby(pg)?;
                    // Locked, so that none is deleted before its row is written.
                    existing.order(clients::client_id).for_key_share().load(pg)?
                }
                Conn::Sqlite(sqlite) => existing.load(sqlite)?,
            };
            for client in counted.iter().filter(|client| existing.contains(&client.client_id)) {
                add(conn, client, at)?;
                let old = at.date().checked_sub_days(DAYS_KEPT).unwrap_or(NaiveDate::MIN);
                let theirs = client_usage::table.filter(client_usage::client_id.eq(&client.client_id));
                diesel::delete(theirs.filter(client_usage::day.lt(old))).execute(conn)?;
            }
            Ok(())
        })
    }
}

fn add(conn: &mut Conn, client: &ClientRequests, at: NaiveDateTime) -> Result<(), StoreError> {
    let row = (
        client_usage::client_id.eq(&client.client_id),
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
    Ok(())
}

/// Fills in what these clients have sent.
pub(super) fn fill_in(conn: &mut Conn, clients: &mut [Client], now: Timestamp) -> Result<(), StoreError> {
    let ids: Vec<String> = clients.iter().map(|client| client.client_id.clone()).collect();
    let theirs = client_usage::table.filter(client_usage::client_id.eq_any(&ids));
    let last: Vec<(String, Option<NaiveDateTime>)> = theirs
        .group_by(client_usage::client_id)
        .select((client_usage::client_id, max(client_usage::last_used_at)))
        .load(conn)?;
    let last: HashMap<String, Option<NaiveDateTime>> = last.into_iter().collect();
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
        client.usage = ClientUsage {
            last_used_at: last.get(&client.client_id).copied().flatten().map(Timestamp::from_naive),
            requests_today: of(today),
            requests_yesterday: of(yesterday),
        };
    }
    Ok(())
}
