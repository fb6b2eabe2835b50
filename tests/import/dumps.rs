//! `--from` a file that `manage.py dumpdata` wrote, or something else.

use std::fs;

use serde_json::{Value, json};

use super::{counts, jeton, serve};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::process::{Jeton, Output};

fn object(model: &str, pk: Value, fields: Value) -> Value {
    json!({"model": model, "pk": pk, "fields": fields})
}

/// A user as Django dumps one.
fn user(pk: Value, name: &str) -> Value {
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

fn import_text(jeton: &Jeton, text: &str, flags: &[&str]) -> Output {
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
        let text = Value::from(objects.to_vec()).to_string().replace("\"b-7\"", "\"b-7\"");
        let output = import_text(&jeton(&target), &text, &[]);
        assert_eq!(output.status, 0, "{output:?}");
        let ids = "select username, external_id from users where id >= 2000000000 order by username";
        assert_eq!(target.sql(ids), "ann|18446744073709551615\nbea|b-7\ncis|3");
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
