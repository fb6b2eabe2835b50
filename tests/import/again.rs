//! A second import adds only what is new in the source, and changes nothing that jeton has already.

use serde_json::json;

use super::{BEAS_KEY, KNOX_KEY, add_drf_token, add_knox_token, counts, everything, fixture, imported, serve, small};
use crate::each_way;
use crate::support::app::TestDatabase;

each_way! {
    fn a_second_import_changes_nothing(from, to) {
        let (source, target) = (fixture(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        let before = everything(&target);
        let words = imported(&source, &target, &[]);
        let lines: Vec<&str> = words.lines().collect();
        assert_eq!(lines, [
            "imported: 0 users, 0 groups, 0 DRF tokens, 0 Knox tokens",
            "skipped, because already here: 3010 users, 3 groups, 3009 DRF tokens, 6 Knox tokens",
        ]);
        assert_eq!(everything(&target), before);
    }

    fn a_second_import_adds_only_what_is_new(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        target.sql("update users set password = '!mine', email = 'mine@example.com', is_active = false where username = 'ann'");
        let before = target.sql("select * from users where id <= 3 order by id");
        source.sql(
            "update auth_user set email = 'theirs@example.com', is_staff = true;
             insert into auth_group values (10, 'new');
             insert into auth_user_groups values (3, 2, 10), (4, 4, 10), (5, 4, 7);
             insert into auth_user values (4, '!x', null, false, 'dot', '', '', '', false, true, '2026-01-01 00:00:00')",
        );
        add_drf_token(&source, 1, &"1".repeat(40));
        add_drf_token(&source, 4, &"4".repeat(40));
        add_knox_token(&source, 4, &"5".repeat(64), "'2076-01-01 00:00:00'");
        assert_eq!(imported(&source, &target, &[]).lines().collect::<Vec<_>>(), [
            "imported: 1 user, 1 group, 2 DRF tokens, 1 Knox token",
            "skipped, because already here: 3 users, 3 groups, 1 DRF token, 1 Knox token",
        ]);
        assert_eq!(counts(&target), "4|4|4|5");
        assert_eq!(target.sql("select * from users where id <= 3 order by id"), before);
        let groups = "select u.username, g.name from user_groups m join users u on u.id = m.user_id \
                      join groups g on g.id = m.group_id order by 1, 2";
        assert_eq!(target.sql(groups), "ann|ops\nann|zoo\ndot|new\ndot|zoo", "only new users get memberships");
        let entries = "select action, target from audit_log where id > 3 order by 1, 2";
        assert_eq!(target.sql(entries), "token.create|ann\nuser.create|dot");
        let details = target.sql("select details from audit_log where action = 'token.create'");
        let details: serde_json::Value = serde_json::from_str(&details).unwrap();
        assert_eq!(details, json!({"imported_from": "django", "tokens": 1}));
        let app = serve(target, &[]);
        for (key, active) in [(BEAS_KEY, true), (KNOX_KEY, false), (&"1".repeat(40), false), (&"4".repeat(40), true), (&"5".repeat(64), true)] {
            assert_eq!(app.introspect(key)["active"], active, "{key}");
        }
    }
}
