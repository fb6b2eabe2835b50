//! HTTP framing: wrong lengths, chunks, broken heads, several requests on a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::chaos::Chaos;
use super::{PASSWORD, assert_alive, assert_contract, start};
use crate::on_both;
use crate::support::app::App;
use crate::support::http::{Answer, Request, raw};

/// Sends the bytes, closes the sending side of the connection, and reads all answers.
#[track_caller]
fn send_and_close(app: &App, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(app.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream.write_all(bytes).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("the server does not close the connection: {error}")
        }
        _ => got,
    }
}

fn statuses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned()).collect()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n{body}").into_bytes()
}

on_both! {
    fn bytes_that_are_not_http_get_a_4xx_or_a_closed_connection(db) {
        let app = start(db);
        let mut chaos = Chaos::new(4);
        let head = "GET /healthz HTTP/1.1\r\nHost: x\r\n";
        let mut pieces: Vec<Vec<u8>> = [
            "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "G\0T / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n", "GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0", "SSH-2.0-x\r\n", "GET /<script> HTTP/1.1\r\nHost: x\r\n\r\n", "!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: x\r\n\r\n",
        ].map(Into::into).into();
        for broken in [
            "no colon\r\n", ": x\r\n", "a b: c\r\n", "a\0: c\r\n", "a: \0\r\n", "a: b\rc\r\n", " folded: x\r\n", "Host: y\r\n",
            "Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: 0x1\r\n", "Content-Length: 1, 1\r\n",
            "Content-Length: 99999999999999999999999\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: \r\n",
            "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: x\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        ] {
            pieces.push(format!("{head}{broken}\r\n").into_bytes());
        }
        pieces.push(format!("{head}A: {}\r\n\r\n", "x".repeat(200_000)).into_bytes());
        pieces.push(format!("{head}{}\r\n", "A: b\r\n".repeat(5000)).into_bytes());
        pieces.push(format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)).into_bytes());
        pieces.extend((0..40).map(|n| chaos.bytes(n * 10)));
        for piece in pieces {
            for status in statuses(&send_and_close(&app, &piece)) {
                let known = ["200", "400", "404", "405", "408", "414", "431", "501", "505"].contains(&status.as_str());
                assert!(known, "{status} for {:?}", String::from_utf8_lossy(&piece[..piece.len().min(200)]));
            }
        }
        assert_alive(&app);
    }

    fn a_wrong_content_length_does_not_affect_other_requests(db) {
        let app = start(db);
        for path in ["/api-token-auth/", "/introspect", "/admin/users/", "/me", "/nothing"] {
            // The body is shorter than announced and the connection ends: the server does not wait for the rest.
            let got = send_and_close(&app, &post(path, "Content-Length: 100\r\n", "{}"));
            assert!(statuses(&got).iter().all(|status| status.starts_with('4')), "{}", String::from_utf8_lossy(&got));
            // The body is longer than announced: the rest is no part of this request.
            let got = send_and_close(&app, &post(path, "Content-Length: 2\r\n", "{}{\"username\":1}"));
            let answers = statuses(&got);
            assert!((1..=2).contains(&answers.len()) && answers.iter().all(|status| status.starts_with('4')), "{answers:?}");
        }
        assert_alive(&app);
    }

    fn chunked_bodies_are_accepted_and_bounded_too(db) {
        let app = start(db);
        let close = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
        let body = &format!("{{\"username\":\"alice\",\"password\":\"{PASSWORD}\"}}");
        let one_by_one = body.chars().map(|c| ["1\r\n", &c.to_string(), "\r\n"].concat()).collect::<String>();
        let large = format!("{:x}\r\n{}\r\n", 40_000, " ".repeat(40_000));
        for (chunks, status) in [
            (format!("{:x};ext=1\r\n{body}\r\n0\r\n\r\n", body.len()), 200),
            (format!("{one_by_one}0\r\nTrailer: x\r\n\r\n"), 200),
            ("0\r\n\r\n".to_owned(), 400),
            (format!("{large}{large}0\r\n\r\n"), 413),
            (format!("{}0\r\n\r\n", large.repeat(150)), 413),
        ] {
            let answer = Answer::parse("POST", &raw(app.addr, &post("/api-token-auth/", close, &chunks))).unwrap();
            assert_eq!(answer.status, status, "{answer:?}");
            assert_contract(&answer, "chunks");
        }
        for chunks in ["x\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "5\r\nab\r\n0\r\n\r\n", "2\r\nabcd\r\n0\r\n\r\n", "2\r\nab", "\0"] {
            for status in statuses(&send_and_close(&app, &post("/api-token-auth/", close, chunks))) {
                assert!(status.starts_with('4'), "{status}: {chunks}");
            }
        }
        assert_alive(&app);
    }

    fn requests_on_one_connection_are_answered_one_by_one(db) {
        let app = start(db);
        let token = app.admin_token();
        let keep = |request: Request| request.header("Connection", "keep-alive").bytes(app.addr);
        let first = keep(Request::new("POST", "/admin/users/").token(&token).raw_body("x".repeat(65_537)));
        let second = keep(Request::new("GET", "/me"));
        let third = Request::new("GET", "/me").token(&token).bytes(app.addr);
        let got = raw(app.addr, &[first, second.clone(), third.clone()].concat());
        assert_eq!(statuses(&got), ["413", "401", "200"], "credentials and bodies stay with their requests");
        // A body that no route reads must not be taken for the next request.
        let smuggled = keep(Request::new("GET", "/nothing").raw_body(third.clone()));
        assert_eq!(statuses(&raw(app.addr, &[smuggled, second, third].concat())), ["404", "401", "200"]);
    }

    fn expect_100_continue_is_answered(db) {
        let app = start(db);
        let body = &format!("{{\"username\":\"alice\",\"password\":\"{PASSWORD}\"}}");
        let headers = format!("Expect: 100-continue\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        let got = raw(app.addr, &post("/api-token-auth/", &headers, body));
        assert_eq!(statuses(&got).last().map(String::as_str), Some("200"), "{}", String::from_utf8_lossy(&got));
    }
}
