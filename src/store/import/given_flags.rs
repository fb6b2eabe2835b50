//! Remembers how each source was read.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::super::StoreError;
use super::super::schema::meta;
use super::ImportTarget;
use crate::domain::django::GivenFlags;

fn key(source: &str) -> String {
    format!("import_flags {source}")
}

impl ImportTarget<'_> {
    /// The flags of the last import from this source; none if nothing is known of one.
    pub fn given_flags(&mut self, source: &str) -> Result<GivenFlags, StoreError> {
        let Some(conn) = self.conn.as_deref_mut() else { return Ok(GivenFlags::default()) };
        let stored: Option<String> = meta::table.find(key(source)).select(meta::value).first(conn).optional()?;
        let Some(stored) = stored else { return Ok(GivenFlags::default()) };
        GivenFlags::from_stored(&stored)
            .ok_or_else(|| StoreError::Failed(format!("meta has no flags at {}, but something else", key(source))))
    }

    /// Remembers the flags of this import.
    pub fn remember_flags(&mut self, source: &str, flags: &GivenFlags) -> Result<(), StoreError> {
        if self.given_flags(source)? == *flags {
            return Ok(());
        }
        let Some(conn) = self.conn.as_deref_mut() else { return Ok(()) };
        let written = "insert into meta (key, value) values ($1, $2) \
                       on conflict (key) do update set value = excluded.value";
        let query = diesel::sql_query(written).bind::<Text, _>(key(source)).bind::<Text, _>(flags.stored());
        query.execute(conn)?;
        Ok(())
    }
}
