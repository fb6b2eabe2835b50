//! Users from a CSV file: every line is checked, then all are made in one transaction.

use std::collections::{HashMap, HashSet};

use super::rows::Rows;
use crate::domain::user::NewUser;
use crate::service::{Caller, Error, Rights, Service};
use crate::store::{Store, StoreError};

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvImported {
    /// Users that are new here.
    pub made: usize,
    /// Users that were here already, and stay as they are.
    pub here_already: usize,
    /// New users whose hashes count only with `JETON_LEGACY_HASHES`.
    pub legacy: usize,
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum CsvError {
    /// Everything that is wrong with the source: the number of a line, and what it is.
    Faults(Vec<(usize, String)>),
    /// Refused, whatever is in it.
    Refused(Error),
}

impl From<Error> for CsvError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Service {
    /// Makes the users of a CSV file, all or none. Those who are here already, by name and e-mail address, stay as they
    /// are.
    ///
    /// # Errors
    /// [`CsvError::Faults`] with everything that is wrong; [`Error::PermissionDenied`] for anybody but superusers.
    pub async fn import_csv(&self, text: Vec<u8>, dry_run: bool, caller: &Caller) -> Result<CsvImported, CsvError> {
        caller.require(Rights::Superuser)?;
        let Rows { users, names, mut faults } = Rows::read(&text);
        let mut lines = HashMap::with_capacity(names.len());
        for (line, name, _) in &names {
            let first = *lines.entry(name.clone()).or_insert(*line);
            if first != *line {
                faults.push((*line, format!("username: {name} is in line {first} already")));
            }
        }
        let wanted: Vec<String> = lines.into_keys().collect();
        let here = self.unhurried(move |store| store.emails(&wanted)).await?;
        let here: HashMap<String, String> = here.into_iter().collect();
        let mut known = HashSet::new();
        for (line, name, email) in &names {
            match here.get(name) {
                Some(theirs) if theirs.to_lowercase() == email.to_lowercase() => {
                    known.insert(*line);
                }
                Some(_) => faults.push((*line, taken(name))),
                None => {}
            }
        }
        if !faults.is_empty() {
            faults.sort_by_key(|(line, _)| *line);
            return Err(CsvError::Faults(faults));
        }

        let new: Vec<NewUser> =
            users.into_iter().filter(|(line, _)| !known.contains(line)).map(|(_, user)| user).collect();
        let legacy = new.iter().filter(|user| user.password.is_legacy()).count();
        let imported = CsvImported { made: new.len(), here_already: known.len(), legacy };
        if !dry_run && !new.is_empty() {
            let (actor, now) = (caller.actor.clone(), self.clock().now());
            self.unhurried(move |store| store.import_users(&new, "csv", &actor, now)).await.map_err(meanwhile)?;
        }
        Ok(imported)
    }

    /// As [`Service::db`], for work that may take its time.
    async fn unhurried<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.inner.store.clone();
        match actix_rt::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => Ok(result?),
            Err(panicked) => Err(Error::Store(StoreError::Failed(panicked.to_string()))),
        }
    }
}

fn taken(username: &str) -> String {
    format!("username: {username} is here already, with another e-mail address")
}

fn meanwhile(error: Error) -> Error {
    match error {
        Error::Store(StoreError::Taken) => {
            Error::Conflict("nothing was imported: one of the names was taken meanwhile; run it again".into())
        }
        other => other,
    }
}
