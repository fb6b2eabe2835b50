//! Ids, names and keys that are taken: each is named, and nothing comes.

use super::{BEAS_KEY, add_drf_token, everything, import, imported, small};
use crate::commands::{create_user, done, jeton};
use crate::support::app::{App, Kind, TestDatabase};
use crate::{each_way, on_both};

each_way! {
    fn each_is_named_and_nothing_is_imported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        for name in ["ivy", "cis"] {
            create_user(&jeton(&target), name, &[]);
        }
        // ivy has the id 1, which is ann's there; cis the id 2, which is bea's there, and the name of who has 3 there.
        let before = everything(&target);
        for dry in [&[][..], &["--dry-run"]] {
            let output = import(&source, &target, dry);
            assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
            let lines: Vec<&str> = output.stderr.lines().collect();
            assert_eq!(lines, [
                "clash: user ann with id 1: the id 1 is ivy's here",
                "clash: user bea with id 2: the id 2 is cis's here",
                "clash: user cis with id 3: the name cis has the id 2 here",
                "error: nothing was imported: the 3 rows above clash with what is here",
            ]);
            assert_eq!(everything(&target), before);
        }
    }

    fn of_many_rows_all_are_named(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        done(&jeton(&target), &["migrate"]);
        let many = "with recursive n (n) as (select 10 union all select n + 1 from n where n < 5009) insert into";
        source.sql(&format!(
            "{many} auth_user select n, '!x', null, false, 'there' || n, '', '', '', false, true, '2026-01-01 00:00:00' from n"
        ));
        target.sql(&format!(
            "{many} users (id, username, password, date_joined) select n, 'here' || n, '!', '2026-01-01 00:00:00' from n"
        ));
        let output = import(&source, &target, &[]);
        assert_eq!(output.status, 1);
        let clashes: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with("clash: ")).collect();
        assert_eq!(clashes.len(), 5000);
        assert_eq!(clashes[4999], "clash: user there5009 with id 5009: the id 5009 is here5009's here");
        assert_eq!(target.sql("select count(*) from users where id < 10"), "0");
    }
}

on_both! {
    fn names_that_are_not_one_users_alone_clash(db) {
        let (source, target) = (small(db), TestDatabase::new(Kind::Sqlite));
        source.sql("update auth_user set email = 'both@example.com' where id in (1, 3)");
        source.sql("update auth_user set email = 'bea@example.com' where id = 2");
        let output = import(&source, &target, &["--username-column", "email"]);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!((output.status, lines), (1, vec![
            "clash: user both@example.com with id 1: another user there has the same name",
            "clash: user both@example.com with id 3: another user there has the same name",
            "error: nothing was imported: the 2 rows above clash with what is here",
        ]));
        assert_eq!(target.sql("select count(*) from users"), "0");
    }

    fn a_key_that_is_somebody_elses_here_clashes(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        imported(&source, &target, &[]);
        source.sql(&format!("delete from authtoken_token where key = '{BEAS_KEY}'"));
        add_drf_token(&source, 1, BEAS_KEY);
        let before = everything(&target);
        let output = import(&source, &target, &[]);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!((output.status, lines), (1, vec![
            "clash: a token of user ann with id 1: it is one of the user with id 2 here",
            "error: nothing was imported: the row above clashes with what is here",
        ]));
        assert_eq!(everything(&target), before);
    }

    fn bootstraps_users_are_out_of_the_way(db) {
        let (source, app) = (small(Kind::Sqlite), App::start(db));
        imported(&source, &app.database, &[]);
        assert_eq!(app.database.sql("select id from users order by id"), "1\n2\n3\n2000000000");
        source.sql("update auth_user set username = 'admin' where id = 1");
        let output = import(&source, &App::start(db).database, &[]);
        let clash = "clash: user admin with id 1: the name admin has the id 2000000000 here\n";
        assert!(output.status == 1 && output.stderr.contains(clash), "{output:?}");
    }
}
