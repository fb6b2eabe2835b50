//! `POST /api-token-auth/` with hashes that Django made: they log in, and the first successful login replaces them.

use super::{WRONG, assert_answer};
use crate::commands::jeton;
use crate::on_both;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::http::{Answer, Request};

/// The password of the hashes below.
const HASHED: &str = "correct horse";

/// A hash of each format, made by Django 4.2.
const HASHES: &[(&str, &str)] = &[
    ("pbkdf2_sha256", "pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0="),
    ("pbkdf2_sha1", "pbkdf2_sha1$1000$oldsalt12chr$eXsF8+KEXF0d2uaBenNie4n/vNA="),
    (
        "argon2id",
        "argon2$argon2id$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$pRk44MNhke1+LoxnI9ruj6nVyYg2lz1VTXR/w/3JazE",
    ),
    ("argon2i-16", "argon2$argon2i$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$wq0u3kGg6fjq12xnpRSJHQ"),
    ("bcrypt_sha256", "bcrypt_sha256$$2b$04$XKb0k37NGuf0bQUmsmv62e.E7pMWFodW81xgk1G/7RIpT3sfAUdpS"),
    ("bcrypt", "bcrypt$$2b$04$kC4VbMcr87cjGABBqFhaq.7GBpDQTpqzD1RO3R2MwDZRnhaf6/af."),
    (
        "scrypt",
        "scrypt$1024$NaCl1234NaCl1234NaCl12$8$1$e7R+JzW1IcsqZUXsSVbvYoenhdpHtFQOJVKPIPSASOyWdZW4ALTkxlGVBgnnDtVgiC2TmAKOWevYCQ1mQFHqWQ==",
    ),
];

/// Weak formats, which are refused by default.
const LEGACY: &[(&str, &str)] = &[
    ("md5", "md5$oldsalt12chr$c6ec64b8b3957e377403f92be3ec3f10"),
    ("md5-bare", "3cb4e732631f47e6eb961f34554b7cde"),
    ("md5-unsalted", "md5$$3cb4e732631f47e6eb961f34554b7cde"),
    ("sha1", "sha1$oldsalt12chr$c2b2dc3de7f63395efcf7e5a1fc17dbb595c20c7"),
    ("sha1-unsalted", "sha1$$2f9e53523b62abc141a2b4d6019d23cba835dbd0"),
];

/// Hashes that cannot be checked, and the log's message about each.
const BAD: &[(&str, &str, &str)] = &[
    ("parts", "pbkdf2_sha256$1000$oldsalt12chr", "the pbkdf2_sha256 hash is corrupt"),
    ("base64", "pbkdf2_sha1$1000$oldsalt12chr$eXsF8+KEXF0d2uaBenNie4n/vN!=", "the pbkdf2_sha1 hash is corrupt"),
    ("zero", "pbkdf2_sha256$0$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=", "the pbkdf2_sha256 hash is corrupt"),
    (
        "endless",
        "pbkdf2_sha256$4000000000$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=",
        "the pbkdf2_sha256 hash costs more than is allowed",
    ),
    ("half", "argon2$argon2id$v=19$m=64,t=1", "the argon2 hash is corrupt"),
    (
        "four-gib",
        "$argon2id$v=19$m=4194304,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$pRk44MNhke1+LoxnI9ruj6nVyYg2lz1VTXR/w/3JazE",
        "the argon2 hash costs more than is allowed",
    ),
    (
        "one-gib",
        "scrypt$1048576$NaCl$8$1$e7R+JzW1IcsqZUXsSVbvYoenhdpHtFQOJVKPIPSASOyWdZW4ALTkxlGVBgnnDtVgiC2TmAKOWevYCQ1mQFHqWQ==",
        "the scrypt hash costs more than is allowed",
    ),
    (
        "overflow",
        "scrypt$2$NaCl$65536$65536$e7R+JzW1IcsqZUXsSVbvYoenhdpHtFQOJVKPIPSASOyWdZW4ALTkxlGVBgnnDtVgiC2TmAKOWevYCQ1mQFHqWQ==",
        "the scrypt hash costs more than is allowed",
    ),
    (
        "days",
        "bcrypt$$2b$31$kC4VbMcr87cjGABBqFhaq.7GBpDQTpqzD1RO3R2MwDZRnhaf6/af.",
        "the bcrypt hash costs more than is allowed",
    ),
    ("short", "bcrypt_sha256$$2b$04$XKb0k37NGuf0bQUmsmv62e", "the bcrypt_sha256 hash is corrupt"),
    ("unknown", "rot13$x$correct horse", "the hash has an unknown format"),
    ("clear", "correct horse", "the hash has an unknown format"),
    ("md5", LEGACY[0].1, "the hash is md5, which logs in only with JETON_LEGACY_HASHES=true"),
];

