//! Where `/` leads.

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::App;
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn location(answer: &Answer) -> Option<String> {
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
    assert_eq!(answer.headers_named("Vary"), ["Accept, Cookie"]);
    answer.header("Location")
}

on_both! {
    fn browsers_are_led_to_their_account_or_to_the_console_where_they_are_signed_in(db) {
        let app = with_people(App::start(db));
        let ask = |visit: &mut Visit| location(&visit.send(Request::new("GET", "/").header("Accept", BROWSER)));
        assert_eq!(ask(&mut Visit::new(&app)).as_deref(), Some("/account/"));
        assert_eq!(ask(&mut Visit::at_account(&app, ALICE)).as_deref(), Some("/account/"));
        let mut staff = Visit::by(&app, STAFF);
        assert_eq!(ask(&mut staff).as_deref(), Some("/console/"));
        staff.page("/console/");
        staff.post("/console/sign-out", &[]);
        assert_eq!(ask(&mut staff).as_deref(), Some("/account/"));
        let forged = Request::new("GET", "/").header("Accept", BROWSER).header("Cookie", "jeton_start=https://evil.test/");
        assert_eq!(location(&app.send(forged)).as_deref(), Some("/account/"));
        let head = app.send(Request::new("HEAD", "/").header("Accept", "TEXT/HTML;q=0.5"));
        assert_eq!(location(&head).as_deref(), Some("/account/"));
    }

    fn for_other_clients_there_is_nothing_as_at_any_unknown_path(db) {
        let app = App::start(db);
        for (method, accept) in [("GET", "*/*"), ("GET", "application/json"), ("GET", ""), ("POST", BROWSER), ("GET", "text/*"), ("OPTIONS", BROWSER)] {
            let ask = |path: &str| app.send(Request::new(method, path).header("Accept", accept));
            let (here, unknown) = (ask("/"), ask("/nothing/"));
            assert_eq!((here.status, here.text()), (unknown.status, unknown.text()), "{method} {accept}");
            assert_eq!(here.status, 404, "{method} {accept}");
        }
    }
}
