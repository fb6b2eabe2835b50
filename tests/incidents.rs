//! docs/operating.md, "Incidents": the tests run every block of commands as it is written there.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::commands::{
    PASSWORD, create_client, create_user, done, introspect, jeton, key_in, login, migrated, try_login,
};
use crate::documents;
use crate::on_both;
use crate::support::app::{SECRET_KEY, TestDatabase};
use crate::support::process::{BINARY, Jeton, Serving};

const NEW_PASSWORD: &str = "eleven grey geese";

/// The blocks under a heading, in order: their language and text.
fn blocks(heading: &str) -> Vec<(String, String)> {
    let found = documents::blocks::blocks("docs/operating.md", heading);
    found.into_iter().map(|block| (block.language, block.text)).collect()
}

/// A database with an admin, staff and users, and the folder in which the blocks run, with the files that they need.
struct Scene {
    database: TestDatabase,
    jeton: Jeton,
}

impl Scene {
    fn new(db: crate::support::app::Kind) -> Self {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for (name, flags) in [("admin", &["--superuser"][..]), ("bob", &["--staff"]), ("alice", &[])] {
            create_user(&jeton, name, flags);
        }
        symlink(BINARY, jeton.dir.path().join("jeton")).unwrap();
        fs::write(jeton.dir.path().join("new-password"), NEW_PASSWORD).unwrap();
        Self { database, jeton }
    }

    /// A key of alice from some days ago, which is also in the file `leaked-key`.
    fn leaked_key(&self) -> String {
        let key = key_in(&done(&self.jeton, &["token", "create", "alice"]), "alice");
        self.database.sql("update tokens set created_at = '2026-11-20 12:00:00'");
        fs::write(self.jeton.dir.path().join("leaked-key"), format!("{key}\n")).unwrap();
        key
    }

    /// Runs blocks, and of the SQL only that for this database. `server` is the one that the document has at
    /// 127.0.0.1:8000.
    #[track_caller]
    fn run(&self, blocks: &[(String, String)], server: Option<&Serving>) -> String {
        let mut printed = String::new();
        for (kind, text) in blocks {
            let here = if self.database.postgres.is_some() { "sql postgres" } else { "sql sqlite" };
            match kind.as_str() {
                "sql" => drop(self.database.sql(text)),
                "sh" => {
                    let text = server.map_or_else(
                        || text.clone(),
                        |server| text.replace("127.0.0.1:8000", &server.addr.to_string()),
                    );
                    let mut shell = Command::new("sh");
                    shell.args(["-euc", &text]).current_dir(&self.jeton.dir).env("DATABASE_URL", &self.database.url);
                    shell
                        .env("PATH", format!("{}:{}", self.jeton.dir.path().display(), std::env::var("PATH").unwrap()));
                    shell.env("JETON_SECRET_KEY", SECRET_KEY).env("JETON_ARGON2_MEMORY_KIB", "64");
                    let output = shell.output().unwrap();
                    assert!(output.status.success(), "{text}: {output:?}");
                    printed.push_str(&String::from_utf8(output.stdout).unwrap());
                    printed.push_str(&String::from_utf8(output.stderr).unwrap());
                }
                kind if kind == here => drop(self.database.sql(text)),
                kind => assert!(kind.starts_with("sql "), "{kind}"),
            }
        }
        printed
    }
}

/// What `token explain` prints of alice's key begins with this word, and names her.
#[track_caller]
fn assert_explained(printed: &str, word: &str) {
    let names_alice = printed.lines().any(|line| line.split_whitespace().eq(["username", "alice"]));
    assert!(printed.starts_with(&format!("{word}\n")) && names_alice, "{printed}");
}

