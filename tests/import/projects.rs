//! Projects that Django itself made, each of another shape, from their database and from their dump.

use serde_json::{Value, json};

use super::project::{PASSWORD, Project, ends, import_from, user};
use super::{jeton, serve};
use crate::on_both;
use crate::support::app::TestDatabase;

on_both! {
    fn the_default_project(db) {
        let project = Project::of("default", db);
        project.imported(db, &[], |app, words| {
            assert_eq!(words, "imported: 3 users, 1 group, 1 DRF token, 0 Knox tokens\n");
            let answer = app.introspect(project.key("key"));
            assert_eq!((&answer["user_id"], &answer["groups"]), (&json!(1), &json!(["ops"])));
            assert_eq!(answer["external_id"], Value::Null);
            assert_eq!(app.try_login("ann", PASSWORD).json()["token"], project.key("key"));
            assert_eq!(app.try_login("gone", "x").status, 400);
            let ann = user(app, "ann");
            assert_eq!((&ann["first_name"], &ann["last_name"], &ann["email"]), (&json!("Ann"), &json!("Lee"), &json!("ann@example.com")));
        });
    }

    fn the_default_project_by_the_newest_django_that_a_python_here_runs(db) {
        let project = Project::of_newest_django("default", db);
        project.imported(db, &[], |app, words| {
            assert_eq!(words, "imported: 3 users, 1 group, 1 DRF token, 0 Knox tokens\n");
            assert_eq!(app.try_login("ann", PASSWORD).json()["token"], project.key("key"));
            let answer = app.introspect(project.key("key"));
            assert_eq!((&answer["user_id"], &answer["groups"]), (&json!(1), &json!(["ops"])));
        });
    }

    fn one_name_in_place_of_two(db) {
        let project = Project::of("cookiecutter", db);
        project.imported(db, &["--user-table", "cookiecutter_user"], |app, words| {
            assert!(words.starts_with("note: the column name becomes the first name, whole;"), "{words}");
            ends(words, "imported: 1 user, 1 group, 1 DRF token, 0 Knox tokens");
            assert_eq!(user(app, "ann")["first_name"], "Ann van der Lee");
            assert_eq!(app.introspect(project.key("key"))["groups"], json!(["ops"]));
        });
    }

    fn the_email_address_is_the_login_name(db) {
        let project = Project::of("email", db);
        let flags = ["--user-table", "email_user", "--username-column", "email"];
        project.imported(db, &flags, |app, words| {
            ends(words, "imported: 1 user, 0 groups, 1 DRF token, 0 Knox tokens");
            let answer = app.introspect(project.key("key"));
            assert_eq!((&answer["username"], &answer["email"]), (&json!("ann@example.com"), &json!("ann@example.com")));
            assert_eq!(app.try_login("ann@example.com", PASSWORD).status, 200);
        });
    }

    fn uuid_keys_become_external_ids(db) {
        let project = Project::of("uuid_keys", db);
        let flags = ["--user-table", "uuid_keys_user", "--external-prefix", "shop-"];
        project.imported(db, &flags, |app, words| {
            assert!(words.starts_with("note: the key id is not an integer"), "{words}");
            ends(words, "imported: 2 users, 1 group, 1 DRF token, 1 Knox token");
            for (key, name, groups) in [("key", "ann", json!(["ops"])), ("knox", "bea", json!([]))] {
                let answer = app.introspect(project.key(key));
                assert_eq!(answer["username"], name);
                assert_eq!(answer["external_id"], format!("shop-{}", project.key(name)));
                assert_eq!(answer["groups"], groups);
                assert!(answer["user_id"].as_i64().unwrap() >= 2_000_000_000, "{answer}");
            }
            let external_id = format!("shop-{}", project.key("ann"));
            let me = app.get("/me", project.key("key"));
            assert_eq!(me.json()["external_id"], external_id);
            let found = app.list(&format!("/admin/users/?search={}", &project.key("ann")[..13]));
            assert_eq!((found.len(), &found[0]["external_id"]), (1, &json!(external_id)));
            let list = jeton(&app.database).run(&["user", "list"]).stdout;
            assert!(list.contains("EXTERNAL ID") && list.contains(&external_id), "{list}");
            let entry = app.database.sql("select details from audit_log where target = 'ann'");
            assert!(entry.contains(&format!("\"external_id\":\"{external_id}\"")), "{entry}");
        });
        for (output, target) in project.import(db, &flags) {
            assert_eq!(output.status, 0);
            let again = import_from(&project.database.url, &target, &flags);
            ends(&again.stderr, "skipped, because already here: 2 users, 1 group, 1 DRF token, 1 Knox token");
        }
    }

    fn a_table_of_tokens_of_ones_own(db) {
        let project = Project::of("own_tokens", db);
        project.imported(db, &[], |app, words| {
            assert!(words.starts_with("not imported: own_tokens_apitoken (3 rows) looks like tokens: "), "{words}");
            assert!(!app.is_good(project.key("key")));
        });
        let table = "own_tokens_apitoken(key=value, user=owner, created=made, expiry=ends, active=not:revoked)";
        project.imported(db, &["--token-table", table], |app, words| {
            assert_eq!(words, "imported: 1 user, 0 groups, 2 DRF tokens, 0 Knox tokens\n");
            assert!(app.is_good(project.key("key")));
            assert_eq!(app.explain(project.key("expired"))["reason"], "expired");
            assert_eq!(app.explain(project.key("revoked"))["reason"], "unknown");
            assert_eq!(app.try_login("ann", PASSWORD).json()["token"], project.key("key"));
        });
        let table = "own_tokens_apitoken(key=value, user=owner)";
        for (output, _) in project.import(db, &["--token-table", table, "--dry-run"]) {
            assert!(output.stderr.contains("has a column revoked, which is not looked at"), "{output:?}");
            assert!(output.stderr.contains("does not say when tokens were created"), "{output:?}");
        }
    }

    fn keys_that_the_projects_own_code_ends(db) {
        let project = Project::of("expiring", db);
        // Now is 2026-12-01.
        project.imported(db, &["--tokens-expire", "72h"], |app, _| {
            let answer = app.introspect(project.key("key"));
            assert_eq!(answer["exp"], 1_796_169_600, "2026-12-02");
            assert_eq!(app.explain(project.key("expired"))["reason"], "expired");
            let token = app.try_login("bea", "tall masts").json()["token"].clone();
            assert!(token.is_string() && token != project.key("expired"), "{token}");
        });
    }

    fn groups_of_a_model_of_ones_own(db) {
        let project = Project::of("own_groups", db);
        let [(output, target), (of_dump, _)] = project.import(db, &["--user-table", "own_groups_member"]);
        assert_eq!(output.status, 0, "{output:?}");
        let app = serve(target, &[]);
        assert_eq!(app.introspect(project.key("key"))["groups"], json!(["readers"]));
        assert_eq!(app.database.sql("select name from groups"), "readers", "nobody is in Django's own groups");
        let why = "does not say which groups users are in, those of auth_group or of own_groups_group: give one with --group-table";
        assert!(of_dump.status == 1 && of_dump.stderr.contains(why), "{of_dump:?}");
        let flags = ["--user-table", "own_groups_member", "--group-table", "own_groups_group"];
        project.imported(db, &flags, |app, _| {
            assert_eq!(app.introspect(project.key("key"))["groups"], json!(["readers"]));
        });
    }

    fn other_columns_for_flags_and_names(db) {
        let project = Project::of("other_flags", db);
        let table = ["--user-table", "other_flags_account"];
        for (output, target) in project.import(db, &[&table[..], &["--dry-run"]].concat()) {
            for note in ["no column is_active: everybody counts as active; active may be it: --map is_active=active",
                "no column is_staff: nobody is staff; staff may be it: --map is_staff=staff",
                "full_name may be one: --map name=full_name", "created_at may be it: --map date_joined=created_at"] {
                assert!(output.stderr.contains(note), "{note}: {output:?}");
            }
            drop(target);
        }
        let map = "is_active=active,is_staff=staff,is_superuser=admin,name=full_name,date_joined=created_at";
        project.imported(db, &[&table[..], &["--map", map]].concat(), |app, _| {
            let ann = user(app, "ann");
            assert_eq!((&ann["first_name"], &ann["is_superuser"]), (&json!("Ann Lee"), &json!(true)));
            assert!(app.is_good(project.key("key")));
            assert_eq!(app.explain(project.key("blocked"))["reason"], "user_inactive");
        });
        for (output, _) in project.import(db, &[&table[..], &["--map", "is_active=alive"]].concat()) {
            assert!(output.stderr.contains("has no column alive, which --map names; there are "), "{output:?}");
        }
    }

    fn users_without_a_name_are_left_out_if_one_says_so(db) {
        let project = Project::of("null_names", db);
        let table = ["--user-table", "null_names_user"];
        for (output, target) in project.import(db, &table) {
            let lines: Vec<&str> = output.stderr.lines().collect();
            assert_eq!((output.status, lines), (1, vec![
                "bad row: the row with id 2 of the table null_names_user: its username is empty",
                "bad row: the row with id 3 of the table null_names_user: its username is empty",
                "bad row: the row with id 4 of the table null_names_user: its username is empty",
                "error: nothing was imported: the 3 bad rows above must be mended there, or left out with --skip-bad",
            ]));
            assert_eq!(target.sql("select count(*) from users"), "0");
        }
        project.imported(db, &[&table[..], &["--skip-bad"]].concat(), |app, words| {
            let rest: Vec<&str> = words.lines().skip(3).collect();
            assert_eq!(rest, [
                "imported: 1 user, 0 groups, 1 DRF token, 0 Knox tokens",
                "not imported: 3 bad rows",
                "not imported: 1 token whose users are not imported",
            ]);
            let ann = user(app, "ann");
            assert_eq!((&ann["first_name"], &ann["email"]), (&json!(""), &json!("")));
            assert!(app.is_good(project.key("key")) && !app.is_good(project.key("nobodys")));
        });
    }

    fn knox_with_a_model_of_ones_own(db) {
        let project = Project::of("own_knox", db);
        project.imported(db, &[], |_, words| {
            let note = "not imported: own_knox_key (1 row) looks like tokens: if it has Knox's digests, --knox-table own_knox_key\n";
            assert!(words.starts_with(note), "{words}");
        });
        project.imported(db, &["--knox-table", "own_knox_key"], |app, words| {
            assert_eq!(words, "imported: 1 user, 0 groups, 0 DRF tokens, 1 Knox token\n");
            assert!(app.is_good(project.key("key")));
        });
    }

    fn deleted_users_and_a_renamed_hasher(db) {
        let project = Project::of("soft_delete", db);
        let table = ["--user-table", "soft_delete_user"];
        project.imported(db, &table, |_, words| {
            assert!(words.contains("the column deleted_at is not looked at, and is set for 1 of the users"), "{words}");
            assert!(words.contains("2 users cannot log in until they get a new password, because of hashes of the format shop: ann, gone"), "{words}");
        });
        let map = "is_active=is_active,is_active=not:deleted_at";
        let flags = [&table[..], &["--map", map, "--hash-alias", "shop=pbkdf2_sha256"]].concat();
        project.imported(db, &flags, |app, words| {
            assert_eq!(words, "imported: 2 users, 0 groups, 2 DRF tokens, 0 Knox tokens\n");
            assert_eq!(app.try_login("ann", PASSWORD).status, 200);
            assert_eq!(app.try_login("gone", "tall masts").status, 400);
            assert_eq!(app.explain(project.key("deleted"))["reason"], "user_inactive");
        });
    }

    fn tenants_have_the_same_ids(db) {
        let (first, second) = (Project::of("default", db), Project::of("email", db));
        let target = TestDatabase::new(db);
        assert_eq!(import_from(&first.database.url, &target, &[]).status, 0);
        let table = ["--user-table", "email_user", "--username-column", "email"];
        for from in [second.database.url.clone(), second.dump()] {
            let refused = import_from(&from, &target, &table);
            assert!(refused.status == 1 && refused.stderr.contains("the id 1 is ann's here"), "{refused:?}");
            assert!(refused.stderr.ends_with("users of another project get ids of jeton's with --new-ids\n"), "{refused:?}");
        }
        let flags = [&table[..], &["--new-ids", "--external-prefix", "b-"]].concat();
        assert_eq!(import_from(&second.database.url, &target, &flags).status, 0);
        // The dump has the same user.
        let again = import_from(&second.dump(), &target, &flags);
        ends(&again.stderr, "skipped, because already here: 1 user, 0 groups, 1 DRF token, 0 Knox tokens");
        let app = serve(target, &[]);
        assert_eq!(app.introspect(first.key("key"))["user_id"], 1);
        let answer = app.introspect(second.key("key"));
        assert_eq!(answer["external_id"], "b-1");
        assert!(answer["user_id"].as_i64().unwrap() >= 2_000_000_000, "{answer}");
    }

    fn dumps_with_natural_keys_and_in_lines(db) {
        for (options, flags) in [(&["--natural-foreign"][..], &[][..]), (&["--format", "jsonl", "--natural-foreign"], &[])] {
            let project = Project::dumped("default", db, options);
            project.imported(db, flags, |app, words| {
                assert_eq!(words, "imported: 3 users, 1 group, 1 DRF token, 0 Knox tokens\n", "{options:?}");
                assert_eq!(app.introspect(project.key("key"))["groups"], json!(["ops"]));
            });
        }
        let project = Project::dumped("default", db, &["--natural-primary"]);
        let output = import_from(&project.dump(), &TestDatabase::new(db), &[]);
        assert!(output.status == 1 && output.stderr.ends_with("make the dump without --natural-primary\n"), "{output:?}");
    }
}
