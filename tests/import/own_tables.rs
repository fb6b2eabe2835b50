//! A project whose tables, columns and memberships have names of their own, which a dump does not know, and one with local
//! times.

use serde_json::json;

use super::project::{PASSWORD, Project, ends, import_from, user};
use super::serve;
use crate::on_both;
use crate::support::app::TestDatabase;

const TABLES: [&str; 10] = [
    "--user-table",
    "people",
    "--username-column",
    "login_name",
    "--map",
    "is_active=may_sign_in",
    "--membership-table",
    "seats(user=who, group=where_to)",
    "--token-table",
    "people_keys(key=secret_text, user=held_by, created=made_at)",
];
const MODELS: [&str; 12] = [
    "--user-table",
    "own_tables.Person",
    "--username-column",
    "login",
    "--map",
    "is_active=enabled",
    "--membership-table",
    "own_tables.Seat(user=person, group=team)",
    "--group-table",
    "own_tables.Team",
    "--token-table",
    "own_tables.Key(key=secret, user=holder, created=made)",
];

on_both! {
    fn a_dump_has_models_in_place_of_tables(db) {
        for options in [&[][..], &["--natural-foreign"]] {
            let project = Project::dumped("own_tables", db, options);
            for (from, flags) in [(project.database.url.clone(), &TABLES[..]), (project.dump(), &MODELS)] {
                let target = TestDatabase::new(db);
                let output = import_from(&from, &target, flags);
                assert_eq!(output.status, 0, "{output:?}");
                ends(&output.stderr, "imported: 2 users, 2 groups, 2 DRF tokens, 0 Knox tokens");
                let app = serve(target, &[]);
                let answer = app.introspect(project.key("key"));
                assert_eq!((&answer["username"], &answer["groups"]), (&json!("ann"), &json!(["zoo"])), "{options:?}");
                assert_eq!(answer["iat"], 1_793_491_200, "2026-11-01");
                assert_eq!(app.explain(project.key("blocked"))["reason"], "user_inactive");
                assert_eq!(user(&app, "gone")["groups"], json!(["ops"]));
                assert_eq!(app.try_login("ann", PASSWORD).json()["token"], project.key("key"));
            }
        }
    }

    fn what_is_not_there_is_named_with_what_is(db) {
        let project = Project::of("own_tables", db);
        let without = |flags: &[&str], name: &str| {
            let place = flags.iter().position(|flag| *flag == name).unwrap();
            let kept = flags.iter().enumerate().filter(|(at, _)| *at != place && *at != place + 1);
            kept.map(|(_, flag)| (*flag).to_owned()).collect::<Vec<_>>()
        };
        let words = |from: &str, flags: &[&str], name: &str, other: &str| {
            let mut flags = without(flags, name);
            if !other.is_empty() {
                flags.extend([name.to_owned(), other.to_owned()]);
            }
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            import_from(from, &TestDatabase::new(db), &[&flags[..], &["--dry-run"]].concat()).stderr
        };
        let (database, dump) = (project.database.url.clone(), project.dump());
        for (from, flags, name, other, why) in [
            (&dump, &MODELS[..], "--user-table", "people", "--user-table (own_tables_person may be it), as APP.MODEL: a dump has models in place of tables"),
            (&dump, &MODELS, "--username-column", "login_name", "has no column login_name: give the column of the login names with --username-column; there are id, "),
            (&dump, &MODELS, "--map", "is_active=may_sign_in", "has no column may_sign_in, which --map names; there are id, "),
            (&dump, &MODELS, "--membership-table", "seats", "there is no model seats in "),
            (&dump, &MODELS, "--membership-table", "own_tables.Seat", "own_tables_seat has no field user: --membership-table 'own_tables_seat(user=.., group=..)'; there are id, given_by, person, team"),
            (&dump, &MODELS, "--membership-table", "", "nobody has groups: there is no table own_tables_person_groups; own_tables_seat may be it: --membership-table TABLE"),
            (&dump, &MODELS, "--group-table", "teams", "there is no table teams in "),
            (&dump, &MODELS, "--token-table", "people_keys", "a dump has models, as APP.MODEL, in place of tables; this one has "),
            (&dump, &MODELS, "--token-table", "own_tables.Key", "the table own_tables_key has no column "),
            (&database, &TABLES, "--membership-table", "", "nobody has groups: there is no table people_groups; seats may be it: --membership-table TABLE"),
            (&database, &TABLES, "--membership-table", "seats", "--membership-table 'seats(user=.., group=..)'; there are id, "),
            (&database, &TABLES, "--membership-table", "own_tables.Seat", "which --membership-table names: see --membership-table"),
            (&database, &TABLES, "--username-column", "login", "with --username-column; there are id, "),
        ] {
            let words = words(from, flags, name, other);
            assert!(words.contains(why), "{name} {other}: {words}");
        }
    }

    fn local_times_of_a_project_without_zones(db) {
        let project = Project::of("local_times", db);
        for (from, is_database) in [(project.database.url.clone(), true), (project.dump(), false)] {
            let target = TestDatabase::new(db);
            let output = import_from(&from, &target, &["--time-zone", "Europe/Berlin", "--tokens-expire", "72h"]);
            assert_eq!(output.status, 0, "{is_database}: {output:?}");
            let app = serve(target, &[]);
            assert_eq!(user(&app, "ann")["date_joined"], "2026-07-01T10:00:00Z", "{is_database}");
            assert_eq!(app.introspect(project.key("key"))["exp"], 1_796_295_600, "2026-12-03T11:00:00Z");
        }
        let output = import_from(&project.dump(), &TestDatabase::new(db), &["--dry-run"]);
        assert!(output.stderr.contains("times without a zone, as a project with USE_TZ = False writes"), "{output:?}");
    }
}
