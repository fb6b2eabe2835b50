//! `--from` a file that `manage.py dumpdata` wrote, or something else.

use std::fs;

use serde_json::{Value, json};

use super::{counts, jeton, serve};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::process::{Jeton, Output};

pub fn object(model: &str, pk: Value, fields: Value) -> Value {
    json!({"model": model, "pk": pk, "fields": fields})
}

/// A user as Django dumps one.
pub fn user(pk: Value, name: &str) -> Value {
    object(
        "auth.user",
        pk,
        json!({
            "password": "!x", "last_login": null, "is_superuser": false, "username": name, "first_name": "", "last_name": "",
            "email": "", "is_staff": false, "is_active": true, "date_joined": "2026-01-01T00:00:00.123Z", "groups": [],
            "user_permissions": [],
        }),
    )
}

pub fn import_text(jeton: &Jeton, text: &str, flags: &[&str]) -> Output {
    fs::write(jeton.dir.path().join("dump.json"), text).unwrap();
    jeton.run(&[&["import", "django", "--from", "dump.json"], flags].concat())
}

on_both! {
    fn many_objects_are_read(db) {
        let target = TestDatabase::new(db);
        let jeton = jeton(&target);
        let mut objects: Vec<Value> = (1..=4500).map(|id| user(json!(id), &format!("u{id}"))).collect();
        objects.extend((1..=4500).map(|id| {
            object("authtoken.token", json!(format!("{id:040}")), json!({"user": id, "created": "2026-01-02T00:00:00Z"}))
        }));
        objects.push(object("sessions.session", json!("abc"), json!({"session_data": "x"})));
        let output = import_text(&jeton, &Value::from(objects).to_string(), &[]);
        assert_eq!(output.status, 0, "{output:?}");
        assert!(output.stderr.ends_with("imported: 4500 users, 0 groups, 4500 DRF tokens, 0 Knox tokens\n"), "{output:?}");
        assert_eq!(counts(&target), "4500|0|0|4500");
        let app = serve(target, &[]);
        assert_eq!(app.introspect(&format!("{:040}", 4321))["user_id"], 4321);
    }

    fn keys_that_are_too_large_or_text_become_external_ids(db) {
        let target = TestDatabase::new(db);
        let objects = [user(json!(18_446_744_073_709_551_615_u64), "ann"), user(json!("b-7"), "bea"), user(json!(3), "cis")];
        let text = Value::from(objects.to_vec()).to_string();
        let output = import_text(&jeton(&target), &text, &[]);
        assert_eq!(output.status, 0, "{output:?}");
        let ids = "select username, external_id from users where id >= 2000000000 order by username";
        assert_eq!(target.sql(ids), "ann|18446744073709551615\nbea|b-7\ncis|3");
    }

    fn users_of_another_project_are_not_taken_for_those_of_the_first(db) {
        for flags in [&[][..], &["--new-ids"]] {
            let target = TestDatabase::new(db);
            let jeton = jeton(&target);
            assert_eq!(import_text(&jeton, &json!([user(json!(1), "ann")]).to_string(), flags).status, 0);
            for name in ["ann", "bea"] {
                let mut another = user(json!(1), name);
                another["fields"]["date_joined"] = json!("2020-01-01T00:00:00Z");
                another["fields"]["password"] = json!("!y");
                let token = object("authtoken.token", json!("0".repeat(40)), json!({"user": 1, "created": "2026-01-02T00:00:00Z"}));
                let dump = json!([another, token]).to_string();
                for more in [&[][..], &["--update"]] {
                    let refused = import_text(&jeton, &dump, &[flags, more].concat());
                    assert!(refused.status == 1 && refused.stderr.contains("user's here") | refused.stderr.contains("ann's here"), "{refused:?}");
                }
            }
            assert_eq!(counts(&target), "1|0|0|0");
        }
    }

    fn an_update_without_groups_takes_nobody_out_of_one(db) {
        let target = TestDatabase::new(db);
        let jeton = jeton(&target);
        let mut ann = user(json!(1), "ann");
        ann["fields"]["groups"] = json!([7]);
        let group = object("auth.group", json!(7), json!({"name": "readers", "permissions": []}));
        assert_eq!(import_text(&jeton, &json!([group, ann]).to_string(), &[]).status, 0);
        ann["fields"]["email"] = json!("ann@example.com");
        ann["fields"].as_object_mut().unwrap().remove("groups");
        let output = import_text(&jeton, &json!([ann]).to_string(), &["--update"]);
        assert_eq!((output.status, target.sql("select email from users").as_str()), (0, "ann@example.com"), "{output:?}");
        assert_eq!(target.sql("select count(*) from user_groups"), "1");
    }

    fn an_update_without_flags_lets_no_blocked_user_in(db) {
        let target = TestDatabase::new(db);
        let jeton = jeton(&target);
        let mut ann = user(json!(1), "ann");
        ann["fields"]["is_active"] = json!(false);
        ann["fields"]["is_staff"] = json!(true);
        assert_eq!(import_text(&jeton, &json!([ann]).to_string(), &[]).status, 0);
        ann["fields"]["email"] = json!("ann@example.com");
        for flag in ["is_active", "is_staff"] {
            ann["fields"].as_object_mut().unwrap().remove(flag);
        }
        let output = import_text(&jeton, &json!([ann]).to_string(), &["--update"]);
        assert_eq!(output.status, 0, "{output:?}");
        let found = "select email from users where not is_active and is_staff";
        assert_eq!(target.sql(found), "ann@example.com", "{output:?}");
    }

    fn what_may_be_no_group_makes_nobody_a_member(db) {
        let member = |groups: Value| {
            let mut ann = user(json!(1), "ann");
            ann["fields"]["groups"] = groups;
            ann
        };
        let group = |model: &str, pk: i64, name: &str| object(model, json!(pk), json!({"name": name, "permissions": []}));
        for (objects, why) in [
            (vec![group("shop.productgroup", 1, "vips"), member(json!([1]))], "give one with --group-table"),
            (vec![group("auth.group", 1, "users"), group("auth.group", 1, "admins"), member(json!([1]))], "two groups with one key"),
        ] {
            let refused = import_text(&jeton(&TestDatabase::new(db)), &Value::from(objects).to_string(), &[]);
            assert!(refused.status == 1 && refused.stderr.contains(why), "{refused:?}");
        }
        // Natural keys of two parts.
        let target = TestDatabase::new(db);
        let token = object("authtoken.token", json!("0".repeat(40)), json!({"user": ["ann", "acme"], "created": "2026-01-02T00:00:00Z"}));
        let objects = vec![group("auth.group", 1, "acme"), member(json!([["acme", "staff"]])), token];
        let output = import_text(&jeton(&target), &Value::from(objects).to_string(), &[]);
        assert_eq!(target.sql("select (select count(*) from user_groups), (select count(*) from tokens)"), "0|0", "{output:?}");
    }

    fn a_field_that_later_objects_have_is_read(db) {
        let target = TestDatabase::new(db);
        let mut first = user(json!(1), "ann");
        first["fields"].as_object_mut().unwrap().remove("email");
        let mut second = user(json!(2), "bea");
        second["fields"]["email"] = json!("bea@example.com");
        let output = import_text(&jeton(&target), &json!([first, second]).to_string(), &[]);
        assert_eq!(output.status, 0, "{output:?}");
        assert_eq!(target.sql("select email from users order by id"), "\nbea@example.com");
    }
}

