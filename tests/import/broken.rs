//! A source that cannot be read gets one line that says what to do, and nothing is imported.

use std::fs;

use super::{counts, everything, file_of, fixture, import, imported, small, small_in};
use crate::commands::{done, jeton, migrated, refused};
use crate::support::app::{Kind, TestDatabase};
use crate::support::process::Jeton;
use crate::{each_way, on_both};

/// The only line of a refused import.
#[track_caller]
fn line(jeton: &Jeton, from: &str, more: &[&str]) -> String {
    let args = [&["import", "django", "--from", from], more].concat();
    let output = jeton.run(&args);
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!((output.status, output.stdout.as_str(), lines.len()), (1, "", 1), "{args:?}: {output:?}");
    assert!(lines[0].starts_with("error: "), "{output:?}");
    lines[0].to_owned()
}

each_way! {
    fn rows_that_cannot_be_read_are_reported_and_nothing_is_imported(from, to) {
        let target = TestDatabase::new(to);
        done(&migrated(&target), &["user", "list"]); // stores the mark of the secret key
        let before = everything(&target);
        let both = [
            ("update auth_user set username = null where id = 2", "the row with id 2 of the table auth_user", "username is empty"),
            ("update auth_user set username = '' where id = 2", "id 2", "username is empty"),
            ("update auth_group set name = null where id = 7", "id 7 of the table auth_group", "name is empty"),
            (&format!("alter table auth_user drop column username; alter table auth_user add username text;
                update auth_user set username = 'u' || id; update auth_user set username = '{}' where id = 2", "é".repeat(513)),
                "id 2", "username is longer than 1024 bytes"),
            (&format!("alter table auth_group drop column name; alter table auth_group add name text;
                update auth_group set name = '{}' where id = 8; update auth_group set name = 'g' || id where id <> 8", "x".repeat(1025)),
                "id 8 of the table auth_group", "name is longer than 1024 bytes"),
        ];
        let sqlite = [
            ("update auth_user set date_joined = 'soon' where id = 1", "id 1", "date_joined is not a date"),
            ("update auth_user set last_login = 1763784298 where id = 1", "id 1", "last_login is not a date"),
            ("update auth_user set is_staff = 'maybe' where id = 1", "id 1", "is_staff is neither"),
            ("update auth_user set username = cast(x'ff41' as text) where id = 1", "id 1", "username is not UTF-8"),
            ("update auth_user set email = cast(x'410042' as text) where id = 1", "id 1", "email holds a NUL"),
            // More rows than are read at once.
            ("with recursive n (n) as (select 1 union all select n + 1 from n where n < 2100) insert into authtoken_token
                select cast('k' || n as blob), '2026-01-01 00:00:00', 1 from n", "user_id 1 of the table authtoken_token", "key is no text"),
            ("update knox_authtoken set expiry = 'never'", "user_id 3", "expiry is not a date"),
        ];
        let postgres = [
            ("update auth_user set date_joined = 'infinity' where id = 1", "id 1", "date_joined is not a date"),
            ("update auth_user set last_login = '0044-03-15 00:00:00 BC' where id = 1", "id 1", "last_login is not a date"),
        ];
        let more: &[_] = if from == Sqlite { &sqlite } else { &postgres };
        for (damage, row, what) in both.iter().chain(more) {
            let source = small(from);
            source.sql(damage);
            let output = import(&source, &target, &[]);
            let (bad, error) = output.stderr.trim_end().rsplit_once('\n').unwrap();
            let is_named = |line: &str| line.starts_with("bad row: the row with ") && line.contains(row) && line.contains(what);
            assert!(output.status == 1 && bad.lines().all(is_named), "{damage}: {output:?}");
            assert!(error.starts_with("error: nothing was imported: the ") && error.ends_with("--skip-bad"), "{damage}: {error}");
            assert_eq!(everything(&target), before, "{damage}");
        }
    }
}

on_both! {
    fn a_missing_table_or_column_is_named(db) {
        let target = TestDatabase::new(Kind::Sqlite);
        let jeton = jeton(&target);
        let empty = TestDatabase::new(db);
        empty.sql("create table notes (id integer)");
        let why = line(&jeton, &empty.url, &[]);
        assert!(why.contains("there is no table auth_user in ") && why.contains("--user-table"), "{why}");
        let source = small(db);
        let why = line(&jeton, &source.url, &["--user-table", "accounts_user"]);
        assert!(why.contains("there is no table accounts_user in "), "{why}");
        let why = line(&jeton, &source.url, &["--username-column", "login"]);
        assert!(why.contains("the table auth_user has no column login: ") && why.contains("--username-column"), "{why}");
        let why = line(&jeton, &source.url, &["--user-table", "auth_group", "--username-column", "name"]);
        assert!(why.contains("the table auth_group has no column password: "), "{why}");
        source.sql("alter table knox_authtoken drop column token_key");
        let why = line(&jeton, &source.url, &[]);
        assert!(why.contains("the table knox_authtoken has no column token_key: "), "{why}");
        assert!(!fs::exists(file_of(&target)).unwrap(), "no database is created for the import");
    }

    fn names_are_quoted(db) {
        let (source, target) = (small(db), TestDatabase::new(Kind::Sqlite));
        let hostile = "auth_user\"; drop table auth_user; --";
        let why = line(&jeton(&target), &source.url, &["--user-table", hostile]);
        assert!(why.contains("there is no table auth_user\"; drop"), "{why}");
        line(&jeton(&target), &source.url, &["--username-column", "username\" from auth_user; drop table auth_group; --"]);
        assert_eq!(source.sql("select count(*) from auth_user, auth_group"), "9");
    }

    fn jetons_own_database_is_refused(db) {
        // This database has Django's tables beside jeton's.
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let database = small_in(database);
        for more in [&[][..], &["--dry-run"]] {
            assert!(line(&jeton, &database.url, more).contains("--from names jeton's own database"));
        }
        if db == Kind::Sqlite {
            let other = format!("sqlite://{}/../{}", jeton.dir.path().display(), "link.db");
            let link = jeton.dir.path().join("../link.db");
            fs::remove_file(&link).ok();
            std::os::unix::fs::symlink(file_of(&database), &link).unwrap();
            let why = line(&jeton, &other, &[]);
            fs::remove_file(&link).unwrap();
            assert!(why.contains("--from names jeton's own database"), "{why}");
        }
        assert_eq!(database.sql("select count(*) from users"), "0");
    }
}

#[test]
fn bad_urls_are_refused_and_their_passwords_are_not_shown() {
    let jeton = Jeton::new();
    for (from, words) in [
        ("django.db", "scheme"),
        ("mysql://root:hunter22@localhost/django", "scheme"),
        ("sqlite://", "path"),
        ("postgres://u:hunter/22@h/d", "%2F"),
        ("sqlite://missing.db", "No such file"),
        ("sqlite://missing/django.db", "No such file"),
        ("sqlite://.", "it is not a file"),
        ("postgres://u@127.0.0.1:1/d", "refused"),
        ("postgres://u@no-such-host.invalid/d", "no-such-host.invalid"),
        ("postgres://u:hunter22@127.0.0.1:1/d", "PGPASSWORD"),
        ("postgres://u@127.0.0.1:1/d?password=hunter22", "PGPASSWORD"),
    ] {
        let why = line(&jeton, from, &[]);
        assert!(why.contains(words) && !why.contains("hunter"), "{from}: {why}");
    }
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0, "no file is created");
}

#[test]
fn files_that_are_not_sqlite_databases_are_refused() {
    let jeton = Jeton::new();
    let text = "this is no database, but it is longer than the header of one would be: a hundred bytes, and a few more";
    let real = super::unzipped("db.sqlite3.gz");
    for (name, bytes, words) in [
        ("text.db", text.as_bytes(), "not a database"),
        ("empty.db", b"".as_slice(), "there is no table auth_user"),
        ("cut.db", &real[..300_000], "malformed"),
    ] {
        fs::write(jeton.dir.path().join(name), bytes).unwrap();
        let why = line(&jeton, &format!("sqlite://{name}"), &[]);
        assert!(why.contains(words), "{name}: {why}");
        assert_eq!(fs::read(jeton.dir.path().join(name)).unwrap(), bytes, "{name}");
    }
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 3, "no file is created");
}

#[test]
fn an_sqlite_file_that_another_process_writes_is_reported() {
    let (source, target) = (small(Kind::Sqlite), TestDatabase::new(Kind::Sqlite));
    let mut writer = std::process::Command::new("sqlite3");
    writer.arg(file_of(&source)).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    let mut stdout = std::io::BufReader::new(writer.stdout.take().unwrap());
    std::io::Write::write_all(writer.stdin.as_mut().unwrap(), b"begin exclusive; select 'locked';\n").unwrap();
    std::io::BufRead::read_line(&mut stdout, &mut String::new()).unwrap();
    let why = line(&jeton(&target), &source.url, &[]);
    drop(writer.stdin.take());
    writer.wait().unwrap();
    assert!(
        why.ends_with("database is locked; another process is writing to it; try again, or import a copy"),
        "{why}"
    );
}

#[test]
fn a_journal_of_a_killed_writer_is_reported() {
    let (source, copy, target) =
        (small(Kind::Sqlite), TestDatabase::new(Kind::Sqlite), TestDatabase::new(Kind::Sqlite));
    let (from, to) = (file_of(&source), file_of(&copy));
    let mut writer = std::process::Command::new("sqlite3");
    writer.arg(from).arg("pragma cache_size = 1; begin").arg(
        "with recursive n (n) as (select 10 union all select n + 1 from n where n < 3000) insert into auth_user
         select n, '!x', null, false, 'u' || n, '', '', '', false, true, '2026-01-01 00:00:00' from n",
    );
    writer.arg(format!(".system cp {from} {to}; cp {from}-journal {to}-journal"));
    assert!(writer.output().unwrap().status.success());
    let before = (fs::read(to).unwrap(), fs::read(format!("{to}-journal")).unwrap());
    let why = line(&jeton(&target), &copy.url, &[]);
    assert!(why.ends_with("left a journal beside it; let Django, or sqlite3, open it once"), "{why}");
    assert!((fs::read(to).unwrap(), fs::read(format!("{to}-journal")).unwrap()) == before, "the source is only read");
}

#[test]
fn a_refusal_by_postgresql_is_reported() {
    let source = fixture(Kind::Postgres);
    let role = format!("nobody_{}", std::process::id());
    source.sql(&format!("create role {role} login"));
    let target = TestDatabase::new(Kind::Sqlite);
    let url = source.url.replace("jeton@", &format!("{role}@"));
    let why = refused(&jeton(&target), &["import", "django", "--from", &url]);
    source.sql(&format!("drop role {role}"));
    assert!(why.contains("permission denied for table "), "{why}");
    let url = source.url.rsplit_once('/').unwrap().0.to_owned() + "/no_such_database";
    let output = import(&TestDatabase { url, folder: None, postgres: None }, &target, &[]);
    assert_eq!((output.status, output.stderr.lines().count()), (1, 1), "{output:?}");
    assert!(output.stderr.contains("\"no_such_database\" does not exist"), "{output:?}");
}

each_way! {
    fn null_flags_and_dates_are_counted(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(
            "update auth_user set is_active = null where id = 1; update auth_user set is_superuser = null where id = 2;
             update auth_user set date_joined = null where id = 3; update authtoken_token set created = null;
             update knox_authtoken set created = null",
        );
        let words = imported(&source, &target, &[]);
        assert_eq!(words.lines().collect::<Vec<_>>(), [
            "imported: 3 users, 3 groups, 1 DRF token, 1 Knox token",
            "warning: 2 users with a flag that is NULL: it counts as false",
            "warning: 1 user without a date of joining: they count as joined now",
        ]);
        let flags = "select case when is_active then 1 else 0 end, case when is_superuser then 1 else 0 end from users order by id";
        assert_eq!(target.sql(flags), "0|0\n1|0\n0|1");
    }

    fn bad_rows_are_all_named_and_left_out_if_one_says_so(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql(
            "update auth_user set username = '' where id = 2; update auth_group set name = '' where id = 9;
             update auth_group set name = null where id = 7; insert into authtoken_token values ('', '2026-01-03 00:00:00', 1)",
        );
        let bad = [
            "bad row: the row with id 7 of the table auth_group: its name is empty",
            "bad row: the row with id 9 of the table auth_group: its name is empty",
            "bad row: the row with id 2 of the table auth_user: its username is empty",
            "bad row: the row with user_id 1 of the table authtoken_token: its key is empty",
        ];
        let output = import(&source, &target, &[]);
        let mut lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(lines.pop(), Some("error: nothing was imported: the 4 bad rows above must be mended there, or left out with --skip-bad"));
        lines[..2].sort_unstable();
        assert_eq!(lines, bad);
        for more in [&["--skip-bad", "--dry-run"][..], &["--skip-bad"]] {
            let words = imported(&source, &target, more);
            assert!(bad.iter().all(|line| words.contains(line)), "{words}");
            assert!(words.contains("imported: 2 users, 1 group, 0 DRF tokens, 1 Knox token\n"), "{words}");
            assert!(words.contains("not imported: 4 bad rows\nnot imported: 1 token whose users are not imported\n"), "{words}");
        }
        assert_eq!(counts(&target), "2|1|1|1");
    }
}
