//! The contract of `jeton::store::Store`, the same on both databases.

mod audit;
mod change_log;
mod clients;
mod endings;
mod login_tokens;
mod names_over_time;
mod password_links;
mod purge;
mod races;
mod schema;
mod search;
mod sessions;
mod tokens;
mod users;
mod uses;

use std::time::Duration;

use jeton::domain::audit::{Action, Actor};
use jeton::domain::client::{ClientSecret, SecretDigest};
use jeton::domain::database_url::DatabaseUrl;
use jeton::domain::page::PageRequest;
use jeton::domain::password::PasswordHash;
use jeton::domain::profile::{Profile, ProfilePatch};
use jeton::domain::time::Timestamp;
use jeton::domain::token::{Token, TokenDigest, TokenFacts};
use jeton::domain::user::{NewUser, User, UsernameCase};
use jeton::store::{Issue, Issued, NewToken, Store, StoreOptions};

use crate::support::app::{Kind, TestDatabase};

/// 2025-06-15T15:06:40.123456Z
const NOW: Timestamp = Timestamp::from_micros(1_750_000_000_123_456);
const ALL: PageRequest = PageRequest::number(1, 500);
const SINGLE: Issue = Issue { single: true, limit: None, unopenable: None, keeps_seal: false, action: Action::Login };
const MULTIPLE: Issue =
    Issue { single: false, limit: None, unopenable: None, keeps_seal: false, action: Action::Login };

/// A store on its own database, with tables.
struct TestStore {
    store: Store,
    database: TestDatabase,
}

impl TestStore {
    fn new(kind: Kind) -> Self {
        let test = Self::empty(kind);
        test.store.migrate().unwrap();
        test
    }

    /// A store on a new database without tables.
    fn empty(kind: Kind) -> Self {
        let database = TestDatabase::new(kind);
        Self { store: open(&database), database }
    }

    /// A store on this database, with tables.
    fn on(database: TestDatabase) -> Self {
        let test = Self { store: open(&database), database };
        test.store.migrate().unwrap();
        test
    }

    fn sql(&self, text: &str) -> String {
        self.database.sql(text)
    }

    /// The newest entry of the audit log, without its id.
    fn last_audit(&self) -> String {
        let entry = "select actor, action, target, coalesce(address, '-'), details from audit_log order by id desc";
        self.sql(&format!("{entry} limit 1"))
    }

    /// The contents of all tables, to compare before and after, including times and ids.
    fn everything(&self) -> String {
        if self.database.postgres.is_none() {
            return self.sql(".dump");
        }
        let tables =
            ["users", "groups", "user_groups", "tokens", "clients", "audit_log", "sessions", "console_forms", "meta"];
        tables.map(|table| self.sql(&format!("select * from {table} order by 1, 2"))).join("\n--\n")
    }

    fn user(&self, username: &str) -> User {
        self.store.create_user(&new_user(username), &by("root"), NOW).unwrap()
    }

    /// A user as they are now.
    #[track_caller]
    fn read(&self, username: &str) -> User {
        self.store.user(username).unwrap().expect("there is such a user")
    }

    fn superuser(&self, username: &str) -> User {
        let new = NewUser { is_superuser: true, ..new_user(username) };
        self.store.create_user(&new, &by("root"), NOW).unwrap()
    }

    /// Issues a login token, which must be a new one.
    fn issue(&self, user: &User, issue: Issue) -> NewToken {
        let new = new_token(issue.single);
        let issued = self.store.issue_login_token(user, &new, issue, &by("alice"), NOW).unwrap();
        assert!(matches!(issued, Issued::New), "{issued:?}");
        new
    }

    fn token(&self, digest: &TokenDigest) -> Option<(TokenFacts, User)> {
        self.store.tokens(&[*digest]).unwrap().remove(digest)
    }

    fn is_live(&self, token: &NewToken) -> bool {
        let found = self.token(&token.digest);
        found.is_some_and(|(facts, user)| facts.revoked_at.is_none() && !facts.is_expired(NOW) && user.is_active)
    }
}

fn open(database: &TestDatabase) -> Store {
    let url = DatabaseUrl::parse(&database.url).unwrap();
    Store::open(&url, &StoreOptions { pool: 8, timeout: Duration::from_secs(10), username_case: UsernameCase::Exact })
        .unwrap()
}

fn by(name: &str) -> Actor {
    Actor { name: name.into(), address: Some([192, 0, 2, 7].into()) }
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.into())
}

fn new_user(username: &str) -> NewUser {
    NewUser::named(username, hash("first"))
}

fn email(address: &str) -> Profile {
    Profile { email: address.into(), ..Profile::default() }
}

fn new_email(address: &str) -> ProfilePatch {
    ProfilePatch { email: Some(address.into()), ..ProfilePatch::default() }
}

/// A login token. Any bytes will do for `sealed`, because the store never opens it.
fn new_token(sealed: bool) -> NewToken {
    let token = Token::generate(None);
    NewToken {
        digest: token.digest(),
        sealed: sealed.then(|| token.digest().as_bytes()[..9].to_vec()),
        name: None,
        scope: String::new(),
        key_start: token.key_start(),
        expires_at: None,
        own: false,
    }
}

fn named_token(name: &str) -> NewToken {
    NewToken { name: Some(name.into()), ..new_token(false) }
}

fn unknown_digest() -> TokenDigest {
    Token::generate(None).digest()
}

fn secret() -> SecretDigest {
    ClientSecret::generate().digest()
}

fn after(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}
