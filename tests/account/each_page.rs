//! Checks every page of the list: whom it refuses, which methods it has, how large a form may be.

use jeton::http::{Access, account_pages};
use serde_json::json;

use super::{ALICE, STAFF, leads_to_sign_in, with_people};
use crate::on_both;
use crate::support::app::App;
use crate::support::console::{Visit, assert_allowed, path_of, too_large};

const ROOT: &str = "/account";

on_both! {
    fn each_page_refuses_exactly_the_visitors_that_it_declares(db) {
        let app = with_people(App::start(db));
        app.create_user("was_active", ALICE.1, &json!({}));
        for page in account_pages() {
            let mut inactive = Visit::at_account(&app, ("was_active", ALICE.1));
            inactive.get("/account/");
            app.database.sql("update users set is_active = false where username = 'was_active'");
            for (who, visit, may) in [
                ("nobody", &mut Visit::new(&app), false),
                ("a staff member of the console", &mut Visit::by(&app, STAFF), false),
                ("a user who was deactivated", &mut inactive, false),
                ("a user", &mut Visit::at_account(&app, ALICE), true),
            ] {
                if may {
                    visit.get("/account/");
                }
                let answer = visit.visit(ROOT, &page);
                let about = format!("{} {} by {who}: {answer:?}", page.method(), page.path());
                // Signing out leads there too, but forgets the cookie.
                let is_refused = leads_to_sign_in(&answer) && answer.header("Set-Cookie").is_none();
                match page.access() {
                    Access::SignedIn => assert_eq!(is_refused, !may, "{about}"),
                    Access::Anyone => assert!(!is_refused, "{about}"),
                    other => panic!("{other:?} is not for these pages"),
                }
                assert!(![405, 409, 500].contains(&answer.status), "{about}");
            }
            app.database.sql("update users set is_active = true where username = 'was_active'");
        }
    }

    fn each_form_has_a_size_limit_and_is_read_only_if_the_visitor_may_send_it(db) {
        let app = with_people(App::start(db));
        let mut forms = 0;
        for page in account_pages().into_iter().filter(|page| page.method() == "POST") {
            let path = path_of(ROOT, &page);
            let large = Visit::at_account(&app, ALICE).send(too_large(&path));
            // A link is looked at before its form.
            let expected = if page.path() == "/password/{key}" { 404 } else { 413 };
            assert_eq!(large.status, expected, "{}: {large:?}", page.path());
            let stranger = Visit::new(&app).send(too_large(&path));
            assert_eq!(leads_to_sign_in(&stranger), page.access() == Access::SignedIn, "{}: {stranger:?}", page.path());
            forms += 1;
        }
        assert_eq!(forms, 7);
    }

    fn each_path_lists_its_methods_in_allow(db) {
        let app = App::start(db);
        assert_allowed(&app, ROOT, &account_pages());
    }
}
