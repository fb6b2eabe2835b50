//! Password hashes of many users, for counting what they cost.

use diesel::prelude::*;

use crate::domain::password::PasswordHash;
use crate::store::schema::users;
use crate::store::{Store, StoreError};

impl Store {
    /// The hashes of the next `limit` users after the id `after`.
    pub fn hashes(&self, after: Option<i64>, limit: u32) -> Result<Vec<(i64, PasswordHash)>, StoreError> {
        self.read(|conn| {
            let rows: Vec<(i64, String)> = users::table
                .filter(users::id.gt(after.unwrap_or(i64::MIN)))
                .order(users::id)
                .limit(limit.into())
                .select((users::id, users::password))
                .load(conn)?;
            Ok(rows.into_iter().map(|(id, hash)| (id, PasswordHash::from_stored(hash))).collect())
        })
    }
}
