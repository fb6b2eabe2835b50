//! The `login_networks` table: the networks that users log in from.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::login_names::{NOBODY, row_at_login};
use super::schema::login_networks;
use super::{Store, StoreError};
use crate::domain::network::Network;
use crate::domain::time::Timestamp;
use crate::domain::user::LoginName;

/// Writes nothing for a user who is gone, or if the network was written recently.
const NOTE_STATEMENT: &str = "insert into login_networks (user_id, network, seen_at) select id, $1, $2 from users where id = $3 \
    on conflict (user_id, network) do update set seen_at = excluded.seen_at \
    where login_networks.seen_at <= $4 or login_networks.seen_at > $5";

impl Store {
    /// Records that a user logged in from this network, unless that was written less than `interval` before.
    pub fn note_login_network(
        &self,
        user_id: i64,
        network: Network,
        now: Timestamp,
        interval: Duration,
    ) -> Result<(), StoreError> {
        let (due, latest) = (now.before(interval).naive(), now.latest_plausible().naive());
        let (network, now) = (network.to_string(), now.naive());
        self.write_statement(|conn| {
            macro_rules! note {
                ($conn:expr) => {
                    diesel::sql_query(NOTE_STATEMENT)
                        .bind::<Text, _>(&network)
                        .bind::<SqlTimestamp, NaiveDateTime>(now)
                        .bind::<BigInt, _>(user_id)
                        .bind::<SqlTimestamp, NaiveDateTime>(due)
                        .bind::<SqlTimestamp, NaiveDateTime>(latest)
                        .execute($conn)?
                };
            }
            match conn {
                Conn::Pg(pg) => note!(pg),
                Conn::Sqlite(sqlite) => note!(sqlite),
            };
            Ok(())
        })
    }

    /// Whether the user whom a login names logged in from this network after `since`; `false` for an unknown name. The
    /// same statements run for every name.
    pub fn knows_login_network(
        &self,
        name: &LoginName,
        network: Network,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.read(|conn| {
            let user = row_at_login(conn, name, self.options.username_case)?.map_or(NOBODY, |row| row.id);
            let found = login_networks::table
                .filter(login_networks::user_id.eq(user))
                .filter(login_networks::network.eq(network.to_string()))
                .filter(login_networks::seen_at.gt(since.naive()));
            Ok(diesel::select(exists(found)).get_result(conn)?)
        })
    }
}
