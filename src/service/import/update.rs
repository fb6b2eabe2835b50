//! Lets the users of a batch who are here already follow the source.

use std::collections::HashMap;

use super::Progress;
use super::batch::{Batch, People};
use super::decision::{as_user, decide};
use super::import_run::Pass;
use super::reconciled::Existing;
use crate::store::StoreError;

impl Batch<'_, '_> {
    /// Updates existing users: what has changed at the source, and not here, is changed here, too. Also their names in
    /// `people`.
    pub fn update(
        &mut self,
        existing: Vec<Existing>,
        groups: &mut HashMap<String, Vec<String>>,
        people: &mut People,
    ) -> Result<(), StoreError> {
        let here: Vec<_> = existing.iter().map(|existing| existing.here.user.clone()).collect();
        let here = self.target.with_groups(here)?;
        let mut renamed = Vec::new();
        for (Existing { source, here: found }, mut here) in existing.into_iter().zip(here) {
            let mut wanted = source.clone();
            // A source that says nothing of groups takes nobody out of one.
            wanted.user.groups = if self.import_run.source.has_memberships() {
                groups.remove(&source.key).unwrap_or_default()
            } else {
                here.groups.clone()
            };
            let mut wanted = self.import_run.user(wanted, here.id);
            if source.date_joined.is_none() {
                wanted.date_joined = here.date_joined;
            }
            let mut wanted = as_user(&wanted);
            // Nor does a source without a flag change it: who is blocked here must not come back by a default.
            for flag in self.import_run.source.missing_flags() {
                match *flag {
                    "is_active" => wanted.is_active = here.is_active,
                    "is_staff" => wanted.is_staff = here.is_staff,
                    "is_superuser" => wanted.is_superuser = here.is_superuser,
                    other => return Err(StoreError::Failed(format!("no flag is named {other}"))),
                }
            }
            let mut decision = decide(&here, &wanted, found.imported.as_ref());
            if decision.writes && self.pass == Pass::Write {
                // They may have changed since they were read.
                let Some(locked) = self.target.lock_user(here.id)? else { continue };
                here = locked;
                decision = decide(&here, &wanted, found.imported.as_ref());
                self.target.update_user(&here, &decision.updated, &self.import_run.by, self.import_run.now)?;
            }
            self.done.updated += u64::from(decision.changes);
            if let Some(name) = decision.updated.change.username {
                // What they get from now on is recorded under the new name.
                if let Some(person) = people.get_mut(&source.key).filter(|_| self.pass == Pass::Write) {
                    person.name.clone_from(&name);
                }
                renamed.push((here.id, name, source.key));
            }
            if !decision.kept.is_empty() && self.pass == Pass::Check {
                let fields = decision.kept.join(", ");
                let why = if found.imported.is_some() {
                    "changed on both sides"
                } else {
                    "differs, and no import remembers why"
                };
                (self.import_run.on_progress)(Progress::Kept(format!("user {}: {fields} {why}", here.username)));
            }
        }
        let names: Vec<_> = renamed.iter().map(|(id, name, key)| (Some(*id), &**name, &**key)).collect();
        self.refuse_names_like(&names)
    }
}