fn insert<'a>(database: &TestDatabase, rows: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let row = |(number, (name, hash))| format!("({}, '{name}', '{hash}', '2020-01-01 00:00:00')", number + 1);
    let rows: Vec<String> = rows.into_iter().enumerate().map(row).collect();
    database.sql(&format!("insert into users (id, username, password, date_joined) values {}", rows.join(",")));
}

fn stored(app: &App, username: &str) -> String {
    app.database.sql(&format!("select password from users where username = '{username}'"))
}

/// Each user logs in, which replaces the hash by argon2id, and logs in again with the new hash.
#[track_caller]
fn assert_replaced(app: &App, hashes: &[(&str, &str)]) {
    for (name, hash) in hashes {
        for wrong in ["wrong", "correct horse ", hash] {
            assert_answer(&app.try_login(name, wrong), 400, WRONG, name);
        }
        assert_eq!(stored(app, name), *hash, "a wrong password changes nothing");
        let key = app.login(name, HASHED);
        let new = stored(app, name);
        assert!(new.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{name}: {new}");
        assert_eq!(app.login(name, HASHED), key, "{name}");
        assert_eq!(stored(app, name), new, "{name}");
        assert_answer(&app.try_login(name, "wrong"), 400, WRONG, name);
    }
}

fn app_with(db: Kind, hashes: &[(&str, &str)], settings: &[(&str, &str)]) -> App {
    let app = App::with(db, settings);
    insert(&app.database, hashes.iter().copied());
    app
}

on_both! {
    fn each_format_logs_in_and_is_replaced(db) {
        assert_replaced(&app_with(db, HASHES, &[]), HASHES);
    }

    fn legacy_formats_log_in_only_where_they_are_allowed(db) {
        let app = app_with(db, LEGACY, &[]);
        for (name, hash) in LEGACY {
            assert_answer(&app.try_login(name, HASHED), 400, WRONG, name);
            assert_eq!(stored(&app, name), *hash);
        }
        assert_replaced(&app.node(&[("JETON_LEGACY_HASHES", "true")]), LEGACY);
        for (name, _) in LEGACY {
            app.login(name, HASHED);
        }
    }

    fn a_hash_that_cannot_be_read_is_a_failed_login_and_a_log_line(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database).env("JETON_LOG", "warn,jeton::cli=info").env("JETON_LOGIN_LIMIT_ADDRESS", "none");
        assert_eq!(jeton.run(&["migrate"]).status, 0);
        let silent = [("unusable", "!kJ8xRYNgFkd3yr5SqWtsGHSJnjNPMPzxjIhzyUBq"), ("empty", ""), ("good", HASHES[0].1)];
        insert(&database, BAD.iter().map(|(name, hash, _)| (*name, *hash)).chain(silent));
        let server = jeton.serve();
        let login = |name: &str, password: &str| -> Answer {
            let body = serde_json::json!({"username": name, "password": password});
            Request::new("POST", "/api-token-auth/").json(&body).send(server.addr)
        };
        for name in BAD.iter().map(|bad| bad.0).chain(["unusable", "empty", "nobody"]) {
            assert_answer(&login(name, HASHED), 400, WRONG, name);
        }
        assert_eq!(login("good", HASHED).status, 200);
        let log = server.stderr();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("cannot log in")).collect();
        assert_eq!(lines.len(), BAD.len(), "{log}");
        for (line, (name, hash, words)) in lines.iter().zip(BAD) {
            assert!(line.contains(" WARN ") && line.contains(words) && line.contains(&format!("user={name}")), "{line}");
            assert!(!line.contains(hash), "{line}");
        }
        let replaced = database.sql("select count(*) from users where password like '$argon2id$v=19$m=64,t=1,p=1$%'");
        assert_eq!(replaced, "1", "the hash of the successful login");
    }
}
