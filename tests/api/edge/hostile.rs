//! Hostile requests to every route: each gets a 4xx in the contract's form, never a 5xx, and always an answer.

mod chaos;
mod secrets;
mod wire;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::chaos::Chaos;
use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request};

/// A method and a path for every kind of route.
const ROUTES: [(&str, &str); 13] = [
    ("POST", "/api-token-auth/"),
    ("POST", "/introspect"),
    ("POST", "/introspect/batch"),
    ("POST", "/revoke"),
    ("POST", "/tokens/"),
    ("GET", "/me"),
    ("GET", "/admin/users/"),
    ("POST", "/admin/users/"),
    ("POST", "/admin/users/nobody/regenerate"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/nothing"),
    ("PUT", "/me"),
];

/// Checks that the answer is no 5xx and has one of the contract's forms.
#[track_caller]
fn assert_contract(answer: &Answer, what: &str) {
    let what = || format!("{}: {answer:?}", what.chars().take(300).collect::<String>());
    assert!((200..500).contains(&answer.status), "{}", what());
    assert_eq!(answer.headers_named("X-Request-Id").len(), 1, "{}", what());
    if answer.status == 200 && answer.header("Content-Length").as_deref() == Some("0") {
        return assert_eq!(answer.header("Content-Type"), None, "{}", what());
    }
    assert_eq!(answer.headers_named("Content-Type"), ["application/json"], "{}", what());
    if answer.body.is_empty() && answer.header("Content-Length").is_some_and(|length| length != "0") {
        return; // HEAD
    }
    if answer.status >= 400 {
        let body = answer.json();
        let members = body.as_object().unwrap_or_else(|| panic!("{}", what()));
        let texts =
            |value: &Value| value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string));
        let names: Vec<_> = members.keys().map(String::as_str).collect();
        let shape = match names[..] {
            ["detail" | "error"] | ["error", "error_description"] => members.values().all(Value::is_string),
            _ => !members.is_empty() && members.values().all(texts),
        };
        assert!(shape, "{}", what());
    }
}

/// Sends requests without credentials, as an admin and as a client, in turns.
struct Callers {
    admin: String,
    turn: usize,
}

impl Callers {
    fn of(app: &App) -> Self {
        Self { admin: app.admin_token(), turn: 0 }
    }

    fn sign(&mut self, request: Request) -> Request {
        self.turn += 1;
        match self.turn % 3 {
            0 => request,
            1 => request.token(&self.admin),
            _ => request.basic(CLIENT.0, CLIENT.1),
        }
    }
}

#[track_caller]
fn assert_alive(app: &App) {
    let answer = app.try_login("alice", PASSWORD);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(app.introspect(answer.json()["token"].as_str().unwrap())["active"], true);
}

fn start(db: crate::support::app::Kind) -> App {
    let app = App::start(db);
    app.create_user("alice", PASSWORD, &json!({}));
    app
}

