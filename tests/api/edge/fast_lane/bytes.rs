//! Requests that differ slightly from the ordinary one, to a node with a cache and to a node without a cache, which
//! never uses the fast lane. Both get the same bytes, on connections that close and on connections that stay open.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::{FORM, by_the_router, post, warm};
use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::http::base64;

/// The answer to these bytes: the lines of its head sorted, without lines that differ each time.
fn exchanged(app: &App, request: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(app.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = Vec::new();
    if let Err(error) = stream.read_to_end(&mut text) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{request}");
    }
    let mut lines: Vec<_> = String::from_utf8(text).unwrap().lines().map(ToOwned::to_owned).collect();
    lines.retain(|line| {
        !line.starts_with("date: ") && (!line.starts_with("x-request-id: ") || line.ends_with(": mine"))
    });
    lines.split_mut(String::is_empty).for_each(<[String]>::sort);
    lines
}

fn basic() -> String {
    format!("Authorization: Basic {}\r\n", base64(format!("{}:{}", CLIENT.0, CLIENT.1).as_bytes()))
}

fn form() -> String {
    format!("Content-Type: {FORM}\r\n")
}

fn length(body: &str) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

fn request(line: &str, headers: &[&str], body: &str) -> String {
    format!("{line}\r\nHost: h\r\n{}\r\n{body}", headers.concat())
}

const POST: &str = "POST /introspect HTTP/1.1";

/// Requests with more headers, or with another request line.
fn odd_heads(body: &str) -> Vec<String> {
    let ordinary = [basic(), form(), length(body)];
    let lines = [
        "POST /introspect/ HTTP/1.1",
        "POST /introspect? HTTP/1.1",
        "POST /introspect?token=x HTTP/1.1",
        "POST http://elsewhere/introspect HTTP/1.1",
        "POST /introspect HTTP/1.0",
        "POST /introspect// HTTP/1.1",
        "POST /Introspect HTTP/1.1",
        "POST /%69ntrospect HTTP/1.1",
        "POST /./introspect HTTP/1.1",
        "PUT /introspect HTTP/1.1",
        "OPTIONS /introspect HTTP/1.1",
        "GET /introspect HTTP/1.1",
    ];
    let more: [&[&str]; 28] = [
        &[],
        &["Connection: close"],
        &["Connection: keep-alive"],
        &["Connection: Keep-Alive, Upgrade", "Upgrade: h2c"],
        &["Connection: upgrade"],
        &["Upgrade: websocket"],
        &["Upgrade: websocket", "Connection: Upgrade"],
        &["Expect: 100-continue"],
        &["Expect: something"],
        &["Accept: application/xml"],
        &["Accept: application/json; indent=4"],
        &["Accept-Encoding: gzip, br", "Origin: http://elsewhere"],
        &["X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-HTTP-Method-Override: DELETE"],
        &["X-Request-Id: mine"],
        &["X-Request-Id: mine", "X-Request-Id: other"],
        &["X-Request-Id: not sane"],
        &["Content-Encoding: identity"],
        &["Content-Encoding: gzip"],
        &["Content-Type: application/json"],
        &["Content-Length: 46"],
        &["Content-Length: 0"],
        &["Transfer-Encoding: chunked"],
        &["Transfer-Encoding: identity"],
        &["Authorization: Basic eDp5"],
        &["Authorization: "],
        &["Host: other"],
        &["Trailer: x", "TE: trailers"],
        &["Cookie: a=b", "Range: bytes=0-1", "If-None-Match: *"],
    ];
    let by_lines = lines.iter().map(|line| request(line, &ordinary.each_ref().map(String::as_str), body));
    let by_headers = more.iter().map(|more| {
        let more: String = more.iter().map(|header| format!("{header}\r\n")).collect();
        request(POST, &[&ordinary.concat(), &more], body)
    });
    let head = request("HEAD /introspect HTTP/1.1", &[&basic()], "");
    by_lines.chain(by_headers).chain([head]).collect()
}

/// Requests with another `Authorization`, another type, another length or another encoding of the same body.
fn odd_headers(body: &str) -> Vec<String> {
    let (basic, form, length) = (basic(), form(), length(body));
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let authorizations = [
        basic.replace("Basic", "basic"),
        basic.replace("Basic ", "Basic  "),
        basic.replace("Basic ", "Basic\t"),
        basic.replace("\r\n", " x\r\n"),
        basic.replace("\r\n", ",\r\n"),
        basic.replace("\r\n", "  \r\n"),
        String::new(),
    ];
    let types = [
        form.to_uppercase(),
        form.replace("\r\n", ";\r\n"),
        form.replace("\r\n", "; charset=utf-16\r\n"),
        "Content-Type: application/json\r\n".into(),
        String::new(),
    ];
    let lengths = [
        length.replace(": ", ": +"),
        length.replace(": ", ": 0"),
        length.replace(": ", ":"),
        self::length("token="),
        self::length(&format!("{body}&x")),
        String::new(),
    ];
    let mut requests = vec![request(POST, &[&basic, &form, "Transfer-Encoding: chunked\r\n"], &chunks)];
    requests.extend(authorizations.iter().map(|basic| request(POST, &[basic, &form, &length], body)));
    requests.extend(types.iter().map(|form| request(POST, &[&basic, form, &length], body)));
    requests.extend(lengths.iter().map(|length| request(POST, &[&basic, &form, length], body)));
    requests
}

fn odd_bodies(token: &str) -> Vec<String> {
    let bodies = [
        format!("token={token}&"),
        format!("token={token}&token_type_hint="),
        format!("token={token}&token_type_hint=x"),
        format!("token={token}&token_type_hint=x&"),
        format!("token={token}&token_type_hint=x&token_type_hint=y"),
        format!("token={token}&token_type_hint"),
        format!("token={token}\r\n"),
        format!(" token={token}"),
        format!("token=+{token}"),
        format!("token={token}%00"),
        format!("token={token};x=1"),
        format!("Token={token}"),
        "token=-".into(),
        "token=_._".into(),
        "token==".into(),
        format!("token={}", "a".repeat(1_024)),
        format!("token={}", "a".repeat(1_025)),
        format!("token={}", "a".repeat(2_042)),
        format!("token={}", "a".repeat(2_043)),
    ];
    bodies.iter().map(|body| request(POST, &[&basic(), &form(), &length(body)], body)).collect()
}

on_both! {
    fn the_same_bytes_get_the_same_answer_with_and_without_the_fast_lane(db) {
        let app = App::start(db);
        let token = app.alice();
        let slow = app.node(&[("JETON_CACHE_BYTES", "0")]);
        warm(&app, &post().form(&[("token", &token)]));
        let body = format!("token={token}");
        let last = request(POST, &[&basic(), &form(), &length(&body), "Connection: close\r\n"], &body);
        let requests = [odd_heads(&body), odd_headers(&body), odd_bodies(&token)].concat();
        let (before, mut good) = (by_the_router(&app), 0);
        for request in requests.iter().flat_map(|request| [request.clone(), request.clone() + &last]) {
            // The first answer may come from the database, the second from the cache.
            for _ in 0..2 {
                let answers = exchanged(&app, &request);
                assert_eq!(answers, exchanged(&slow, &request), "{request}");
                good += answers.iter().filter(|line| *line == "HTTP/1.1 200 OK").count() as u64;
            }
        }
        let fast = good - (by_the_router(&app) - before);
        assert!(fast > 80, "{fast} of {good} answers came from the fast lane");
    }
}
