//! Imports of users and tokens.

mod batch;
mod csv;
mod django;
mod import_run;
mod reconciled;
mod rows;

use std::sync::Arc;

use serde_json::json;

use super::base::Base;
use super::counted_hashes::CountedHashes;
use super::database::Database;
use super::error::Error;
use super::hasher::Hasher;
use super::login_tokens::LoginTokens;
use super::policy::Policy;
use crate::domain::audit::Action;
use crate::domain::password::PasswordHash;
use crate::domain::time::Clock;
use crate::domain::user::ImportedUser;
use crate::store::{ImportedEntry, StoreError};
pub use csv::{CsvError, CsvImported, dry_run_csv};
pub use django::{DjangoImport, dry_run_django, open_django};
pub use rows::columns as csv_columns;

/// The progress of an import.
#[derive(Clone, Debug)]
pub enum Progress {
    /// It begins to check this many users.
    Checks(u64),
    /// It begins to write.
    Writes,
    /// This many more users are done.
    Users(u64),
    /// A row that cannot be imported, because its id, its name or its key is taken.
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

/// Numbers of new users who cannot log in with their imported hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnusableHashes {
    /// No password can be checked against it.
    pub unreadable: u64,
    /// It is accepted only with `JETON_LEGACY_HASHES`.
    pub legacy: u64,
    /// It needs more memory than `JETON_HASH_MAX_MEMORY` allows.
    pub too_large: u64,
}

impl UnusableHashes {
    fn count(&mut self, hash: &PasswordHash, max_memory_kib: u32) {
        self.too_large += u64::from(hash.fits(max_memory_kib).is_err());
        self.unreadable += u64::from(hash.check().is_err());
        self.legacy += u64::from(hash.is_legacy());
    }
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// What is new.
    pub new: Counts,
    /// What existed here already, and is not changed.
    pub existing: Counts,
    /// Hashes of the new users that cannot be used.
    pub hashes: UnusableHashes,
    /// Knox's tokens that are not imported, because jeton cannot look up a key by their kind of digest.
    pub foreign_digests: u64,
    /// New tokens that the configured `JETON_TOKEN_PREFIX` makes malformed.
    pub malformed: u64,
    clashes: u64,
}

/// The audit entry for a new user.
fn created_entry(ImportedUser { id, user, .. }: &ImportedUser, source: &str) -> ImportedEntry {
    let mut groups: Vec<&String> = user.groups.iter().collect();
    groups.sort_unstable();
    groups.dedup();
    let details = json!({
        "id": id,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": groups,
        "imported_from": source,
    });
    ImportedEntry { action: Action::UserCreate, target: user.username.clone(), details }
}

fn count(rows: usize) -> u64 {
    rows as u64
}

/// Reports a unique violation as a conflict: an id, a name or a key was taken between the check and the write.
fn taken_as_conflict(error: StoreError) -> Error {
    match error {
        StoreError::Taken => {
            Error::Conflict("nothing was imported: an id, a name or a key was taken meanwhile; run it again".into())
        }
        other => other.into(),
    }
}

/// Imports users and tokens.
pub struct Import {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    login_tokens: Arc<LoginTokens>,
    hasher: Hasher,
    counted_hashes: Arc<CountedHashes>,
}

impl Import {
    pub(in crate::service) fn new(
        base: &Base,
        login_tokens: &Arc<LoginTokens>,
        hasher: &Hasher,
        counted_hashes: &Arc<CountedHashes>,
    ) -> Self {
        Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            login_tokens: Arc::clone(login_tokens),
            hasher: hasher.clone(),
            counted_hashes: Arc::clone(counted_hashes),
        }
    }
}
