//! Reads a Django project's database, and never writes to it: one snapshot, in batches by key.

mod catalogue;
mod open;
mod rows;

use diesel::RunQueryDsl;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::django::{DjangoToken, TokenTable};
use crate::domain::time::Timestamp;
use crate::domain::user::ImportedUser;
use catalogue::Catalogue;
use open::Unchanged;
use rows::{Count, IdText, TokenRow, UserRow};

/// How many rows are read at once: what bounds the memory of an import.
pub const DJANGO_BATCH: usize = 2000;
const LIMIT: i64 = 2000;

/// An open source: all reads see the same snapshot.
pub struct DjangoSource {
    conn: Conn,
    url: DatabaseUrl,
    unchanged: Option<Unchanged>,
    catalogue: Catalogue,
}

impl DjangoSource {
    /// Opens a database and finds Django's tables in it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], with one line that says what to do.
    pub fn open(url: &DatabaseUrl, user_table: &str, username_column: &str) -> Result<Self, StoreError> {
        let (mut conn, unchanged) = open::open(url)?;
        let catalogue = catalogue::read(&mut conn, url, user_table, username_column)?;
        Ok(Self { conn, url: url.clone(), unchanged, catalogue })
    }

    /// Whether this is the database of `store`.
    ///
    /// # Errors
    /// When either does not answer.
    pub fn is(&mut self, store: &Store) -> Result<bool, StoreError> {
        open::is_same(&mut self.conn, &self.url, store)
    }

    /// How many users there are.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with one line, as for every method that reads.
    pub fn count_users(&mut self) -> Result<u64, StoreError> {
        let counted: Result<Count, _> = diesel::sql_query(&self.catalogue.count).get_result(&mut self.conn);
        let count = counted.map_err(|error| self.failed(error))?.count;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The next users from this id on, by id, without their groups. If the date of joining is unknown, it is `now`.
    pub fn users(&mut self, from: i64, now: Timestamp) -> Result<Vec<ImportedUser>, StoreError> {
        let query = diesel::sql_query(&self.catalogue.users).bind::<BigInt, _>(from).bind::<BigInt, _>(LIMIT);
        let rows: Result<Vec<UserRow>, _> = query.load(&mut self.conn);
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| row.read(&self.catalogue.user_table, now)).collect()
    }

    /// The next users from this id on whose usernames are not unique.
    pub fn duplicate_names(&mut self, from: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let query = diesel::sql_query(&self.catalogue.duplicate_names).bind::<BigInt, _>(from).bind::<BigInt, _>(LIMIT);
        let rows: Result<Vec<IdText>, _> = query.load(&mut self.conn);
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| row.read(&self.catalogue.user_table.name)).collect()
    }

    /// The names of all groups.
    pub fn groups(&mut self) -> Result<Vec<String>, StoreError> {
        let Some(groups) = &self.catalogue.groups else { return Ok(Vec::new()) };
        let rows: Result<Vec<IdText>, _> = diesel::sql_query(groups).load(&mut self.conn);
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| Ok(row.read("auth_group")?.1)).collect()
    }

    /// The groups of the users from `from` to `through`: a user's id and a group's name in each row.
    pub fn memberships(&mut self, from: i64, through: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let Some(memberships) = &self.catalogue.memberships else { return Ok(Vec::new()) };
        let query = diesel::sql_query(memberships).bind::<BigInt, _>(from).bind::<BigInt, _>(through);
        let rows: Result<Vec<IdText>, _> = query.load(&mut self.conn);
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| row.read("auth_group")).collect()
    }

    /// The next tokens of the users `from.0` through `through`, by user and row; of the first user, those after the row
    /// `from.1`.
    pub fn tokens(
        &mut self,
        table: TokenTable,
        from: (i64, &str),
        through: i64,
    ) -> Result<Vec<DjangoToken>, StoreError> {
        let Some(tokens) = self.catalogue.tokens(table) else { return Ok(Vec::new()) };
        let query = diesel::sql_query(tokens)
            .bind::<BigInt, _>(from.0)
            .bind::<BigInt, _>(through)
            .bind::<Text, _>(from.1)
            .bind::<BigInt, _>(LIMIT);
        let rows: Result<Vec<TokenRow>, _> = query.load(&mut self.conn);
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| row.read(table)).collect()
    }

    /// Checks that all reads saw the same snapshot. A file that nobody seemed to use was opened without a lock, and may
    /// have been written since.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file was written meanwhile.
    pub fn check_unchanged(&self) -> Result<(), StoreError> {
        self.unchanged.as_ref().map_or(Ok(()), Unchanged::check)
    }

    fn failed(&self, error: DieselError) -> StoreError {
        open::cannot_read(&self.url, error)
    }
}