#[test]
fn a_file_that_is_no_dump_is_refused_in_one_line() {
    let jeton = Jeton::new();
    let whole = json!([user(json!(1), "ann")]).to_string();
    let twice = json!([user(json!(1), "ann"), user(json!(1), "bea")]).to_string();
    for (text, words) in [
        ("", "dump.json is empty"),
        (" \n ", "dump.json is empty"),
        ("<?xml version=\"1.0\"?>", "dump.json is XML"),
        ("- model: auth.user", "dump.json is no dump"),
        ("\u{1f}x", "dump.json is compressed"),
        ("SQLite format 3\0..", "write --from sqlite://dump.json"),
        (&whole[..whole.len() - 20], "it ends in the middle of an object, at line 1 column "),
        (&whole.replace(':', ";"), "this is not JSON, at line 1"),
        (&whole.replace("\"model\"", "\"kind\""), "this is not an object as dumpdata writes them"),
        (&(whole.clone() + "x"), "this is not JSON"),
        ("[1]", "this is not an object"),
        ("[]", "there is no table auth_user in dump.json"),
        (&whole.replace("auth.user", "shop.user"), "--user-table (shop_user may be it)"),
        (&twice, "two users with one key"),
    ] {
        let output = import_text(&jeton, text, &[]);
        assert_eq!((output.status, output.stderr.lines().count()), (1, 1), "{text}: {output:?}");
        assert!(output.stderr.starts_with("error: ") && output.stderr.contains(words), "{text}: {output:?}");
    }
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 1, "no database is created");
}

#[test]
fn standard_input_is_a_dump() {
    let target = TestDatabase::new(Kind::Sqlite);
    let text = json!([user(json!(1), "ann")]).to_string();
    let output = jeton(&target).run_with_stdin(&["import", "django", "--from", "-"], &text);
    assert_eq!(output.status, 0, "{output:?}");
    assert_eq!(counts(&target), "1|0|0|0");
}
