//! A Django project's users, groups and tokens. All of the source is looked at before anything is written, so that every
//! clash is named and a broken row costs nothing; then all of it is written in one transaction.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::standing::Standing;
use super::{Counts, Imported, Progress};
use crate::domain::audit::{Action, Actor};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::django::{DjangoKey, DjangoToken, DjangoUser, TokenTable, is_known_hash};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenMode;
use crate::domain::user::FIRST_BOOTSTRAP_ID;
use crate::service::{Caller, Error, Rights, Sealer, Service};
use crate::store::{
    DJANGO_BATCH, DjangoSource, ImportTarget, ImportedEntry, ImportedToken, ImportedUser, Store, StoreError,
};

/// Where a Django project keeps its users.
#[derive(Clone, Debug)]
pub struct DjangoImport {
    /// Its database.
    pub from: DatabaseUrl,
    /// `auth_user`, or the table of a custom model.
    pub user_table: String,
    /// `username`, or the model's `USERNAME_FIELD`.
    pub username_column: String,
}

/// Opens the source. From here on it shows one moment.
///
/// # Errors
/// [`Error::Store`], with one line that says what to do.
pub fn open_django(import: &DjangoImport) -> Result<DjangoSource, Error> {
    Ok(DjangoSource::open(&import.from, &import.user_table, &import.username_column)?)
}

/// What [`Service::import_django`] would do. Nothing is changed or made.
///
/// # Errors
/// As that.
pub fn would_import_django(
    store: &Store,
    source: DjangoSource,
    now: Timestamp,
    hear: impl FnMut(Progress) + Send + 'static,
) -> Result<Imported, Error> {
    let walk = Walk { source, sealer: None, scope: String::new(), by: Actor::system(), now, hear: Box::new(hear) };
    walk.look(store)
}

impl Service {
    /// Brings over what is new at the source: all of it, or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when ids, names or keys are taken, after each was told; [`Error::Store`].
    pub async fn import_django(
        &self,
        source: DjangoSource,
        caller: &Caller,
        hear: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Imported, Error> {
        caller.require(Rights::Superuser)?;
        let single = self.policy().token_mode == TokenMode::Single;
        let walk = Walk {
            source,
            sealer: self.inner.sealer.clone().filter(|_| single),
            scope: self.policy().login_scope.clone(),
            by: caller.actor.clone(),
            now: self.clock().now(),
            hear: Box::new(hear),
        };
        // Without the deadline of requests.
        let store = self.inner.store.clone();
        actix_rt::task::spawn_blocking(move || walk.run(&store))
            .await
            .unwrap_or_else(|panicked| Err(Error::Store(StoreError::Failed(panicked.to_string()))))
    }
}

struct Walk {
    source: DjangoSource,
    sealer: Option<Sealer>,
    scope: String,
    by: Actor,
    now: Timestamp,
    hear: Box<dyn FnMut(Progress) + Send>,
}

/// Whether a pass over the source writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Look,
    Write,
}

impl Walk {
    fn look(mut self, store: &Store) -> Result<Imported, Error> {
        self.refuse_target(store)?;
        let found = store.look_before_import(|target| self.check(target))?;
        refuse_clashes(found)
    }

    fn run(mut self, store: &Store) -> Result<Imported, Error> {
        self.refuse_target(store)?;
        let done = store.import(|target| {
            let found = self.check(target)?;
            if found.clashes > 0 {
                return Ok(found);
            }
            (self.hear)(Progress::Writes);
            let done = self.pass(target, Pass::Write)?;
            self.source.check_unchanged()?;
            Ok(done)
        })?;
        refuse_clashes(done)
    }

    fn refuse_target(&mut self, store: &Store) -> Result<(), Error> {
        if self.source.is(store)? {
            let words = "--from names jeton's own database; give Django's";
            return Err(Error::Store(StoreError::Unusable(words.into())));
        }
        Ok(())
    }

