//! A reload of the answer to a form sends the form again. So a form that creates something is accepted once, on all
//! nodes.

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::calls::PASSWORD;
use crate::support::console::{Visit, secret};
use crate::support::http::Request;

type Fields = &'static [(&'static str, &'static str)];

/// Every form that would create something each time it is sent: the page that has it, its path and its fields.
const FORMS: [(&str, &str, Fields); 7] = [
    ("/console/users/new", "/console/users/new", &[("username", "new")]),
    ("/console/users/@alice", "/console/users/@alice/password", &[("password", "another lantern in a fog")]),
    ("/console/users/@alice", "/console/users/@alice/password-link", &[("expires_in", "1h")]),
    ("/console/users/@alice", "/console/users/@alice/regenerate", &[]),
    ("/console/users/@alice", "/console/users/@alice/tokens", &[("name", "n")]),
    ("/console/clients/new", "/console/clients/new", &[("client_id", "c")]),
    ("/console/clients/@demo/rotate", "/console/clients/@demo/rotate", &[("grace", "1h")]),
];

/// Everything that these forms could change, except uses and sessions.
fn state(app: &App) -> String {
    app.sql(
        "select (select count(*) from audit_log), (select count(*) from users), (select count(*) from clients), \
         (select count(*) from tokens), (select max(password) from users where username = 'alice'), \
         (select max(rotated_at) from clients), (select count(*) from tokens where revoked_at is null)",
    )
}

on_both! {
    fn a_form_is_accepted_once_on_all_nodes(db) {
        let app = with_people(App::start(db));
        let other = app.node(&[]);
        app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        for (page, path, fields) in FORMS {
            visit.page(page);
            let token = visit.form_token.clone();
            let pairs: Vec<_> = [("form_token", token.as_str())].iter().chain(fields).copied().collect();
            let request = || Request::new("POST", path).form(&pairs);
            let answer = visit.send(request());
            assert!([200, 303].contains(&answer.status), "{path}: {answer:?}");
            let shown = (answer.status == 200).then(|| secret(&answer.text()));
            let after = state(&app);
            let cookies: Vec<_> = visit.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let again = [
                visit.send(request()),
                visit.send(Request::new("POST", &format!("{path}/")).form(&pairs)),
                other.send(request().header("Cookie", cookies.join("; "))),
            ];
            for answer in again {
                assert_eq!(answer.status, 409, "{path}: {answer:?}");
                assert!(answer.text().contains("This form was sent already"), "{path}: {answer:?}");
                assert!(shown.as_ref().is_none_or(|shown| !answer.text().contains(shown)), "{path}");
            }
            assert_eq!(state(&app), after, "{path}");
        }
        visit.done("/console/sign-out", &[]);
        assert_eq!(app.sql("select count(*) from console_forms"), "0", "used forms are deleted with their session");
    }

    fn of_equal_forms_at_the_same_moment_one_is_accepted(db) {
        let app = with_people(App::start(db));
        let other = app.node(&[]);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let cookies: Vec<_> = visit.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let send = |node: &App| {
            let form = [("form_token", visit.form_token.as_str()), ("name", "n")];
            let request = Request::new("POST", "/console/users/@alice/tokens").form(&form);
            node.send(request.header("Cookie", cookies.join("; "))).status
        };
        let mut statuses = std::thread::scope(|scope| {
            let threads: Vec<_> = [&app, &other, &app, &other].map(|node| scope.spawn(|| send(node))).into();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409]);
        assert_eq!(app.tokens_of("alice").len(), 1);
    }

    fn a_form_that_was_refused_may_be_sent_again(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        for (page, path, bad, good) in [
            ("/console/clients/new", "/console/clients/new", ("client_id", "a:b"), ("client_id", "ab")),
            ("/console/users/new", "/console/users/new", ("username", "a b"), ("username", "ab")),
            ("/console/users/@alice", "/console/users/@alice/tokens", ("name", ""), ("name", "n")),
            ("/console/users/@alice", "/console/users/@alice/password", ("password", "short"), ("password", PASSWORD)),
        ] {
            visit.page(page);
            let token = visit.form_token.clone();
            let send = |visit: &mut Visit, field| visit.send(Request::new("POST", path).form(&[("form_token", token.as_str()), field]));
            assert_eq!(send(&mut visit, bad).status, 400, "{path}");
            assert!([200, 303].contains(&send(&mut visit, good).status), "{path}");
            assert_eq!(send(&mut visit, good).status, 409, "{path}");
        }
    }

    fn each_form_of_a_page_is_accepted_after_other_forms_of_the_page(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let token = visit.form_token.clone();
        for (_, path, fields) in &FORMS[1..5] {
            let pairs: Vec<_> = [("form_token", token.as_str())].iter().chain(*fields).copied().collect();
            let answer = visit.send(Request::new("POST", path).form(&pairs));
            assert!([200, 303].contains(&answer.status), "{path}: {answer:?}");
        }
    }
}
