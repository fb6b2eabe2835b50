//! `jeton import csv`

use std::fs;

use serde_json::json;

use super::{PASSWORD, create_user, done, jeton, json_of, login, migrated, try_login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::process::{Jeton, Output};

/// Hashes of `correct horse`, made by Django 4.2.
const PBKDF2: &str = "pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=";
const ARGON2: &str =
    "$argon2id$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$pRk44MNhke1+LoxnI9ruj6nVyYg2lz1VTXR/w/3JazE";
const MD5: &str = "md5$oldsalt12chr$c6ec64b8b3957e377403f92be3ec3f10";

fn import(jeton: &Jeton, text: impl AsRef<[u8]>, flags: &[&str]) -> Output {
    fs::write(jeton.dir.path().join("users.csv"), text).unwrap();
    jeton.run(&[&["import", "csv", "--from", "users.csv"], flags].concat())
}

/// Runs an import that must succeed, and returns its messages.
#[track_caller]
fn imports(jeton: &Jeton, text: impl AsRef<[u8]>, flags: &[&str]) -> String {
    let output = import(jeton, text, flags);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    output.stderr.lines().filter(|line| !line.contains(" INFO ")).collect::<Vec<_>>().join("\n")
}

/// Runs an import that must be refused, and returns the faults.
#[track_caller]
fn faults(jeton: &Jeton, text: impl AsRef<[u8]>) -> Vec<String> {
    let output = import(jeton, text, &[]);
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    let mut lines: Vec<String> =
        output.stderr.lines().filter(|line| !line.contains(" INFO ")).map(str::to_owned).collect();
    let last = lines.pop().unwrap();
    let count = if lines.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", lines.len()) };
    assert_eq!(last, format!("error: nothing was imported: {count} in users.csv"), "{lines:#?}");
    lines
}

/// All data except times and the history of migrations.
fn everything(database: &TestDatabase) -> String {
    let columns = "id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser";
    [
        format!("select {columns} from users order by id"),
        "select name from groups order by name".into(),
        "select user_id, group_id from user_groups order by 1, 2".into(),
        "select actor, action, target, details from audit_log order by id".into(),
        "select value from meta where key = 'last_user_id'".into(),
    ]
    .map(|query| database.sql(&query))
    .join("\n--\n")
}

on_both! {
    fn a_name_that_changes_the_direction_of_writing_turns_no_sentence_round(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let name = "live\u{202e}";
        imports(&jeton, format!("username\n{name}\n"), &[]);
        let said = |args: &[&str]| {
            let output = jeton.run(args);
            assert!(!output.stderr.contains('\u{202e}') && !output.stdout.contains('\u{202e}'), "{args:?}: {output:?}");
            output.stderr
        };
        assert_eq!(said(&["user", "deactivate", name]), "deactivated user live\\u{202e}\n");
        assert_eq!(said(&["user", "activate", name]), "activated user live\\u{202e}\n");
        assert_eq!(said(&["user", "update", name, "--email", "a@b.co"]), "updated user live\\u{202e} (id 1): email\n");
        said(&["user", "list"]);
        said(&["audit"]);
        assert_eq!(said(&["user", "delete", name, "--yes"]), "deleted user live\\u{202e}\n");
        assert_eq!(said(&["user", "show", name]), "error: user live\\u{202e} does not exist\n");
    }

    fn users_are_imported_with_all_their_fields_and_log_in(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        let text = format!(
            "\u{feff}username,password,email,groups,is_active,is_staff,is_superuser,last_name,first_name\r\n\
             amy,{PBKDF2},amy@example.com,\"ops; billing;ops;\",,,,\"Smith, \"\"Jr\"\"\nof two lines\",Amy\r\n\
             bob,\"{ARGON2}\",,ops,True,t,0,,\r\n\
             \r\n\
             Ünï cödé,,,,1,false,TRUE,,\r\n\
             ina,{PBKDF2},,,f,,,,\r\n",
        );
        assert_eq!(imports(&jeton, text, &[]), "imported 4 users");

        let user = |name| json_of(&done(&jeton, &["user", "show", name, "--json"]));
        let amy = user("amy");
        assert_eq!((&amy["id"], &amy["email"], &amy["groups"]), (&json!(2), &json!("amy@example.com"), &json!(["billing", "ops"])));
        assert_eq!((&amy["first_name"], &amy["last_name"]), (&json!("Amy"), &json!("Smith, \"Jr\"\nof two lines")));
        let flags = |name| ["is_active", "is_staff", "is_superuser"].map(|flag| user(name)[flag] == true);
        assert_eq!(flags("amy"), [true, false, false]);
        assert_eq!(flags("bob"), [true, true, false]);
        assert_eq!(flags("Ünï cödé"), [true, true, true], "a superuser is staff");
        assert_eq!(flags("ina"), [false, false, false]);
        assert_eq!(user("ina")["id"], 5);
        assert!(amy["date_joined"].as_str().unwrap().starts_with("20"));

        let server = jeton.serve();
        for (name, status) in [("amy", 200), ("bob", 200), ("Ünï cödé", 400), ("ina", 400)] {
            assert_eq!(try_login(&server, name, "correct horse").status, status, "{name}");
        }
        assert_eq!(try_login(&server, "amy", "wrong").status, 400);
        drop(server);
        done(&jeton, &["user", "create", "later", "--no-password"]);
        assert_eq!(user("later")["id"], 6, "new ids follow those of the imported users");
    }

    fn each_user_has_an_entry_of_the_audit_log(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        imports(&jeton, "username,groups,is_staff\namy,b;a,1\nbob,,\n", &[]);
        let entries = database.sql("select action, target, coalesce(address, '-'), details from audit_log order by id");
        assert_eq!(entries, "user.create|amy|-|\
            {\"id\":1,\"is_active\":true,\"is_staff\":true,\"is_superuser\":false,\"groups\":[\"a\",\"b\"],\"imported_from\":\"csv\"}\n\
            user.create|bob|-|\
            {\"id\":2,\"is_active\":true,\"is_staff\":false,\"is_superuser\":false,\"groups\":[],\"imported_from\":\"csv\"}");
        let actors = database.sql("select distinct actor from audit_log");
        assert!(actors.starts_with("cli:") && !actors.contains('\n'), "{actors}");
    }

    fn a_second_import_adds_only_what_is_new(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        let first = format!("username,email,password,is_staff\namy,amy@example.com,{PBKDF2},1\nbob,,,\n");
        assert_eq!(imports(&jeton, &first, &[]), "imported 2 users");
        let server = jeton.serve();
        assert_eq!(try_login(&server, "amy", "correct horse").status, 200);
        drop(server);
        done(&jeton, &["user", "deactivate", "amy"]);
        let before = everything(&database);
        assert_eq!(imports(&jeton, &first, &[]), "imported 0 users; 2 users already here, unchanged");
        assert_eq!(everything(&database), before, "nothing changes, and no hash either");
        let second = "email,username\nAMY@example.com,amy\n,bob\n,new\n";
        assert_eq!(imports(&jeton, second, &[]), "imported 1 user; 2 users already here, unchanged");
        assert!(database.sql("select password from users where username = 'new'").starts_with('!'));
        assert_eq!(database.sql("select is_active, is_staff from users where username = 'amy'").matches(['t', '1']).count(), 1);
    }

    fn a_dry_run_prints_what_it_would_import_and_changes_nothing(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let before = everything(&database);
        let text = "username,groups\namy,\nbob,ops\ncarl,\n";
        assert_eq!(imports(&jeton, text, &["--dry-run"]), "would import 2 users; 1 user already here, unchanged");
        assert_eq!(everything(&database), before);
        let output = import(&jeton, "username\nx\nx\n", &["--dry-run"]);
        assert_eq!(output.status, 1, "{output:?}");
        assert_eq!(everything(&database), before);
    }

    fn a_dry_run_creates_no_database_and_no_tables(db) {
        let database = TestDatabase::new(db);
        assert_eq!(imports(&jeton(&database), "username,groups\namy,ops\n", &["--dry-run"]), "would import 1 user");
        match &database.postgres {
            None => assert_eq!(fs::read_dir(database.folder.as_ref().unwrap()).unwrap().count(), 0),
            Some(_) => assert_eq!(database.sql("select count(*) from pg_tables where schemaname = 'public'"), "0"),
        }
    }

    fn the_last_line_is_read_with_and_without_a_line_end(db) {
        for end in ["", "\n", "\r\n", "\r", "\r\n\r\n", "\n\n\n"] {
            let database = TestDatabase::new(db);
            assert_eq!(imports(&jeton(&database), format!("username,email\namy,\n\"bob\",\"\"{end}"), &[]), "imported 2 users");
            assert_eq!(database.sql("select username, email from users order by id"), "amy|\nbob|", "{end:?}");
        }
    }

    fn every_fault_is_reported_with_its_line_and_nothing_is_imported(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--email", "root@example.com"]);
        let before = everything(&database);
        let text = format!(
            "username,email,password,is_active,groups,first_name\n\
             fine,,,,,\n\
             ,,,,,\n\
             amy,amy@,rot13$x$y,yes,,\n\
             root,other@example.com,,,,\n\
             root,root@example,,,,\n\
             \n\
             fine,,,,,\n\
             short,\n\
             \" blank\",,,,,\n\
             bob,,pbkdf2_sha256$1$x,,{long},{long}\n\
             carl,,{ARGON2},,,\n\
             {long},,,,,\n\
             {longest},,,,,\n",
            ARGON2 = ARGON2.replace(',', ";"),
            long = "x".repeat(151),
            longest = "x".repeat(150),
        );
        assert_eq!(faults(&jeton, text), [
            "line 3: username: This field may not be blank.",
            "line 4: email: Enter a valid email address.",
            "line 4: password: the hash has an unknown format",
            "line 4: is_active: write true or false, not \"yes\"",
            "line 5: username: root already exists with another e-mail address",
            "line 6: email: Enter a valid email address.",
            "line 6: username: root is in line 5 already",
            "line 6: username: root already exists with another e-mail address",
            "line 8: username: fine is in line 2 already",
            "line 9: there are 2 fields, not 6",
            "line 10: username: there are blanks before or after it, which a login removes",
            "line 11: first_name: Ensure this field has no more than 150 characters.",
            "line 11: groups: Ensure this field has no more than 150 characters.",
            "line 11: password: the pbkdf2_sha256 hash is corrupt",
            "line 12: password: the argon2 hash is corrupt",
            "line 13: username: Ensure this field has no more than 150 characters.",
        ]);
        let crlf = "username,email\r\na,\r\n\r\nb,b@\r\n\"c\r\n\",\r\nd,d@\r\n";
        assert_eq!(faults(&jeton, crlf), [
            "line 4: email: Enter a valid email address.",
            "line 5: username: there are blanks before or after it, which a login removes",
            "line 7: email: Enter a valid email address.",
        ]);
        for (text, words) in [
            (&b""[..], "line 1: the line with the column names is missing"),
            (b"\n\n", "line 1: the line with the column names is missing"),
            (b"email\na@b.co\n", "line 1: the column username is missing"),
            (b"username,username\nx,x\n", "line 1: the column username appears twice"),
            (b"username\na\xff\n", "line 2: this is not UTF-8"),
            (b"\xffusername\na\n", "line 1: this is not UTF-8"),
            (b"username,email\namy,\nbob,\"\ncarl,\ndot,\n", "line 3: a quote that opens in this line is never closed"),
            (b"\"username\namy\n", "line 1: a quote that opens in this line is never closed"),
            (b"username\r\namy\r\n\"bob", "line 3: a quote that opens in this line is never closed"),
            (b"username\n\"a\0\"\n", "line 2: username: Control characters are not allowed."),
        ] {
            assert_eq!(faults(&jeton, text), [words]);
        }
        let unknown = faults(&jeton, "username,pass\nx,y\n");
        assert!(unknown.len() == 1 && unknown[0].starts_with("line 1: there is no column \"pass\"; there are username, email"), "{unknown:?}");
        assert_eq!(everything(&database), before);
    }

    fn hashes_that_need_a_setting_are_imported_with_a_warning(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        let messages = imports(&jeton, format!("username,password\namy,{MD5}\n"), &[]);
        let warning = "warning: 1 user with md5 or sha1 hashes cannot log in unless JETON_LEGACY_HASHES=true";
        assert_eq!(messages, format!("{warning}\nimported 1 user"));
        let jeton = jeton.env("JETON_LEGACY_HASHES", "true");
        assert_eq!(imports(&jeton, format!("username,password\nbob,{MD5}\n"), &[]), "imported 1 user");
        assert_eq!(try_login(&jeton.serve(), "amy", "correct horse").status, 200);
    }

    fn hashes_that_take_too_much_memory_are_imported_with_a_warning(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database).env("JETON_HASH_MAX_MEMORY", "1MiB");
        let hash = "$argon2id$v=19$m=8192,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w";
        let text = format!("username,password\namy,\"{hash}\"\n");
        let warning = "warning: the password hashes of 1 user take more memory to check than JETON_HASH_MAX_MEMORY allows; they cannot \
                       log in until that is raised, or they get a new password";
        assert_eq!(imports(&jeton, text.clone(), &["--dry-run"]), format!("{warning}\nwould import 1 user"));
        assert_eq!(imports(&jeton, text, &[]), format!("{warning}\nimported 1 user"));
    }

    fn users_can_come_from_standard_input_and_a_missing_file_is_one_line(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        let output = jeton.run_with_stdin(&["import", "csv", "--from", "-"], "username\namy\n");
        assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
        assert!(output.stderr.ends_with("imported 1 user\n"), "{output:?}");
        let output = jeton.run(&["import", "csv", "--from", "none.csv"]);
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
        assert!(output.stderr.starts_with("error: none.csv: No such file") && output.stderr.lines().count() == 1, "{output:?}");
        assert_eq!(jeton.run(&["import", "csv"]).status, 2);
    }

    fn thousands_of_users_are_imported_while_a_server_runs(db) {
        const COUNT: usize = 10_000;
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let server = jeton.serve();
        let mut text = String::from("username,email,password,groups\n");
        for number in 0..COUNT {
            text += &format!("u{number},u{number}@example.com,{PBKDF2},g{}\n", number % 7);
        }
        assert_eq!(imports(&jeton, &text, &[]), format!("imported {COUNT} users"));
        let counts = "select (select count(*) from users), (select count(*) from user_groups), (select count(*) from groups), \
            (select count(*) from audit_log where action = 'user.create'), (select max(id) from users)";
        assert_eq!(database.sql(counts), format!("{}|{COUNT}|7|{}|{}", COUNT + 1, COUNT + 1, COUNT + 1));
        assert_eq!(try_login(&server, "u9999", "correct horse").status, 200);
        assert_eq!(login(&server, "amy").len(), 40, "{PASSWORD}");
        let again = imports(&jeton, &text, &[]);
        assert_eq!(again, format!("imported 0 users; {COUNT} users already here, unchanged"));
    }
}
