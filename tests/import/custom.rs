//! Other user models, other tables, and tables or columns that may be missing.

use super::{BEAS_KEY, OLD_KEY, add_drf_token, add_old_knox_token, import, imported, serve, small};
use crate::commands::{jeton, json_of};
use crate::each_way;
use crate::support::app::TestDatabase;
use serde_json::json;

each_way! {
    fn a_custom_model_is_read_by_its_table_and_its_username_column(from, to) {
        let (source, target) = (TestDatabase::new(from), TestDatabase::new(to));
        // A model `Member` with another primary key, and columns whose names must be quoted.
        source.sql(
            r#"create table "Members" ("order" bigint primary key, password varchar(128), "E-Mail" varchar(254));
               create table "Members_groups" (id integer primary key, member_id bigint, group_id integer);
               create table auth_group (id integer primary key, name varchar(150));
               insert into "Members" values (5, '!', 'ann@example.com'), (3000000000, '!', 'bea@example.com');
               insert into auth_group values (1, 'ops');
               insert into "Members_groups" values (1, 5, 1)"#,
        );
        let flags = ["--user-table", "Members", "--username-column", "E-Mail"];
        assert_eq!(imported(&source, &target, &flags).lines().collect::<Vec<_>>(), [
            "note: no column is_active: everybody counts as active",
            "note: no column is_staff: nobody is staff",
            "note: no column is_superuser: nobody is a superuser",
            "note: no columns first_name and last_name: names stay empty",
            "note: no column email: users have no e-mail address",
            "note: no column date_joined: users count as joined at the import",
            "imported: 2 users, 1 group, 0 DRF tokens, 0 Knox tokens",
        ]);
        let ann = json_of(&jeton(&target).run(&["user", "show", "ann@example.com", "--json"]).stdout);
        for (name, value) in [("id", json!(5)), ("email", json!("")), ("first_name", json!("")), ("is_active", json!(true)),
            ("is_staff", json!(false)), ("is_superuser", json!(false)), ("groups", json!(["ops"])), ("last_login", json!(null))] {
            assert_eq!(ann[name], value, "{name}");
        }
        let (joined, made) = (ann["date_joined"].as_str().unwrap(), target.sql("select min(at) from audit_log"));
        assert_eq!(joined[..10], made[..10], "without a date in the source, users join when they are imported");
        assert_eq!(target.sql("select id from users order by id"), "5\n3000000000");
        assert_eq!(target.sql("select value from meta where key = 'last_user_id'"), "5", "the id 3000000000 is in the range of bootstrap users and does not count");
    }

    fn a_flag_in_a_generated_column_is_imported(from, to) {
        let (source, target) = (TestDatabase::new(from), TestDatabase::new(to));
        let active = if from == Sqlite { "Is_Active" } else { "is_active" };
        source.sql(&format!(
            "create table people (id integer primary key, password text, username text, state text,
               {active} boolean generated always as (state = 'here') stored, is_staff boolean);
             insert into people (id, password, username, state, is_staff) values
               (1, '!', 'ann', 'here', true), (2, '!', 'bea', 'gone', false)"
        ));
        imported(&source, &target, &["--user-table", "people"]);
        for (name, active) in [("ann", true), ("bea", false)] {
            let user = json_of(&jeton(&target).run(&["user", "show", name, "--json"]).stdout);
            assert_eq!((&user["is_active"], &user["is_staff"]), (&json!(active), &json!(active)), "{name}");
        }
    }

    fn tables_that_a_project_does_not_have_count_as_empty(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql("drop table knox_authtoken; drop table auth_user_groups; drop table auth_group; drop table authtoken_token");
        let words = imported(&source, &target, &[]);
        assert_eq!(words, "imported: 3 users, 0 groups, 0 DRF tokens, 0 Knox tokens\n");
        source.sql("delete from auth_user");
        assert_eq!(imported(&source, &target, &[]), "imported: 0 users, 0 groups, 0 DRF tokens, 0 Knox tokens\n");
    }

    fn rows_that_jeton_cannot_use_are_reported_and_the_rest_is_imported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(&format!(
            "update auth_user set password = 'crypt$$x' where id = 1;
             insert into knox_authtoken values ('{}', '2026-01-03 00:00:00', 2, null, 'abc');
             insert into authtoken_token values ('nobodys', '2026-01-03 00:00:00', 4)",
            "ab".repeat(32)
        ));
        add_old_knox_token(&source, 2, OLD_KEY);
        let words = imported(&source, &target, &[]);
        assert_eq!(words.lines().collect::<Vec<_>>(), [
            "imported: 3 users, 3 groups, 1 DRF token, 1 Knox token",
            "not imported: 1 token whose users are not imported",
            "warning: 1 user cannot log in until they get a new password, because of hashes of the format crypt: ann",
            "warning: not imported: 2 Knox tokens whose digests are not SHA-512, or were made by Knox before 5.0; their holders must log in again",
        ]);
        assert_eq!(target.sql("select password from users where id = 1"), "crypt$$x", "the hash is imported unchanged");
        let app = serve(target, &[]);
        assert!(app.is_good(BEAS_KEY) && !app.is_good("nobodys") && !app.is_good(OLD_KEY));
        assert_eq!(app.try_login("ann", "x").status, 400);
    }

    fn hashes_that_cannot_be_checked_are_reported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(
            "update auth_user set password = 'pbkdf2_sha256$1$x' where id = 1;
             update auth_user set password = 'md5$oldsalt12chr$c6ec64b8b3957e377403f92be3ec3f10' where id = 2;
             update auth_user set password = 'c6ec64b8b3957e377403f92be3ec3f10' where id = 3",
        );
        let corrupt = "warning: 1 user cannot log in until they get a new password, because of corrupt pbkdf2_sha256 hashes: ann";
        let legacy = "warning: 2 users with md5 or sha1 hashes cannot log in unless JETON_LEGACY_HASHES=true";
        let done = "imported: 3 users, 3 groups, 1 DRF token, 1 Knox token";
        let dry = imported(&source, &target, &["--dry-run"]).replace("would be ", "");
        let dry: Vec<&str> = dry.lines().filter(|line| !line.starts_with("  ")).collect();
        assert_eq!(dry, [done, corrupt, legacy]);
        let words = imported(&source, &target, &["--legacy-hashes", "true"]);
        assert_eq!(words.lines().collect::<Vec<_>>(), [done, corrupt]);
    }

    fn hashes_that_take_too_much_memory_are_reported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        // Django's usual argon2 hashes take 100 MiB.
        let hash = "argon2$argon2id$v=19$m=102400,t=2,p=8$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w";
        source.sql(&format!("update auth_user set password = '{hash}' where id < 3"));
        let warning = "warning: the password hashes of 2 users take more memory to check than JETON_HASH_MAX_MEMORY allows; they cannot log in until that is raised, or they get a new password";
        assert!(!imported(&source, &target, &["--dry-run"]).contains("warning"), "the default limit allows these hashes");
        for more in [&["--hash-max-memory", "99MiB", "--dry-run"][..], &["--hash-max-memory", "99MiB"]] {
            assert_eq!(imported(&source, &target, more).lines().last(), Some(warning));
        }
    }

    fn keys_that_the_prefix_makes_malformed_are_reported(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        add_drf_token(&source, 1, "acme_0123456789");
        let warning = "warning: refused because they begin with JETON_TOKEN_PREFIX but have no valid checksum: 1 DRF token";
        for more in [&["--token-prefix", "acme", "--dry-run"][..], &["--token-prefix", "acme"]] {
            let words = imported(&source, &target, more);
            let warnings: Vec<&str> = words.lines().filter(|line| line.starts_with("warning")).collect();
            assert_eq!(warnings, [warning], "{more:?}");
        }
        let app = serve(target, &[("JETON_TOKEN_PREFIX", "acme")]);
        assert!(app.is_good(BEAS_KEY) && !app.is_good("acme_0123456789"));
        let other = TestDatabase::new(to);
        assert!(!imported(&source, &other, &["--token-prefix", "acm"]).contains("warning"));
        assert!(serve(other, &[]).is_good("acme_0123456789"));
    }

    fn dates_without_a_zone_are_utc_and_dates_before_1970_are_dates(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        let zoned = if from == Sqlite { "2026-01-01T00:00:00+02:00" } else { "2026-01-01 00:00:00+02" };
        source.sql(&format!(
            "update auth_user set date_joined = '{zoned}' where id = 1;
             update auth_user set date_joined = '1969-12-31 23:59:59.5' where id = 2"
        ));
        imported(&source, &target, &[]);
        for (name, joined) in [("ann", "2025-12-31T22:00:00Z"), ("bea", "1969-12-31T23:59:59.500000Z"), ("cis", "2026-01-01T00:00:00Z")] {
            let user = json_of(&jeton(&target).run(&["user", "show", name, "--json"]).stdout);
            assert_eq!(user["date_joined"], joined);
        }
        let bea = json_of(&jeton(&target).run(&["user", "show", "bea", "--json"]).stdout);
        assert_eq!(bea["last_login"], "2026-01-02T03:04:05Z");
    }

    fn many_tokens_of_one_user_are_imported_in_batches(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(
            "with recursive n (n) as (select 0 union all select n + 1 from n where n < 4499) \
             insert into authtoken_token select 'key-' || n, '2026-01-03 00:00:00', 1 + n % 2 from n",
        );
        let output = import(&source, &target, &[]);
        assert_eq!(output.stderr, "imported: 3 users, 3 groups, 4501 DRF tokens, 1 Knox token\n");
        assert_eq!(target.sql("select user_id, count(*) from tokens group by user_id order by 1"), "1|2250\n2|2251\n3|1");
    }
}

