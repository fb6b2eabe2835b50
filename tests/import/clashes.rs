//! Clashes: every id, name and key that belongs to somebody else already is reported, and nothing is imported.

use super::{BEAS_KEY, add_drf_token, add_knox_token, counts, everything, import, imported, small};
use crate::commands::{create_user, done, jeton, migrated};
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::process::Jeton;
use crate::{each_way, on_both};

each_way! {
    fn each_clash_is_reported_and_nothing_is_imported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        for name in ["ivy", "cis"] {
            create_user(&migrated(&target), name, &[]);
        }
        // In jeton, ivy has the id 1 and cis has the id 2. In the source, 1 is ann, 2 is bea, and cis has the id 3.
        let before = everything(&target);
        for dry in [&[][..], &["--dry-run"]] {
            let output = import(&source, &target, dry);
            assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
            let lines: Vec<&str> = output.stderr.lines().collect();
            assert_eq!(lines, [
                "clash: user ann with id 1: the id 1 is ivy's here",
                "clash: user bea with id 2: the id 2 is cis's here",
                "clash: user cis with id 3: the name cis has the id 2 here",
                "error: nothing was imported: the 3 rows above clash with existing data; users of another project get ids of jeton's with --new-ids",
            ]);
            assert_eq!(everything(&target), before);
        }
    }

    fn a_key_of_two_users_in_the_source_is_reported_and_nothing_is_imported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        add_knox_token(&source, 1, BEAS_KEY, "null");
        done(&migrated(&target), &["user", "list"]);
        let before = everything(&target);
        for dry in [&[][..], &["--dry-run"]] {
            let output = import(&source, &target, dry);
            let lines: Vec<&str> = output.stderr.lines().collect();
            assert_eq!((output.status, lines), (1, vec![
                "clash: a token of user ann with id 1: it belongs to the user with id 2 here",
                "error: nothing was imported: the row above clashes with existing data",
            ]));
            assert!(everything(&target) == before, "{dry:?}");
        }
    }

    fn a_key_of_two_users_in_different_batches_is_reported_and_nothing_is_imported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(
            "with recursive n (n) as (select 10 union all select n + 1 from n where n < 4009) insert into auth_user
             select n, '!x', null, false, 'u' || n, '', '', '', false, true, '2026-01-01 00:00:00' from n",
        );
        add_knox_token(&source, 4009, BEAS_KEY, "null");
        let output = import(&source, &target, &[]);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!((output.status, lines), (1, vec![
            "clash: a token of user u4009 with id 4009: it belongs to the user with id 2 here",
            "error: nothing was imported: the row above clashes with existing data",
        ]));
        assert_eq!(counts(&target), "0|0|0|0", "the rows that were written before are rolled back");
        assert_eq!(target.sql("select (select value from meta where key = 'last_user_id'), count(*) from audit_log"), "0|0");
    }

    fn a_key_that_a_user_has_in_both_tables_is_imported_once(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        add_knox_token(&source, 2, BEAS_KEY, "null");
        let expected = [
            "imported: 3 users, 3 groups, 1 DRF token, 1 Knox token",
            "skipped, because already here: 0 users, 0 groups, 0 DRF tokens, 1 Knox token",
        ];
        let dry = imported(&source, &target, &["--dry-run"]).replace("would be ", "");
        assert_eq!(dry.lines().filter(|line| !line.starts_with("  ")).collect::<Vec<_>>(), expected);
        assert_eq!(imported(&source, &target, &[]).lines().collect::<Vec<_>>(), expected);
        assert_eq!(counts(&target), "3|3|2|2");
    }

    fn new_ids_are_greater_than_imported_ids(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        let id = if from == Postgres { "alter table auth_user alter id type bigint;" } else { "" };
        source.sql(&format!(
            "{id} update auth_user set id = 1999999999 where id = 1; update auth_user set id = 2000000000 where id = 2;
             update auth_user set id = 9223372036854775807 where id = 3"
        ));
        imported(&source, &target, &[]);
        let jeton = jeton(&target);
        create_user(&jeton, "dot", &[]);
        let output = jeton.run_with_stdin(&["import", "csv", "--from", "-"], "username\neve\nfay\n");
        assert_eq!(output.status, 0, "{output:?}");
        let app = App::on(target.into(), jeton::domain::time::Clock::System, &[]);
        let ids = "select id from users where username in ('dot', 'eve', 'fay', 'admin') order by id";
        assert_eq!(app.database.sql(ids), "2000000001\n2000000002\n2000000003\n2000000004");
    }

    fn every_clash_of_many_rows_is_reported(from, to) {
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
    fn a_name_of_two_users_in_the_source_clashes(db) {
        let (source, target) = (small(db), TestDatabase::new(Kind::Sqlite));
        source.sql("update auth_user set email = 'both@example.com' where id in (1, 3)");
        source.sql("update auth_user set email = 'bea@example.com' where id = 2");
        let output = import(&source, &target, &["--username-column", "email"]);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!((output.status, lines), (1, vec![
            "clash: user both@example.com with id 1: another user in the source has the same name",
            "clash: user both@example.com with id 3: another user in the source has the same name",
            "error: nothing was imported: the 2 rows above clash with existing data",
        ]));
        assert_eq!(target.sql("select count(*) from users"), "0");
    }

    fn a_key_that_belongs_to_another_user_in_jeton_clashes(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        imported(&source, &target, &[]);
        source.sql(&format!("delete from authtoken_token where key = '{BEAS_KEY}'"));
        add_drf_token(&source, 1, BEAS_KEY);
        let before = everything(&target);
        let output = import(&source, &target, &[]);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!((output.status, lines), (1, vec![
            "clash: a token of user ann with id 1: it belongs to the user with id 2 here",
            "error: nothing was imported: the row above clashes with existing data",
        ]));
        assert_eq!(everything(&target), before);
    }

    fn a_name_that_is_taken_between_the_check_and_the_write_is_reported(db) {
        // A trigger takes the name at the moment when it is written.
        let taking = "insert into users (id, username, password, date_joined) values (99, new.username, '!', '2026-01-01 00:00:00')";
        let trigger = match db {
            Kind::Sqlite => format!("create trigger hasty before insert on users when new.id = 2 begin {taking}; end"),
            Kind::Postgres => format!(
                "create function hasty() returns trigger language plpgsql as $$ begin {taking}; return new; end $$;
                 create trigger hasty before insert on users for each row when (new.id = 2) execute function hasty()"
            ),
        };
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        done(&jeton(&target), &["migrate"]);
        target.sql(&trigger);
        let words = "error: nothing was imported: an id, a name or a key was taken meanwhile; run it again\n";
        let output = import(&source, &target, &[]);
        assert_eq!((output.status, output.stderr.as_str()), (1, words));
        let output = jeton(&target).env("JETON_LOG", "warn").run_with_stdin(&["import", "csv", "--from", "-"], "username\nx\ny\n");
        assert_eq!((output.status, output.stderr.as_str()), (1, words));
        assert_eq!(counts(&target), "0|0|0|0");
    }

    fn what_many_users_have_in_common_makes_nobody_the_same_person(db) {
        let source = small(db);
        for password in ["", "!", "x", "!x", "md5$$5f4dcc3b5aa765d61d8327deb882cf99"] {
            source.sql(&format!("update auth_user set password = '{password}', date_joined = '2020-01-01 00:00:00'"));
            let target = TestDatabase::new(db);
            imported(&source, &target, &["--new-ids", "--skip-bad"]);
            source.sql("update auth_user set username = 'other-' || username");
            for more in [&["--new-ids"][..], &["--new-ids", "--update"]] {
                let output = import(&source, &target, more);
                assert!(output.status == 1 && output.stderr.contains("clash: user other-"), "{password}: {output:?}");
            }
            source.sql("update auth_user set username = replace(username, 'other-', '')");
        }
        // Somebody who was renamed has the salted hash and the moment of before.
        for proof in [
            "password = 'pbkdf2_sha256$1$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns='",
            "password = '!aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcD'",
            "password = '', date_joined = '2020-01-01 10:11:12.345678'",
        ] {
            let (source, target) = (small(db), TestDatabase::new(db));
            source.sql("delete from authtoken_token; delete from knox_authtoken; delete from auth_user where id > 1");
            source.sql(&format!("update auth_user set {proof}"));
            imported(&source, &target, &[]);
            source.sql("update auth_user set username = 'renamed'");
            imported(&source, &target, &["--update"]);
            assert_eq!(target.sql("select username from users"), "renamed", "{proof}");
        }
    }

    fn ids_of_bootstrap_users_do_not_clash(db) {
        let (source, app) = (small(Kind::Sqlite), App::start(db));
        imported(&source, &app.database, &[]);
        assert_eq!(app.database.sql("select id from users order by id"), "1\n2\n3\n2000000000");
        source.sql("update auth_user set username = 'admin' where id = 1");
        let output = import(&source, &App::start(db).database, &[]);
        let clash = "clash: user admin with id 1: the name admin has the id 2000000000 here, which jeton gave\n";
        assert!(output.status == 1 && output.stderr.contains(clash), "{output:?}");
    }
}

#[test]
fn an_import_without_a_database_url_says_where_it_goes() {
    let import = |jeton: &Jeton| {
        let output = jeton.run_with_stdin(&["import", "csv", "--from", "-"], "username\nann\n");
        assert_eq!(output.status, 0, "{output:?}");
        output.stderr.contains("note: this is about jeton.db in this directory; DATABASE_URL names another database")
    };
    assert!(import(&crate::serve::bare()));
    assert!(!import(&crate::serve::bare().env("DATABASE_URL", "sqlite://other.db")));
}
