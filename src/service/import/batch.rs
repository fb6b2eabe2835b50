//! Imports a batch of users with their groups and tokens.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::import_run::{ImportRun, Pass};
use super::reconciled::Reconciled;
use super::{Counts, Imported, Progress, count, created_entry};
use crate::domain::audit::Action;
use crate::domain::django::{DjangoKey, DjangoToken, TokenTable};
use crate::domain::token::{Token, TokenDigest};
use crate::domain::user::ImportedUser;
use crate::store::{DJANGO_BATCH, ImportTarget, ImportedEntry, ImportedToken, StoreError};

/// The users with ids `from` through `through`, with their groups and tokens.
pub struct Batch<'a, 'b> {
    pub from: i64,
    pub through: i64,
    pub import_run: &'a mut ImportRun,
    pub target: &'a mut ImportTarget<'b>,
    pub pass: Pass,
    pub done: &'a mut Imported,
}

impl Batch<'_, '_> {
    pub fn run(&mut self, users: Vec<ImportedUser>) -> Result<(), StoreError> {
        let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
        let names: Vec<&str> = users.iter().map(|user| user.user.username.as_str()).collect();
        let found = self.target.users_like(&ids, &names)?;
        let mut reconciled = Reconciled::of(users, &found);
        for clash in std::mem::take(&mut reconciled.clashes) {
            self.clash(clash);
        }
        self.done.new.users += count(reconciled.new.len());
        self.done.existing.users += count(reconciled.existing.len());
        for user in &reconciled.new {
            self.done.hashes.count(&user.user.password, self.import_run.max_memory_kib);
        }
        if self.pass == Pass::Write {
            let mut groups: HashMap<i64, Vec<String>> = HashMap::new();
            for (id, name) in self.import_run.source.memberships(self.from, self.through)? {
                groups.entry(id).or_default().push(name);
            }
            for user in &mut reconciled.new {
                user.user.groups = groups.remove(&user.id).unwrap_or_default();
            }
            self.target.insert_users(&reconciled.new)?;
        }
        let tokens = self.tokens(&reconciled)?;
        if self.pass == Pass::Write {
            self.target.insert_entries(&entries(&reconciled, &tokens), &self.import_run.by, self.import_run.now)?;
        }
        Ok(())
    }

    /// Imports the tokens of the batch. Returns how many each user got.
    fn tokens(&mut self, reconciled: &Reconciled) -> Result<HashMap<i64, u64>, StoreError> {
        let names = reconciled.names();
        let mut got: HashMap<i64, u64> = HashMap::new();
        // Users whose token is sealed: logins return only one token of a user.
        let mut sealed_users = HashSet::new();
        // A project that went from DRF to Knox may have the same key in both tables.
        let mut drf = HashMap::new();
        for table in [TokenTable::Drf, TokenTable::Knox] {
            let (mut user, mut row) = (self.from, String::new());
            loop {
                let page = self.import_run.source.tokens(table, (user, &row), self.through)?;
                let read = page.len();
                if let Some(last) = page.last() {
                    (user, row) = (last.user_id, last.row.clone());
                }
                let page = page.into_iter().filter(|token| names.contains_key(&token.user_id)).collect();
                let new = self.new_tokens(table, page, &names, &drf)?;
                if table == TokenTable::Drf {
                    drf.extend(new.iter().filter_map(|token| Some((token.key.digest()?, token.user_id))));
                }
                count_tokens(&mut self.done.new, table, count(new.len()));
                self.done.malformed += count(new.iter().filter(|token| self.is_malformed(&token.key)).count());
                if self.pass == Pass::Write {
                    let existing: Vec<i64> = new
                        .iter()
                        .map(|token| token.user_id)
                        .filter(|id| reconciled.existing.contains_key(id))
                        .collect();
                    sealed_users.extend(self.target.lock_sealed(&existing, self.import_run.now)?);
                    let rows: Vec<ImportedToken> =
                        new.iter().filter_map(|token| self.row(token, &mut sealed_users)).collect();
                    self.target.insert_tokens(&rows, &self.import_run.scope)?;
                    for token in rows {
                        *got.entry(token.user_id).or_default() += 1;
                    }
                }
                if read < DJANGO_BATCH {
                    break;
                }
            }
        }
        Ok(got)
    }

    /// The tokens that can be imported and do not exist here yet.
    fn new_tokens(
        &mut self,
        table: TokenTable,
        mut page: Vec<DjangoToken>,
        names: &HashMap<i64, String>,
        seen_before: &HashMap<TokenDigest, i64>,
    ) -> Result<Vec<DjangoToken>, StoreError> {
        let read = page.len();
        page.retain(|token| token.key.digest().is_some());
        self.done.foreign_digests += count(read - page.len());
        let digests: Vec<_> = page.iter().filter_map(|token| token.key.digest()).collect();
        let mut owners = self.target.token_owners(&digests)?;
        owners.extend(digests.iter().filter_map(|digest| Some((*digest, *seen_before.get(digest)?))));
        let mut new = Vec::new();
        for token in page {
            let Some(digest) = token.key.digest() else { continue };
            match owners.get(&digest) {
                None => {
                    owners.insert(digest, token.user_id);
                    new.push(token);
                }
                Some(owner) if *owner == token.user_id => count_tokens(&mut self.done.existing, table, 1),
                Some(owner) => {
                    let (id, name) = (token.user_id, &names[&token.user_id]);
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

    fn row(&self, token: &DjangoToken, sealed_users: &mut HashSet<i64>) -> Option<ImportedToken> {
        let digest = token.key.digest()?;
        let seal = match (&token.key, &self.import_run.sealer) {
            (DjangoKey::Clear(key), Some(sealer)) if sealed_users.insert(token.user_id) => {
                Some(sealer.seal(key, token.user_id, &digest))
            }
            _ => None,
        };
        Some(ImportedToken {
            user_id: token.user_id,
            digest,
            sealed: seal,
            hint: token.hint.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
        })
    }

    fn clash(&mut self, message: String) {
        self.done.clashes += 1;
        (self.import_run.on_progress)(Progress::Clash(message));
    }
}

/// One entry for each new user, and one for each existing user who got tokens.
fn entries(reconciled: &Reconciled, tokens: &HashMap<i64, u64>) -> Vec<ImportedEntry> {
    let got = |id: i64| tokens.get(&id).copied().unwrap_or(0);
    let new = reconciled.new.iter().map(|user| {
        let mut entry = created_entry(user, "django");
        entry.details["tokens"] = json!(got(user.id));
        entry
    });
    let existing = reconciled.existing.iter().filter(|(id, _)| got(**id) > 0).map(|(id, name)| ImportedEntry {
        action: Action::TokenCreate,
        target: name.clone(),
        details: json!({ "imported_from": "django", "tokens": got(*id) }),
    });
    new.chain(existing).collect()
}

fn count_tokens(counts: &mut Counts, table: TokenTable, more: u64) {
    match table {
        TokenTable::Drf => counts.drf_tokens += more,
        TokenTable::Knox => counts.knox_tokens += more,
    }
}