each_way! {
    fn a_view_has_the_groups_of_the_table_that_it_reads(from, to) {
        let source = small(from);
        source.sql(
            "create table people (id integer primary key, password varchar(128), login varchar(50), state integer);
             create table roles (id integer primary key, name varchar(50));
             create table people_groups (id integer primary key, person_id integer references people (id), role_id integer references roles (id));
             insert into people values (1, '!', 'ann', 1); insert into roles values (8, 'readers');
             insert into people_groups values (1, 1, 8);
             create view members as select id, password, login as username, state = 1 as is_active from people",
        );
        let target = TestDatabase::new(to);
        // The usual tables of tokens are of other users.
        source.sql("drop table authtoken_token; drop table knox_authtoken");
        imported(&source, &target, &["--user-table", "members"]);
        let app = serve(target, &[]);
        let ann = json_of(&jeton(&app.database).run(&["user", "show", "ann", "--json"]).stdout);
        assert_eq!(ann["groups"], json!(["readers"]));
        source.sql("drop view members; create view members as select 1 as id, '!' as password, 'bea' as username");
        let words = imported(&source, &TestDatabase::new(to), &["--user-table", "members"]);
        assert!(words.contains("note: nobody has groups: members is a view, and no table of memberships refers to"), "{words}");
    }

    fn tokens_of_another_table_are_refused(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(
            "create table accounts (id integer primary key, password varchar(128), username varchar(50));
             drop table authtoken_token; create table authtoken_token (key varchar(40) primary key, created varchar(40),
               user_id integer references accounts (id))",
        );
        let output = import(&source, &target, &[]);
        let why = "authtoken_token.user_id refers to the table accounts, not to auth_user: give the table of users with --user-table";
        assert!(output.status == 1 && output.stderr.contains(why), "{output:?}");
        let output = import(&source, &target, &["--token-table", "missing"]);
        assert!(output.stderr.contains("there is no table missing in ") && output.stderr.contains("see --token-table"), "{output:?}");
    }

    fn a_table_of_users_that_is_not_there_is_guessed(from, to) {
        let (source, target) = (TestDatabase::new(from), TestDatabase::new(to));
        source.sql("create table accounts_user (id integer primary key, password text, last_login text, username text)");
        let output = import(&source, &target, &[]);
        assert!(output.status == 1 && output.stderr.contains("--user-table (accounts_user may be it)"), "{output:?}");
    }
}
