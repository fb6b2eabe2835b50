//! Reads a Django project's database, or a dump of it, and never writes to it: one snapshot, in batches by key.

mod catalogue;
mod columns;
mod dump;
mod flags;
mod key;
mod left_out;
mod memberships;
mod open;
mod origin;
mod reading;
mod rows;
mod schema;
mod token_queries;
mod token_tables;

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::django::{DjangoOptions, TokenTable};
use catalogue::Catalogue;
use open::Unchanged;
pub use origin::Origin;
use schema::Schema;

/// An open source: all reads see the same snapshot.
pub struct DjangoSource {
    conn: Conn,
    origin: Origin,
    unchanged: Option<Unchanged>,
    catalogue: Catalogue,
    options: DjangoOptions,
}

impl DjangoSource {
    /// Opens a database, or reads a dump, and finds Django's tables in it. `on_mebibytes` is called with how many
    /// mebibytes of a dump there are, and how many more are read.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], with one line that says what to do.
    pub fn open(
        origin: Origin,
        options: DjangoOptions,
        on_mebibytes: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, StoreError> {
        let options = match &origin {
            Origin::Database(_) => options,
            Origin::Dump(_) => options.of_models(),
        };
        let (mut conn, unchanged) = match &origin {
            Origin::Database(url) => open::open(&origin, url)?,
            Origin::Dump(path) => (Conn::Sqlite(dump::read(path, &origin, &options, on_mebibytes)?), None),
        };
        let catalogue = catalogue::read(&mut Schema::read(&mut conn, &origin)?, &options)?;
        Ok(Self { conn, origin, unchanged, catalogue, options })
    }

    /// Whether this is the database of `store`.
    ///
    /// # Errors
    /// When either does not answer.
    pub fn is(&mut self, store: &Store) -> Result<bool, StoreError> {
        match &self.origin {
            Origin::Database(url) => open::is_same(&mut self.conn, &self.origin, url, store),
            Origin::Dump(_) => Ok(false),
        }
    }

    /// Whether jeton's users can have the same ids.
    pub const fn has_integer_keys(&self) -> bool {
        self.catalogue.key.is_integer
    }

    /// The key as the project's own code shows it.
    pub fn shown_key(&self, key: &str) -> String {
        self.catalogue.key.shown(key)
    }

    /// How the source is read.
    pub const fn options(&self) -> &DjangoOptions {
        &self.options
    }

    /// Whether it is a dump, which says of each time whether it has a zone.
    pub const fn is_dump(&self) -> bool {
        matches!(self.origin, Origin::Dump(_))
    }

    /// What a person should know before they import.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.catalogue.notes.clone();
        if !self.has_integer_keys() {
            let key = &self.catalogue.key;
            notes.insert(
                0,
                // A dump does not say what its columns are.
                format!(
                    "the key {} is not an integer{}: users get ids of jeton's, and their key is their external_id",
                    key.column,
                    if key.kind.is_empty() { String::new() } else { format!(" ({})", key.kind) }
                ),
            );
        }
        notes
    }

    /// What is read: tables, with their columns where these differ between projects.
    pub fn reads(&self) -> Vec<String> {
        let Catalogue { user_table, key, groups, tokens, .. } = &self.catalogue;
        let mut reads = vec![format!("{} ({}, {}, ..)", user_table.name, key.column, user_table.username_column)];
        reads.extend(groups.reads.clone());
        reads.extend(tokens.iter().map(|tokens| tokens.reads.clone()));
        reads
    }

    /// Tables that look like tokens and are not imported.
    pub fn left_out(&self) -> &[String] {
        &self.catalogue.left_out
    }

    /// The flags of users of which the source says nothing.
    pub fn missing_flags(&self) -> &[&'static str] {
        &self.catalogue.missing_flags
    }

    /// Whether the source says who is in which group.
    pub fn has_memberships(&self) -> bool {
        self.catalogue.groups.members.is_some()
    }

    /// The kinds of the tables of tokens, in the order in which they are read.
    pub fn token_tables(&self) -> Vec<TokenTable> {
        self.catalogue.tokens.iter().map(|tokens| tokens.kind).collect()
    }

    /// Checks that all reads saw the same snapshot. A file that nobody seemed to use was opened without a lock, and may
    /// have been written since.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file was written meanwhile.
    pub fn check_unchanged(&self) -> Result<(), StoreError> {
        self.unchanged.as_ref().map_or(Ok(()), Unchanged::check)
    }
}
