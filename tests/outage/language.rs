//! jeton recognises PostgreSQL's errors by their codes, because the messages may be in any language.

use std::sync::Arc;

use jeton::domain::time::{Clock, Timestamp};
use serde_json::json;

use super::introspection;
use crate::commands::{done, jeton, refused};
use crate::serve::refuses_to_start;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::support::http::Request;
use crate::support::postgres::private;

/// A function that raises the error in the table `raised`: a code, and a message such as a server in another language
/// sends.
const RAISE: &str = "create table raised (code text, words text); insert into raised values ('', ''); \
    create function raise_it() returns boolean language plpgsql as $$ declare it record; begin \
    select * into it from raised; if it.code <> '' then raise exception '%', it.words using errcode = it.code; end if; \
    return true; end $$;";

fn set_error(app: &App, code: &str, words: &str) {
    app.database.sql(&format!("update raised set code = '{code}', words = '{words}'"));
}

/// Error codes, each with a message and the status of jeton's answer. One message is English and speaks of a time-out,
/// which its code contradicts.
const CODES: [(&str, &str, u16); 9] = [
    ("55P03", "storniere Anfrage wegen Zeitüberschreitung einer Sperre", 503),
    ("57014", "storniere Anfrage wegen Zeitüberschreitung der Anfrage", 503),
    ("40P01", "Verklemmung (Deadlock) entdeckt", 503),
    ("40001", "konnte Zugriff nicht serialisieren", 503),
    ("53100", "konnte Datei nicht erweitern: Auf dem Gerät ist kein Speicherplatz mehr verfügbar", 503),
    ("53200", "Speicher aufgebraucht", 503),
    ("53300", "tut mir leid, schon zu viele Verbindungen", 503),
    ("22012", "a timeout of what is locked, in recovery", 500),
    ("XX000", "unerwarteter Fehler", 500),
];

#[test]
fn a_write_that_fails_temporarily_gets_503_in_every_language() {
    let app = App::start(Kind::Postgres);
    let token = app.admin_token();
    app.database.sql(&format!(
        "{RAISE} create function refuse() returns trigger language plpgsql as $$ begin perform raise_it(); return new; end $$; \
         create trigger refuse before insert on users for each row execute function refuse()"
    ));
    for (number, (code, words, status)) in CODES.into_iter().enumerate() {
        set_error(&app, code, words);
        let user = json!({"username": format!("u{number}"), "password": PASSWORD});
        let answer = app.send(Request::new("POST", "/admin/users/").token(&token).json(&user));
        assert_eq!(answer.status, status, "{code}: {answer:?}");
        let retry = (status == 503).then_some("1");
        assert_eq!(answer.header("Retry-After").as_deref(), retry, "{code}: {answer:?}");
    }
}

#[test]
fn an_introspection_that_fails_temporarily_gets_503_in_every_language() {
    let app = App::with(Kind::Postgres, &[("JETON_CACHE_BYTES", "0")]);
    let token = app.admin_token();
    app.database.sql(&format!(
        "{RAISE} alter table tokens rename to kept; create view tokens as select * from kept where raise_it()"
    ));
    for (code, words, status) in CODES {
        set_error(&app, code, words);
        let answer = app.send(introspection(&token));
        assert_eq!(answer.status, status, "{code}: {answer:?}");
    }
    set_error(&app, "", "");
    assert_eq!(app.introspect(&token)["active"], true);
}

/// An ordinary role may not set the language of messages. If jeton tried, PostgreSQL would log an error at each
/// connection.
#[test]
fn connections_of_an_ordinary_role_leave_no_errors_in_the_servers_log() {
    let cluster = private();
    let database = TestDatabase::of(&cluster);
    database.sql("create role ordinary login; grant create, usage on schema public to ordinary");
    let TestDatabase { url, postgres, .. } = database;
    let url = url.replace("jeton@", "ordinary@");
    let database = Arc::new(TestDatabase { url, folder: None, postgres });
    let app = App::on(database, Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456)), &[]);
    app.create_user("alice", PASSWORD, &json!({}));
    assert_eq!(app.introspect(&app.admin_token())["active"], true);
    let words = cluster.log_text();
    assert!(!words.contains("ERROR"), "{words}");
}

#[test]
fn a_database_that_cannot_hold_every_character_is_refused() {
    let cluster = private();
    let database_with = |encoding: &str| {
        let name = encoding.to_lowercase();
        cluster.sql(&format!(
            "create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C' template template0"
        ));
        TestDatabase { url: format!("postgres://jeton@{}/{name}", cluster.host()), folder: None, postgres: None }
    };
    let latin = jeton(&database_with("LATIN1"));
    for words in [refused(&latin, &["migrate"]), refuses_to_start(&latin)] {
        assert!(words.contains("the database has the encoding LATIN1"), "{words}");
        assert!(words.contains("encoding 'UTF8'"), "{words}");
    }
    let url = format!("postgres://jeton@{}/postgres", cluster.host());
    done(&jeton(&TestDatabase { url, folder: None, postgres: None }), &["migrate"]);
}

#[test]
fn a_database_without_an_encoding_gets_a_warning_and_stores_every_name() {
    let cluster = private();
    cluster.sql("create database bytes encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0");
    let url = format!("postgres://jeton@{}/bytes", cluster.host());
    let database = Arc::new(TestDatabase { url, folder: None, postgres: None });
    let migrated = jeton(&database).run(&["migrate"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    assert_eq!(migrated.stderr.matches("has the encoding SQL_ASCII").count(), 1, "{migrated:?}");
    let app = App::on(database, Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456)), &[]);
    let name = "п".repeat(150);
    app.create_user(&name, PASSWORD, &json!({ "first_name": "Петрович" }));
    assert_eq!(app.introspect(&app.admin_token())["active"], true);
    let listed =
        app.send(Request::new("GET", "/admin/users/?search=%D0%9F%D0%B5%D1%82%D1%80").token(&app.admin_token()));
    assert_eq!(listed.json()["results"][0]["username"], name.as_str(), "{listed:?}");
}