on_both! {
    fn each_of_the_documented_ways_ends_a_leaked_key(db) {
        let scene = Scene::new(db);
        let client = create_client(&scene.jeton, "billing");
        let server = scene.jeton.serve();
        let blocks = blocks("A key has leaked");
        assert_eq!(blocks.len(), 5);
        for way in 1..4 {
            let key = scene.leaked_key();
            assert_explained(&scene.run(&blocks[..1], None), "active");
            scene.run(&blocks[way..=way], Some(&server));
            assert_eq!(introspect(&server, &client, &key)["active"], false, "{:?}", blocks[way]);
        }
        assert_explained(&scene.run(&blocks[..1], None), "revoked");
        assert_eq!(try_login(&server, "alice", NEW_PASSWORD).status, 200);
        assert!(scene.run(&blocks[4..], None).contains("alice"));
    }

    fn a_compromised_account_is_locked_out_and_other_users_can_log_in_again(db) {
        let scene = Scene::new(db);
        let server = scene.jeton.serve();
        let key = scene.leaked_key();
        let client = create_client(&scene.jeton, "billing");
        scene.run(&blocks("A staff account is compromised"), None);
        let logins = ["admin", "bob", "alice"].map(|name| try_login(&server, name, PASSWORD).status);
        assert_eq!(logins, [200, 400, 200]);
        assert_eq!(introspect(&server, &client, &key)["active"], false);
    }

    fn a_leaked_database_and_secret_key_are_useless_afterwards(db) {
        let scene = Scene::new(db);
        let server = scene.jeton.serve();
        let key = scene.leaked_key();
        let client = create_client(&scene.jeton, "billing");
        scene.run(&blocks("The database has leaked"), None);
        assert_eq!(introspect(&server, &client, &key)["active"], false);
        let logins = [PASSWORD, NEW_PASSWORD].map(|password| try_login(&server, "admin", password).status);
        assert_eq!(logins, [400, 200]);
    }

    fn after_the_loss_of_the_secret_key_users_keys_stay_valid(db) {
        let scene = Scene::new(db);
        let server = scene.jeton.serve();
        let client = create_client(&scene.jeton, "billing");
        let old = login(&server, "alice");
        drop(server);
        let new_key = "f".repeat(64);
        let with_new_key = || jeton(&scene.database).env("JETON_SECRET_KEY", &new_key);
        assert_eq!(with_new_key().run(&["token", "create", "alice"]).status, 1, "another key is refused");
        let blocks = blocks("The secret key is lost");
        scene.run(&blocks[..1], None);
        let server = with_new_key().serve();
        assert_eq!(introspect(&server, &client, &old)["active"], true);
        let new = login(&server, "alice");
        assert_ne!(new, old);
        scene.database.sql("update tokens set created_at = '2026-11-20 12:00:00' where sealed is null");
        let text = blocks[1].1.replace("jeton ", &format!("JETON_SECRET_KEY={new_key} jeton "));
        scene.run(&[("sh".into(), text)], None);
        assert_eq!(introspect(&server, &client, &old)["active"], false);
        assert_eq!(introspect(&server, &client, &new)["active"], true);
    }

    fn after_a_restore_no_id_is_used_again_and_no_revoked_key_is_valid(db) {
        let scene = Scene::new(db);
        let key = scene.leaked_key();
        let client = create_client(&scene.jeton, "billing");
        scene.run(&blocks("A backup was restored"), None);
        let server = scene.jeton.serve();
        assert_eq!(introspect(&server, &client, &key)["active"], false);
        assert_eq!(try_login(&server, "bob", PASSWORD).status, 400);
        create_user(&scene.jeton, "carol", &[]);
        let user: i64 = scene.database.sql("select max(id) from users where id < 2000000000").parse().unwrap();
        login(&server, "carol");
        let token: i64 = scene.database.sql("select max(id) from tokens").parse().unwrap();
        assert!(user > 1_000_000 && token > 1_000_000, "{user} {token}");
    }

    fn a_forgotten_password_is_replaced(db) {
        let scene = Scene::new(db);
        create_user(&scene.jeton, "chief", &["--superuser"]);
        done(&scene.jeton, &["user", "deactivate", "admin"]);
        scene.run(&blocks("The admin's password is forgotten"), None);
        let server = scene.jeton.serve();
        for name in ["admin", "second"] {
            assert_eq!(try_login(&server, name, NEW_PASSWORD).status, 200, "{name}");
        }
    }
}
