//! Password hashes of many users, to see of what formats they are.

use diesel::prelude::*;

use crate::domain::password::PasswordHash;
use crate::store::schema::users;
use crate::store::{Store, StoreError};

impl Store {
    /// The hashes of as many users, by id, from the one behind `after` on.
    pub fn hashes(&self, after: Option<i64>, most: u32) -> Result<Vec<(i64, PasswordHash)>, StoreError> {
        self.read(|conn| {
            let rows: Vec<(i64, String)> = users::table
                .filter(users::id.gt(after.unwrap_or(i64::MIN)))
                .order(users::id)
                .limit(most.into())
                .select((users::id, users::password))
                .load(conn)?;
            Ok(rows.into_iter().map(|(id, hash)| (id, PasswordHash::from_stored(hash))).collect())
        })
    }
}
