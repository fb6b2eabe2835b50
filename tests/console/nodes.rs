//! The overview's list of nodes, and of those who follow this one.

use std::time::Duration;

use jeton::domain::time::Clock;
use serde_json::Value;

use crate::commands::{done, jeton, json_of};
use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind, TestDatabase};
use crate::support::console::Visit;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::session::Session;

const LIMIT: Duration = Duration::from_secs(10);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The rows of the table under this heading, as text without tags.
fn rows(page: &str, heading: &str) -> Vec<String> {
    let Some((_, rest)) = page.split_once(&format!("<h2 id=\"{heading}\">")) else { return Vec::new() };
    let (body, _) = rest.split_once("</tbody>").unwrap_or((rest, ""));
    body.split("<tr>").skip(2).map(text_of).collect()
}

fn text_of(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn nodes(app: &App) -> Vec<String> {
    rows(&Visit::by(app, ADMIN).page("/console/"), "nodes")
}

/// A session of a process that is not running here.
fn session_named(database: &TestDatabase, name: &str) -> Session {
    let mut session = Session::open(database);
    session.run(&format!("set application_name = '{name}';"));
    session
}

on_both! {
    fn this_node_is_listed_with_its_version(db) {
        let app = App::start(db);
        app.wait_until_synced();
        let listed = nodes(&app);
        assert_eq!(listed.len(), 1, "{listed:?}");
        let process = format!("process {} {VERSION} ", std::process::id());
        assert!(listed[0].contains(&process) && listed[0].ends_with(" UTC this node"), "{listed:?}");
    }

    fn who_follows_this_node_is_listed(db) {
        let app = App::start(db);
        let followers = |app: &App| rows(&Visit::by(app, ADMIN).page("/console/"), "followers");
        assert_eq!(followers(&app), [""; 0]);
        for agent in ["jeton/9.8 <x>", "jeton/0.0.9", "jeton-client/99.1"] {
            let request = Request::new("GET", "/changes").basic(CLIENT.0, CLIENT.1).header("User-Agent", agent);
            assert_eq!(app.send(request).status, 200);
        }
        assert_eq!(followers(&app), [
            "demo Python client 99.1 127.0.0.1 0 s ago follows",
            "demo edge 0.0.9 127.0.0.1 0 s ago follows older version",
            "demo jeton/9.8 &#60;x&#62; 127.0.0.1 0 s ago follows",
        ]);
        app.clock.advance(Duration::from_mins(5));
        assert!(followers(&app).iter().all(|row| row.ends_with(" 5 min ago not heard for 5 min") || row.ends_with("not heard for 5 min older version")), "{:?}", followers(&app));
        app.clock.advance(Duration::from_mins(55));
        assert_eq!(followers(&app), [""; 0]);
    }
}

#[test]
fn other_nodes_are_listed_by_their_sessions_and_older_versions_are_marked() {
    // The other node purges sessions that have ended by the real clock.
    let app = App::on(TestDatabase::migrated(Kind::Postgres).into(), Clock::System, &[]);
    app.wait_until_synced();
    assert!(!Visit::by(&app, ADMIN).page("/console/").contains("whose node is not known"));
    let other = jeton(&app.database).serve();
    let process = format!("process {} {VERSION} ", other.pid());
    eventually("the other node", LIMIT, || {
        let listed = nodes(&app);
        let shown = listed.iter().find(|row| row.contains(&process))?;
        assert!(shown.ends_with(" UTC connected"), "{listed:?}");
        assert!(!listed.iter().any(|row| row.contains("older version")), "{listed:?}");
        (listed.len() == 2).then_some(())
    });
    let old = session_named(&app.database, "jeton/0.0.9 on aaa (7)");
    let listed = nodes(&app);
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert!(
        listed[0].starts_with("aaa process 7 0.0.9 ") && listed[0].ends_with(" connected older version"),
        "{listed:?}"
    );
    drop((old, other));
    eventually("this node alone", LIMIT, || (nodes(&app).len() == 1).then_some(()));
}

#[test]
fn a_name_that_the_operator_gives_to_sessions_is_kept() {
    let mut database = TestDatabase::migrated(Kind::Postgres);
    let separator = if database.url.contains('?') { '&' } else { '?' };
    database.url = format!("{}{separator}application_name=tokens", database.url);
    let app = App::on(database.into(), Clock::System, &[]);
    app.wait_until_synced();
    let names = "select distinct application_name from pg_stat_activity \
                 where datname = current_database() and application_name in ('jeton', 'tokens') \
                 or application_name like 'jeton/%' and datname = current_database()";
    assert_eq!(app.database.sql(names), "tokens");
    let listed = nodes(&app);
    assert!(listed.len() == 1 && listed[0].ends_with(" this node"), "the node knows itself: {listed:?}");
    let report = json_of(&done(&jeton(&app.database), &["doctor", "--json"]));
    let nodes = report["nodes"].as_array().unwrap();
    assert_eq!((nodes.len(), &nodes[0]["version"]), (1, &Value::Null), "{report}");
}
