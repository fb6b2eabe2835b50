//! Imports a batch of users with their groups and tokens.

use std::collections::HashMap;

use serde_json::json;

use super::decision::as_user;
use super::import_run::{ImportRun, Pass};
use super::reconciled::Reconciled;
use super::{Imported, Progress, count, created_entry};
use crate::domain::audit::Action;
use crate::domain::django::{DjangoUser, ImportedFields};
use crate::domain::user::ImportedUser;
use crate::store::{ImportTarget, ImportedEntry, StoreError};

/// The users with keys `from` through `through`, with their groups and tokens.
pub struct Batch<'a, 'b> {
    pub from: String,
    pub through: String,
    pub import_run: &'a mut ImportRun,
    pub target: &'a mut ImportTarget<'b>,
    pub pass: Pass,
    pub done: &'a mut Imported,
}

/// A user who is new here, or exists.
pub struct Person {
    pub id: i64,
    pub name: String,
    pub is_new: bool,
}

/// The users of a batch who get tokens, by their keys at the source.
pub type People = HashMap<String, Person>;

impl Batch<'_, '_> {
    pub fn run(&mut self, users: Vec<DjangoUser>) -> Result<(), StoreError> {
        let mut reconciled = self.reconcile(users)?;
        for clash in std::mem::take(&mut reconciled.clashes) {
            self.clash(clash);
        }
        self.done.taken_ids += reconciled.taken_ids;
        let names: Vec<_> = reconciled.new.iter().map(|user| (None, &*user.user.username, &*user.key)).collect();
        self.refuse_names_like(&names)?;
        self.done.new.users += count(reconciled.new.len());
        self.done.existing.users += count(reconciled.existing.len());
        let is_updated = self.import_run.options.update;
        let mut groups = self.groups(is_updated)?;
        let mut people = People::new();
        for existing in &reconciled.existing {
            let user = &existing.here.user;
            let person = Person { id: user.id, name: user.username.clone(), is_new: false };
            people.insert(existing.source.key.clone(), person);
        }
        if is_updated {
            self.update(std::mem::take(&mut reconciled.existing), &mut groups)?;
        }
        let new = self.new_users(reconciled.new, groups, &mut people)?;
        let tokens = self.tokens(&people)?;
        if self.pass == Pass::Write {
            let entries = entries(&new, &people, &tokens);
            self.target.insert_entries(&entries, &self.import_run.by, self.import_run.now)?;
        }
        Ok(())
    }

    fn reconcile(&mut self, users: Vec<DjangoUser>) -> Result<Reconciled, StoreError> {
        let names: Vec<&str> = users.iter().map(|user| user.user.username.as_str()).collect();
        let external_ids: Vec<String> =
            users.iter().filter_map(|user| self.import_run.external_id(&user.key)).collect();
        let ids: Vec<i64> = if external_ids.is_empty() {
            users.iter().filter_map(|user| user.key.parse().ok()).collect()
        } else {
            Vec::new()
        };
        let external_ids: Vec<&str> = external_ids.iter().map(String::as_str).collect();
        let found = self.target.users_like(&ids, &external_ids, &names)?;
        let external_id = |key: &str| self.import_run.external_id(key);
        Ok(Reconciled::of(users, found, external_id, self.import_run.options.update))
    }

    /// Names that differ by case only from others: of each user the id here, the name, and the key at the source.
    pub fn refuse_names_like(&mut self, users: &[(Option<i64>, &str, &str)]) -> Result<(), StoreError> {
        if self.pass == Pass::Write {
            return Ok(());
        }
        let names: Vec<_> = users.iter().map(|(id, name, _)| (*id, *name)).collect();
        let taken = self.import_run.names.taken(self.target, &names)?;
        for ((_, name, key), why) in users.iter().zip(taken) {
            if let Some(why) = why {
                self.clash(format!("user {name} with id {key}: with JETON_USERNAME_CASE=ignore, {why}"));
            }
        }
        Ok(())
    }

    /// The groups of the batch's users, by their keys, if anybody needs them.
    fn groups(&mut self, is_updated: bool) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        if self.pass == Pass::Write || is_updated {
            for (key, name) in self.import_run.source.memberships(&self.from, &self.through)? {
                groups.entry(key).or_default().push(name);
            }
        }
        Ok(groups)
    }

    /// Creates the new users, and adds them to `people`.
    fn new_users(
        &mut self,
        users: Vec<DjangoUser>,
        mut groups: HashMap<String, Vec<String>>,
        people: &mut People,
    ) -> Result<Vec<ImportedUser>, StoreError> {
        let mut new = Vec::with_capacity(users.len());
        let has_new_ids = !self.import_run.keeps_ids() && self.pass == Pass::Write && !users.is_empty();
        // A check has no ids yet. The numbers tell users apart, and nobody has them.
        let first = if has_new_ids { self.target.next_ids_from_django(users.len())? } else { i64::MIN };
        for (id, user) in (first..).zip(users) {
            self.done.count_user(&user, self.import_run.max_memory_kib);
            let key = user.key.clone();
            let mut user = self.import_run.user(user, id);
            user.user.groups = groups.remove(&key).unwrap_or_default();
            people.insert(key, Person { id: user.id, name: user.user.username.clone(), is_new: true });
            new.push(user);
        }
        if self.pass == Pass::Write {
            self.target.insert_users(&new)?;
            let remembered: Vec<(i64, ImportedFields)> =
                new.iter().map(|user| (user.id, ImportedFields::of(&as_user(user)))).collect();
            self.target.remember(&remembered)?;
        }
        Ok(new)
    }

    pub fn clash(&mut self, message: String) {
        self.done.clashes += 1;
        (self.import_run.on_progress)(Progress::Clash(message));
    }

    /// A check names all bad rows; a write has left them out.
    pub fn bad(&mut self, message: String) {
        self.done.bad += 1;
        if self.pass == Pass::Check {
            (self.import_run.on_progress)(Progress::Bad(message));
        }
    }
}

/// What a user got.
#[derive(Default)]
pub struct NewTokensAndEnds {
    /// New tokens.
    pub tokens: u64,
    /// Tokens that were here already, and now end.
    pub ends: u64,
}

/// One entry for each new user, and for each existing user one for new tokens, and one for tokens that now end.
fn entries(new: &[ImportedUser], people: &People, got: &HashMap<i64, NewTokensAndEnds>) -> Vec<ImportedEntry> {
    let tokens = |id: i64| got.get(&id).map_or(0, |got| got.tokens);
    let ends = |id: i64| got.get(&id).map_or(0, |got| got.ends);
    let created = new.iter().map(|user| {
        let mut entry = created_entry(user, "django");
        entry.details["tokens"] = json!(tokens(user.id));
        entry
    });
    let existing = || people.values().filter(|person| !person.is_new);
    let entry = |person: &Person, action, what: &str, count: u64| ImportedEntry {
        action,
        target: person.name.clone(),
        details: json!({ "imported_from": "django", what: count }),
    };
    let more = existing().filter(|person| tokens(person.id) > 0);
    let more = more.map(|person| entry(person, Action::TokenCreate, "tokens", tokens(person.id)));
    let ended = existing().filter(|person| ends(person.id) > 0);
    let ended = ended.map(|person| entry(person, Action::UserUpdate, "tokens_with_an_end", ends(person.id)));
    created.chain(more).chain(ended).collect()
}
