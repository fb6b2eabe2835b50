//! Times without a zone: UTC in SQLite as Django writes them, or the local times of a project with `USE_TZ = False`.

use serde_json::json;

use super::dumps::{import_text, user};
use super::{everything, import, imported, jeton, small};
use crate::support::app::TestDatabase;
use crate::{each_way, on_both};

const BERLIN: [&str; 2] = ["--time-zone", "Europe/Berlin"];
const DRY: &str = "  times have no zone, and are read as UTC: if the project has USE_TZ = False, give its TIME_ZONE with --time-zone\n";
const USELESS: &str = "note: all times have a zone, so --time-zone changes nothing\n";

each_way! {
    fn a_database_may_have_times_of_a_zone(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql("update knox_authtoken set expiry = '2030-07-01 12:00:00'");
        let words = imported(&source, &target, &["--dry-run"]);
        // Django's columns in PostgreSQL are `timestamptz`, whatever USE_TZ is.
        assert_eq!(words.contains(DRY), from == Sqlite, "{words}");
        let words = imported(&source, &target, &[&BERLIN[..], &["--dry-run"]].concat());
        assert!(!words.contains(DRY) && words.contains(USELESS) == (from == Postgres), "{words}");
        let words = imported(&source, &target, &BERLIN);
        assert!(!words.contains("times have no zone"), "{words}");
        let shown = |column: &str| match to {
            Sqlite => format!("strftime('%Y-%m-%d %H:%M', {column})"),
            Postgres => format!("to_char({column} at time zone 'UTC', 'YYYY-MM-DD HH24:MI')"),
        };
        let (joined, ends) = if from == Sqlite { ("2025-12-31 23:00", "2030-07-01 10:00") } else { ("2026-01-01 00:00", "2030-07-01 12:00") };
        assert_eq!(target.sql(&format!("select {} from users where id = 1", shown("date_joined"))), joined);
        assert_eq!(target.sql(&format!("select {} from tokens where expires_at is not null", shown("expires_at"))), ends);
        // The same moment of joining: the same person, whatever else has changed.
        source.sql("update auth_user set password = '!y', email = 'ann@example.org' where id = 1");
        let words = imported(&source, &target, &[&BERLIN[..], &["--update"]].concat());
        assert!(words.contains("followed the source: 1 user\n"), "{words}");
    }
}

on_both! {
    fn a_dump_says_whether_its_times_have_a_zone(db) {
        let mut ann = user(json!(1), "ann");
        let zoned = json!([ann]).to_string();
        ann["fields"]["date_joined"] = json!("2026-07-01T12:00:00");
        ann["fields"]["last_login"] = json!("2026-07-02T12:00:00.5");
        let local = json!([ann]).to_string();
        let warning = "warning: 2 times without a zone, as a project with USE_TZ = False writes local times, read as UTC: give its TIME_ZONE with --time-zone\n";
        for more in [&[][..], &["--dry-run"]] {
            let target = TestDatabase::new(db);
            let output = import_text(&jeton(&target), &local, more);
            assert!(output.status == 0 && output.stderr.contains(warning), "{output:?}");
            let output = import_text(&jeton(&TestDatabase::new(db)), &zoned, more);
            assert!(output.status == 0 && !output.stderr.contains("zone"), "{output:?}");
            let output = import_text(&jeton(&TestDatabase::new(db)), &zoned, &[&BERLIN[..], more].concat());
            assert!(output.status == 0 && output.stderr.contains(USELESS), "{output:?}");
        }
        for (zone, shown) in [("Europe/Berlin", "2026-07-01T10:00:00Z"), ("+02:00", "2026-07-01T10:00:00Z"), ("-03:30", "2026-07-01T15:30:00Z")] {
            let target = TestDatabase::new(db);
            let jeton = jeton(&target);
            let output = import_text(&jeton, &local, &["--time-zone", zone]);
            assert!(output.status == 0 && !output.stderr.contains("zone"), "{output:?}");
            let ann = jeton.run(&["user", "show", "ann", "--json"]).stdout;
            assert!(ann.contains(&format!("\"date_joined\": \"{shown}\"")) || ann.contains(&format!("\"date_joined\":\"{shown}\"")), "{ann}");
        }
    }

    fn an_unknown_zone_is_refused(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        for zone in ["CEST", "Berlin", "2"] {
            let output = import(&source, &target, &["--time-zone", zone]);
            assert!(output.status == 2 && output.stderr.contains("there is no such time zone"), "{output:?}");
        }
        assert!(!everything(&target).contains("users"));
    }
}