    fn check(&mut self, target: &mut ImportTarget<'_>) -> Result<Imported, StoreError> {
        (self.hear)(Progress::Checks(self.source.count_users()?));
        let mut namesakes = 0;
        let mut from = i64::MIN;
        loop {
            let found = self.source.namesakes(from)?;
            let Some(next) = found.last().and_then(|(id, _)| id.checked_add(1)) else { break };
            from = next;
            for (id, name) in found {
                namesakes += 1;
                (self.hear)(Progress::Clash(format!("user {name} with id {id}: another user there has the same name")));
            }
        }
        let mut found = self.pass(target, Pass::Look)?;
        found.clashes += namesakes;
        self.source.check_unchanged()?;
        Ok(found)
    }

    fn pass(&mut self, target: &mut ImportTarget<'_>, pass: Pass) -> Result<Imported, StoreError> {
        let mut done = Imported::default();
        let names = self.source.groups()?;
        let missing = target.missing_groups(&names)?;
        done.new.groups = count(missing.len());
        done.here.groups = count(names.len() - missing.len());
        if pass == Pass::Write {
            target.insert_groups(&missing)?;
        }
        let (mut from, mut highest) = (i64::MIN, 0);
        loop {
            let users = self.source.users(from)?;
            let Some(last) = users.last().map(|user| user.id) else { break };
            let read = users.len();
            let ordinary = users.iter().map(|user| user.id).filter(|id| *id < FIRST_BOOTSTRAP_ID).max();
            highest = ordinary.map_or(highest, |ordinary| ordinary.max(highest));
            let mut batch = Batch { from, through: last, walk: self, target, pass, done: &mut done };
            batch.run(users)?;
            (self.hear)(Progress::Users(count(read)));
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

/// The users from one id through another, with all that is theirs.
struct Batch<'a, 'b> {
    from: i64,
    through: i64,
    walk: &'a mut Walk,
    target: &'a mut ImportTarget<'b>,
    pass: Pass,
    done: &'a mut Imported,
}

impl Batch<'_, '_> {
    fn run(&mut self, users: Vec<DjangoUser>) -> Result<(), StoreError> {
        let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
        let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
        let found = self.target.users_like(&ids, &names)?;
        let standing = Standing::of(users, &found);
        for clash in &standing.clashes {
            self.clash(clash.clone());
        }
        self.done.new.users += count(standing.new.len());
        self.done.here.users += count(standing.here.len());
        self.done.unknown_hashes += count(standing.new.iter().filter(|user| !is_known_hash(&user.password)).count());
        let mut groups: HashMap<i64, Vec<String>> = HashMap::new();
        if self.pass == Pass::Write {
            let now = self.walk.now;
            let rows: Vec<ImportedUser> = standing.new.iter().map(|user| imported(user, now)).collect();
            self.target.insert_users(&rows)?;
            let new: HashSet<i64> = rows.iter().map(|user| user.id).collect();
            let mut memberships = self.walk.source.memberships(self.from, self.through)?;
            memberships.retain(|(id, _)| new.contains(id));
            self.target.insert_memberships(&memberships)?;
            for (id, name) in memberships {
                groups.entry(id).or_default().push(name);
            }
        }
        let tokens = self.tokens(&standing)?;
        if self.pass == Pass::Write {
            self.target.insert_entries(&entries(&standing, groups, &tokens), &self.walk.by, self.walk.now)?;
        }
        Ok(())
    }

    /// How many tokens each user got.
    fn tokens(&mut self, standing: &Standing) -> Result<HashMap<i64, u64>, StoreError> {
        let names = standing.names();
        let mut got: HashMap<i64, u64> = HashMap::new();
        // Only one token of a user is handed out by logins.
        let mut sealed = HashSet::new();
        for table in [TokenTable::Drf, TokenTable::Knox] {
            let (mut user, mut row) = (self.from, String::new());
            loop {
                let page = self.walk.source.tokens(table, (user, &row), self.through)?;
                let read = page.len();
                if let Some(last) = page.last() {
                    (user, row) = (last.user_id, last.row.clone());
                }
                let page = page.into_iter().filter(|token| names.contains_key(&token.user_id)).collect();
                let new = self.new_tokens(table, page, &names)?;
                count_tokens(&mut self.done.new, table, count(new.len()));
                if self.pass == Pass::Write {
                    let here: Vec<i64> =
                        new.iter().map(|token| token.user_id).filter(|id| standing.here.contains_key(id)).collect();
                    sealed.extend(self.target.lock_sealed(&here, self.walk.now)?);
                    let rows: Vec<ImportedToken> =
                        new.iter().filter_map(|token| self.row(token, &mut sealed)).collect();
                    self.target.insert_tokens(&rows, &self.walk.scope)?;
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

    /// Those that are not here and can come.
    fn new_tokens(
        &mut self,
        table: TokenTable,
        mut page: Vec<DjangoToken>,
        names: &HashMap<i64, String>,
    ) -> Result<Vec<DjangoToken>, StoreError> {
        let read = page.len();
        page.retain(|token| token.key.digest().is_some());
        self.done.foreign_digests += count(read - page.len());
        let digests: Vec<_> = page.iter().filter_map(|token| token.key.digest()).collect();
        let owners = self.target.token_owners(&digests)?;
        let mut new = Vec::new();
        for token in page {
            match token.key.digest().and_then(|digest| owners.get(&digest)) {
                None => new.push(token),
                Some(owner) if *owner == token.user_id => count_tokens(&mut self.done.here, table, 1),
                Some(owner) => {
                    let (id, name) = (token.user_id, &names[&token.user_id]);
                    self.clash(format!(
                        "a token of user {name} with id {id}: it is one of the user with id {owner} here"
                    ));
                }
            }
        }
        Ok(new)
    }

    fn row(&self, token: &DjangoToken, sealed: &mut HashSet<i64>) -> Option<ImportedToken> {
        let digest = token.key.digest()?;
        let seal = match (&token.key, &self.walk.sealer) {
            (DjangoKey::Clear(key), Some(sealer)) if sealed.insert(token.user_id) => {
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

    fn clash(&mut self, sentence: String) {
        self.done.clashes += 1;
        (self.walk.hear)(Progress::Clash(sentence));
    }
}

fn imported(user: &DjangoUser, now: Timestamp) -> ImportedUser {
    let user = user.clone();
    ImportedUser {
        id: user.id,
        username: user.username,
        password: user.password,
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        is_active: user.is_active,
        is_staff: user.is_staff,
        is_superuser: user.is_superuser,
        date_joined: user.date_joined.unwrap_or(now),
        last_login: user.last_login,
    }
}

/// One for each new user, and one for each who was here and got tokens.
fn entries(
    standing: &Standing,
    mut groups: HashMap<i64, Vec<String>>,
    tokens: &HashMap<i64, u64>,
) -> Vec<ImportedEntry> {
    let got = |id: i64| tokens.get(&id).copied().unwrap_or(0);
    let entry = |action, target: &str, details: Value| ImportedEntry { action, target: target.to_owned(), details };
    let new = standing.new.iter().map(|user| {
        let mut groups = groups.remove(&user.id).unwrap_or_default();
        groups.sort_unstable();
        let details = json!({
            "id": user.id,
            "is_active": user.is_active,
            "is_staff": user.is_staff,
            "is_superuser": user.is_superuser,
            "groups": groups,
            "imported_from": "django",
            "tokens": got(user.id),
        });
        entry(Action::UserCreate, &user.username, details)
    });
    let here =
        standing.here.iter().filter(|(id, _)| got(**id) > 0).map(|(id, name)| {
            entry(Action::TokenCreate, name, json!({ "imported_from": "django", "tokens": got(*id) }))
        });
    new.chain(here).collect()
}

fn refuse_clashes(done: Imported) -> Result<Imported, Error> {
    match done.clashes {
        0 => Ok(done),
        1 => Err(Error::Conflict("nothing was imported: the row above clashes with what is here".into())),
        clashes => {
            Err(Error::Conflict(format!("nothing was imported: the {clashes} rows above clash with what is here")))
        }
    }
}

fn count_tokens(counts: &mut Counts, table: TokenTable, more: u64) {
    match table {
        TokenTable::Drf => counts.drf_tokens += more,
        TokenTable::Knox => counts.knox_tokens += more,
    }
}

fn count(rows: usize) -> u64 {
    rows as u64
}
