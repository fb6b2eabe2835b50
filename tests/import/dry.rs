//! `--dry-run` prints what an import would do, and changes and creates nothing.

use std::fs;

use super::{everything, file_of, fixture, imported, small};
use crate::commands::{done, jeton};
use crate::support::app::{Kind, TestDatabase};
use crate::{each_way, on_both};

const ZONELESS: &str =
    "  times have no zone, and are read as UTC: if the project has USE_TZ = False, give its TIME_ZONE with --time-zone";

each_way! {
    fn a_dry_run_counts_and_changes_nothing(from, to) {
        let (source, target) = (fixture(from), TestDatabase::new(to));
        done(&jeton(&target), &["migrate"]);
        let before = everything(&target);
        let words = imported(&source, &target, &["--dry-run"]);
        // Times in PostgreSQL have zones.
        let lines = words.lines().filter(|line| from == Postgres || *line != ZONELESS);
        assert_eq!(words.contains(ZONELESS), from == Sqlite);
        assert_eq!(lines.collect::<Vec<_>>(), [
            "would be imported: 3010 users, 3 groups, 3009 DRF tokens, 6 Knox tokens",
            "  from auth_user (id, username, ..); auth_user_groups (user_id, group_id), auth_group; \
             authtoken_token (key, user_id, created); knox_authtoken (digest, user_id, created, expiry)",
            "  of the users: 1 inactive, 2 staff (1 superuser), 1 without a password",
            "  of the tokens: 1 expired",
        ]);
        assert_eq!(everything(&target), before);
    }
}

on_both! {
    fn a_dry_run_creates_no_database_and_no_tables(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        let words = imported(&source, &target, &["--dry-run"]);
        assert_eq!(words.lines().next(), Some("would be imported: 3 users, 3 groups, 1 DRF token, 1 Knox token"));
        assert!(words.contains("  of the users: 1 inactive, 2 staff (1 superuser), 2 without a password\n"), "{words}");
        match db {
            Kind::Sqlite => assert!(!fs::exists(file_of(&target)).unwrap()),
            Kind::Postgres => assert_eq!(target.sql("select count(*) from pg_tables where schemaname = 'public'"), "0"),
        }
    }

    fn a_dry_run_counts_what_is_imported_already(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        imported(&source, &target, &[]);
        source.sql("insert into auth_user values (9, '!x', null, false, 'new', '', '', '', false, true, '2026-01-01 00:00:00')");
        assert_eq!(imported(&source, &target, &["--dry-run"]).lines().collect::<Vec<_>>(), [
            "would be imported: 1 user, 0 groups, 0 DRF tokens, 0 Knox tokens",
            "  from auth_user (id, username, ..); auth_user_groups (user_id, group_id), auth_group; \
             authtoken_token (key, user_id, created); knox_authtoken (digest, user_id, created, expiry)",
            "  of the users: 0 inactive, 0 staff (0 superusers), 1 without a password",
            ZONELESS,
            "skipped, because already here: 3 users, 3 groups, 1 DRF token, 1 Knox token",
        ]);
    }
}
