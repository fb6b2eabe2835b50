//! Reads a source's rows, in batches by key.

use diesel::RunQueryDsl;
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::super::StoreError;
use super::super::connection::{Conn, MultiBackend};
use super::DjangoSource;
use super::catalogue::Paged;
use super::origin::Origin;
use super::rows::{KeyText, TokenRow, UserRow};
use super::schema::Count;
use crate::domain::django::{BadRow, Dates, DjangoToken, DjangoUser};

/// How many rows are read at once: what bounds the memory of an import.
const DJANGO_BATCH: usize = 2000;
const LIMIT: i64 = 2000;

/// The rows that were read at once.
#[derive(Debug)]
pub struct Rows<T> {
    /// Those that can be imported.
    pub good: Vec<T>,
    /// Those that cannot.
    pub bad: Vec<BadRow>,
    /// The keys of the first and of the last row; `None` if there is no row.
    pub keys: Option<(String, String)>,
    /// Whether as many rows were read as are read at once, so that there may be more.
    pub is_full: bool,
    /// How many of their dates have a time of day and no zone.
    pub dates_without_zone: u64,
}

impl DjangoSource {
    /// How many users there are.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with one line, as for every method that reads.
    pub fn count_users(&mut self) -> Result<u64, StoreError> {
        let counted: Result<Count, _> = diesel::sql_query(&self.catalogue.count).get_result(&mut self.conn);
        let count = counted.map_err(|error| self.origin.cannot_read(error))?.count;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The next users after this key, by key, without their groups.
    pub fn users(&mut self, after: Option<&str>) -> Result<Rows<DjangoUser>, StoreError> {
        let rows: Vec<UserRow> = page(&mut self.conn, &self.origin, &self.catalogue.users, after)?;
        let keys = ends(rows.iter().map(|row| row.key.as_str()));
        let mut read = Rows::new(keys, rows.len() == DJANGO_BATCH);
        let mut dates = Dates { zone: self.options.time_zone.as_ref(), without_zone: 0 };
        for row in rows {
            read.push(row.read(&self.catalogue.user_table, &self.options, &mut dates));
        }
        read.dates_without_zone = dates.without_zone;
        Ok(read)
    }

    /// The next users after this key whose usernames are not unique.
    pub fn duplicate_names(&mut self, after: Option<&str>) -> Result<Vec<(String, String)>, StoreError> {
        let rows: Vec<KeyText> = page(&mut self.conn, &self.origin, &self.catalogue.duplicate_names, after)?;
        Ok(rows.into_iter().map(KeyText::lossy).collect())
    }

    /// The names of all groups.
    pub fn groups(&mut self) -> Result<Rows<String>, StoreError> {
        let mut read = Rows::new(None, false);
        let Some(query) = &self.catalogue.groups.names else { return Ok(read) };
        let rows: Result<Vec<KeyText>, _> = diesel::sql_query(query).load(&mut self.conn);
        for row in rows.map_err(|error| self.origin.cannot_read(error))? {
            read.push(row.name(&self.catalogue.groups.table).map(|(_, name)| name));
        }
        Ok(read)
    }

    /// The groups of the users from `from` to `through`: a user's key and a group's name in each row. Groups without a
    /// good name are left out, as [`Self::groups`] says.
    pub fn memberships(&mut self, from: &str, through: &str) -> Result<Vec<(String, String)>, StoreError> {
        let Some(query) = &self.catalogue.groups.members else { return Ok(Vec::new()) };
        let query = diesel::sql_query(query).bind::<Text, _>(from).bind::<Text, _>(through);
        let rows: Result<Vec<KeyText>, _> = query.load(&mut self.conn);
        let rows = rows.map_err(|error| self.origin.cannot_read(error))?;
        Ok(rows.into_iter().filter_map(|row| row.name(&self.catalogue.groups.table).ok()).collect())
    }

    /// The next tokens, in the table of this place in [`Self::token_tables`], of the users `from.0` through `through`, by
    /// user and row; of the first user, those after the row `from.1`. The keys are the last token's: user and row.
    pub fn tokens(&mut self, table: usize, from: (&str, &str), through: &str) -> Result<Rows<DjangoToken>, StoreError> {
        let tokens = &self.catalogue.tokens[table];
        let query = diesel::sql_query(&tokens.page)
            .bind::<Text, _>(from.0)
            .bind::<Text, _>(through)
            .bind::<Text, _>(from.1)
            .bind::<BigInt, _>(LIMIT);
        let rows: Result<Vec<TokenRow>, _> = query.load(&mut self.conn);
        let rows = rows.map_err(|error| self.origin.cannot_read(error))?;
        let keys = rows.last().map(|row| (row.user_key.clone(), row.row_key.clone()));
        let mut read = Rows::new(keys, rows.len() == DJANGO_BATCH);
        let mut dates = Dates { zone: self.options.time_zone.as_ref(), without_zone: 0 };
        for row in rows {
            read.push(row.read(tokens, &self.options, &mut dates));
        }
        read.dates_without_zone = dates.without_zone;
        Ok(read)
    }

    /// How many tokens there are.
    pub fn count_tokens(&mut self) -> Result<u64, StoreError> {
        let mut all = 0;
        for tokens in &self.catalogue.tokens {
            let counted: Result<Count, _> = diesel::sql_query(&tokens.count).get_result(&mut self.conn);
            all += counted.map_err(|error| self.origin.cannot_read(error))?.count;
        }
        Ok(u64::try_from(all).unwrap_or(0))
    }

    /// Tokens without a usable key, the first of each table.
    pub fn tokens_without_key(&mut self) -> Result<Vec<BadRow>, StoreError> {
        let mut bad = Vec::new();
        for tokens in &self.catalogue.tokens {
            let rows: Result<Vec<KeyText>, _> = diesel::sql_query(&tokens.without_key).load(&mut self.conn);
            let rows = rows.map_err(|error| self.origin.cannot_read(error))?;
            bad.extend(rows.into_iter().map(|row| row.without_key(tokens)));
        }
        Ok(bad)
    }
}

impl<T> Rows<T> {
    const fn new(keys: Option<(String, String)>, is_full: bool) -> Self {
        Self { good: Vec::new(), bad: Vec::new(), keys, is_full, dates_without_zone: 0 }
    }

    fn push(&mut self, row: Result<T, BadRow>) {
        match row {
            Ok(row) => self.good.push(row),
            Err(row) => self.bad.push(row),
        }
    }
}

fn ends<'a>(mut keys: impl DoubleEndedIterator<Item = &'a str>) -> Option<(String, String)> {
    let first = keys.next()?;
    Some((first.to_owned(), keys.next_back().unwrap_or(first).to_owned()))
}

/// The next rows after a key.
fn page<R>(conn: &mut Conn, origin: &Origin, query: &Paged, after: Option<&str>) -> Result<Vec<R>, StoreError>
where
    R: QueryableByName<MultiBackend> + 'static,
{
    let rows = match after {
        None => diesel::sql_query(&query.first).bind::<BigInt, _>(LIMIT).load(conn),
        Some(key) => diesel::sql_query(&query.next).bind::<Text, _>(key).bind::<BigInt, _>(LIMIT).load(conn),
    };
    rows.map_err(|error| origin.cannot_read(error))
}
