//! Names that differ by case only, where their case does not count: a dry run finds them as the import does.

use serde_json::json;

use super::dumps::{import_text, user};
use super::{counts, import, imported, jeton, small};
use crate::commands::{create_user, migrated};
use crate::support::app::TestDatabase;
use crate::{each_way, on_both};

const IGNORE: [&str; 2] = ["--username-case", "ignore"];

each_way! {
    fn names_that_differ_by_case_only_clash(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        create_user(&migrated(&target), "BEA", &[]);
        target.sql("update users set id = 77");
        source.sql("update auth_user set username = 'élise' where id = 1; update auth_user set username = 'ÉLISE' where id = 3");
        for more in [&["--dry-run"][..], &[]] {
            let output = import(&source, &target, &[&IGNORE[..], more].concat());
            let lines: Vec<&str> = output.stderr.lines().collect();
            assert_eq!((output.status, lines), (1, vec![
                "clash: user bea with id 2: with JETON_USERNAME_CASE=ignore, `bea` and `BEA`, who is here, differ by case only",
                "clash: user ÉLISE with id 3: with JETON_USERNAME_CASE=ignore, `ÉLISE` and another name there differ by case only",
                "error: nothing was imported: the 2 rows above clash with existing data",
            ]), "{more:?}");
        }
        assert_eq!(counts(&target), "1|0|0|0");
        imported(&source, &target, &["--dry-run"]);
    }

    fn a_new_name_at_an_update_clashes_too(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        source.sql("update auth_user set username = 'ANN' where id = 1");
        for more in [&["--dry-run"][..], &[]] {
            imported(&source, &target, &[&IGNORE[..], &["--update"], more].concat());
        }
        assert_eq!(target.sql("select username from users where id = 1"), "ANN", "one's own name in another case");
        source.sql("update auth_user set username = 'Ann' where id = 2");
        for more in [&["--dry-run"][..], &[]] {
            let output = import(&source, &target, &[&IGNORE[..], &["--update"], more].concat());
            let why = "clash: user Ann with id 2: with JETON_USERNAME_CASE=ignore, `Ann` and `ANN`, who is here, differ by case only\n";
            assert!(output.status == 1 && output.stderr.contains(why), "{output:?}");
        }
    }
}

on_both! {
    fn names_in_different_batches_and_in_a_dump_clash(db) {
        let mut users: Vec<_> = (1..=4500).map(|id| user(json!(id), &format!("u{id}"))).collect();
        users.push(user(json!(4501), "U17"));
        let target = TestDatabase::new(db);
        let jeton = jeton(&target);
        for more in [&["--dry-run"][..], &[]] {
            let output = import_text(&jeton, &json!(users).to_string(), &[&IGNORE[..], more].concat());
            let why = "clash: user U17 with id 4501: with JETON_USERNAME_CASE=ignore, `U17` and another name there differ by case only\n";
            assert!(output.status == 1 && output.stderr.contains(why), "{output:?}");
        }
    }

    fn a_dry_run_of_csv_finds_them_too(db) {
        let target = TestDatabase::new(db);
        let jeton = migrated(&target);
        create_user(&jeton, "carol", &[]);
        for more in [&["--dry-run"][..], &[]] {
            let args = [&["import", "csv", "--from", "-"], &IGNORE[..], more].concat();
            let output = jeton.run_with_stdin(&args, "username\nErin\nCAROL\nerin\nerin\n");
            for fault in ["3: username: with JETON_USERNAME_CASE=ignore, `CAROL` and `carol`, who is here,", "4: username: with JETON_USERNAME_CASE=ignore, `erin` and another", "5: username: erin is in line 4 already"] {
                assert!(output.status == 1 && output.stderr.contains(fault), "{fault}: {output:?}");
            }
        }
    }
}