fn bodies(chaos: &mut Chaos) -> Vec<Vec<u8>> {
    let nested = |open: &str, n: usize| open.repeat(n).into_bytes();
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "\0",
        "\u{feff}{}",
        "{",
        "{}",
        "[]",
        "null",
        "\"",
        "\"\\ud800\"",
        "{\"username\":\"\\ud800\\u0000\"}",
        "{\"username\":\"\\x\"}",
        "{\"token\":1e999999}",
        "{\"token\":NaN}",
        "{\"a\":1}{\"a\":2}",
        "{\"\":{\"\":{}}}",
        "username",
        "&&==&&",
        "%",
        "%00=%00",
        "token=%FF%FE&username=%C0%80",
        "username[]=a",
        "a;b;c",
        "--x\r\n\r\n--x--",
        "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\na",
        "--x--\r\n",
    ]
    .map(Into::into)
    .into();
    bodies.extend([
        nested("[", 60_000),
        nested("{\"username\":", 5000),
        nested("{\"a\":[", 10_000),
        [nested("[", 30_000), nested("]", 30_000)].concat(),
        [b"{\"username\":".to_vec(), nested("[", 30_000), nested("]", 30_000), b"}".to_vec()].concat(),
        [b"{\"password\":".to_vec(), nested("[[],", 10_000), b"1".to_vec(), nested("]", 10_000), b"}".to_vec()]
            .concat(),
        [b"{\"groups\":[".to_vec(), nested("[", 30_000), nested("]", 30_000), b"]}".to_vec()].concat(),
        [b"{\"token\":".to_vec(), nested("{\"a\":", 8000), b"1".to_vec(), nested("}", 8000), b"}".to_vec()].concat(),
        format!("{{\"username\":{}}}", "9".repeat(60_000)).into_bytes(),
        format!("{{\"token\":\"{}\"}}", "\\u00e9".repeat(10_000)).into_bytes(),
        "a=&".repeat(20_000).into_bytes(),
        "username=".repeat(7000).into_bytes(),
        "%".repeat(65_536).into_bytes(),
        vec![0; 65_536],
        vec![0xff; 65_536],
        vec![b'x'; 65_537],
        nested("[", 100_000),
        b"{\"username\":\"\xff\xfe\",\"password\":\"\xc3\"}".to_vec(),
        b"{\"token\":\"\xed\xa0\x80\"}".to_vec(),
    ]);
    for size in [1, 2, 7, 64, 1000, 60_000] {
        bodies.push(chaos.bytes(size));
        bodies.push(chaos.json_like(size));
    }
    bodies
}

