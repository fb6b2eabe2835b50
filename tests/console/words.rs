//! Values of fields are shown as text and never as markup, and buttons have the words that the documentation uses.

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::console::Visit;
use crate::support::http::encode;

const SCRIPT: &str = "<script>alert(1)</script>";
const ATTRIBUTE: &str = "\" onfocus=\"alert(1)\" x='";

#[track_caller]
fn assert_harmless(page: &str, shown: bool) {
    assert!(!page.contains("<script>") && !page.contains("\" onfocus=\"alert"), "{page}");
    assert!(!shown || page.contains("&#60;script&#62;") || page.contains("&#34; onfocus=&#34;"), "{page}");
}

on_both! {
    fn markup_in_fields_is_text(db) {
        let app = with_people(App::start(db));
        for (username, group) in [("mal", SCRIPT), ("lory", ATTRIBUTE)] {
            app.create_user(username, ALICE.1, &json!({"first_name": group, "last_name": SCRIPT, "groups": [group]}));
        }
        // An import may store such a name.
        let odd = format!("{SCRIPT}/../{}", ATTRIBUTE.replace('\'', ""));
        app.sql(&format!("update users set username = '{odd}' where username = 'lory'"));
        app.try_login(SCRIPT, "x");
        let mut visit = Visit::by(&app, ADMIN).with("User-Agent", SCRIPT);
        assert_harmless(&visit.page("/console/users"), true);
        assert_harmless(&visit.page("/console/audit"), true);
        assert_harmless(&visit.page(&format!("/console/users?search={}", encode(ATTRIBUTE))), true);
        assert_harmless(&visit.page(&format!("/console/audit?actor={}", encode(SCRIPT))), true);
        assert_harmless(&visit.page(&format!("/console/audit?target={}", encode(ATTRIBUTE))), true);
        let answer = visit.get(&format!("/console/audit?since={}", encode(ATTRIBUTE)));
        assert_eq!(answer.status, 400);
        assert_harmless(&answer.text(), true);
        assert_harmless(&visit.page("/console/users/@mal"), true);
        assert_harmless(&visit.page("/console/users/@mal/account"), true);
        assert_harmless(&visit.page("/console/users/@mal/activity"), true);
        assert_harmless(&visit.page("/console/groups"), true);
        assert_harmless(&visit.page(&format!("/console/groups/@{}", encode(ATTRIBUTE).replace('+', "%20"))), true);
        let ids = app.database.sql("select id from users where username = 'mal'");
        assert_harmless(&visit.page(&format!("/console/users/bulk?do=group&user={}", ids.trim())), true);
        let link = format!("/console/users/@{}", encode(&odd).replace('+', "%20"));
        assert_harmless(&visit.page(&link), true);
        assert_harmless(&visit.page(&format!("{link}/delete")), true);
        let page = visit.post(&format!("{link}/tokens"), &[("name", SCRIPT), ("scope", ATTRIBUTE)]);
        assert_eq!(page.status, 400);
        assert_harmless(&page.text(), true);
        let page = visit.post(&format!("{link}/tokens"), &[("name", SCRIPT)]);
        assert_eq!(page.status, 200);
        assert_harmless(&page.text(), true);
        assert_harmless(&visit.page(&link), true);
        assert_harmless(&visit.done(&format!("{link}/delete"), &[]), true);
        let page = visit.post("/console/users/new", &[("username", ATTRIBUTE), ("new_group", SCRIPT), ("email", SCRIPT)]);
        assert_eq!(page.status, 400);
        assert_harmless(&page.text(), true);
        let page = visit.post("/console/clients/new", &[("client_id", "a:\"<script>")]);
        assert_eq!(page.status, 400);
        assert_harmless(&page.text(), false);
        let page = visit.post("/console/clients/new", &[("client_id", "\"<script>")]);
        assert_eq!(page.status, 200);
        assert_harmless(&page.text(), false);
        assert_harmless(&visit.page("/console/clients"), true);
        assert_harmless(&visit.get(&format!("/console/{}", encode(SCRIPT))).text(), false);
        let mut stranger = Visit::new(&app);
        assert_harmless(&stranger.page(&format!("/console/sign-in?next={}", encode(ATTRIBUTE))), false);
        assert_harmless(&stranger.sign_in(ATTRIBUTE, SCRIPT).text(), true);
    }

    fn a_name_that_changes_the_direction_of_writing_is_written_out(db) {
        let app = with_people(App::start(db));
        // An import may store such names.
        let (name, link) = ("live\u{202e}", "/console/users/@live%E2%80%AE");
        app.sql(&format!("update users set username = '{name}' where username = 'alice'"));
        app.sql(&format!("insert into groups (id, name) values (901, '{name}')"));
        app.sql(&format!("insert into user_groups (user_id, group_id) select id, 901 from users where username = '{name}'"));
        let id = app.database.sql(&format!("select id from users where username = '{name}'"));
        let mut visit = Visit::by(&app, ADMIN);
        let is_clear = |page: &str| {
            let has_raw_text = page.split('<').any(|part| part.split_once('>').is_some_and(|(tag, text)| {
                text.contains('\u{202e}') && !tag.starts_with("option")
            }));
            !has_raw_text && page.contains("live\\u{202e}")
        };
        for path in [
            "/console/users", "/console/groups", "/console/groups/@live%E2%80%AE", link, &format!("{link}/account"),
            &format!("{link}/delete"), &format!("/console/users/bulk?do=deactivate&user={}", id.trim()),
        ] {
            let page = visit.page(path);
            assert!(is_clear(&page), "{path}: {page}");
        }
        let page = visit.done(&format!("{link}/active"), &[("is_active", "false")]);
        assert!(is_clear(&page) && page.contains(">live\\u{202e} is deactivated: they cannot"), "{page}");
        // Their form still has the name itself, and saves nothing else.
        let page = visit.page(&format!("{link}/account"));
        assert!(page.contains(&format!("value=\"{name}\"")), "{page}");
        let before = app.list("/admin/audit/?action=user.update").len();
        visit.done(link, &[("username", name), ("email", ""), ("first_name", ""), ("last_name", ""), ("groups", name)]);
        assert_eq!(app.list("/admin/audit/?action=user.update").len(), before);
    }

    fn users_whose_names_look_like_paths_have_pages(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        for name in ["..", ".", "new", "@", "a+b", "ü.ö"] {
            app.create_user(name, ALICE.1, &json!({}));
            let list = visit.page("/console/users");
            let (before, _) = list.split_once(&format!("\">{name}</a>")).unwrap_or_else(|| panic!("{name} in {list}"));
            let link = before.rsplit('"').next().unwrap();
            assert!(visit.page(link).contains(&format!("<h1 dir=\"auto\">{name}</h1>")), "{name}: {link}");
            visit.page("/console/users/new");
            assert!(visit.done(&format!("{link}/delete"), &[]).contains(&format!("{name} was deleted.")));
        }
    }

    fn pages_have_the_documented_words_on_buttons_and_links(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::new(&app);
        let page = visit.page("/console/sign-in");
        for word in [">Username</label>", ">Password</label>", "<button>Sign in</button>"] {
            assert!(page.contains(word), "{word}");
        }
        visit.sign_in(ADMIN.0, ADMIN.1);
        let has = |page: &str, words: &[&str]| {
            for word in words {
                assert!(page.contains(&format!(">{word}</button>")) || page.contains(&format!(">{word}</a>")), "{word} in {page}");
            }
        };
        has(&visit.page("/console/"), &["Overview", "Users", "Clients", "Audit", "Sign out"]);
        has(&visit.page("/console/users"), &["New user", "alice"]);
        has(&visit.page("/console/users/new"), &["Save"]);
        let user = visit.page("/console/users/@alice");
        has(&user, &["Deactivate", "Delete", "Set password", "Regenerate", "Revoke", "Tokens", "Activity", "Account"]);
        has(&visit.page("/console/users/@alice/account"), &["Save", "Deactivate", "Delete", "Set password", "Password link"]);
        has(&visit.done("/console/users/@alice/active", &[("is_active", "false")]), &["Activate"]);
        has(&visit.page("/console/users/@alice/delete"), &["Delete", "Cancel"]);
        has(&visit.page("/console/clients"), &["New client", "Rotate", "Delete"]);
        assert!(visit.page("/console/clients").contains(CLIENT.0));
    }
}
