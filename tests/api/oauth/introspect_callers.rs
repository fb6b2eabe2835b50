//! `POST /introspect`: who may introspect.

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request, base64, encode};
use crate::support::watched::Watched;

const INVALID_CLIENT: &str = "{\"error\":\"invalid_client\"}";
const JSON: &str = "application/json";

fn post() -> Request {
    Request::new("POST", "/introspect")
}

fn raw_basic(request: Request, credentials: impl AsRef<[u8]>) -> Request {
    request.header("Authorization", format!("Basic {}", base64(credentials.as_ref())))
}

#[track_caller]
fn assert_invalid_client(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (401, INVALID_CLIENT), "{what}");
    assert_eq!(answer.headers_named("WWW-Authenticate"), ["Basic realm=\"jeton\""], "{what}");
}

on_both! {
    fn client_credentials_may_be_form_encoded_or_raw_in_basic_or_be_in_the_body(db) {
        for (id, end) in [
            ("plain", "secret"),
            ("a+b", "c+d e"),
            ("a%2Bb", "p%41ss+word"),
            ("100%", "%"),
            ("%zz=&", "50%25 off & more = :+:"),
            ("id", ":"),
            ("id", "::a:"),
            ("~!$()*,/?@[]|", "päss 密 😀"),
        ] {
            let secret = &format!("{}{end}", "x".repeat(32));
            let app = App::with(db, &[("JETON_BOOTSTRAP_CLIENT_ID", id), ("JETON_BOOTSTRAP_CLIENT_SECRET", secret)]);
            let token = [("token", "x")];
            for (way, request) in [
                ("form-encoded", post().basic(id, secret).form(&token)),
                ("raw", raw_basic(post(), format!("{id}:{secret}")).form(&token)),
                ("in the form", post().form(&[("client_id", id), ("token", "x"), ("client_secret", secret)])),
                ("in JSON", post().json(&json!({"client_id": id, "client_secret": secret, "token": "x"}))),
                ("percent-encoded", raw_basic(post(), format!("{id}:{secret}").replace('%', "%25").replace('+', "%2B")).form(&token)),
                ("beside its id", post().basic(id, secret).form(&[("client_id", id), ("token", "x")])),
                ("beside an empty secret", post().basic(id, secret).form(&[("client_secret", ""), ("token", "x")])),
            ] {
                let answer = app.send(request);
                assert_eq!((answer.status, answer.text().as_str()), (200, "{\"active\":false}"), "{id} {secret} {way}");
            }
            let wrong = format!("{secret}x");
            for (way, request) in [
                ("form-encoded", post().basic(id, &wrong).form(&token)),
                ("raw", raw_basic(post(), format!("{id}:{wrong}")).form(&token)),
                ("in the form", post().form(&[("client_id", id), ("token", "x"), ("client_secret", &wrong)])),
                ("encoded twice", post().basic(&encode(&encode(id)), &encode(&encode(secret))).form(&[("token", "x")])),
            ] {
                let plain = way == "encoded twice" && encode(id) == id && encode(secret) == *secret;
                let answer = app.send(request);
                if plain { assert_eq!(answer.status, 200) } else { assert_invalid_client(&answer, way) }
            }
        }
    }

    fn callers_without_valid_credentials_are_refused_before_the_token_is_looked_up(db) {
        let app = App::start(db);
        let live = app.admin_token();
        let header = |value: &str| post().header("Authorization", value);
        let demo = base64(format!("{}:{}", CLIENT.0, CLIENT.1).as_bytes());
        let both = format!("{}:{}", CLIENT.0, CLIENT.1);
        for (what, request) in [
            ("nobody", post()),
            ("an empty header", header("")),
            ("another scheme", header("Digest username=\"demo\"")),
            ("no credentials", header("Basic")),
            ("no base64", header("Basic !!!")),
            ("bad padding", header(&format!("Basic {}", demo.trim_end_matches('=').split_at(5).0))),
            ("two words", header(&format!("Basic {demo} {demo}"))),
            ("a list", header(&format!("Basic {demo},Basic {demo}"))),
            ("two headers", header(&format!("Basic {demo}")).header("Authorization", format!("Basic {demo}"))),
            ("no colon", raw_basic(post(), "demo")),
            ("nothing", raw_basic(post(), "")),
            ("a colon", raw_basic(post(), ":")),
            ("no UTF-8", raw_basic(post(), b"demo:\xff")),
            ("NUL", raw_basic(post(), b"de\0mo:x")),
            ("an encoded NUL", raw_basic(post(), b"demo%00:x")),
            ("a NUL after the secret", raw_basic(post(), format!("{both}\0"))),
            ("a wrong secret", post().basic(CLIENT.0, "wrong")),
            ("no secret", post().basic(CLIENT.0, "")),
            ("half a secret", post().basic(CLIENT.0, &CLIENT.1[..20])),
            ("another case", post().basic("Demo", CLIENT.1)),
            ("an unknown client", post().basic("nobody", CLIENT.1)),
            ("a user", post().basic("admin", "tall ships sail at dawn")),
        ] {
            assert_invalid_client(&app.send(request.clone()), what);
            assert_invalid_client(&app.send(request.clone().form(&[("token", &live)])), what);
            assert_invalid_client(&app.send(request.clone().form(&[("token", "a"), ("token", "b")])), what);
            assert_invalid_client(&app.send(request.clone().body(JSON, "{")), what);
        }
        for header in ["Basic !!!", "Basic", "Basic ZGVtbw=="] {
            let request = post().header("Authorization", header).form(&[("client_id", CLIENT.0), ("token", &live)]);
            assert_invalid_client(&app.send(request), header);
        }
        for body in [
            "token=x&client_id=demo",
            "token=x&client_secret=client-secret-of-the-tests-0123456789",
            "token=x&client_id=demo&client_secret=",
            "token=x&client_id=&client_secret=client-secret-of-the-tests-0123456789",
            "client_id=demo&client_secret=wrong",
            "client_id=demo%00&client_secret=client-secret-of-the-tests-0123456789",
        ] {
            assert_invalid_client(&app.send(post().body("application/x-www-form-urlencoded", body)), body);
        }
        // The query string is never read.
        let path = format!("/introspect?client_id={}&client_secret={}", CLIENT.0, CLIENT.1);
        assert_invalid_client(&app.send(Request::new("POST", &path).form(&[("token", "x")])), "the query");
    }

    fn two_different_credentials_in_one_request_are_refused(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let both = [("client_id", CLIENT.0), ("client_secret", CLIENT.1), ("token", "x")];
        for (what, request) in [
            ("Basic and another secret", post().basic(CLIENT.0, CLIENT.1).form(&[("client_secret", "x"), ("token", "x")])),
            ("a staff token and a secret", post().token(&token).form(&both)),
            ("Basic and another's id", post().basic(CLIENT.0, CLIENT.1).form(&[("client_id", "other"), ("token", "x")])),
        ] {
            let answer = app.send(request);
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{what}");
        }
        // Credentials in the header are checked before the body is read.
        let answer = app.send(post().basic(CLIENT.0, "wrong").form(&both));
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")));
    }

    fn a_client_that_authenticates_in_the_body_gets_errors_about_other_parameters(db) {
        let app = App::start(db);
        let credentials = format!("client_id={}&client_secret={}", CLIENT.0, CLIENT.1);
        for rest in ["", "token=", "token=a&token=b", "token=a&token_type_hint=b&token_type_hint=c"] {
            let body = format!("{credentials}&{rest}");
            let answer = app.send(post().body("application/x-www-form-urlencoded", body));
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{rest}");
        }
        for token in [json!(1), json!(null), json!(["x"]), json!({}), json!(true)] {
            let body = json!({"client_id": CLIENT.0, "client_secret": CLIENT.1, "token": token});
            let answer = app.send(post().json(&body));
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{token}");
        }
    }

    fn staff_may_introspect_with_their_own_token_and_other_users_may_not(db) {
        let app = App::start(db);
        app.create_user("staff", PASSWORD, &json!({"is_staff": true}));
        app.create_user("plain", PASSWORD, &json!({}));
        let (super_key, staff, plain) = (app.admin_token(), app.login("staff", PASSWORD), app.login("plain", PASSWORD));
        let introspect = |value: &str| app.send(post().header("Authorization", value).form(&[("token", &plain)]));
        for value in [
            format!("Token {staff}"),
            format!("token {staff}"),
            format!("Bearer {staff}"),
            format!("BEARER\t {staff} "),
            format!("Token {super_key}"),
        ] {
            let answer = introspect(&value);
            assert_eq!((answer.status, &answer.json()["username"]), (200, &json!("plain")), "{value}");
        }
        let denied = "You do not have permission to perform this action.";
        let spaces = "Invalid token header. Token string should not contain spaces.";
        for (value, status, sentence) in [
            (format!("Token {plain}"), 403, denied),
            (format!("Bearer {plain}"), 403, denied),
            ("Token unknown".into(), 401, "Invalid token."),
            (format!("Token {}", staff.to_uppercase()), 401, "Invalid token."),
            ("Token".into(), 401, "Invalid token header. No credentials provided."),
            ("Bearer ".into(), 401, "Invalid token header. No credentials provided."),
            (format!("Token {staff} x"), 401, spaces),
            (format!("Token {staff}, Token {staff}"), 401, spaces),
        ] {
            let answer = introspect(&value);
            assert_eq!((answer.status, answer.json()), (status, json!({"detail": sentence})), "{value}");
            let challenge: &[&str] = if status == 401 { &["Token"] } else { &[] };
            assert_eq!(answer.headers_named("WWW-Authenticate"), challenge, "{value}");
        }
        let answer = app.send(post().header("Authorization", b"Token \xff\xfe").form(&[("token", &plain)]));
        assert_eq!(answer.json()["detail"], "Invalid token header. Token string should not contain invalid characters.");
        // Staff, like clients, are authenticated before the token is read.
        assert_eq!(app.send(post().token("unknown")).status, 401);
        assert_eq!(app.send(post().token(&plain)).status, 403);
        assert_eq!(app.send(post().token(&staff)).status, 400);
        app.sql("update users set is_active = false where username = 'staff'");
        let answer = app.send(post().token(&staff).form(&[("token", &plain)]));
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "User inactive or deleted."})));
    }
}

