//! Values of types that a column does not have, as only a dump and SQLite can hold them: named, and never taken for others.

use serde_json::{Value, json};

use super::dumps::{import_text, object, user};
use super::{counts, import, jeton};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};

on_both! {
    fn what_is_no_text_is_a_bad_row(db) {
        for (field, named) in [("username", "username"), ("email", "email"), ("password", "password"), ("last_name", "last_name")] {
            for value in [json!({"a": 1}), json!(["ann"]), json!(7), json!(7.5), json!(true)] {
                let target = TestDatabase::new(db);
                let jeton = jeton(&target);
                let mut odd = user(json!(2), "bea");
                odd["fields"][field] = value.clone();
                let dump = json!([user(json!(1), "ann"), odd]).to_string();
                let output = import_text(&jeton, &dump, &[]);
                let why = format!("bad row: the row with id 2 of the table auth_user: its {named} is no text\n");
                assert!(output.status == 1 && output.stderr.contains(&why), "{field} {value}: {output:?}");
                let output = import_text(&jeton, &dump, &["--skip-bad"]);
                assert_eq!((output.status, counts(&target).as_str()), (0, "1|0|0|0"), "{field} {value}: {output:?}");
            }
        }
    }

    fn names_are_numbers_where_the_field_is_one_of_numbers(db) {
        let target = TestDatabase::new(db);
        let mut users = [user(json!(1), ""), user(json!(2), "")];
        for (user, number) in users.iter_mut().zip([491_701_234_567_i64, 5]) {
            user["fields"]["username"] = json!(number);
        }
        let output = import_text(&jeton(&target), &json!(users).to_string(), &[]);
        assert_eq!((output.status, target.sql("select username from users order by id").as_str()), (0, "491701234567\n5"), "{output:?}");
    }

    fn flags_dates_groups_and_keys_of_another_type_are_bad_rows(db) {
        let token = |pk: Value| object("authtoken.token", pk, json!({"user": 1, "created": "2026-01-01T00:00:00Z"}));
        let with = |field: &str, value: Value| {
            let mut ann = user(json!(1), "ann");
            ann["fields"][field] = value;
            ann
        };
        let ann = || user(json!(1), "ann");
        for (objects, why) in [
            (vec![with("is_active", json!(["yes"]))], "id 1 of the table auth_user: its is_active is neither true nor false"),
            (vec![with("is_staff", json!({"a": true}))], "its is_staff is neither true nor false"),
            (vec![with("date_joined", json!(20_260_101))], "its date_joined is not a date"),
            (vec![with("last_login", json!(["2026-01-01"]))], "its last_login is not a date"),
            (vec![ann(), object("auth.group", json!(7), json!({"name": ["ops"]}))], "id 7 of the table auth_group: its name is no text"),
            (vec![ann(), object("auth.group", json!(7), json!({"name": 8}))], "id 7 of the table auth_group: its name is no text"),
            (vec![ann(), token(json!(12))], "user_id 1 of the table authtoken_token: its key is no text"),
        ] {
            let target = TestDatabase::new(db);
            let output = import_text(&jeton(&target), &Value::from(objects).to_string(), &[]);
            assert!(output.status == 1 && output.stderr.contains("bad row: ") && output.stderr.contains(why), "{why}: {output:?}");
        }
    }

    fn a_text_that_looks_like_a_list_is_a_text(db) {
        let target = TestDatabase::new(db);
        let token = object("authtoken.token", json!("0".repeat(40)), json!({"user": ["[\"ann\"]"], "created": "2026-01-01T00:00:00Z"}));
        let dump = json!([user(json!(1), "[\"ann\"]"), user(json!(2), "{}"), user(json!(3), "7"), token]).to_string();
        let output = import_text(&jeton(&target), &dump, &[]);
        assert_eq!((output.status, counts(&target).as_str()), (0, "3|0|0|1"), "{output:?}");
        assert_eq!(target.sql("select username from users order by id"), "[\"ann\"]\n{}\n7");
    }

    fn the_number_1_and_the_text_1_are_one_key(db) {
        let target = TestDatabase::new(db);
        let dump = json!([user(json!(1), "ann"), user(json!("1"), "bea"), user(json!("x"), "cis")]).to_string();
        let why = "has two users with one key, as a number and as a text: 1\n";
        for more in [&[][..], &["--new-ids"], &["--skip-bad"], &["--dry-run"]] {
            let output = import_text(&jeton(&target), &dump, more);
            assert!(output.status == 1 && output.stderr.ends_with(why), "{output:?}");
        }
        let source = TestDatabase::new(Kind::Sqlite);
        source.sql("create table auth_user (id primary key, password text, username text);
            insert into auth_user values (1, '!', 'ann'), ('1', '!', 'bea')");
        let output = import(&source, &target, &[]);
        assert!(output.status == 1 && output.stderr.ends_with(why), "{output:?}");
        for key in [json!([1]), json!({"a": 1}), json!(true)] {
            let output = import_text(&jeton(&target), &json!([user(key, "ann")]).to_string(), &[]);
            let why = "dump.json has auth.user with a key that is neither a number nor a text\n";
            assert!(output.status == 1 && output.stderr.ends_with(why), "{output:?}");
        }
    }

    fn fields_that_differ_by_case_only_are_refused_where_they_matter(db) {
        let mut ann = user(json!(1), "ann");
        ann["fields"]["Email"] = json!("other@example.com");
        let plain = user(json!(1), "ann");
        let mut later = user(json!(2), "bea");
        later["fields"]["EMAIL"] = json!("b@example.com");
        for (objects, other) in [(vec![ann], ("Email", "email")), (vec![plain.clone(), later], ("email", "EMAIL"))] {
            let output = import_text(&jeton(&TestDatabase::new(db)), &Value::from(objects).to_string(), &[]);
            let why = format!("dump.json has auth.user with the fields {} and {}, which differ by case only: ", other.0, other.1);
            assert!(output.status == 1 && output.stderr.contains(&why), "{output:?}");
        }
        // A model that is only named.
        let target = TestDatabase::new(db);
        let odd = object("shop.apitoken", json!(1), json!({"Token": "a", "token": "b", "user": 1}));
        let output = import_text(&jeton(&target), &json!([plain, odd]).to_string(), &[]);
        assert!(output.status == 0 && output.stderr.contains("shop_apitoken (1 row) looks like tokens"), "{output:?}");
    }
}
