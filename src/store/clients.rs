//! The `clients` table.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamp as SqlTimestamp};
use serde_json::json;

use super::connection::{Conn, storable};
use super::schema::clients;
use super::{ClientChange, Store, StoreError, audit, client_usage};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::client::{Client, ClientDetails, ClientDetailsChange, ClientUsage, SecretDigest, Secrets};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;

#[derive(Queryable, Selectable)]
#[diesel(table_name = clients)]
struct ClientRow {
    client_id: String,
    secret_digest: Vec<u8>,
    created_at: NaiveDateTime,
    rotated_at: Option<NaiveDateTime>,
    previous_digest: Option<Vec<u8>>,
    previous_until: Option<NaiveDateTime>,
    note: String,
    owner: String,
}

fn client(row: ClientRow, now: Timestamp) -> Result<Client, StoreError> {
    Ok(Client {
        grace_until: row.previous_until.map(Timestamp::from_naive).filter(|until| now < *until),
        secret: digest(&row.secret_digest, &row.client_id)?,
        previous: previous(row.previous_digest, row.previous_until, &row.client_id)?,
        client_id: row.client_id,
        created_at: Timestamp::from_naive(row.created_at),
        rotated_at: row.rotated_at.map(Timestamp::from_naive),
        details: ClientDetails { note: row.note, owner: row.owner },
        usage: ClientUsage::default(),
    })
}

fn digest(bytes: &[u8], client_id: &str) -> Result<SecretDigest, StoreError> {
    SecretDigest::from_bytes(bytes)
        .ok_or_else(|| StoreError::Failed(format!("a secret digest of client {client_id} has a wrong length")))
}

/// The secret that a rotation replaced, and until when it is valid.
fn previous(
    bytes: Option<Vec<u8>>,
    until: Option<NaiveDateTime>,
    client_id: &str,
) -> Result<Option<(SecretDigest, Timestamp)>, StoreError> {
    let both = bytes.zip(until);
    both.map(|(bytes, until)| Ok((digest(&bytes, client_id)?, Timestamp::from_naive(until)))).transpose()
}

/// The secrets of a client, and its row, which tells it from an earlier client of the same name.
#[derive(Clone, Debug)]
pub struct StoredSecrets {
    /// The row's id.
    pub row: i64,
    /// The secrets.
    pub secrets: Secrets,
}

#[derive(QueryableByName)]
struct SecretsRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    id: Option<i64>,
    #[diesel(sql_type = Nullable<Binary>)]
    secret_digest: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    previous_digest: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<SqlTimestamp>)]
    previous_until: Option<NaiveDateTime>,
}

impl Store {
    /// The client with this id, as it is at `now`.
    pub fn client(&self, client_id: &str, now: Timestamp) -> Result<Option<Client>, StoreError> {
        if !storable(client_id) {
            return Ok(None);
        }
        self.read(|conn| {
            let query = clients::table.filter(clients::client_id.eq(client_id)).select(ClientRow::as_select());
            let mut found: Vec<Client> =
                query.first(conn).optional()?.map(|row| client(row, now)).into_iter().collect::<Result<_, _>>()?;
            client_usage::fill_in(conn, &mut found, now)?;
            Ok(found.pop())
        })
    }

    /// The secrets of the client with this id. One row comes back whether it exists or not, so that both take the same
    /// time.
    pub fn client_secrets(&self, client_id: &str) -> Result<Option<StoredSecrets>, StoreError> {
        if !storable(client_id) {
            return Ok(None);
        }
        let secrets = "select clients.id, secret_digest, previous_digest, previous_until from (select 1) as one \
                       left join clients on client_id = $1";
        let row: SecretsRow = self.read(|conn| {
            let query = diesel::sql_query(secrets).bind::<Text, _>(client_id);
            match conn {
                Conn::Pg(pg) => Ok(query.get_result(pg)?),
                Conn::Sqlite(sqlite) => Ok(query.get_result(sqlite)?),
            }
        })?;
        let Some((id, current)) = row.id.zip(row.secret_digest) else { return Ok(None) };
        let previous = previous(row.previous_digest, row.previous_until, client_id)?;
        Ok(Some(StoredSecrets { row: id, secrets: Secrets::new(digest(&current, client_id)?, previous) }))
    }

    /// All clients as they are at `now`, oldest first.
    pub fn list_clients(&self, page: PageRequest, now: Timestamp) -> Result<Page<Client>, StoreError> {
        self.read(|conn| {
            let count = clients::table.count().get_result(conn)?;
            let page = page.in_list(count);
            let query = clients::table.order(clients::id).limit(page.size.into()).offset(page.offset());
            let rows: Vec<ClientRow> = query.select(ClientRow::as_select()).load(conn)?;
            let mut results = rows.into_iter().map(|row| client(row, now)).collect::<Result<Vec<_>, _>>()?;
            client_usage::fill_in(conn, &mut results, now)?;
            Ok(Page { count, results })
        })
    }