on_both! {
    fn no_body_of_any_type_breaks_any_route(db) {
        let app = start(db);
        let (mut chaos, mut callers) = (Chaos::new(1), Callers::of(&app));
        let types = [
            "application/json", "application/json; charset=utf-16", "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-7", "multipart/form-data; boundary=x", "multipart/form-data",
            "*/*", "text/plain; charset=\"", ";;;=", "application/json;charset=\u{e9}",
        ];
        let bodies = bodies(&mut chaos);
        for (method, path) in ROUTES {
            for (n, body) in bodies.iter().enumerate() {
                // Each body is sent as JSON, where most can go wrong, and as another type.
                for kind in [types[0], types[1 + (n + path.len()) % (types.len() - 1)]] {
                    let request = callers.sign(Request::new(method, path)).body(kind, body.clone());
                    let answer = app.send(request);
                    assert_contract(&answer, &format!("{method} {path} {kind} {}", String::from_utf8_lossy(body)));
                    let must_refuse = ["/api-token-auth/", "/nothing"].contains(&path) || method == "PUT";
                    let inactive = path == "/introspect" && answer.body == b"{\"active\":false}";
                    assert!(answer.status >= 400 || inactive || !(must_refuse || path == "/introspect"), "{answer:?}");
                }
            }
        }
        assert_alive(&app);
        assert_eq!(app.database.sql("select count(*) from users"), "2");
    }

    fn a_body_of_more_than_64_kib_is_too_large_on_every_route_that_takes_one(db) {
        let app = start(db);
        let (mut callers, mut too_large) = (Callers::of(&app), BTreeSet::new());
        for (method, path) in ROUTES {
            // An unknown user in the path is a 404 before the body is read.
            let reads_body = method == "POST" && !["/nothing", "/admin/users/nobody/regenerate"].contains(&path);
            let most = if path == "/introspect/batch" { 262_144 } else { 65_536 };
            for size in [most, most + 1, 1 << 20, 8 << 20] {
                let request = callers.sign(Request::new(method, path)).body("application/json", vec![b' '; size]);
                let answer = app.send(request);
                assert_contract(&answer, path);
                // A request without credentials is refused before its body is parsed.
                let is_expected = if reads_body && size > most { [413, 401].contains(&answer.status) } else { answer.status != 413 };
                assert!(is_expected, "{method} {path} {size}: {answer:?}");
                if answer.status == 413 {
                    too_large.insert(path);
                    assert_eq!(answer.json(), json!({"detail": "The request body is too large."}));
                }
            }
            assert!(!reads_body || too_large.contains(path), "{path} accepted every size");
        }
        assert_alive(&app);
    }

    fn no_header_breaks_any_route(db) {
        let app = start(db);
        let (mut chaos, mut callers) = (Chaos::new(2), Callers::of(&app));
        let names = [
            "Authorization", "Content-Type", "Accept", "X-Request-Id", "Cookie", "X-Forwarded-For", "X-Forwarded-Host",
            "Forwarded", "Range", "If-None-Match", "Accept-Encoding", "Content-Encoding", "Origin", "Upgrade", "TE",
            "Access-Control-Request-Method", "X-Http-Method-Override", "Te\u{73}t",
        ];
        let mut values: Vec<Vec<u8>> = [
            "", ",", ";", "=", "\"", "\t", "Basic", "Basic =", "Basic Og==", "Token", "Token \u{e9}", "Bearer a b c",
            "*/*;q=x", "application/json;indent=99999999999999999999", "bytes=0-", "../../etc/passwd", "${jndi:x}",
        ].map(Into::into).into();
        values.extend([vec![b'a'; 8000], vec![b','; 8000], vec![0xff; 4000], b"Token \xff".to_vec(), "Basic ".repeat(1000).into_bytes()]);
        values.extend((0..8).map(|_| chaos.header_value(200)));
        for (method, path) in ROUTES {
            for (n, value) in values.iter().enumerate() {
                // Every name has every value on at least one of the routes; every other request repeats the header.
                for name in names.iter().skip((n + path.len()) % 3).step_by(3) {
                    let mut request = callers.sign(Request::new(method, path)).header(name, value).raw_body("{}");
                    if n % 2 == 0 {
                        request = request.header(name, &values[(n + 1) % values.len()]);
                    }
                    let what = format!("{method} {path} {name}: {}", String::from_utf8_lossy(value));
                    assert_contract(&app.send(request), &what);
                }
            }
        }
        assert_alive(&app);
    }

    fn no_path_and_no_method_breaks_the_routes(db) {
        let app = start(db);
        let (mut chaos, mut callers) = (Chaos::new(3), Callers::of(&app));
        let long = format!("/{}", "x".repeat(60_000));
        let many = "/a".repeat(30_000);
        let mut paths: Vec<String> = [
            "/", "//", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/admin", "/admin/",
            "/admin/users/../../me", "/me/..", "/me//", "//me", "/ME", "/me%00", "/me%2f", "/me;x", "/me%", "/%", "/%zz",
            "/%ff", "/%c0%ae", "/me%20", "/admin/users//regenerate", "/admin/users/%00/regenerate",
            "/admin/users/%ff%fe/regenerate", "/admin/users/a/b/regenerate", "/admin/users/%2e%2e/regenerate",
            "/admin/users/%0d%0aX:%20y/regenerate", "/introspect/..", "/introspect?", "/introspect?%", "/me?a=%ff&&&=",
            "/admin/users/?page=%ff", "/admin/users/?search=%", "/api-token-auth/?format=xml", "/metrics/../me", "/{username}",
            "/admin/users/{username}/regenerate", "/'%20or%201=1", "/\\..\\x", "/a|b", "/\"",
        ].map(Into::into).into();
        paths.extend([long, many, format!("/me?{}", "a=b&".repeat(15_000)), format!("/admin/users/{}/regenerate", "%41".repeat(20_000))]);
        paths.extend((0..60).map(|_| chaos.path(40)));
        let methods = ["GET", "POST", "HEAD", "OPTIONS", "DELETE", "TRACE", "PATCH", "get", "FOO", "M-SEARCH", "X-A_B.C~1"];
        for (n, path) in paths.iter().enumerate() {
            for method in [methods[n % methods.len()], methods[(n / 3 + 1) % methods.len()], "POST", "GET"] {
                let answer = app.send(callers.sign(Request::new(method, path)));
                assert_contract(&answer, &format!("{method} {path}"));
                assert!(answer.status != 500 && !String::from_utf8_lossy(&answer.body).contains("root:"));
            }
        }
        for (_, path) in ROUTES {
            for method in methods.into_iter().chain(["CONNECT", &"M".repeat(10_000)]) {
                assert_contract(&app.send(callers.sign(Request::new(method, path))), &format!("{method} {path}"));
            }
        }
        assert_alive(&app);
    }
}
