//! A flag that said how to read a source is not forgotten at the next import from it.

use serde_json::json;

use super::dumps::{import_text, user};
use super::{everything, import, imported, jeton, small};
use crate::support::app::TestDatabase;
use crate::{each_way, on_both};

const MAP: [&str; 2] = ["--map", "is_active=is_active,is_active=not:deleted_at"];
const SAYS: &str = "error: nothing was imported: the last import from this project had --map is_active=is_active --map \
                    is_active=not:deleted_at; write it again, or --changed-flags if it no longer holds\n";

each_way! {
    fn who_is_deleted_does_not_come_back_because_a_map_is_forgotten(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql("alter table auth_user add deleted_at varchar(40); update auth_user set deleted_at = '2026-01-01 00:00:00' where id = 2");
        imported(&source, &target, &MAP);
        let active = || target.sql("select case when is_active then 1 else 0 end from users order by id");
        assert_eq!(active(), "1\n0\n0");
        source.sql("insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
            date_joined, deleted_at) values (4, '!x', false, 'dot', '', '', '', false, true, '2026-01-01 00:00:00', '2026-01-01 00:00:00')");
        let before = everything(&target);
        for more in [&["--update"][..], &["--update", "--dry-run"], &[], &["--map", "email=email", "--update"]] {
            let output = import(&source, &target, more);
            assert_eq!(output.status, 1, "{output:?}");
            assert!(output.stderr.contains("had --map is_active=") && output.stderr.contains("--changed-flags"), "{output:?}");
        }
        assert!(import(&source, &target, &["--update"]).stderr.ends_with(SAYS));
        // PostgreSQL counts what was rolled back.
        assert_eq!((everything(&target) == before || to == Postgres, active().as_str()), (true, "1\n0\n0"));
        imported(&source, &target, &[&MAP[..], &["--update"]].concat());
        assert_eq!(active(), "1\n0\n0\n0");
        imported(&source, &target, &["--update", "--changed-flags"]);
        assert_eq!(active(), "1\n1\n0\n1");
        // From now on it is not asked for.
        imported(&source, &target, &["--update"]);
    }
}

on_both! {
    fn a_dump_is_the_same_source(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        let jeton = jeton(&target);
        imported(&source, &target, &["--username-column", "email", "--skip-bad"]);
        let mut ann = user(json!(1), "ann");
        ann["fields"]["email"] = json!("ann@example.com");
        ann["fields"]["password"] = json!("pbkdf2_sha256$1$s$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=");
        let dump = json!([ann]).to_string();
        for more in [&["--update"][..], &["--update", "--dry-run"], &["--user-table", "auth.User"]] {
            let output = import_text(&jeton, &dump, more);
            let why = "the last import from this project had --username-column email; write it again";
            assert!(output.status == 1 && output.stderr.contains(why), "{output:?}");
        }
        let output = import_text(&jeton, &dump, &["--update", "--username-column", "email"]);
        assert_eq!((output.status, target.sql("select username from users")), (0, "ann@example.com".into()), "{output:?}");
    }

    fn another_table_of_users_does_not_forget_the_flags(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        source.sql("alter table auth_user add blocked boolean; update auth_user set blocked = true where id = 2");
        source.sql("create view people as select * from auth_user where id <> 3");
        let map = ["--map", "is_active=not:blocked"];
        imported(&source, &target, &[&map[..], &["--user-table", "people"]].concat());
        let active = || target.sql("select case when is_active then 1 else 0 end from users order by id");
        assert_eq!(active(), "1\n0");
        for more in [&["--update"][..], &["--update", "--user-table", "people"], &["--update", "--user-table", "auth_user"]] {
            let output = import(&source, &target, more);
            assert!(output.status == 1 && output.stderr.contains("had --map is_active=not:blocked"), "{output:?}");
        }
        let output = import(&source, &target, &map);
        assert!(output.status == 1 && output.stderr.contains("had --user-table people; write it again"), "{output:?}");
        imported(&source, &target, &[&map[..], &["--user-table", "auth_user", "--changed-flags"]].concat());
        assert_eq!(active(), "1\n0\n1");
    }

    fn every_flag_that_says_how_to_read_is_remembered(db) {
        for given in [
            ["--hash-alias", "shop=pbkdf2_sha256"],
            ["--tokens-expire", "72h"],
            ["--time-zone", "Europe/Berlin"],
            ["--time-zone", "+02:00"],
            ["--group-table", "auth_group"],
            ["--membership-table", "auth_user_groups"],
            ["--token-table", "authtoken_token"],
            ["--knox-table", "knox_authtoken"],
            ["--map", "first_name=last_name"],
        ] {
            let (source, target) = (small(db), TestDatabase::new(db));
            imported(&source, &target, &given);
            let output = import(&source, &target, &[]);
            let why = format!("the last import from this project had {} {}", given[0], given[1].replace("72h", "3d"));
            assert!(output.status == 1 && output.stderr.contains(&why), "{given:?}: {output:?}");
            imported(&source, &target, &given);
        }
    }

    fn flags_of_another_source_are_not_asked_for(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        imported(&source, &target, &["--map", "first_name=last_name"]);
        source.sql("update auth_user set username = 'b-' || username; delete from authtoken_token; delete from knox_authtoken");
        let flags = ["--new-ids", "--external-prefix", "b-", "--time-zone", "+01:00"];
        imported(&source, &target, &flags);
        let output = import(&source, &target, &flags[..3]);
        assert!(output.status == 1 && output.stderr.contains("had --time-zone +01:00; "), "{output:?}");
        imported(&source, &target, &["--new-ids", "--external-prefix", "b-", "--time-zone", "+02:00"]);
    }

    fn a_failed_import_remembers_no_flag(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        source.sql("update auth_user set username = '' where id = 3");
        assert_eq!(import(&source, &target, &MAP[..1].iter().copied().chain(["email=email"]).collect::<Vec<_>>()).status, 1);
        assert_eq!(import(&source, &target, &["--map", "email=email", "--skip-bad", "--dry-run"]).status, 0);
        imported(&source, &target, &["--skip-bad"]);
    }
}
