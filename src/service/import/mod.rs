//! Users and tokens that come over from elsewhere.

mod batch;
mod csv;
mod django;
mod rows;
mod standing;

pub use csv::{CsvError, CsvImported};
pub use django::{DjangoImport, open_django, would_import_django};

/// How far an import is.
#[derive(Clone, Debug)]
pub enum Progress {
    /// It begins to look at so many users, to see whether all of them can come.
    Checks(u64),
    /// It begins to write.
    Writes,
    /// So many users more are done.
    Users(u64),
    /// A row that cannot come, because its id, its name or its key is taken.
    Clash(String),
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Django REST framework's tokens.
    pub drf_tokens: u64,
    /// Knox's tokens.
    pub knox_tokens: u64,
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// What is new.
    pub new: Counts,
    /// What was here already, and stays as it is.
    pub here: Counts,
    /// Of the new users, those with a hash of an unknown format.
    pub unknown_hashes: u64,
    /// Knox's tokens that stay behind: with a digest of another kind, no key would be found.
    pub foreign_digests: u64,
    clashes: u64,
}
