//! The `meta` table: single values for the whole database.

use std::time::Duration;

use diesel::prelude::*;

use super::connection::Conn;
use super::schema::meta;
use super::{Replaced, Store, StoreError};

/// The keys of the `meta` table.
#[derive(Clone, Copy, Debug)]
pub enum MetaKey {
    /// The check value of the secret key, by which a start notices a wrong key.
    SecretKeyCheck,
    /// The check values of secret keys that were replaced, separated by blanks.
    RetiredSecretKeys,
    /// The key of a digest of login names. For a name without a hash, the digest chooses the cost of the password check.
    NameKey,
    /// How many users have a hash of each cost, and when they were counted.
    HashCosts,
    /// The last trusted time of a node's clock, in microseconds since 1970.
    LastTrustedTime,
    /// `JETON_REVOCATION_BOUND` of the node that was started last, in milliseconds.
    RevocationBound,
}

impl MetaKey {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SecretKeyCheck => "secret_key_check",
            Self::RetiredSecretKeys => "retired_secret_keys",
            Self::NameKey => "name_key",
            Self::HashCosts => "hash_costs",
            Self::LastTrustedTime => "believed_time",
            Self::RevocationBound => "revocation_bound",
        }
    }
}

/// Sets `key`, whether it has a value or not.
pub(super) fn put(conn: &mut Conn, key: MetaKey, value: &str) -> Result<(), StoreError> {
    let (key, value) = (key.as_str(), meta::value.eq(value));
    if diesel::update(meta::table.find(key)).set(value).execute(conn)? == 0 {
        diesel::insert_into(meta::table).values((meta::key.eq(key), value)).execute(conn)?;
    }
    Ok(())
}

impl Store {
    /// The value of `key`.
    pub fn meta(&self, key: MetaKey) -> Result<Option<String>, StoreError> {
        self.read(|conn| Ok(meta::table.find(key.as_str()).select(meta::value).first(conn).optional()?))
    }

    /// Sets `key` if it has no value yet. Returns the stored value, so that of two nodes that start at once the second
    /// one gets the first one's.
    pub fn meta_or_insert(&self, key: MetaKey, value: &str) -> Result<String, StoreError> {
        // Read first, because the server would log a unique violation as an error.
        if let Some(value) = self.meta(key)? {
            return Ok(value);
        }
        let inserted = self.write(|conn| {
            diesel::insert_into(meta::table)
                .values((meta::key.eq(key.as_str()), meta::value.eq(value)))
                .execute(conn)?;
            Ok(())
        });
        match inserted {
            Ok(()) => Ok(value.to_owned()),
            Err(StoreError::Taken) => self.meta(key)?.ok_or_else(|| StoreError::Failed("a meta value vanished".into())),
            Err(error) => Err(error),
        }
    }

    /// The bound of the node that was started last: see [`Store::note_revocation_bound`].
    pub fn revocation_bound(&self) -> Result<Option<Duration>, StoreError> {
        let millis = self.meta(MetaKey::RevocationBound)?.and_then(|text| text.parse().ok());
        Ok(millis.map(Duration::from_millis))
    }

    /// Notes the bound of a node that starts. Returns the bound that was noted before.
    pub fn note_revocation_bound(&self, bound: Duration) -> Result<Option<Duration>, StoreError> {
        let before = self.revocation_bound()?;
        if before != Some(bound) {
            let noted = self.write(|conn| put(conn, MetaKey::RevocationBound, &bound.as_millis().to_string()));
            match noted {
                // Another node that starts now has noted its own.
                Ok(()) | Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(before)
    }

    /// Replaces the check value `old` of the database's secret key by `new`, and retires `old`.
    pub fn replace_secret_key(&self, old: &str, new: &str) -> Result<Replaced, StoreError> {
        self.write(|conn| {
            let current = meta::table.find(MetaKey::SecretKeyCheck.as_str()).filter(meta::value.eq(old));
            // If another node replaces it at the same time, this waits for that node.
            if diesel::update(current).set(meta::value.eq(new)).execute(conn)? == 0 {
                return Ok(Replaced::ByOthers);
            }
            let retired = meta::table.find(MetaKey::RetiredSecretKeys.as_str());
            if let Some(others) = retired.select(meta::value).first::<String>(conn).optional()? {
                diesel::update(retired).set(meta::value.eq(format!("{others} {old}"))).execute(conn)?;
            } else {
                let row = (meta::key.eq(MetaKey::RetiredSecretKeys.as_str()), meta::value.eq(old));
                diesel::insert_into(meta::table).values(row).execute(conn)?;
            }
            Ok(Replaced::Done)
        })
    }

    /// Replaces the value of `key` by `new`, if it is `old`.
    pub fn replace_meta(&self, key: MetaKey, old: &str, new: &str) -> Result<Replaced, StoreError> {
        self.write(|conn| {
            let value = meta::table.find(key.as_str()).filter(meta::value.eq(old));
            let replaced = diesel::update(value).set(meta::value.eq(new)).execute(conn)? > 0;
            Ok(if replaced { Replaced::Done } else { Replaced::ByOthers })
        })
    }
}
