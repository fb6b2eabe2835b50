//! The ids of users that jeton creates after an import do not clash with the ids that Django still assigns.

use serde_json::json;

use super::{everything, imported, small};
use crate::commands::{create_user, jeton, migrated};
use crate::support::app::{App, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::{each_way, on_both};

const NEWCOMER: &str =
    "insert into auth_user values (4, '!x', null, false, 'dot', '', '', '', false, true, '2026-01-01 00:00:00')";

each_way! {
    fn ids_of_jetons_own_users_do_not_clash_with_djangos(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        let app = App::on(target.into(), jeton::domain::time::Clock::System, &[]);
        let made = app.create_user("eve", PASSWORD, &json!({}));
        let first = made["id"].as_i64().unwrap();
        assert!(first >= 2_000_000_000, "{made}");
        let cli = jeton(&app.database);
        create_user(&cli, "fay", &[]);
        let output = cli.run_with_stdin(&["import", "csv", "--from", "-"], "username\ngus\nhal\n");
        assert_eq!(output.status, 0, "{output:?}");
        // Django's next user gets Django's next id, which no user of jeton has.
        source.sql(NEWCOMER);
        assert_eq!(
            imported(&source, &app.database, &[]).lines().next(),
            Some("imported: 1 user, 0 groups, 0 DRF tokens, 0 Knox tokens"),
        );
        let low = "select id, username from users where id < 2000000000 order by id";
        assert_eq!(app.database.sql(low), "1|ann\n2|bea\n3|cis\n4|dot");
        let high = "select count(distinct id) from users where username in ('eve', 'fay', 'gus', 'hal') and id >= 2000000000";
        assert_eq!(app.database.sql(high), "4");
    }
}

on_both! {
    fn ids_count_from_1_until_users_are_imported_from_django(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        let cli = migrated(&target);
        create_user(&cli, "eve", &[]);
        source.sql("update auth_user set id = id + 10");
        source.sql("delete from authtoken_token; delete from knox_authtoken");
        let before = everything(&target);
        imported(&source, &target, &["--dry-run"]);
        assert_eq!(everything(&target), before);
        // A CSV file has no ids, and neither has a project without users.
        let output = cli.run_with_stdin(&["import", "csv", "--from", "-"], "username\nfay\n");
        assert_eq!(output.status, 0, "{output:?}");
        let nobody = small(db);
        nobody.sql("delete from authtoken_token; delete from knox_authtoken; delete from auth_user");
        imported(&nobody, &target, &[]);
        create_user(&cli, "gus", &[]);
        assert_eq!(target.sql("select id, username from users order by id"), "1|eve\n2|fay\n3|gus");
        // After the import of one user, ids are in the high range.
        source.sql("delete from auth_user where username <> 'ann'");
        imported(&source, &target, &[]);
        create_user(&cli, "hal", &[]);
        assert_eq!(target.sql("select username from users where id >= 2000000000"), "hal");
    }

    fn an_import_by_an_older_jeton_is_recognised_by_the_audit_log(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        imported(&source, &target, &[]);
        target.sql("delete from meta where key = 'users_from_django'");
        let cli = jeton(&target);
        create_user(&cli, "eve", &[]);
        // The audit log is read only once.
        target.sql("delete from audit_log");
        create_user(&cli, "fay", &[]);
        let low = "select count(*) from users where id < 2000000000";
        assert_eq!(target.sql(low), "3");
    }
}
