//! Imports a Django project's users, groups and tokens. The whole source is read before anything is written, so that
//! every clash is reported and an unreadable row has no effect. Then everything is written in one transaction.

use super::batch::Batch;
use super::import_run::{ImportOptions, ImportRun, Pass};
use super::names::NewNames;
use super::{Imported, Progress, count, taken_as_conflict};
use crate::domain::audit::Actor;
use crate::domain::django::{BadRow, DjangoOptions, GivenFlags};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenMode;
use crate::domain::user::FIRST_BOOTSTRAP_ID;
use crate::service::{Error, Import, Superuser};
use crate::store::{DjangoSource, ImportTarget, Origin, Store, StoreError};

/// Opens the source. All reads see one snapshot. `on_mebibytes` is called with how many mebibytes of a dump there are, and
/// how many more are read.
///
/// # Errors
/// [`Error::Store`], with one line that says what to do.
pub fn open_django(
    from: Origin,
    options: DjangoOptions,
    on_mebibytes: &mut dyn FnMut(u64, u64),
) -> Result<DjangoSource, Error> {
    Ok(DjangoSource::open(from, options, on_mebibytes)?)
}

/// What [`Import::import_django`] would do. Nothing is written.
///
/// # Errors
/// As [`Import::import_django`].
pub fn dry_run_django(
    store: &Store,
    source: DjangoSource,
    options: ImportOptions,
    token_prefix: Option<String>,
    max_memory_kib: u32,
    now: Timestamp,
    on_progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Imported, Error> {
    let (sealer, scope, by) = (None, String::new(), Actor::system());
    let on_progress = Box::new(on_progress);
    let names = NewNames::default();
    ImportRun { source, options, sealer, scope, token_prefix, max_memory_kib, by, now, names, on_progress }
        .dry_run(store)
}

impl Import {
    /// Imports everything from the source that is not here yet, or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when ids, names or keys are taken, or rows cannot be imported; each is reported before.
    /// [`Error::Store`].
    pub async fn import_django(
        &self,
        source: DjangoSource,
        options: ImportOptions,
        caller: &Superuser,
        on_progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Imported, Error> {
        let single = self.policy.token_mode == TokenMode::Single;
        let import_run = ImportRun {
            source,
            options,
            sealer: self.login_tokens.sealer().filter(|_| single),
            scope: self.policy.login_scope.clone(),
            token_prefix: self.policy.token_prefix.clone(),
            max_memory_kib: self.hasher.max_memory_kib(),
            by: caller.actor.clone(),
            now: self.clock.now(),
            names: NewNames::default(),
            on_progress: Box::new(on_progress),
        };
        let imported = self.database.without_deadline(move |store| import_run.run(store)).await;
        if imported.as_ref().is_ok_and(|imported| imported.new.users + imported.updated > 0) {
            self.counted_hashes.count_imported().await;
        }
        imported
    }
}

impl ImportRun {
    fn dry_run(mut self, store: &Store) -> Result<Imported, Error> {
        self.refuse_own_database(store)?;
        let found = store.dry_run_import(|target| {
            self.refuse_forgotten_flags(target)?;
            self.check(target)
        })?;
        self.refuse_faults(found)
    }

    fn run(mut self, store: &Store) -> Result<Imported, Error> {
        self.refuse_own_database(store)?;
        let imported = store.import(|target| {
            let given = self.refuse_forgotten_flags(target)?;
            let found = self.check(target)?;
            if self.faults(&found).is_some() {
                return Ok(found);
            }
            (self.on_progress)(Progress::Writes);
            let superusers = target.count_superusers()?;
            // Only the check has looked for keys that are no text.
            let done = Imported { bad: found.bad, ..self.pass(target, Pass::Write)? };
            target.remember_flags(&self.source_name(), &given)?;
            self.source.check_unchanged()?;
            if superusers > 0 && target.count_superusers()? == 0 {
                return Err(StoreError::Unusable(
                    "nothing was imported: with --update no active superuser would be left here".into(),
                ));
            }
            // Two rows of the source, in different batches, clash with each other. The error rolls everything back.
            match self.faults(&done) {
                None => Ok(done),
                Some(fault) => Err(StoreError::Unusable(fault)),
            }
        });
        self.refuse_faults(imported.map_err(taken_as_conflict)?)
    }

    fn refuse_own_database(&mut self, store: &Store) -> Result<(), Error> {
        if self.source.is(store)? {
            let message = "--from names jeton's own database; give Django's";
            return Err(Error::Store(StoreError::Unusable(message.into())));
        }
        Ok(())
    }

    /// A flag that is forgotten would change what it had said: with `--update` at all users, otherwise at the new ones.
    /// Returns the flags that are given.
    fn refuse_forgotten_flags(&self, target: &mut ImportTarget<'_>) -> Result<GivenFlags, StoreError> {
        let given = GivenFlags::of(self.source.options());
        let before = target.given_flags(&self.source_name())?;
        let forgotten = before.not_in(&given);
        if forgotten.is_empty() || self.options.changed_flags {
            return Ok(given);
        }
        Err(StoreError::Unusable(format!(
            "nothing was imported: the last import from this project had {}; write it again, or --changed-flags if it no \
             longer holds",
            forgotten.join(" ")
        )))
    }

    fn check(&mut self, target: &mut ImportTarget<'_>) -> Result<Imported, StoreError> {
        (self.on_progress)(Progress::Checks(self.source.count_users()?));
        let mut duplicate_names = 0;
        let mut after: Option<String> = None;
        loop {
            let found = self.source.duplicate_names(after.as_deref())?;
            let Some((last, _)) = found.last() else { break };
            after = Some(last.clone());
            for (id, name) in found {
                duplicate_names += 1;
                (self.on_progress)(Progress::Clash(format!(
                    "user {name} with id {id}: another user in the source has the same name"
                )));
            }
        }
        let mut found = self.pass(target, Pass::Check)?;
        for bad in self.source.tokens_without_key()? {
            found.bad += 1;
            (self.on_progress)(Progress::Bad(bad.to_string()));
        }
        found.clashes += duplicate_names;
        self.source.check_unchanged()?;
        Ok(found)
    }

    fn pass(&mut self, target: &mut ImportTarget<'_>, pass: Pass) -> Result<Imported, StoreError> {
        let mut done = Imported::default();
        let groups = self.source.groups()?;
        self.report(pass, &groups.bad, &mut done);
        let missing = target.missing_groups(&groups.good)?;
        done.new.groups = count(missing.len());
        done.existing.groups = count(groups.good.len() - missing.len());
        if pass == Pass::Write {
            target.insert_groups(&missing)?;
        }
        let (mut after, mut highest): (Option<String>, i64) = (None, 0);
        loop {
            let users = self.source.users(after.as_deref())?;
            let Some((from, through)) = users.keys else { break };
            self.report(pass, &users.bad, &mut done);
            done.dates_without_zone += users.dates_without_zone;
            let read = users.good.len() + users.bad.len();
            if self.keeps_ids() {
                let ids = users.good.iter().filter_map(|user| user.key.parse::<i64>().ok());
                let ordinary = ids.filter(|id| *id < FIRST_BOOTSTRAP_ID).max();
                highest = ordinary.map_or(highest, |ordinary| ordinary.max(highest));
            }
            let mut batch = Batch { from, through: through.clone(), import_run: self, target, pass, done: &mut done };
            batch.run(users.good)?;
            (self.on_progress)(Progress::Users(count(read)));
            if !users.is_full {
                break;
            }
            after = Some(through);
        }
        done.ownerless_tokens = self.source.count_tokens()?.saturating_sub(done.tokens_of_users);
        if pass == Pass::Write {
            target.keep_ids_above(highest)?;
        }
        Ok(done)
    }

    /// A check names all bad rows; a write has left them out.
    fn report(&mut self, pass: Pass, bad: &[BadRow], done: &mut Imported) {
        done.bad += count(bad.len());
        if pass == Pass::Check {
            for row in bad {
                (self.on_progress)(Progress::Bad(row.to_string()));
            }
        }
    }

    /// Why nothing can be imported.
    fn faults(&self, done: &Imported) -> Option<String> {
        let bad = if self.options.skip_bad { 0 } else { done.bad };
        let mut faults = Vec::new();
        match done.clashes {
            0 => {}
            1 => faults.push("the row above clashes with existing data".to_owned()),
            clashes => faults.push(format!("the {clashes} rows above clash with existing data")),
        }
        match bad {
            0 => {}
            1 => faults.push("the bad row above must be mended there, or left out with --skip-bad".into()),
            bad => faults.push(format!("the {bad} bad rows above must be mended there, or left out with --skip-bad")),
        }
        if done.taken_ids > 0 && self.keeps_ids() {
            faults.push("users of another project get ids of jeton's with --new-ids".to_owned());
        }
        (!faults.is_empty()).then(|| format!("nothing was imported: {}", faults.join("; ")))
    }

    fn refuse_faults(&self, done: Imported) -> Result<Imported, Error> {
        self.faults(&done).map_or(Ok(done), |fault| Err(Error::Conflict(fault)))
    }
}
