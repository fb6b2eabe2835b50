//! Imports users from a CSV file: checks every line, and then creates all users in one transaction.

use std::collections::{HashMap, HashSet};

use super::names::NewNames;
use super::rows::Rows;
use super::{Progress, UnusableHashes, count, created_entry, taken_as_conflict};
use crate::domain::time::Timestamp;
use crate::domain::user::{ImportedUser, NewUser};
use crate::service::{Error, Import, Superuser};
use crate::store::{ImportTarget, ImportedEntry, Store, StoreError};

/// How many users are looked up and written at once.
const BATCH: usize = 2000;

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvImported {
    /// Users who are new.
    pub created: u64,
    /// Users who exist already, and are not changed.
    pub existing: u64,
    /// Hashes of the new users that cannot be used. None is unreadable, because that is a fault.
    pub hashes: UnusableHashes,
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum CsvError {
    /// All faults of the source, each with the number of its line.
    Faults(Vec<(usize, String)>),
    /// Refused, regardless of the content.
    Refused(Error),
}

impl<E: Into<Error>> From<E> for CsvError {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

type Faults = Vec<(usize, String)>;

/// What a check of the whole file found.
enum Checked {
    /// It can be imported.
    Good {
        /// The users to create.
        new: Vec<NewUser>,
        /// What the import will have done.
        imported: CsvImported,
    },
    /// It cannot.
    Bad(Faults),
}

/// What [`Import::import_csv`] would do. Nothing is written.
///
/// # Errors
/// As [`Import::import_csv`].
pub fn dry_run_csv(
    store: &Store,
    text: &[u8],
    max_memory_kib: u32,
    on_progress: impl FnMut(Progress),
) -> Result<CsvImported, CsvError> {
    let (rows, mut on_progress) = (Rows::read(text), on_progress);
    let checked = store.dry_run_import(|target| check(rows, target, max_memory_kib, &mut on_progress))?;
    match checked {
        Checked::Good { imported, .. } => Ok(imported),
        Checked::Bad(faults) => Err(CsvError::Faults(faults)),
    }
}

impl Import {
    /// Creates the users of a CSV file, all or none. Users who exist here with the same name and e-mail address are not
    /// changed.
    ///
    /// # Errors
    /// [`CsvError::Faults`] with everything that is wrong.
    pub async fn import_csv(
        &self,
        text: Vec<u8>,
        caller: &Superuser,
        mut on_progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<CsvImported, CsvError> {
        let (by, now) = (caller.actor.clone(), self.clock.now());
        let max_memory_kib = self.hasher.max_memory_kib();
        let import = move |store: &Store| {
            let rows = Rows::read(&text);
            store
                .import(|target| {
                    let (new, imported) = match check(rows, target, max_memory_kib, &mut on_progress)? {
                        Checked::Good { new, imported } => (new, imported),
                        Checked::Bad(faults) => return Ok(Err(faults)),
                    };
                    on_progress(Progress::Writes);
                    let new = with_ids(new, target, now)?;
                    let mut names: Vec<String> = new.iter().flat_map(|user| user.user.groups.clone()).collect();
                    names.sort_unstable();
                    names.dedup();
                    target.insert_groups(&names)?;
                    for batch in new.chunks(BATCH) {
                        target.insert_users(batch)?;
                        let entries: Vec<ImportedEntry> = batch.iter().map(|user| created_entry(user, "csv")).collect();
                        target.insert_entries(&entries, &by, now)?;
                        on_progress(Progress::Users(count(batch.len())));
                    }
                    Ok(Ok(imported))
                })
                .map_err(taken_as_conflict)
        };
        match self.database.without_deadline(import).await {
            Ok(imported) => {
                if imported.as_ref().is_ok_and(|imported| imported.created > 0) {
                    self.counted_hashes.count_imported().await;
                }
                imported.map_err(CsvError::Faults)
            }
            Err(error) => Err(CsvError::Refused(error)),
        }
    }
}

fn with_ids(new: Vec<NewUser>, target: &mut ImportTarget<'_>, now: Timestamp) -> Result<Vec<ImportedUser>, StoreError> {
    let first = target.next_ids(new.len())?;
    let users = (first..).zip(new);
    Ok(users
        .map(|(id, user)| ImportedUser { id, external_id: None, user, date_joined: now, last_login: None })
        .collect())
}

/// Checks every line.
fn check(
    rows: Rows,
    target: &mut ImportTarget<'_>,
    max_memory_kib: u32,
    on_progress: &mut impl FnMut(Progress),
) -> Result<Checked, StoreError> {
    let Rows { users, names, mut faults } = rows;
    on_progress(Progress::Checks(count(names.len())));
    let mut lines: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    let (mut known, mut new_names) = (HashSet::new(), NewNames::default());
    for batch in names.chunks(BATCH) {
        let wanted: Vec<&str> = batch.iter().map(|(_, name, _)| name.as_str()).collect();
        let here: HashMap<String, String> = target.emails(&wanted)?.into_iter().collect();
        let new: Vec<_> = batch.iter().filter(|(_, name, _)| !here.contains_key(name)).collect();
        let taken_names =
            new_names.taken(target, &new.iter().map(|(_, name, _)| (None, &**name)).collect::<Vec<_>>())?;
        for ((line, ..), why) in new.iter().zip(taken_names) {
            if let Some(why) = why {
                faults.push((*line, format!("username: with JETON_USERNAME_CASE=ignore, {why}")));
            }
        }
        for (line, name, email) in batch {
            let first = *lines.entry(name).or_insert(*line);
            if first != *line {
                faults.push((*line, format!("username: {name} is in line {first} already")));
            }
            match here.get(name) {
                Some(theirs) if theirs.to_lowercase() == email.to_lowercase() => {
                    known.insert(*line);
                }
                Some(_) => faults.push((*line, taken(name))),
                None => {}
            }
        }
        on_progress(Progress::Users(count(batch.len())));
    }
    if !faults.is_empty() {
        faults.sort_by_key(|(line, _)| *line);
        return Ok(Checked::Bad(faults));
    }
    let new: Vec<NewUser> = users.into_iter().filter(|(line, _)| !known.contains(line)).map(|(_, user)| user).collect();
    let mut hashes = UnusableHashes::default();
    for user in &new {
        hashes.count(user, max_memory_kib);
    }
    let imported = CsvImported { created: count(new.len()), existing: count(known.len()), hashes };
    Ok(Checked::Good { new, imported })
}

fn taken(username: &str) -> String {
    format!("username: {username} already exists with another e-mail address")
}
