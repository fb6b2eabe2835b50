//! Connections: upgrade offers, malformed heads, limits on number, time and memory.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::calls::PASSWORD;
use crate::support::eventually;
use crate::support::http::{Answer, Request, base64, raw};

/// A time limit for steps that take milliseconds on an idle machine.
const LIMIT: Duration = Duration::from_mins(1);
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn connect(app: &App) -> TcpStream {
    let stream = TcpStream::connect(app.addr).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn basic() -> String {
    format!("Authorization: Basic {}\r\n", base64(format!("{}:{}", CLIENT.0, CLIENT.1).as_bytes()))
}

/// Reads one answer, whether the connection stays open or not.
#[track_caller]
fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        if let Ok(answer) = Answer::parse("GET", &bytes) {
            return answer;
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(size @ 1..) => bytes.extend(&piece[..size]),
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
}

/// Checks that the connection ends and nothing more arrives before.
#[track_caller]
fn assert_ends(stream: &mut TcpStream) {
    match stream.read(&mut [0; 16]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

/// Sends a head and as much of a body as the server reads, and returns the open connection.
fn unfinished_request(app: &App, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = connect(app);
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).ok();
    stream
}

const OFFERS: [&str; 4] = [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n",
    "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n",
    "upgrade: websocket\r\n",
    "connection:UPGRADE\r\n",
];

on_both! {
    fn an_upgrade_offer_is_ignored_and_the_connection_stays_open(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let body = format!("token={token}");
        let length = format!("Content-Length: {}\r\n", body.len());
        for offer in OFFERS {
            let mut stream = connect(&app);
            // The fast lane answers the third of three equal requests.
            for _ in 0..3 {
                stream.write_all(format!("POST /introspect HTTP/1.1\r\nHost: x\r\n{}{FORM}{offer}{length}\r\n{body}", basic()).as_bytes()).unwrap();
                let answer = answer(&mut stream);
                assert_eq!((answer.status, answer.header("Connection")), (200, None), "{offer}: {answer:?}");
                assert_eq!(answer.json()["active"], true);
            }
            for (path, status) in [("/healthz", 200), ("/me", 401), ("/nothing", 404), ("/auth/verify/x", 401)] {
                stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{offer}\r\n").as_bytes()).unwrap();
                let answer = answer(&mut stream);
                assert_eq!((answer.status, answer.header("Connection")), (status, None), "{path} {offer}");
            }
        }
    }

    fn an_upgrade_offer_in_pieces_gets_an_answer_and_no_upgrade(db) {
        let app = App::start(db);
        for offer in OFFERS {
            let mut stream = connect(&app);
            let body = "token=x";
            let request = format!("POST /introspect HTTP/1.1\r\nHost: x\r\n{}{FORM}Content-Length: 7\r\n{offer}\r\n{body}", basic());
            let cut = request.to_lowercase().find("upgrade").unwrap() + 3;
            stream.write_all(&request.as_bytes()[..cut]).unwrap();
            // This wait is only a pause, in which the server reads the first piece.
            app.wait_until_synced();
            stream.write_all(&request.as_bytes()[cut..]).unwrap();
            let answer = answer(&mut stream);
            assert_eq!(answer.status, 200, "{offer}: {answer:?}");
            if answer.header("Connection").as_deref() == Some("close") {
                assert_ends(&mut stream);
            }
            assert_ne!(answer.header("Connection").as_deref(), Some("upgrade"), "{offer}");
        }
    }

    fn requests_with_upgrade_offers_in_one_packet_are_all_answered(db) {
        let app = App::start(db);
        let request = |more: &str| format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}{more}\r\n", OFFERS[0]);
        let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned();
        let got = raw(app.addr, [request(""), request(""), last].concat().as_bytes());
        let text = String::from_utf8(got).unwrap();
        assert_eq!(text.matches("HTTP/1.1 200").count(), 3, "{text}");
        assert!(!text.contains("connection: upgrade"), "{text}");
    }

    fn bytes_after_a_request_are_bounded_and_wait_for_its_answer(db) {
        let app = App::start(db);
        let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let post = |more: &str| format!("POST /introspect HTTP/1.1\r\nHost: x\r\n{}{FORM}{more}", basic());
        let bodies = [post("Content-Length: 7\r\n\r\ntoken=x"), post("Transfer-Encoding: chunked\r\n\r\n3\r\ntok\r\n4\r\nen=x\r\n0\r\n\r\n")];
        let unfinished = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nA: {}", "x".repeat(120_000));
        for first in [health, &bodies[0], &bodies[1]] {
            let mut stream = connect(&app);
            stream.set_write_timeout(Some(LIMIT)).unwrap();
            stream.write_all([first.repeat(40).as_str(), health, &unfinished].concat().as_bytes()).ok();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).ok();
            let text = String::from_utf8(got).unwrap();
            assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 41, "{first}: {text}");
            assert_eq!(text.matches("HTTP/1.1 431 ").count(), 1, "{first}: {text}");
        }
        let last = health.replace("Host", "Connection: close\r\nHost");
        let text = String::from_utf8(raw(app.addr, [last.as_str(), health, health].concat().as_bytes())).unwrap();
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1, "{text}");
    }

    fn a_malformed_request_gets_an_error_in_the_form_of_its_route(db) {
        let app = App::start(db);
        let many = "A: b\r\n".repeat(96);
        let long = format!("A: {}\r\n", "x".repeat(40_000));
        let mine = "X-Request-Id: mine.1\r\n";
        for (request, status, is_oauth) in [
            (format!("POST /introspect HTTP/1.1\r\nHost: x\r\n{mine}{many}\r\n"), 431, true),
            (format!("POST /revoke/ HTTP/1.1\r\nHost: x\r\n{mine}{long}\r\n"), 431, true),
            (format!("POST /introspect/batch?a=b HTTP/1.1\r\n{mine}\r\n"), 400, true),
            (format!("GET /me HTTP/1.1\r\nHost: x\r\n{mine}{many}\r\n"), 431, false),
            (format!("GET /<script> HTTP/1.1\r\nHost: x\r\n{mine}\r\n"), 400, false),
            (format!("GET /me HTTP/1.1\r\nHost: x\r\nHost: y\r\n{mine}\r\n"), 400, false),
            (format!("GET /me\r\nHost: x\r\n{mine}\r\n"), 400, false),
            (format!("POST /api-token-auth/ HTTP/1.1\r\nHost: x\r\n{mine}Content-Length: x\r\n\r\n"), 400, false),
        ] {
            // The malformed request also comes after a good one on the same connection.
            for before in ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
                let mut stream = connect(&app);
                stream.write_all(before.as_bytes()).unwrap();
                if !before.is_empty() {
                    assert_eq!(answer(&mut stream).status, 200);
                }
                stream.write_all(request.as_bytes()).unwrap();
                let answer = answer(&mut stream);
                let what = format!("{answer:?} for {:?}", request.lines().next());
                assert_eq!(answer.status, status, "{what}");
                assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"), "{what}");
                assert_eq!(answer.header("X-Request-Id").as_deref(), Some("mine.1"), "{what}");
                assert_eq!(answer.header("Connection").as_deref(), Some("close"), "{what}");
                assert_eq!(answer.header("Cache-Control").as_deref(), is_oauth.then_some("no-store"), "{what}");
                assert!(answer.header("Date").is_some(), "{what}");
                if is_oauth {
                    assert_eq!(answer.json()["error"], "invalid_request", "{what}");
                    assert!(answer.json()["error_description"].is_string(), "{what}");
                } else {
                    assert!(answer.json()["detail"].is_string(), "{what}");
                }
                assert_ends(&mut stream);
            }
        }
        let answer = Answer::parse("GET", &raw(app.addr, b"\x16\x03\x01\r\n\r\n")).unwrap();
        assert_eq!((answer.status, answer.header("X-Request-Id").unwrap().len()), (400, 32));
    }

    fn bad_credentials_in_the_head_are_refused_before_the_body_is_read(db) {
        let app = App::start(db);
        let wrong = ["Authorization: Basic eDp5\r\n", "Authorization: Token x\r\n", "Authorization: Bearer a b\r\n", ""];
        let paths = [
            "POST /introspect", "POST /introspect/batch", "POST /revoke", "POST /tokens/", "POST /logout/", "POST /logoutall/",
            "POST /admin/users/", "PATCH /admin/users/admin", "POST /admin/users/admin/password", "POST /admin/explain",
            "POST /admin/users/admin/regenerate", "POST /admin/users/admin/tokens/", "POST /admin/clients/",
            "POST /admin/clients/demo/rotate",
        ];
        for path in paths {
            for header in wrong {
                // Without credentials in the head, these routes may have them in the body.
                if header.is_empty() && ["/introspect", "/revoke"].iter().any(|oauth| path.contains(oauth)) {
                    continue;
                }
                let head = format!("{path} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: 60000\r\n\r\n");
                let mut stream = unfinished_request(&app, &head, b"the rest never comes");
                let answer = answer(&mut stream);
                assert_eq!((answer.status, answer.header("Connection").as_deref()), (401, Some("close")), "{path} {header}: {answer:?}");
                drop(stream);
            }
        }
        let forms = format!("POST /console/clients/new HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 60000\r\n\r\n");
        assert_eq!(answer(&mut unfinished_request(&app, &forms, b"client_id=x")).status, 303, "a redirect to the sign-in page");
    }

    fn the_connection_stays_open_after_a_refusal_of_a_complete_request(db) {
        let app = App::start(db);
        let mut stream = connect(&app);
        for path in ["/tokens/", "/introspect", "/nothing", "/admin/users/"] {
            stream.write_all(format!("POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDp5\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}").as_bytes()).unwrap();
            let answer = answer(&mut stream);
            assert!((400..500).contains(&answer.status) && answer.header("Connection").is_none(), "{path}: {answer:?}");
        }
    }

    fn bodies_of_unauthenticated_callers_are_bounded_and_authenticated_callers_are_still_served(db) {
        let app = App::start(db);
        let token = app.admin_token();
        for (path, crowded) in [
            ("/introspect", r#"{"error":"temporarily_unavailable"}"#),
            ("/api-token-auth/", r#"{"detail":"Too many requests at once, try again later."}"#),
            ("/console/sign-in", ""),
        ] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 65000\r\n\r\n");
            let mut open = Vec::new();
            let refused = eventually("a request for which there is no room", LIMIT, || {
                let mut stream = unfinished_request(&app, &head, &vec![b'x'; 64_000]);
                stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
                let mut start = [0; 12];
                let answered = stream.read_exact(&mut start).is_ok();
                if answered {
                    assert_eq!(&start, b"HTTP/1.1 503", "{path}");
                    stream.set_read_timeout(Some(LIMIT)).unwrap();
                    let mut rest = start.to_vec();
                    stream.read_to_end(&mut rest).ok();
                    return Some(Answer::parse("POST", &rest).unwrap());
                }
                open.push(stream);
                None
            });
            assert_eq!(refused.header("Retry-After").as_deref(), Some("1"), "{refused:?}");
            assert!(refused.text().contains(crowded), "{refused:?}");
            // Requests with good credentials in the head are still served.
            assert!(app.is_good(&token));
            let list = app.send(Request::new("POST", "/admin/explain").token(&token).json(&serde_json::json!({"token": "x"})));
            assert_eq!(list.status, 200);
            drop(open);
            eventually("room again", LIMIT, || (app.try_login(ADMIN.0, ADMIN.1).status == 200).then_some(()));
        }
    }

    fn bodies_of_authenticated_callers_are_bounded_too(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let head = format!("POST /admin/explain HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\n{FORM}Content-Length: 65000\r\n\r\n");
        let open: Vec<TcpStream> = (0..420).map(|_| unfinished_request(&app, &head, &vec![b'x'; 64_000])).collect();
        let refused = eventually("a request for which there is no room", LIMIT, || {
            let mut answers = open.iter().filter_map(|stream| {
                stream.set_nonblocking(true).unwrap();
                let mut start = [0; 12];
                let read = stream.peek(&mut start).ok()?;
                (read == start.len()).then_some(start)
            });
            answers.next()
        });
        assert_eq!(&refused, b"HTTP/1.1 503");
        assert!(app.is_good(&token));
        drop(open);
        let explain = || app.send(Request::new("POST", "/admin/explain").token(&token).json(&serde_json::json!({"token": "x"})));
        eventually("room again", LIMIT, || (explain().status == 200).then_some(()));
    }

    fn callers_who_may_not_introspect_are_refused_before_the_body_is_read(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &serde_json::json!({}));
        let token = app.login("alice", PASSWORD);
        for path in ["/introspect", "/introspect/batch"] {
            for (credentials, status) in [
                (format!("Authorization: Token {token}\r\n"), 403),
                ("Authorization: Token no-key\r\n".to_owned(), 401),
                (format!("Authorization: Basic {}\r\n", base64(b"billing:wrong")), 401),
            ] {
                let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{credentials}{FORM}Content-Length: 65000\r\n\r\n");
                let refused = answer(&mut unfinished_request(&app, &head, b"token="));
                assert_eq!((refused.status, refused.header("Connection").as_deref()), (status, Some("close")), "{head}: {refused:?}");
            }
        }
    }

    fn at_the_limit_the_connections_that_wait_longest_are_closed(db) {
        let app = App::with(db, &[("JETON_MAX_CONNECTIONS", "20")]);
        let mut idle: Vec<TcpStream> = (0..60)
            .map(|number| {
                let mut stream = connect(&app);
                match number % 3 {
                    0 => {
                        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                        assert_eq!(answer(&mut stream).status, 200);
                    }
                    1 => stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap(),
                    _ => stream.write_all(format!("POST /api-token-auth/ HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 9\r\n\r\nuser").as_bytes()).unwrap(),
                }
                stream
            })
            .collect();
        assert_eq!(app.send(Request::new("GET", "/healthz")).status, 200);
        assert!(app.is_good(&app.admin_token()), "introspection works too");
        assert_ends(&mut idle[0]);
    }

    fn an_idle_connection_is_kept_for_the_keep_alive_time(db) {
        let brief = App::with(db, &[("JETON_KEEP_ALIVE", "1s")]);
        let app = brief.node(&[]);
        let mut streams = [&brief, &app].map(connect);
        for stream in &mut streams {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            assert_eq!(answer(stream).status, 200);
        }
        assert_ends(&mut streams[0]);
        // This is longer than actix's own keep-alive time.
        streams[1].set_read_timeout(Some(Duration::from_secs(6))).unwrap();
        let error = streams[1].read(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "the connection is still open");
        streams[1].write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        streams[1].set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(answer(&mut streams[1]).status, 200);
    }

    fn clients_that_neither_read_nor_send_are_disconnected(db) {
        let app = App::start(db);
        let mut not_reading = connect(&app);
        let large = Request::new("GET", "/docs/swagger-ui-bundle.js").header("Connection", "keep-alive").bytes(app.addr);
        not_reading.write_all(&large.repeat(16)).unwrap();
        let mut slow = connect(&app);
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(answer(&mut slow).status, 200);
        slow.write_all(b"GET /hea").unwrap();
        let mut behind = connect(&app);
        behind.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea").unwrap();
        let (mut both, since) = (String::new(), Instant::now());
        behind.read_to_string(&mut both).unwrap();
        // jeton closes it before the keep-alive time of 75 s is over.
        assert!(since.elapsed() < Duration::from_secs(45), "{both}");
        let statuses: Vec<_> = both.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses, ["200", "408"], "{both}");
        let late = answer(&mut slow);
        assert_eq!((late.status, late.header("Connection").as_deref()), (408, Some("close")), "{late:?}");
        assert!(matches!(late.json()["detail"], Value::String(_)));
        assert_ends(&mut slow);
        not_reading.set_write_timeout(Some(LIMIT)).unwrap();
        eventually("the end of a connection whose client does not read", Duration::from_mins(1), || not_reading.write_all(b" ").err());
    }

    fn without_https_there_is_no_hsts(db) {
        let app = App::with(db, &[("JETON_TRUSTED_PROXIES", "127.0.0.1")]);
        let answer = app.send(Request::new("GET", "/healthz").header("X-Forwarded-Proto", "https"));
        assert_eq!(answer.header("Strict-Transport-Security"), None);
    }
}
