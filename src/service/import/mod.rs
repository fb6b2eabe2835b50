//! Imports of users and tokens.

mod batch;
mod csv;
mod decision;
mod django;
mod import_run;
mod names;
mod reconciled;
mod rows;
mod tokens;
mod update;

use std::collections::BTreeMap;
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
use crate::domain::django::DjangoUser;
use crate::domain::password::HashFault;
use crate::domain::time::Clock;
use crate::domain::user::{ImportedUser, NewUser};
use crate::store::{ImportedEntry, StoreError};
pub use csv::{CsvError, CsvImported, dry_run_csv};
pub use django::{dry_run_django, open_django};
pub use import_run::ImportOptions;
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
    /// A row that cannot be imported, because of what is in it.
    Bad(String),
    /// A user who differs at the source and stays as they are here.
    Kept(String),
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

/// How many users share something, and the names of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SomeUsers {
    /// How many there are.
    pub count: u64,
    /// The first names.
    pub first: Vec<String>,
}

/// How many names a message has.
const NAMED: usize = 5;

impl SomeUsers {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name.to_owned());
        }
    }
}

/// New users who cannot log in with their imported hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnusableHashes {
    /// No password can be checked against it; by format and fault.
    pub unreadable: BTreeMap<String, SomeUsers>,
    /// It is accepted only with `JETON_LEGACY_HASHES`.
    pub legacy: u64,
    /// It needs more memory than `JETON_HASH_MAX_MEMORY` allows.
    pub too_large: u64,
}

impl UnusableHashes {
    fn count(&mut self, NewUser { username, password: hash, .. }: &NewUser, max_memory_kib: u32) {
        self.too_large += u64::from(hash.fits(max_memory_kib).is_err());
        if let Err(fault) = hash.check() {
            let what = match (fault, hash.format()) {
                (HashFault::Unknown, Some(format)) => format!("hashes of the format {format}"),
                (HashFault::Unknown, None) => "hashes of an unknown format".into(),
                (HashFault::Corrupt(format), _) => format!("corrupt {format} hashes"),
                (HashFault::TooCostly(format), _) => format!("{format} hashes that cost too much"),
                (fault @ (HashFault::TooMuchMemory(..) | HashFault::NotAllowed(_)), _) => fault.to_string(),
            };
            self.unreadable.entry(what).or_default().add(username);
        }
        self.legacy += u64::from(hash.is_legacy());
    }
}

/// What the new users are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewUsers {
    /// Users who cannot log in.
    pub inactive: u64,
    /// Staff, superusers too.
    pub staff: u64,
    /// Superusers.
    pub superusers: u64,
    /// Users without a usable password.
    pub without_password: u64,
    /// Users with a flag that is NULL, which counts as false.
    pub null_flags: u64,
    /// Users whose date of joining is NULL; they count as joined now.
    pub unknown_dates: u64,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// What the new users are.
    pub users: NewUsers,
    /// New tokens that have expired.
    pub expired_tokens: u64,
    /// Tokens of users who are not at the source, or were left out.
    pub ownerless_tokens: u64,
    /// Existing users who followed the source.
    pub updated: u64,
    /// Rows that were left out.
    pub bad: u64,
    /// Tokens that were here without an end, and now have the source's.
    pub given_ends: u64,
    /// Tokens that are here without an end, which the source gives them.
    pub missing_ends: u64,
    /// Dates with a time of day and without a zone.
    pub dates_without_zone: u64,
    tokens_of_users: u64,
    clashes: u64,
    taken_ids: u64,
}

impl Imported {
    fn count_user(&mut self, user: &DjangoUser, max_memory_kib: u32) {
        self.hashes.count(&user.user, max_memory_kib);
        let NewUsers { inactive, staff, superusers, without_password, null_flags, unknown_dates } = &mut self.users;
        *inactive += u64::from(!user.user.is_active);
        *staff += u64::from(user.user.is_staff || user.user.is_superuser);
        *superusers += u64::from(user.user.is_superuser);
        *without_password += u64::from(user.user.password.is_unusable());
        *null_flags += u64::from(user.has_null_flag);
        *unknown_dates += u64::from(user.date_joined.is_none());
    }
}

/// The audit entry for a new user.
fn created_entry(ImportedUser { id, external_id, user, .. }: &ImportedUser, source: &str) -> ImportedEntry {
    let mut groups: Vec<&String> = user.groups.iter().collect();
    groups.sort_unstable();
    groups.dedup();
    let mut details = json!({
        "id": id,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": groups,
        "imported_from": source,
    });
    if let Some(external_id) = external_id {
        details["external_id"] = json!(external_id);
    }
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