#[test]
fn a_wrong_secret_costs_the_same_query_for_known_and_unknown_client_ids() {
    let watched = Watched::start(&[]);
    let introspect = |id: &str, secret: &str| post().basic(id, secret).form(&[("token", "x")]);
    let queries_of = |id: &str, secret: &str, status: u16| {
        watched.statements(&["join clients"], |app| assert_eq!(app.send(introspect(id, secret)).status, status, "{id}"))
    };
    queries_of(CLIENT.0, CLIENT.1, 200);
    assert_eq!(queries_of(CLIENT.0, CLIENT.1, 200).len(), 0, "the right secret is remembered");
    let of_unknown = queries_of("nobody", CLIENT.1, 401);
    assert_eq!(of_unknown.len(), 1, "{of_unknown:?}");
    for (id, secret) in [("nobody", CLIENT.1), (CLIENT.0, "wrong"), (CLIENT.0, "wrong"), ("nobody", "wrong")] {
        assert_eq!(queries_of(id, secret, 401), of_unknown, "{id} {secret}");
    }
    assert_eq!(queries_of(CLIENT.0, CLIENT.1, 200).len(), 0, "wrong guesses do not remove it");
    watched.freeze();
    for (id, secret) in [("nobody", CLIENT.1), (CLIENT.0, "wrong")] {
        assert_eq!(
            watched.app.send(introspect(id, secret)).status,
            503,
            "{id}: without the database the secret cannot be checked"
        );
    }
    watched.thaw();
}
