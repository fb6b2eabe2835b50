//! Imports a batch of users with their groups and tokens.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::import_run::{ImportRun, Pass};
use super::reconciled::{Existing, Reconciled};
use super::update::{as_user, decide};
use super::{Counts, Imported, Progress, count, created_entry};
use crate::domain::audit::Action;
use crate::domain::django::{DjangoKey, DjangoToken, DjangoUser, ImportedFields, TokenTable};
use crate::domain::token::{Token, TokenDigest};
use crate::domain::user::ImportedUser;
use crate::store::{ImportTarget, ImportedEntry, ImportedToken, StoreError};

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
struct Person {
    id: i64,
    name: String,
    is_new: bool,
}

/// The users of a batch who get tokens, by their keys at the source.
type People = HashMap<String, Person>;

impl Batch<'_, '_> {
    pub fn run(&mut self, users: Vec<DjangoUser>) -> Result<(), StoreError> {
        let mut reconciled = self.reconcile(users)?;
        for clash in std::mem::take(&mut reconciled.clashes) {
            self.clash(clash);
        }
        self.done.taken_ids += reconciled.taken_ids;
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

    /// Lets existing users follow the source.
    fn update(&mut self, existing: Vec<Existing>, groups: &mut HashMap<String, Vec<String>>) -> Result<(), StoreError> {
        let here: Vec<_> = existing.iter().map(|existing| existing.here.user.clone()).collect();
        let here = self.target.with_groups(here)?;
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
        Ok(())
    }

    /// Imports the tokens of the batch. Returns how many each user got.
    fn tokens(&mut self, people: &People) -> Result<HashMap<i64, u64>, StoreError> {
        let mut got: HashMap<i64, u64> = HashMap::new();
        // Users whose token is sealed: logins return only one token of a user.
        let mut sealed_users = HashSet::new();
        // A project that went from DRF to Knox may have the same key in both tables.
        let mut seen = HashMap::new();
        for (table, kind) in self.import_run.source.token_tables().into_iter().enumerate() {
            let (mut user, mut row) = (self.from.clone(), String::new());
            loop {
                let page = self.import_run.source.tokens(table, (&user, &row), &self.through)?;
                self.done.tokens_of_users += count(page.bad.len());
                for bad in page.bad {
                    self.bad(bad.to_string());
                }
                let is_owned = |token: &DjangoToken| people.contains_key(&token.user_key);
                let theirs: Vec<DjangoToken> = page.good.into_iter().filter(is_owned).collect();
                self.done.tokens_of_users += count(theirs.len());
                let new = self.new_tokens(kind, theirs, people, &seen)?;
                seen.extend(new.iter().filter_map(|token| Some((token.key.digest()?, people[&token.user_key].id))));
                *self.done.new.tokens(kind) += count(new.len());
                self.done.malformed += count(new.iter().filter(|token| self.is_malformed(&token.key)).count());
                let rows: Vec<ImportedToken> = self.rows(kind, &new, people, &mut sealed_users)?;
                let expired = rows.iter().filter(|row| row.expires_at.is_some_and(|end| end <= self.import_run.now));
                self.done.expired_tokens += count(expired.count());
                if self.pass == Pass::Write {
                    self.target.insert_tokens(&rows, &self.import_run.scope)?;
                    for token in rows {
                        *got.entry(token.user_id).or_default() += 1;
                    }
                }
                match page.keys {
                    Some(last) if page.is_full => (user, row) = last,
                    _ => break,
                }
            }
        }
        Ok(got)
    }

    /// The tokens that can be imported and do not exist here yet.
    fn new_tokens(
        &mut self,
        kind: TokenTable,
        mut page: Vec<DjangoToken>,
        people: &People,
        seen_before: &HashMap<TokenDigest, i64>,
    ) -> Result<Vec<DjangoToken>, StoreError> {
        let read = page.len();
        page.retain(|token| token.key.digest().is_some());
        self.done.foreign_digests += count(read - page.len());
        let digests: Vec<_> = page.iter().filter_map(|token| token.key.digest()).collect();
        let mut owners = self.target.token_owners(&digests)?;
        owners.extend(digests.iter().filter_map(|digest| Some((*digest, *seen_before.get(digest)?))));
        // In a check, a new user's id may be a placeholder: a clash with one of this import names the key.
        let keys: HashMap<i64, &str> = people.iter().map(|(key, person)| (person.id, key.as_str())).collect();
        let mut new = Vec::new();
        for token in page {
            let Some(digest) = token.key.digest() else { continue };
            let person = &people[&token.user_key];
            match owners.get(&digest) {
                None => {
                    owners.insert(digest, person.id);
                    new.push(token);
                }
                Some(owner) if *owner == person.id => *self.done.existing.tokens(kind) += 1,
                Some(owner) => {
                    let owner = keys.get(owner).map_or_else(|| owner.to_string(), |key| (*key).to_owned());
                    let (id, name) = (&token.user_key, &person.name);
                    self.clash(format!(
                        "a token of user {name} with id {id}: it belongs to the user with id {owner} here"
                    ));
                }
            }
        }
        Ok(new)
    }

    /// Whether a key would be refused without a lookup, because it seems to have the configured prefix, but its checksum is
    /// wrong.
    fn is_malformed(&self, key: &DjangoKey) -> bool {
        let prefix = self.import_run.token_prefix.as_deref();
        matches!(key, DjangoKey::Clear(key) if Token::parse(key.expose(), prefix).is_none())
    }

    fn rows(
        &mut self,
        kind: TokenTable,
        new: &[DjangoToken],
        people: &People,
        sealed_users: &mut HashSet<i64>,
    ) -> Result<Vec<ImportedToken>, StoreError> {
        if self.pass == Pass::Write {
            let owners = new.iter().map(|token| &people[&token.user_key]);
            let existing: Vec<i64> = owners.filter(|person| !person.is_new).map(|person| person.id).collect();
            sealed_users.extend(self.target.lock_sealed(&existing, self.import_run.now)?);
        }
        Ok(new.iter().filter_map(|token| self.row(kind, token, people, sealed_users)).collect())
    }

    fn row(
        &self,
        kind: TokenTable,
        token: &DjangoToken,
        people: &People,
        sealed_users: &mut HashSet<i64>,
    ) -> Option<ImportedToken> {
        let (digest, now) = (token.key.digest()?, self.import_run.now);
        let user_id = people[&token.user_key].id;
        let created_at = token.created_at.unwrap_or(now);
        let lifetime = self.import_run.options.tokens_expire.filter(|_| kind == TokenTable::Drf);
        let ends = [token.expires_at, lifetime.map(|lifetime| created_at.after(lifetime))];
        let expires_at = ends.into_iter().flatten().min();
        let is_live = expires_at.is_none_or(|end| end > now);
        let seal = match (&token.key, &self.import_run.sealer) {
            (DjangoKey::Clear(key), Some(sealer)) if is_live && sealed_users.insert(user_id) => {
                Some(sealer.seal(key, user_id, &digest))
            }
            _ => None,
        };
        Some(ImportedToken { user_id, digest, sealed: seal, hint: token.hint.clone(), created_at, expires_at })
    }

    fn clash(&mut self, message: String) {
        self.done.clashes += 1;
        (self.import_run.on_progress)(Progress::Clash(message));
    }

    /// A check names all bad rows; a write has left them out.
    fn bad(&mut self, message: String) {
        self.done.bad += 1;
        if self.pass == Pass::Check {
            (self.import_run.on_progress)(Progress::Bad(message));
        }
    }
}

/// One entry for each new user, and one for each existing user who got tokens.
fn entries(new: &[ImportedUser], people: &People, tokens: &HashMap<i64, u64>) -> Vec<ImportedEntry> {
    let got = |id: i64| tokens.get(&id).copied().unwrap_or(0);
    let created = new.iter().map(|user| {
        let mut entry = created_entry(user, "django");
        entry.details["tokens"] = json!(got(user.id));
        entry
    });
    let existing = people.values().filter(|person| !person.is_new && got(person.id) > 0);
    let existing = existing.map(|person| ImportedEntry {
        action: Action::TokenCreate,
        target: person.name.clone(),
        details: json!({ "imported_from": "django", "tokens": got(person.id) }),
    });
    created.chain(existing).collect()
}

impl Counts {
    fn tokens(&mut self, kind: TokenTable) -> &mut u64 {
        match kind {
            TokenTable::Drf => &mut self.drf_tokens,
            TokenTable::Knox => &mut self.knox_tokens,
        }
    }
}
