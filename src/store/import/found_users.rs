//! Finds the users who are here already, and what an import remembers of them.

use diesel::prelude::*;

use super::super::StoreError;
use super::super::connection::Conn;
use super::super::login_names::names_like;
use super::super::schema::{imported_users, users};
use super::super::user_rows::UserRow;
use super::ImportTarget;
use crate::domain::django::{FieldDigest, ImportedFields};
use crate::domain::user::{User, UsernameCase};

/// A user here, and what an import remembers of them.
pub struct FoundUser {
    /// The user, without their groups.
    pub user: User,
    /// What the last import stored; `None` if the user was never imported.
    pub imported: Option<Remembered>,
}

/// What an import remembers of a user.
#[derive(Clone)]
pub struct Remembered {
    /// The fields, as they were at the source.
    pub fields: ImportedFields,
    /// The digest of the hash here that the import wrote, or by which a login replaced it: both are of the password at
    /// the source.
    pub password: FieldDigest,
}

type FoundRow = (UserRow, Option<(Vec<u8>, Vec<u8>)>);

impl FoundUser {
    fn of((row, imported): FoundRow) -> Self {
        let remembered = |(fields, password): (Vec<u8>, Vec<u8>)| {
            let password = password.try_into().ok()?;
            Some(Remembered { fields: ImportedFields::from_stored(fields), password })
        };
        Self { user: row.user(Vec::new()), imported: imported.and_then(remembered) }
    }
}

impl ImportTarget<'_> {
    /// Users who have one of these ids, external ids or names, without their groups. Some may be there twice.
    pub fn users_like(
        &mut self,
        ids: &[i64],
        external_ids: &[&str],
        names: &[&str],
    ) -> Result<Vec<FoundUser>, StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(Vec::new()) };
        // One after the other: with `or`, PostgreSQL would not use the indexes.
        let with_id = users::id.eq_any(ids);
        let with_external_id = users::external_id.eq_any(external_ids);
        let with_name = users::username.eq_any(names);
        let query = || users::table.left_join(imported_users::table);
        let imported = || (imported_users::fields, imported_users::password).nullable();
        let found: Vec<FoundRow> = match conn {
            Conn::Pg(pg) => {
                let mut found = query().filter(with_id).select((UserRow::as_select(), imported())).load(pg)?;
                let more = query().filter(with_external_id).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(pg)?);
                let more = query().filter(with_name).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(pg)?);
                found
            }
            Conn::Sqlite(sqlite) => {
                let mut found = query().filter(with_id).select((UserRow::as_select(), imported())).load(sqlite)?;
                let more = query().filter(with_external_id).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(sqlite)?);
                let more = query().filter(with_name).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(sqlite)?);
                found
            }
        };
        Ok(found.into_iter().map(FoundUser::of).collect())
    }

    /// The names and e-mail addresses of users who have one of these names.
    pub fn emails(&mut self, names: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(Vec::new()) };
        let query = users::table.filter(users::username.eq_any(names)).select((users::username, users::email));
        Ok(match conn {
            Conn::Pg(pg) => query.load(pg)?,
            Conn::Sqlite(sqlite) => query.load(sqlite)?,
        })
    }

    /// Whether the case of names counts here.
    pub const fn username_case(&self) -> UsernameCase {
        self.case
    }

    /// The ids and names of users who have one of these names whatever its case. Some may be there twice.
    pub fn names_whatever_their_case(&mut self, names: &[&str]) -> Result<Vec<(i64, String)>, StoreError> {
        self.conn.as_deref_mut().map_or_else(|| Ok(Vec::new()), |conn| names_like(conn, names))
    }
}
