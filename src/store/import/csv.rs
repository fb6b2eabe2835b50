//! Many users at once, in one transaction. PostgreSQL, which may be far away, gets a thousand rows a statement.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamp as SqlTimestamp};
use serde_json::json;

use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;
use crate::domain::user::NewUser;
use crate::store::connection::Conn;
use crate::store::schema::{user_groups, users};
use crate::store::user_ids::next_ids;
use crate::store::{Store, StoreError, audit, groups};

const BATCH: usize = 1000;

/// A new user with the id that they get.
type Made<'a> = (i64, &'a NewUser);

impl Store {
    /// Which of these names are there, with their e-mail addresses.
    pub fn emails(&self, names: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        self.read(|conn| {
            let mut found = Vec::new();
            for batch in names.chunks(BATCH) {
                let those = users::table.filter(users::username.eq_any(batch));
                found.extend(those.select((users::username, users::email)).load::<(String, String)>(conn)?);
            }
            Ok(found)
        })
    }

    /// Makes users, all or none, each with an entry of the audit log; [`StoreError::Taken`] when one of the names is.
    pub fn import_users(&self, new: &[NewUser], source: &str, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
        // By themselves: whoever makes a user meanwhile need not wait for all of these.
        let first = self.write(|conn| next_ids(conn, new.len()))?;
        let made: Vec<Made<'_>> = (first..).zip(new).collect();
        self.write(|conn| {
            if let Conn::Pg(pg) = conn {
                // Nobody keeps an answer about users that are new.
                pg.batch_execute("set local jeton.quiet = 'on'")?;
            }
            let ids = groups::ids(conn, new.iter().flat_map(|user| &user.groups))?;
            for batch in made.chunks(BATCH) {
                insert(conn, batch, now)?;
                join(conn, batch, &ids)?;
                record(conn, batch, source, by, now)?;
            }
            Ok(())
        })
    }
}

fn insert(conn: &mut Conn, batch: &[Made<'_>], now: Timestamp) -> Result<(), StoreError> {
    let Conn::Pg(pg) = conn else {
        return batch.iter().try_for_each(|(id, new)| crate::store::users::insert_row(conn, *id, new, now));
    };
    let texts = |field: fn(&NewUser) -> &str| batch.iter().map(|(_, new)| field(new)).collect::<Vec<_>>();
    let flags = |field: fn(&NewUser) -> bool| batch.iter().map(|(_, new)| field(new)).collect::<Vec<_>>();
    diesel::sql_query(
        "insert into users (id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser, \
         date_joined) select made.*, $10 from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) as made",
    )
    .bind::<Array<BigInt>, _>(batch.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(texts(|new| &new.username))
    .bind::<Array<Text>, _>(texts(|new| new.password.as_str()))
    .bind::<Array<Text>, _>(texts(|new| &new.email))
    .bind::<Array<Text>, _>(texts(|new| &new.first_name))
    .bind::<Array<Text>, _>(texts(|new| &new.last_name))
    .bind::<Array<Bool>, _>(flags(|new| new.is_active))
    .bind::<Array<Bool>, _>(flags(|new| new.is_staff || new.is_superuser))
    .bind::<Array<Bool>, _>(flags(|new| new.is_superuser))
    .bind::<SqlTimestamp, _>(now.naive())
    .execute(pg)?;
    Ok(())
}

fn join(conn: &mut Conn, batch: &[Made<'_>], ids: &HashMap<String, i64>) -> Result<(), StoreError> {
    let mut memberships: Vec<(i64, i64)> =
        batch.iter().flat_map(|(id, new)| new.groups.iter().map(|name| (*id, ids[name]))).collect();
    memberships.sort_unstable();
    memberships.dedup();
    let Conn::Pg(pg) = conn else {
        for (user, group) in memberships {
            let values = (user_groups::user_id.eq(user), user_groups::group_id.eq(group));
            diesel::insert_into(user_groups::table).values(values).execute(conn)?;
        }
        return Ok(());
    };
    let (users, groups): (Vec<i64>, Vec<i64>) = memberships.into_iter().unzip();
    diesel::sql_query("insert into user_groups (user_id, group_id) select * from unnest($1, $2)")
        .bind::<Array<BigInt>, _>(users)
        .bind::<Array<BigInt>, _>(groups)
        .execute(pg)?;
    Ok(())
}

fn record(conn: &mut Conn, batch: &[Made<'_>], source: &str, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
    let details = |(id, new): &Made<'_>| {
        let mut details = crate::store::users::details(*id, new);
        details["import"] = json!(source);
        details
    };
    let Conn::Pg(pg) = conn else {
        return batch
            .iter()
            .try_for_each(|made| audit::record(conn, by, Action::UserCreate, &made.1.username, &details(made), now));
    };
    diesel::sql_query(
        "insert into audit_log (at, actor, action, target, address, details) \
         select $3, $4, $5, made.target, $6, made.details from unnest($1, $2) as made (target, details)",
    )
    .bind::<Array<Text>, _>(batch.iter().map(|(_, new)| new.username.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(batch.iter().map(|made| details(made).to_string()).collect::<Vec<_>>())
    .bind::<SqlTimestamp, _>(now.naive())
    .bind::<Text, _>(&by.name)
    .bind::<Text, _>(Action::UserCreate.as_str())
    .bind::<diesel::sql_types::Nullable<Text>, _>(by.address.map(|address| address.to_string()))
    .execute(pg)?;
    Ok(())
}
