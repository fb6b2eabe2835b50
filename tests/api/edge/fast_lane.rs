//! The two ways to answer `POST /introspect`: by the fast lane and by the router. Their answers are equal.

mod bytes;
mod verify;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::ALICE;
use crate::support::eventually;
use crate::support::http::{self, Answer, Request, encode};

const FORM: &str = "application/x-www-form-urlencoded";

fn post() -> Request {
    Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1)
}

/// How many introspections the router has answered.
fn by_the_router(app: &App) -> u64 {
    app.count("jeton_request_seconds_count{route=\"/introspect\",status=\"200\"}")
}

/// Repeats the request until the fast lane answers it, from the cache and past the router.
fn warm(app: &App, request: &Request) -> Answer {
    eventually("an answer past the router", Duration::from_secs(10), || {
        let before = by_the_router(app);
        let answer = request.send(app.addr);
        (by_the_router(app) == before).then_some(answer)
    })
}

/// The parts of an answer that both ways must have in common: all but the date and the request's id.
fn common_parts(answer: &Answer) -> (u16, Vec<(String, Vec<u8>)>, String) {
    let mut headers: Vec<_> = answer.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    headers.retain(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    headers.sort();
    (answer.status, headers, answer.text())
}

on_both! {
    fn the_fast_lane_and_the_router_give_the_same_answer_to_the_byte(db) {
        let app = App::with(db, &[("JETON_ISSUER", "https://tokens.example.com"), ("JETON_TOKEN_TTL", "1h")]);
        app.create_user("ünï", "some words of a song", &json!({"groups": ["a\u{2028}b", "ключ"]}));
        let revoked = app.login("ünï", "some words of a song");
        let live = app.regenerate("%C3%BCn%C3%AF");
        for token in [live.as_str(), &revoked, &"0".repeat(40)] {
            let plain = post().form(&[("token", token)]);
            // The router answers a request whose media type has a parameter.
            let other = post().body(&format!("{FORM}; charset=utf-8"), format!("token={token}"));
            let first = plain.send(app.addr);
            let fast = warm(&app, &plain);
            let before = by_the_router(&app);
            let slow = other.send(app.addr);
            assert_eq!(by_the_router(&app), before + 1);
            assert_eq!(common_parts(&fast), common_parts(&slow));
            assert_eq!(common_parts(&first), common_parts(&fast));
            let [one, two] = [(); 2].map(|()| plain.send(app.addr).header("X-Request-Id").unwrap());
            assert!(one != two && one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one} {two}");
            let mine = plain.clone().header("X-Request-Id", "mine.1").send(app.addr);
            assert_eq!(mine.header("X-Request-Id").as_deref(), Some("mine.1"));
            let odd = plain.clone().header("X-Request-Id", "not sane").send(app.addr);
            assert_ne!(odd.header("X-Request-Id").as_deref(), Some("not sane"));
        }
    }

    fn unusual_requests_are_answered_as_without_the_fast_lane(db) {
        let app = App::start(db);
        let token = app.alice();
        warm(&app, &post().form(&[("token", &token)]));
        let active = |request: Request| (request.send(app.addr).status, request.send(app.addr).text().contains("\"active\":true"));
        for body in [
            format!("token={token}&token_type_hint=access_token"),
            format!("token_type_hint=access_token&token={token}"),
            format!("token={token}&other=1"),
            format!("token={token}&client_id={}", CLIENT.0),
            format!("token=%{:02x}{}", token.as_bytes()[0], &token[1..]),
            format!("&token={token}&"),
        ] {
            assert_eq!(active(post().body(FORM, body.clone())), (200, true), "{body}");
        }
        assert_eq!(active(post().json(&json!({"token": token}))), (200, true));
        for (body, status) in [
            (format!("token={token}&token={token}"), 400),
            (format!("token={token}&client_secret=x"), 400),
            (format!("token={token}&client_id=other"), 400),
            ("token=".into(), 400),
            ("token".into(), 400),
            (String::new(), 400),
            (format!("token={}", "x".repeat(3_000)), 200),
            (format!("token={}", "x".repeat(70_000)), 413),
            (format!("token={token}\0"), 200),
        ] {
            let answer = post().body(FORM, body.clone()).send(app.addr);
            assert_eq!(answer.status, status, "{}", &body[..body.len().min(80)]);
            assert!(!answer.text().contains("\"active\":true"), "{body}");
        }
        let form = |request: Request| request.form(&[("token", &token)]).send(app.addr).status;
        assert_eq!(form(Request::new("POST", "/introspect")), 401);
        assert_eq!(form(Request::new("POST", "/introspect").basic(CLIENT.0, "wrong")), 401);
        assert_eq!(form(Request::new("POST", "/introspect").basic("other", CLIENT.1)), 401);
        assert_eq!(form(post().header("Authorization", "Basic eDp5")), 401, "two `Authorization` headers count as one, joined");
        assert_eq!(form(Request::new("GET", "/introspect").basic(CLIENT.0, CLIENT.1)), 405);
        assert_eq!(form(Request::new("POST", "/introspect/").basic(CLIENT.0, CLIENT.1)), 200);
        assert_eq!(form(Request::new("POST", "//introspect").basic(CLIENT.0, CLIENT.1)), 404);
    }

    fn the_router_answers_bodies_in_pieces_and_an_unfinished_body_affects_no_other_client(db) {
        let app = App::start(db);
        let token = app.alice();
        warm(&app, &post().form(&[("token", &token)]));
        let whole = post().form(&[("token", &token)]).bytes(app.addr);
        let body = whole.len() - "token=".len() - token.len();
        for cut in [body, body + 3, whole.len() - 1] {
            let mut stream = TcpStream::connect(app.addr).unwrap();
            let before = by_the_router(&app);
            stream.write_all(&whole[..cut]).unwrap();
            // This wait is only a pause, in which the server reads the first piece.
            app.wait_until_synced();
            stream.write_all(&whole[cut..]).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"active\":true"), "{cut}: {answer}");
            assert_eq!(by_the_router(&app), before + 1, "{cut}");
        }
        // Two requests arrive in one packet, on one connection.
        let alive = post().header("Connection", "keep-alive").form(&[("token", &token)]).bytes(app.addr);
        let answer = http::raw(app.addr, &[alive.as_slice(), &whole].concat());
        assert_eq!(String::from_utf8_lossy(&answer).matches("\"active\":true").count(), 2);
        // A client that closes its connection in the middle of a body does not affect other clients.
        TcpStream::connect(app.addr).unwrap().write_all(&whole[..whole.len() - 5]).unwrap();
        assert!(app.is_good(&token));
    }

    fn a_wrong_secret_is_refused_after_the_right_one_was_accepted(db) {
        let app = App::start(db);
        let token = app.alice();
        let plain = post().form(&[("token", &token)]);
        warm(&app, &plain);
        let mut almost = CLIENT.1.to_owned();
        almost.pop();
        almost.push('x');
        assert_eq!(Request::new("POST", "/introspect").basic(CLIENT.0, &almost).form(&[("token", &token)]).send(app.addr).status, 401);
        assert_eq!(plain.send(app.addr).status, 200);
        app.sql("delete from clients");
        assert_eq!(plain.send(app.addr).status, 401);
    }

    fn a_change_at_this_node_is_seen_by_the_next_request(db) {
        let app = App::start(db);
        app.alice();
        for _ in 0..20 {
            let token = app.login(ALICE.0, ALICE.1);
            warm(&app, &post().form(&[("token", &token)]));
            app.regenerate("alice");
            let answer = post().body(FORM, format!("token={}", encode(&token))).send(app.addr);
            assert_eq!(answer.text(), r#"{"active":false}"#);
        }
    }
}
