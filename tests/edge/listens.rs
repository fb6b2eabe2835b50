//! An edge on a Unix socket, and HTTPS on either side.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use super::{Chain, RECOVERY, edge_of, introspect, metric_sum, url};
use crate::commands::done;
use crate::gateways::gateway::Gateway;
use crate::gateways::upstream::Upstream;
use crate::support::app::Kind;
use crate::support::certificate::Certificate;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::Jeton;

/// An edge that is not started yet, and the Unix socket on which it will listen.
fn edge_on_a_socket(chain: &Chain) -> (Jeton, PathBuf) {
    let edge = edge_of(&[&url(&chain.node)], &chain.own);
    let socket = edge.dir.path().join("jeton.sock");
    let listen = format!("unix:{}", socket.display());
    (edge.env("JETON_LISTEN", listen), socket)
}

/// The example for nginx, with an edge on a Unix socket in place of jeton.
#[test]
fn nginx_asks_an_edge_on_a_unix_socket() {
    let chain = Chain::start(Kind::Sqlite);
    let (key, _) = chain.user("alice", &[]);
    let (edge, socket) = edge_on_a_socket(&chain);
    let _running = edge.spawn(&["edge"], Stdio::null());
    let service = Upstream::start();
    let gateway = Gateway::nginx_beside(&socket, service.addr);
    let ask = |key: &str| gateway.send(Request::new("GET", "/").token(key));
    eventually("an answer through nginx", RECOVERY, || (ask(&key).status == 200).then_some(()));
    assert_eq!(ask("wrong").status, 401);
    let asked = || metric_sum(&chain.node, "jeton_request_seconds_count", "route=\"/introspect/batch\"").to_string();
    eventually("an answer from the edge's memory", RECOVERY, || {
        let before = asked();
        assert_eq!(ask(&key).status, 200);
        (asked() == before).then_some(())
    });
    done(&chain.jeton, &["token", "revoke", "--yes", "--user", "alice"]);
    eventually("the revocation", RECOVERY, || (ask(&key).status == 401).then_some(()));
}

#[test]
fn an_edge_listens_on_a_unix_socket() {
    let chain = Chain::start(Kind::Sqlite);
    let (key, _) = chain.user("alice", &[]);
    let (edge, socket) = edge_on_a_socket(&chain);
    let running = edge.spawn(&["edge"], Stdio::null());
    let request = Request::new("GET", "/auth/verify").token(&key).bytes(chain.node.addr);
    let answer = eventually("an answer over the socket", RECOVERY, || {
        let mut stream = UnixStream::connect(&socket).ok()?;
        stream.write_all(&request).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.starts_with("HTTP/1.1 200").then_some(text)
    });
    assert!(answer.contains("x-auth-user: alice\r\n"), "{answer}");
    running.signal("TERM");
    assert_eq!(running.output().status, 0);
    assert!(!socket.exists(), "a stop leaves no socket behind");
}

/// The certificate is checked against those that the system trusts.
#[test]
fn an_upstream_may_be_https() {
    let chain = Chain::start(Kind::Postgres);
    let Certificate { cert, key } = Certificate::create(chain.jeton.dir.path());
    let mut node = chain.jeton.command(&["serve"]);
    node.envs([("JETON_TLS_CERT", &cert), ("JETON_TLS_KEY", &key)]);
    let node = chain.jeton.serve_by(node);
    let upstream = format!("https://localhost:{}", node.addr.port());
    let trusting = edge_of(&[&upstream], &chain.own).env("SSL_CERT_FILE", cert.as_str()).edge();
    eventually("an answer", RECOVERY, || (introspect(&trusting, &chain.client, "x").status == 200).then_some(()));
    let other = edge_of(&[&upstream], &chain.own).edge();
    eventually("why not", RECOVERY, || other.stderr().contains("UnknownIssuer").then_some(()));
    assert_eq!(introspect(&other, &chain.client, "x").status, 503);
}
