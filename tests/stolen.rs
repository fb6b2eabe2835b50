//! A stolen copy of the database gives no access: it contains no key, no password and no secret.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jeton::domain::time::{Clock, Timestamp};
use jeton::domain::token::Token;
use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind, SECRET_KEY, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::support::http::base64;
use crate::support::postgres::{self, Cluster};
use crate::support::process::Jeton;

/// The least length of a text that is searched for.
const PREFIX: usize = 8;

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All encodings in which a secret might have been stored.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms =
        vec![secret.as_bytes().to_vec(), secret.to_uppercase().into_bytes(), hex(secret.as_bytes()).into_bytes()];
    forms.push(base64(secret.as_bytes()).trim_end_matches('=').as_bytes().to_vec());
    if let Some(bytes) = unhex(secret) {
        forms.push(base64(&bytes).trim_end_matches('=').as_bytes().to_vec());
        forms.push(bytes);
    }
    forms
}

/// The texts of `wanted` that occur anywhere in `copy`.
fn found<'a>(copy: &[u8], wanted: &'a [Vec<u8>]) -> Vec<&'a [u8]> {
    let prefixes: HashSet<&[u8]> = wanted.iter().map(|wanted| &wanted[..PREFIX]).collect();
    let firsts: [bool; 256] = std::array::from_fn(|byte| prefixes.iter().any(|prefix| usize::from(prefix[0]) == byte));
    let mut places = Vec::new();
    for place in 0..copy.len().saturating_sub(PREFIX) {
        if firsts[usize::from(copy[place])] && prefixes.contains(&copy[place..place + PREFIX]) {
            places.push(place);
        }
    }
    let occurs = |wanted: &&Vec<u8>| places.iter().any(|place| copy[*place..].starts_with(wanted));
    wanted.iter().filter(occurs).map(Vec::as_slice).collect()
}

/// All bytes of all files below a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The server may remove a file meanwhile.
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { fs::read(&path).unwrap_or_default() });
        bytes.push(0);
    }
    bytes
}

struct Scene {
    app: App,
    /// For PostgreSQL, its own cluster, because the test reads the cluster's files.
    cluster: Option<Cluster>,
    commands: Jeton,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let cluster = (kind == Kind::Postgres).then(postgres::private);
        let database = cluster.as_ref().map_or_else(|| TestDatabase::new(kind), TestDatabase::of);
        let commands = Jeton::new()
            .env("DATABASE_URL", &database.url)
            .env("JETON_SECRET_KEY", SECRET_KEY)
            .env("JETON_ARGON2_MEMORY_KIB", "64")
            .env("JETON_ARGON2_ITERATIONS", "1");
        let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456));
        Self { app: App::on(Arc::new(database), clock, &[]), cluster, commands }
    }

    /// Runs a command, and returns its output.
    fn command(&self, args: &[&str], stdin: &str) -> String {
        let output = self.commands.run_with_stdin(args, stdin);
        assert_eq!(output.status, 0, "{args:?}: {output:?}");
        output.stdout.trim().to_owned()
    }

    fn copies(&self) -> Vec<Vec<u8>> {
        match (&self.cluster, &self.app.database.postgres) {
            (Some(cluster), Some(database)) => {
                database.sql("checkpoint");
                let of_database = database.sql("select oid from pg_database where datname = current_database()");
                let files = ["base", "pg_wal"].map(|part| cluster.data().join(part));
                vec![database.dump(), all_bytes(&files[0].join(of_database)), all_bytes(&files[1])]
            }
            _ => {
                let folder = self.app.database.folder.as_ref().unwrap().path();
                assert!(folder.join("jeton.db-wal").exists());
                vec![all_bytes(folder)]
            }
        }
    }
}

on_both! {
    fn no_secret_is_in_a_copy_of_the_database(db) {
        let scene = Scene::new(db);
        let app = &scene.app;
        let passwords = ["first of alice's 77", "second of alice's 88", "one of bob's own 99"];
        app.create_user("alice", passwords[0], &json!({"email": "alice@example.org"}));
        app.create_user("bob", passwords[2], &json!({}));
        let mut keys = vec![app.admin_token(), app.login("alice", passwords[0]), app.login("bob", passwords[2])];
        keys.extend([app.regenerate("alice"), app.regenerate("alice"), app.login("alice", passwords[0])]);
        keys.push(app.node(&[("JETON_TOKEN_MODE", "multiple")]).login("bob", passwords[2]));
        let printed = scene.command(&["token", "create", "--name", "ci", "alice"], "");
        keys.push(printed.split_whitespace().nth(2).unwrap().to_owned());
        scene.command(&["user", "set-password", "--password-stdin", "alice"], passwords[1]);
        keys.push(app.login("alice", passwords[1]));
        let secrets = [scene.command(&["client", "create", "api"], ""), scene.command(&["client", "rotate", "api"], "")];
        assert!(keys.iter().all(|key| key.len() == 40) && secrets.iter().all(|secret| secret.len() == 64), "{keys:?} {secrets:?}");

        let mut wanted: Vec<&str> = keys.iter().chain(&secrets).map(String::as_str).collect();
        wanted.extend(passwords);
        wanted.extend([ADMIN.1, CLIENT.1, SECRET_KEY]);
        let wanted: Vec<Vec<u8>> = wanted.into_iter().flat_map(forms).collect();
        let digest = *Token::parse(&keys[8], None).unwrap().digest().as_bytes();
        let stored = [digest.to_vec(), hex(&digest).into_bytes(), b"alice@example.org".to_vec()];
        for copy in scene.copies() {
            assert!(found(&copy, &stored).len() >= 2, "the search finds texts that are in the database");
            let leaked = found(&copy, &wanted);
            assert!(leaked.is_empty(), "{:?}", leaked.iter().map(|leaked| String::from_utf8_lossy(leaked)).collect::<Vec<_>>());
        }
    }

    fn a_seal_that_is_moved_to_another_row_cannot_be_opened(db) {
        let app = App::start(db);
        for name in ["alice", "bob"] {
            app.create_user(name, PASSWORD, &json!({}));
        }
        let login = |name: &str| app.login(name, PASSWORD);
        let (alice, bob) = (login("alice"), login("bob"));
        let of = |name: &str| format!("(select id from users where username = '{name}')");
        let sealed = format!("(select sealed from tokens where user_id = {} and sealed is not null)", of("alice"));
        app.database.sql(&format!("update tokens set sealed = {sealed} where user_id = {}", of("bob")));
        let fresh = login("bob");
        assert!(fresh != alice && fresh != bob);
        assert_eq!(app.introspect(&fresh)["username"], "bob");
        assert_eq!((login("bob"), login("alice")), (fresh, alice), "later logins return the new key");
    }

    fn the_seal_of_a_row_that_is_moved_to_another_user_cannot_be_opened(db) {
        let app = App::start(db);
        for name in ["alice", "bob"] {
            app.create_user(name, PASSWORD, &json!({}));
        }
        let alice = app.login("alice", PASSWORD);
        app.database.sql(
            "update tokens set user_id = (select id from users where username = 'bob') \
             where user_id = (select id from users where username = 'alice')",
        );
        assert_ne!(app.login("bob", PASSWORD), alice, "no user gets another user's key");
    }
}