    /// Creates a client; [`StoreError::Taken`] when the id exists.
    pub fn create_client(
        &self,
        client_id: &str,
        details: &ClientDetails,
        secret: &SecretDigest,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|conn, changes| {
            changes.push(Change::Client(client_id.to_owned()));
            insert(conn, client_id, details, secret, by, now)
        })
    }

    /// Changes what is written about a client: each part that is given. What is equal already is no change.
    pub fn update_client(
        &self,
        client_id: &str,
        change: &ClientDetailsChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<ClientChange, StoreError> {
        if !storable(client_id) {
            return Ok(ClientChange::NoSuchClient);
        }
        self.write(|conn| {
            let wanted = clients::table.filter(clients::client_id.eq(client_id));
            let before = wanted.select((clients::note, clients::owner));
            let before: Option<(String, String)> = match conn {
                Conn::Pg(pg) => before.for_no_key_update().first(pg).optional()?,
                Conn::Sqlite(sqlite) => before.first(sqlite).optional()?,
            };
            let Some((note, owner)) = before else { return Ok(ClientChange::NoSuchClient) };
            let note = change.note.as_ref().filter(|new| **new != note);
            let owner = change.owner.as_ref().filter(|new| **new != owner);
            if note.is_none() && owner.is_none() {
                return Ok(ClientChange::Done);
            }
            let new = (note.map(|note| clients::note.eq(note)), owner.map(|owner| clients::owner.eq(owner)));
            diesel::update(wanted).set(new).execute(conn)?;
            let fields = [("note", note), ("owner", owner)].into_iter().filter_map(|(name, new)| Some((name, new?)));
            let details: serde_json::Map<_, _> = fields.map(|(name, new)| (name.to_owned(), json!(new))).collect();
            audit::record(conn, by, Action::ClientUpdate, client_id, &details.into(), now)?;
            Ok(ClientChange::Done)
        })
    }

    /// Gives a client a new secret. The old one stays valid until `grace_until`, or ends at once; one before that ends
    /// in any case.
    pub fn rotate_client(
        &self,
        client_id: &str,
        secret: &SecretDigest,
        grace_until: Option<Timestamp>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<ClientChange, StoreError> {
        if !storable(client_id) {
            return Ok(ClientChange::NoSuchClient);
        }
        self.change(|conn, changes| {
            changes.push(Change::Client(client_id.to_owned()));
            let rotated = diesel::update(clients::table.filter(clients::client_id.eq(client_id)));
            let new = (clients::secret_digest.eq(secret.as_bytes().as_slice()), clients::rotated_at.eq(now.naive()));
            let until = clients::previous_until.eq(grace_until.map(Timestamp::naive));
            let changed = if grace_until.is_some() {
                let previous = clients::previous_digest.eq(clients::secret_digest.nullable());
                rotated.set((new, until, previous)).execute(conn)?
            } else {
                rotated.set((new, until, clients::previous_digest.eq(None::<Vec<u8>>))).execute(conn)?
            };
            if changed == 0 {
                return Ok(ClientChange::NoSuchClient);
            }
            let details = grace_until.map_or_else(|| json!({}), |until| json!({ "grace_until": until }));
            audit::record(conn, by, Action::ClientRotate, client_id, &details, now)?;
            Ok(ClientChange::Done)
        })
    }

    /// Deletes a client and the tokens bound to it.
    pub fn delete_client(&self, client_id: &str, by: &Actor, now: Timestamp) -> Result<ClientChange, StoreError> {
        if !storable(client_id) {
            return Ok(ClientChange::NoSuchClient);
        }
        self.change(|conn, changes| {
            // Its tokens are deleted, too, whoever owns them.
            changes.push(Change::Everything);
            let deleted = diesel::delete(clients::table.filter(clients::client_id.eq(client_id))).execute(conn)?;
            if deleted == 0 {
                return Ok(ClientChange::NoSuchClient);
            }
            audit::record(conn, by, Action::ClientDelete, client_id, &json!({}), now)?;
            Ok(ClientChange::Done)
        })
    }

    /// Whether there is any client.
    pub fn has_clients(&self) -> Result<bool, StoreError> {
        self.read(|conn| Ok(clients::table.select(clients::id).first::<i64>(conn).optional()?.is_some()))
    }
}

fn insert(
    conn: &mut Conn,
    client_id: &str,
    details: &ClientDetails,
    secret: &SecretDigest,
    by: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::insert_into(clients::table)
        .values((
            clients::note.eq(&details.note),
            clients::owner.eq(&details.owner),
            clients::client_id.eq(client_id),
            clients::secret_digest.eq(secret.as_bytes().as_slice()),
            clients::created_at.eq(now.naive()),
        ))
        .execute(conn)?;
    audit::record(conn, by, Action::ClientCreate, client_id, &json!({}), now)
}
