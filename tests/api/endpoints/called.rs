//! Calls every endpoint of the list with a valid request: its answer, `no-store`, the limit of its body, its line in the
//! log, and whether pages of other origins may call it.

use jeton::http::{Access, Endpoint, document, endpoints};
use serde_json::{Value, json};

use super::path_with;
use crate::on_both;
use crate::serve::bare;
use crate::support::app::{ADMIN, App, CLIENT, Kind, SECRET_KEY, TestDatabase};
use crate::support::calls::ALICE;
use crate::support::http::Request;

/// Values for the parameters in paths, and keys of callers.
struct Given {
    username: String,
    key: String,
    admin: String,
    token_id: String,
    client_id: String,
}

impl Given {
    /// A user, a token and a client of this endpoint alone, because some endpoints delete them.
    fn to_call(app: &App, endpoint: &Endpoint) -> Self {
        let name = format!("for_{}", endpoint.id());
        app.create_user(&name, ALICE.1, &json!({}));
        let key = app.login(&name, ALICE.1);
        let admin = app.admin_token();
        app.post("/admin/clients/", &admin, &json!({"client_id": name}));
        let token_id = app.tokens_of(&name)[0]["id"].to_string();
        Self { client_id: name.clone(), username: name, key, admin, token_id }
    }

    fn path(&self, endpoint: &Endpoint) -> String {
        path_with(endpoint, |name| match name {
            "username" => &self.username,
            "id" => &self.token_id,
            "client_id" => &self.client_id,
            "file" => "start.js",
            "path:.*" => "auth",
            other => panic!("{} names {other}", endpoint.path()),
        })
    }

    /// A request with the credentials of a caller who may call the endpoint.
    fn request(&self, endpoint: &Endpoint) -> Request {
        let request = Request::new(endpoint.method().as_str(), &self.path(endpoint));
        match endpoint.access() {
            Access::Anyone => request,
            Access::SignedIn => panic!("it is for pages"),
            Access::TokenHolder | Access::LoginHolder | Access::Gateway => request.token(&self.key),
            Access::Introspector => request.basic(CLIENT.0, CLIENT.1),
            Access::Revoker | Access::Staff | Access::Superuser => request.token(&self.admin),
        }
    }

    /// The body of a valid request, if the endpoint needs one.
    fn body(&self, endpoint: &Endpoint) -> Option<Value> {
        let new = "a tall ship and a star";
        Some(match endpoint.id() {
            "login" => json!({"username": self.username, "password": ALICE.1}),
            "introspect" | "revoke" | "explain" => json!({"token": self.key}),
            "introspect_batch" => json!({"tokens": [self.key]}),
            "update_me" | "update_user" => json!({"first_name": "Anna"}),
            "change_own_password" => json!({"old_password": ALICE.1, "new_password": new}),
            "create_own_token" => json!({"name": "n", "password": ALICE.1}),
            "create_token" => json!({"name": "n"}),
            "update_token" => json!({"expires_in": "90d"}),
            "create_user" => json!({"username": format!("{}_new", self.username), "password": new}),
            "set_password" => json!({"password": new}),
            "create_password_link" => json!({"expires_in": "2d"}),
            "create_client" => json!({"client_id": format!("{}_new", self.client_id)}),
            "update_client" => json!({"note": "Invoices"}),
            _ => return None,
        })
    }
}

fn start(db: Kind, settings: &[(&str, &str)]) -> App {
    App::with(db, &[settings, &[("JETON_ISSUER", "https://tokens.example.com/auth")]].concat())
}

/// The operation in the document. `None` for an endpoint that belongs to another one.
fn operation(document: &Value, endpoint: &Endpoint) -> Option<Value> {
    let method = endpoint.method().as_str().to_lowercase();
    document["paths"][endpoint.path()].get(method).cloned()
}

