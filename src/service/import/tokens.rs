//! Imports the tokens of a batch's users.

use std::collections::{HashMap, HashSet};

use super::batch::{Batch, NewTokensAndEnds, People};
use super::import_run::Pass;
use super::{Counts, count};
use crate::domain::django::{DjangoKey, DjangoToken, TokenTable};
use crate::domain::token::{Token, TokenDigest};
use crate::store::{ImportedEnd, ImportedToken, StoreError, TokenOwner};

struct NewTokens {
    new: Vec<DjangoToken>,
    ends: Vec<ImportedEnd>,
}

impl Batch<'_, '_> {
    /// Imports the tokens of the batch. Returns what each user got.
    pub fn tokens(&mut self, people: &People) -> Result<HashMap<i64, NewTokensAndEnds>, StoreError> {
        let mut got: HashMap<i64, NewTokensAndEnds> = HashMap::new();
        // Users whose token is sealed: logins return only one token of a user.
        let mut sealed_users = HashSet::new();
        // A project that went from DRF to Knox may have the same key in both tables.
        let mut seen = HashMap::new();
        for (table, kind) in self.import_run.source.token_tables().into_iter().enumerate() {
            let (mut user, mut row) = (self.from.clone(), String::new());
            loop {
                let page = self.import_run.source.tokens(table, (&user, &row), &self.through)?;
                self.done.tokens_of_users += count(page.bad.len());
                self.done.dates_without_zone += page.dates_without_zone;
                for bad in page.bad {
                    self.bad(bad.to_string());
                }
                let is_owned = |token: &DjangoToken| people.contains_key(&token.user_key);
                let theirs: Vec<DjangoToken> = page.good.into_iter().filter(is_owned).collect();
                self.done.tokens_of_users += count(theirs.len());
                let NewTokens { new, ends } = self.new_tokens(kind, theirs, people, &seen)?;
                seen.extend(new.iter().filter_map(|token| Some((token.key.digest()?, people[&token.user_key].id))));
                *self.done.new.tokens(kind) += count(new.len());
                self.done.malformed += count(new.iter().filter(|token| self.is_malformed(&token.key)).count());
                let rows: Vec<ImportedToken> = self.rows(&new, people, &mut sealed_users)?;
                let expired = rows.iter().filter(|row| row.expires_at.is_some_and(|end| end <= self.import_run.now));
                self.done.expired_tokens += count(expired.count());
                if self.pass == Pass::Write {
                    self.target.insert_tokens(&rows, &self.import_run.scope)?;
                    for token in rows {
                        got.entry(token.user_id).or_default().tokens += 1;
                    }
                    for end in &ends {
                        got.entry(end.user_id).or_default().ends += 1;
                    }
                    self.target.set_ends(&ends, self.import_run.now)?;
                }
                match page.keys {
                    Some(last) if page.is_full => (user, row) = last,
                    _ => break,
                }
            }
        }
        Ok(got)
    }

    /// The tokens that can be imported and do not exist here yet, and what follows of those that do.
    fn new_tokens(
        &mut self,
        kind: TokenTable,
        mut page: Vec<DjangoToken>,
        people: &People,
        seen_before: &HashMap<TokenDigest, i64>,
    ) -> Result<NewTokens, StoreError> {
        let read = page.len();
        page.retain(|token| token.key.digest().is_some());
        self.done.foreign_digests += count(read - page.len());
        let digests: Vec<_> = page.iter().filter_map(|token| token.key.digest()).collect();
        let mut owners = self.target.token_owners(&digests)?;
        let seen_here = |digest: &TokenDigest| {
            let owner = TokenOwner { user_id: *seen_before.get(digest)?, has_end: true };
            Some((*digest, owner))
        };
        owners.extend(digests.iter().filter_map(seen_here));
        // In a check, new users have placeholders for ids. So a clash with a user of this import is reported with the
        // user's key at the source.
        let keys: HashMap<i64, &str> = people.iter().map(|(key, person)| (person.id, key.as_str())).collect();
        let (mut new, mut ends) = (Vec::new(), Vec::new());
        for token in page {
            let Some(digest) = token.key.digest() else { continue };
            let person = &people[&token.user_key];
            match owners.get(&digest) {
                None => {
                    owners.insert(digest, TokenOwner { user_id: person.id, has_end: true });
                    new.push(token);
                }
                Some(owner) if owner.user_id == person.id => {
                    *self.done.existing.tokens(kind) += 1;
                    // An end that is known here may have moved, as the token was used or regenerated.
                    match token.expires_at.filter(|_| !owner.has_end) {
                        Some(expires_at) if self.import_run.options.update => {
                            ends.push(ImportedEnd { digest, user_id: person.id, expires_at });
                            self.done.given_ends += 1;
                        }
                        Some(_) => self.done.missing_ends += 1,
                        None => {}
                    }
                }
                Some(TokenOwner { user_id: owner, .. }) => {
                    let owner = keys.get(owner).map_or_else(|| owner.to_string(), |key| (*key).to_owned());
                    let (id, name) = (&token.user_key, &person.name);
                    self.clash(format!(
                        "a token of user {name} with id {id}: it belongs to the user with id {owner} here"
                    ));
                }
            }
        }
        Ok(NewTokens { new, ends })
    }

    /// Whether a key would be refused without a lookup, because it seems to have the configured prefix, but its checksum is
    /// wrong.
    fn is_malformed(&self, key: &DjangoKey) -> bool {
        let prefix = self.import_run.token_prefix.as_deref();
        matches!(key, DjangoKey::Clear(key) if Token::parse(key.expose(), prefix).is_none())
    }

    fn rows(
        &mut self,
        new: &[DjangoToken],
        people: &People,
        sealed_users: &mut HashSet<i64>,
    ) -> Result<Vec<ImportedToken>, StoreError> {
        if self.pass == Pass::Write {
            let owners = new.iter().map(|token| &people[&token.user_key]);
            let existing: Vec<i64> = owners.filter(|person| !person.is_new).map(|person| person.id).collect();
            sealed_users.extend(self.target.lock_sealed(&existing, self.import_run.now)?);
        }
        Ok(new.iter().filter_map(|token| self.row(token, people, sealed_users)).collect())
    }

    fn row(&self, token: &DjangoToken, people: &People, sealed_users: &mut HashSet<i64>) -> Option<ImportedToken> {
        let (digest, now) = (token.key.digest()?, self.import_run.now);
        let user_id = people[&token.user_key].id;
        let (created_at, expires_at) = (token.created_at.unwrap_or(now), token.expires_at);
        let is_live = expires_at.is_none_or(|end| end > now);
        let seal = match (&token.key, &self.import_run.sealer) {
            (DjangoKey::Clear(key), Some(sealer)) if is_live && sealed_users.insert(user_id) => {
                Some(sealer.seal(key, user_id, &digest))
            }
            _ => None,
        };
        Some(ImportedToken { user_id, digest, sealed: seal, hint: token.hint.clone(), created_at, expires_at })
    }
}

impl Counts {
    fn tokens(&mut self, kind: TokenTable) -> &mut u64 {
        match kind {
            TokenTable::Drf => &mut self.drf_tokens,
            TokenTable::Knox => &mut self.knox_tokens,
        }
    }
}
