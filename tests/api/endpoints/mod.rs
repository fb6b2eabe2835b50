//! Checks every endpoint of the list, over HTTP: whom it refuses, and which methods its path has.

mod called;
mod documented;

use std::collections::BTreeMap;

use jeton::http::{Access, Endpoint, endpoints};
use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::calls::{ALICE, SAM};
use crate::support::http::Request;

/// A kind of caller.
#[derive(Clone, Copy, Debug)]
enum Who {
    Nobody,
    Client,
    /// A caller with a superuser's named token, without the scope `jeton:admin`.
    Named,
    User,
    Staff,
    Superuser,
}

const EVERYBODY: [Who; 6] = [Who::Nobody, Who::Client, Who::Named, Who::User, Who::Staff, Who::Superuser];

/// The status with which an endpoint should refuse this caller, if it should.
fn refusal(access: Access, who: Who) -> Option<u16> {
    let may_call = match access {
        Access::Anyone | Access::Revoker => true,
        Access::Introspector => matches!(who, Who::Client | Who::Staff | Who::Superuser),
        Access::SignedIn => panic!("it is for pages"),
        Access::TokenHolder | Access::Gateway => !matches!(who, Who::Nobody | Who::Client),
        Access::LoginHolder => matches!(who, Who::User | Who::Staff | Who::Superuser),
        Access::Staff => matches!(who, Who::Staff | Who::Superuser),
        Access::Superuser => matches!(who, Who::Superuser),
    };
    let status = if matches!(who, Who::Nobody | Who::Client) { 401 } else { 403 };
    (!may_call).then_some(status)
}

/// A path of the endpoint, with values for the names in it.
fn path_with<'a>(endpoint: &'a Endpoint, value: impl Fn(&'a str) -> &'a str) -> String {
    let parts = endpoint.path().split(['{', '}']).enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part } else { value(part) }).collect()
}

/// The same, with names and ids that do not exist.
fn path_of(endpoint: &Endpoint) -> String {
    path_with(endpoint, |_| "0")
}

fn methods() -> BTreeMap<String, Vec<Endpoint>> {
    let mut paths = BTreeMap::<_, Vec<_>>::new();
    for endpoint in endpoints() {
        paths.entry(path_of(&endpoint)).or_default().push(endpoint);
    }
    paths
}

on_both! {
    fn each_endpoint_refuses_exactly_the_callers_that_it_declares(db) {
        let app = App::with(db, &[("JETON_TOKEN_MODE", "multiple")]);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        let mut refused = 0;
        for endpoint in endpoints() {
            for who in EVERYBODY {
                let request = Request::new(endpoint.method().as_str(), &path_of(&endpoint));
                // Some endpoints revoke the token of the request.
                let request = match who {
                    Who::Nobody => request,
                    Who::Client => request.basic(CLIENT.0, CLIENT.1),
                    Who::Named => {
                        let made = app.post("/admin/users/admin/tokens/", &app.admin_token(), &json!({"name": "n"}));
                        request.token(made.json()["token"].as_str().unwrap())
                    }
                    Who::User => request.token(&app.login(ALICE.0, ALICE.1)),
                    Who::Staff => request.token(&app.login(SAM.0, SAM.1)),
                    Who::Superuser => request.token(&app.login(ADMIN.0, ADMIN.1)),
                };
                let answer = app.send(request);
                let about = format!("{} {} by {who:?}", endpoint.method(), endpoint.path());
                match refusal(endpoint.access(), who) {
                    Some(status) => assert_eq!(answer.status, status, "{about}: {}", answer.text()),
                    None => assert!(![401, 403].contains(&answer.status), "{about}: {}", answer.text()),
                }
                assert_eq!(answer.status == 401, answer.header("WWW-Authenticate").is_some(), "{about}");
                refused += usize::from(refusal(endpoint.access(), who).is_some());
            }
        }
        assert!(refused > 80, "{refused}");
    }
}

#[test]
fn admin_routes_need_staff_and_client_routes_need_a_superuser() {
    for endpoint in endpoints() {
        let path = endpoint.path();
        let is_admin = matches!(endpoint.access(), Access::Staff | Access::Superuser);
        assert_eq!(is_admin, path.starts_with("/admin/"), "{path}");
        assert_eq!(endpoint.access() == Access::Superuser, path.starts_with("/admin/clients/"), "{path}");
    }
}

on_both! {
    fn each_path_allows_exactly_its_methods_and_lists_them_in_allow(db) {
        let app = App::start(db);
        for (path, endpoints) in methods() {
            // A gateway sends the method of its client's request, so every method is allowed, and no `Allow` lists them.
            let is_any = endpoints[0].access() == Access::Gateway;
            let mut allowed: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method().as_str()).collect();
            let is_page = allowed == ["GET"] && endpoints[0].access() == Access::Anyone;
            allowed.extend(allowed.contains(&"GET").then_some("HEAD"));
            allowed.extend((!is_page).then_some("OPTIONS"));
            let path = path.trim_end_matches('/');
            for path in [path.to_owned(), format!("{path}/")] {
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
                    let answer = app.send(Request::new(method, &path));
                    let is_allowed = is_any || allowed.contains(&method) || method == "OPTIONS";
                    assert_eq!(answer.status == 405, !is_allowed, "{method} {path}: {}", answer.status);
                    // A 404 has no `Allow`.
                    if answer.status != 404 {
                        let listed = (!is_any).then(|| allowed.join(", "));
                        assert_eq!(answer.header("Allow"), listed, "{method} {path}");
                    }
                    if method == "HEAD" {
                        assert_eq!(answer.body, b"", "{path}");
                    } else if answer.status == 405 {
                        let sentence = format!("Method \"{method}\" not allowed.");
                        assert_eq!(answer.json(), json!({"detail": sentence}), "{path}");
                    }
                }
            }
        }
    }
}