on_both! {
    fn each_endpoint_answers_a_valid_request_as_documented(db) {
        let app = start(db, &[]);
        let document = document();
        for endpoint in endpoints() {
            let given = Given::to_call(&app, &endpoint);
            let request = given.request(&endpoint);
            let request = match given.body(&endpoint) {
                Some(body) => request.json(&body),
                None => request,
            };
            let answer = app.send(request);
            let about = format!("{} {}: {answer:?}", endpoint.method(), endpoint.path());
            assert!((200..300).contains(&answer.status), "{about}");
            let no_store = answer.header("Cache-Control").as_deref() == Some("no-store");
            assert_eq!(no_store, endpoint.is_secret(answer.status), "{about}");
            let Some(operation) = operation(&document, &endpoint) else { continue };
            let documented = &operation["responses"][answer.status.to_string()];
            assert!(documented.is_object(), "{about}");
            for name in documented["headers"].as_object().unwrap().keys() {
                // Without `JETON_ISSUER` the metadata have `no-store`.
                let is_there = answer.header(name).is_some() || endpoint.id() == "metadata" && name == "Cache-Control";
                assert!(is_there, "{name}: {about}");
            }
            let has_content = documented.get("content").is_some();
            assert_eq!(!answer.body.is_empty(), has_content && endpoint.method() != "HEAD", "{about}");
        }
    }

    fn each_endpoint_refuses_a_body_above_its_limit(db) {
        let app = start(db, &[]);
        let document = document();
        // At once, because a server that does not read a body keeps the connection open for a moment.
        std::thread::scope(|scope| {
            for endpoint in endpoints() {
                let (app, limit) = (&app, endpoint.body_limit());
                let request = Given::to_call(app, &endpoint).request(&endpoint);
                let called = format!("{} {}", endpoint.method(), endpoint.path());
                scope.spawn(move || {
                    // The larger body first: it is refused before the request has an effect.
                    for size in [limit.unwrap_or(64 * 1024) + 1, limit.unwrap_or(64 * 1024)] {
                        let answer = app.send(request.clone().body("application/json", " ".repeat(size)));
                        let is_too_large = limit.is_some_and(|limit| size > limit);
                        let about = format!("{called} with {size} bytes: {answer:?}");
                        assert_eq!(answer.status == 413, is_too_large, "{about}");
                    }
                });
            }
        });
        let mut limited = 0;
        for endpoint in endpoints() {
            let limit = endpoint.body_limit();
            limited += usize::from(limit.is_some());
            let Some(operation) = operation(&document, &endpoint) else { continue };
            let described = operation["responses"]["413"]["description"].as_str();
            let expected = limit.map(|limit| format!("The body is larger than {} KiB.", limit / 1024));
            assert_eq!(described, expected.as_deref(), "{}", endpoint.path());
            assert!(limit.is_some() || operation.get("requestBody").is_none(), "{}", endpoint.path());
        }
        assert!(limited > 15, "{limited}");
    }

    fn each_endpoint_allows_cross_origin_requests_as_declared(db) {
        let app = start(db, &[("JETON_CORS_ORIGINS", "https://app.example.com")]);
        for endpoint in endpoints() {
            let answer = app.send(
                Request::new("OPTIONS", &path_with(&endpoint, |_| "0"))
                    .header("Origin", "https://app.example.com")
                    .header("Access-Control-Request-Method", endpoint.method().as_str()),
            );
            let allowed = answer.header("Access-Control-Allow-Origin").is_some();
            assert_eq!(allowed, endpoint.is_cross_origin(), "{} {}", endpoint.method(), endpoint.path());
            let is_for_users = matches!(
                endpoint.access(),
                Access::TokenHolder | Access::LoginHolder | Access::Introspector | Access::Revoker
            );
            assert_eq!(allowed, is_for_users || endpoint.id() == "login", "{}", endpoint.path());
        }
    }

    fn each_endpoint_has_a_log_line_unless_it_is_frequent(db) {
        let database = TestDatabase::migrated(db);
        let server = bare().env("DATABASE_URL", &database.url).env("JETON_SECRET_KEY", SECRET_KEY).env("JETON_LOG", "info").serve();
        for endpoint in endpoints() {
            let request = Request::new(endpoint.method().as_str(), &path_with(&endpoint, |_| "0"));
            request.header("X-Request-Id", format!("{}.id", endpoint.id())).send(server.addr);
        }
        server.signal("TERM");
        server.wait(crate::serve::LIMIT);
        let log = server.stderr();
        for endpoint in endpoints() {
            let has_line = log.contains(&format!(" request_id={}.id", endpoint.id()));
            assert_eq!(has_line, !endpoint.is_frequent(), "{}: {log}", endpoint.id());
        }
        // The routes that services, gateways and probes call all the time.
        let frequent = endpoints().into_iter().filter(Endpoint::is_frequent).map(|endpoint| endpoint.path());
        let mut frequent: Vec<_> = frequent.collect();
        frequent.dedup();
        assert_eq!(frequent, ["/introspect", "/introspect/batch", "/changes", "/auth/verify", "/healthz", "/readyz", "/metrics"]);
    }

    /// The service has these sentences, and the document has them again, as examples.
    fn refusals_equal_the_examples_in_the_document(db) {
        let app = start(db, &[]);
        let document = document();
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        let (admin, key) = (app.admin_token(), app.login(ALICE.0, ALICE.1));
        let new = "a tall ship and a star";
        for (method, path, target, key, body) in [
            ("post", "/admin/users/", "", &admin, json!({"username": ALICE.0, "password": new})),
            ("post", "/admin/clients/", "", &admin, json!({"client_id": CLIENT.0})),
            ("post", "/admin/users/{username}/password", "/admin/users/alice/password", &admin, json!({"password": "password"})),
            ("post", "/admin/users/{username}/password-link", "/admin/users/alice/password-link", &admin, json!({"expires_in": "8d"})),
            ("patch", "/admin/users/{username}", "/admin/users/alice", &admin, json!({"email": "x"})),
            ("patch", "/me", "", &key, json!({"first_name": "x".repeat(151)})),
            ("post", "/me/password", "", &key, json!({"old_password": "x", "new_password": new})),
            ("post", "/tokens/", "", &key, json!({"name": "n", "password": "x"})),
            ("patch", "/admin/tokens/{id}", "/admin/tokens/1", &admin, json!({})),
            ("post", "/admin/explain", "", &admin, json!({})),
            ("post", "/api-token-auth/", "", &key, json!({"username": ALICE.0, "password": "x"})),
        ] {
            let target = if target.is_empty() { path } else { target };
            let answer = app.send(Request::new(&method.to_uppercase(), target).token(key).json(&body));
            let shown = &document["paths"][path][method]["responses"]["400"]["content"]["application/json"]["example"];
            assert_eq!((answer.status, &answer.json()), (400, shown), "{method} {path}");
        }
        let last = app.send(Request::new("DELETE", &format!("/admin/users/{}", ADMIN.0)).token(&admin));
        let responses = &document["paths"]["/admin/users/{username}"]["delete"]["responses"];
        assert_eq!(last.json(), responses["409"]["content"]["application/json"]["example"]);
        assert_eq!(last.status, 409);
    }
}
