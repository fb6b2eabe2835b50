//! Whether the disk refuses writes, and how it is tried again.

use diesel::prelude::*;

use super::error::StoreError;
use super::handle::Store;
use super::schema::meta;

impl Store {
    /// Whether the last write failed because the database's disk is full or broken.
    #[must_use]
    pub fn disk_refuses(&self) -> bool {
        self.disk.refuses()
    }

    /// Writes a value without changing it, to find out whether the disk accepts writes again.
    pub fn try_disk(&self) -> Result<(), StoreError> {
        self.write(|conn| {
            diesel::update(meta::table.find("name_key")).set(meta::value.eq(meta::value)).execute(conn)?;
            Ok(())
        })
    }
}
