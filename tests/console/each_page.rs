//! Checks every page of the console's list: whom it refuses, which methods it has, how large a form may be.

use jeton::http::{Access, console_pages};
use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::{Visit, assert_allowed, path_of, too_large};
use crate::support::http::Answer;

const ROOT: &str = "/console";

/// A kind of visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// An ordinary user, with a session from the time when they were staff.
    User,
    Staff,
    Superuser,
}

fn may_visit(access: Access, who: Who) -> bool {
    match access {
        Access::Anyone => true,
        Access::Staff => matches!(who, Who::Staff | Who::Superuser),
        Access::Superuser => who == Who::Superuser,
        other => panic!("{other:?} is not for pages"),
    }
}

/// A visit that has loaded a page, and so has a form token.
fn visit(app: &App, who: Who) -> Visit<'_> {
    let mut visit = match who {
        Who::Nobody => Visit::new(app),
        Who::Staff => Visit::by(app, STAFF),
        Who::Superuser => Visit::by(app, ADMIN),
        Who::User => {
            app.database.sql("update users set is_staff = true where username = 'was_staff'");
            Visit::by(app, ("was_staff", ALICE.1))
        }
    };
    visit.get(if who == Who::Nobody { "/console/sign-in" } else { "/console/users" });
    if who == Who::User {
        app.database.sql("update users set is_staff = false where username = 'was_staff'");
    }
    visit
}

/// Whether the answer is 403 or redirects to the sign-in page. Signing out redirects there too, but removes the cookie.
fn is_refused(answer: &Answer) -> bool {
    let to_sign_in = answer.header("Location").is_some_and(|location| location.starts_with("/console/sign-in"));
    answer.status == 403 || to_sign_in && answer.header("Set-Cookie").is_none()
}

on_both! {
    fn each_page_refuses_exactly_the_visitors_that_it_declares(db) {
        let app = with_people(App::start(db));
        app.create_user("was_staff", ALICE.1, &json!({}));
        let mut refused = 0;
        for page in console_pages() {
            // A page for everybody does not depend on the visitor.
            let all = [Who::Nobody, Who::User, Who::Staff, Who::Superuser];
            for who in &all[..if page.access() == Access::Anyone { 1 } else { 4 }] {
                let answer = visit(&app, *who).visit(ROOT, &page);
                let about = format!("{} {} by {who:?}: {answer:?}", page.method(), page.path());
                assert_eq!(is_refused(&answer), !may_visit(page.access(), *who), "{about}");
                assert!(![405, 409, 500].contains(&answer.status), "{about}");
                refused += usize::from(is_refused(&answer));
            }
        }
        assert!(refused > 45, "{refused}");
    }

    fn each_form_has_a_size_limit_and_is_read_only_if_the_visitor_may_send_it(db) {
        let app = with_people(App::start(db));
        let mut forms = 0;
        for page in console_pages().into_iter().filter(|page| page.method() == "POST") {
            for who in [Who::Nobody, Who::Staff, Who::Superuser] {
                let answer = visit(&app, who).send(too_large(&path_of(ROOT, &page)));
                let about = format!("{} by {who:?}: {answer:?}", page.path());
                assert_eq!(answer.status == 413, may_visit(page.access(), who), "{about}");
                assert_eq!(is_refused(&answer), !may_visit(page.access(), who), "{about}");
            }
            forms += 1;
        }
        assert!(forms > 10, "{forms}");
    }

    fn each_path_lists_its_methods_in_allow(db) {
        let app = App::start(db);
        assert_allowed(&app, ROOT, &console_pages());
    }
}

#[test]
fn only_superusers_see_clients_and_rename_groups_and_only_the_sign_in_is_for_everybody() {
    for page in console_pages() {
        let access = match page.path() {
            "/sign-in" | "/assets/{name}" => Access::Anyone,
            "/groups/@{name}" if page.method() == "POST" => Access::Superuser,
            "/groups/@{name}/delete" => Access::Superuser,
            path if path.starts_with("/clients") => Access::Superuser,
            _ => Access::Staff,
        };
        assert_eq!(page.access(), access, "{}", page.path());
    }
}
