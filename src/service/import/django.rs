//! Imports a Django project's users, groups and tokens. The whole source is read before anything is written, so that
//! every clash is reported and an unreadable row has no effect. Then everything is written in one transaction.

use super::batch::Batch;
use super::import_run::{ImportRun, Pass};
use super::{Imported, Progress, count, taken_as_conflict};
use crate::domain::audit::Actor;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenMode;
use crate::domain::user::FIRST_BOOTSTRAP_ID;
use crate::service::{Error, Import, Superuser};
use crate::store::{DJANGO_BATCH, DjangoSource, ImportTarget, Store, StoreError};

/// Where a Django project stores its users.
#[derive(Clone, Debug)]
pub struct DjangoImport {
    /// Its database.
    pub from: DatabaseUrl,
    /// `auth_user`, or the table of a custom model.
    pub user_table: String,
    /// `username`, or the model's `USERNAME_FIELD`.
    pub username_column: String,
}

/// Opens the source. All reads see one snapshot.
///
/// # Errors
/// [`Error::Store`], with one line that says what to do.
pub fn open_django(import: &DjangoImport) -> Result<DjangoSource, Error> {
    Ok(DjangoSource::open(&import.from, &import.user_table, &import.username_column)?)
}

/// What [`Import::import_django`] would do. Nothing is written.
///
/// # Errors
/// As [`Import::import_django`].
pub fn dry_run_django(
    store: &Store,
    source: DjangoSource,
    token_prefix: Option<String>,
    max_memory_kib: u32,
    now: Timestamp,
    on_progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Imported, Error> {
    let (sealer, scope, by) = (None, String::new(), Actor::system());
    ImportRun { source, sealer, scope, token_prefix, max_memory_kib, by, now, on_progress: Box::new(on_progress) }
        .dry_run(store)
}

impl Import {
    /// Imports everything from the source that is not here yet, or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when ids, names or keys are taken; each clash is reported before. [`Error::Store`].
    pub async fn import_django(
        &self,
        source: DjangoSource,
        caller: &Superuser,
        on_progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Imported, Error> {
        let single = self.policy.token_mode == TokenMode::Single;
        let import_run = ImportRun {
            source,
            sealer: self.login_tokens.sealer().filter(|_| single),
            scope: self.policy.login_scope.clone(),
            token_prefix: self.policy.token_prefix.clone(),
            max_memory_kib: self.hasher.max_memory_kib(),
            by: caller.actor.clone(),
            now: self.clock.now(),
            on_progress: Box::new(on_progress),
        };
        let imported = self.database.without_deadline(move |store| import_run.run(store)).await;
        if imported.as_ref().is_ok_and(|imported| imported.new.users > 0) {
            self.counted_hashes.count_imported().await;
        }
        imported
    }
}

impl ImportRun {
    fn dry_run(mut self, store: &Store) -> Result<Imported, Error> {
        self.refuse_own_database(store)?;
        let found = store.dry_run_import(|target| self.check(target))?;
        refuse_clashes(found)
    }

    fn run(mut self, store: &Store) -> Result<Imported, Error> {
        self.refuse_own_database(store)?;
        let imported = store.import(|target| {
            let found = self.check(target)?;
            if found.clashes > 0 {
                return Ok(found);
            }
            (self.on_progress)(Progress::Writes);
            let done = self.pass(target, Pass::Write)?;
            self.source.check_unchanged()?;
            // Two rows of the source, in different batches, clash with each other. The error rolls everything back.
            match done.clashes {
                0 => Ok(done),
                clashes => Err(StoreError::Unusable(clash_message(clashes))),
            }
        });
        refuse_clashes(imported.map_err(taken_as_conflict)?)
    }

    fn refuse_own_database(&mut self, store: &Store) -> Result<(), Error> {
        if self.source.is(store)? {
            let message = "--from names jeton's own database; give Django's";
            return Err(Error::Store(StoreError::Unusable(message.into())));
        }
        Ok(())
    }

    fn check(&mut self, target: &mut ImportTarget<'_>) -> Result<Imported, StoreError> {
        (self.on_progress)(Progress::Checks(self.source.count_users()?));
        let mut duplicate_names = 0;
        let mut from = i64::MIN;
        loop {
            let found = self.source.duplicate_names(from)?;
            let Some(next) = found.last().and_then(|(id, _)| id.checked_add(1)) else { break };
            from = next;
            for (id, name) in found {
                duplicate_names += 1;
                (self.on_progress)(Progress::Clash(format!(
                    "user {name} with id {id}: another user in the source has the same name"
                )));
            }
        }
        let mut found = self.pass(target, Pass::Check)?;
        found.clashes += duplicate_names;
        self.source.check_unchanged()?;
        Ok(found)
    }

    fn pass(&mut self, target: &mut ImportTarget<'_>, pass: Pass) -> Result<Imported, StoreError> {
        let mut done = Imported::default();
        let names = self.source.groups()?;
        let missing = target.missing_groups(&names)?;
        done.new.groups = count(missing.len());
        done.existing.groups = count(names.len() - missing.len());
        if pass == Pass::Write {
            target.insert_groups(&missing)?;
        }
        let (mut from, mut highest) = (i64::MIN, 0);
        loop {
            let users = self.source.users(from, self.now)?;
            let Some(last) = users.last().map(|user| user.id) else { break };
            let read = users.len();
            let ordinary = users.iter().map(|user| user.id).filter(|id| *id < FIRST_BOOTSTRAP_ID).max();
            highest = ordinary.map_or(highest, |ordinary| ordinary.max(highest));
            let mut batch = Batch { from, through: last, import_run: self, target, pass, done: &mut done };
            batch.run(users)?;
            (self.on_progress)(Progress::Users(count(read)));
            match last.checked_add(1) {
                Some(next) if read == DJANGO_BATCH => from = next,
                _ => break,
            }
        }
        if pass == Pass::Write {
            target.keep_ids_above(highest)?;
        }
        Ok(done)
    }
}

fn refuse_clashes(done: Imported) -> Result<Imported, Error> {
    match done.clashes {
        0 => Ok(done),
        clashes => Err(Error::Conflict(clash_message(clashes))),
    }
}

fn clash_message(clashes: u64) -> String {
    match clashes {
        1 => "nothing was imported: the row above clashes with existing data".into(),
        clashes => format!("nothing was imported: the {clashes} rows above clash with existing data"),
    }
}
