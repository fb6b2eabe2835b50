//! `/console/`, `/account/` and `/docs/` in a real Chromium: clicking, typing, and how the pages look.

mod access;
mod account;
mod clients;
mod cross_origin;
mod docs;
mod keyboard;
mod patterns;
mod search;
mod users;
mod zone;

use std::time::Duration;

use serde_json::json;

use crate::support::app::{App, Kind};
use crate::support::calls::PASSWORD;

/// A jeton that has been used for a while.
fn in_use() -> App {
    let app = App::start(Kind::Sqlite);
    let people = [
        ("ada", "Ada Lovelace", true),
        ("grace", "Grace Hopper", true),
        ("alan", "Alan Turing", false),
        ("edsger", "Edsger Dijkstra", true),
        ("barbara", "Barbara Liskov", true),
        ("donald", "Donald Knuth", true),
        ("radia", "Radia Perlman", true),
        ("frances", "Frances Allen", true),
        ("dennis", "Dennis Ritchie", false),
    ];
    for (number, (username, name, active)) in people.into_iter().enumerate() {
        let (first, last) = name.split_once(' ').unwrap();
        let groups: &[&str] = [&["billing"][..], &["billing", "reports"], &[]][number % 3];
        let (email, staff) = (format!("{username}@example.org"), username == "grace");
        let fields = json!({
            "first_name": first, "last_name": last, "email": email, "groups": groups, "is_active": active, "is_staff": staff,
        });
        app.create_user(username, PASSWORD, &fields);
    }
    // Names as long as they can be, and from right to left.
    let long = "a.very.long.name.".repeat(9)[..150].to_owned();
    app.create_user(
        &long,
        PASSWORD,
        &json!({"email": format!("{}@example.org", "x".repeat(60)), "groups": ["y".repeat(150)]}),
    );
    app.create_user("יעל", PASSWORD, &json!({"first_name": "יעל", "last_name": "כהן", "groups": ["העבודה"]}));
    app.try_login(&long, "wrong");
    let key = app.login("ada", PASSWORD);
    app.name_token(&key, &json!({"name": "nightly export", "scope": "reports:read", "expires_in": "90d"}));
    // These are the logins of a day, more in some hours than in other hours.
    for (ago, good, refused) in (0..24).map(|ago: u64| (ago, 3 + (ago * 7 + 5) % 11 * (1 + ago % 3), ago % 5 / 2)) {
        let at = app.clock.now().before(Duration::from_mins(60 * ago + 7));
        let rows = |count, action| format!("('{}', 'ada', '{action}', 'ada', '192.0.2.7'),", at.naive()).repeat(count);
        let rows =
            rows(usize::try_from(good).unwrap(), "login") + &rows(usize::try_from(refused).unwrap(), "login.failed");
        app.sql(&format!(
            "insert into audit_log (at, actor, action, target, address) values {}",
            rows.trim_end_matches(',')
        ));
    }
    app
}
