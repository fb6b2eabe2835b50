//! A thousand followers of one node, all waiting at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Nodes, metric};
use crate::commands::done;
use crate::support::http::Request;
use crate::support::process::Serving;

const FOLLOWERS: usize = 1_000;

/// The bound of these nodes: the tests' build answers slowly.
const BOUND: Duration = Duration::from_secs(30);

/// A connection that is kept, and its cursor.
struct Follower {
    stream: BufReader<TcpStream>,
    cursor: String,
}

impl Follower {
    fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self { stream: BufReader::new(stream), cursor: String::new() }
    }

    fn ask(&self, client: &(String, String)) {
        let addr = self.stream.get_ref().peer_addr().unwrap();
        let request = Request::new("GET", &format!("/changes?after={}", self.cursor)).basic(&client.0, &client.1);
        self.stream.get_ref().write_all(&request.header("Connection", "keep-alive").bytes(addr)).unwrap();
    }

    fn answer(&mut self) -> Value {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).expect("a length");
        let mut body = vec![0; length.trim().parse().unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["cursor"].as_str().unwrap().clone_into(&mut self.cursor);
        body
    }
}

fn ask_all(followers: &[Follower], client: &(String, String)) {
    for follower in followers {
        follower.ask(client);
    }
}

/// A number in `/proc/PID/status`.
fn status(node: &Serving, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
    value.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn a_thousand_followers_of_a_node_get_each_change_within_the_bound() {
    let mut nodes = Nodes::on_shared();
    let jeton = std::mem::replace(&mut nodes.jeton, crate::support::process::Jeton::new());
    nodes.jeton = jeton.env("JETON_REVOCATION_BOUND", "30s").env("JETON_DATABASE_TIMEOUT", "30s");
    nodes.both = [(); 2].map(|()| nodes.jeton.serve());
    let (_, named) = nodes.user("a");
    let (addr, node) = (nodes.both[0].addr, &nodes.both[0]);
    let mut followers: Vec<Follower> = (0..FOLLOWERS).map(|_| Follower::connect(addr)).collect();
    let round = |followers: &mut Vec<Follower>| -> Vec<Value> {
        ask_all(followers, &nodes.client);
        followers.iter_mut().map(Follower::answer).collect()
    };
    round(&mut followers);
    round(&mut followers);
    let (threads, memory) = (status(node, "Threads:"), status(node, "VmRSS:"));

    // All of them wait while the token is revoked. Whoever does not get the change with this answer gets it with the next.
    ask_all(&followers, &nodes.client);
    let id = done(&nodes.jeton, &["token", "list", "a", "--json"]);
    let id = crate::commands::json_of(&id);
    let id = id.as_array().unwrap().iter().find(|token| token["kind"] == "named").unwrap()["id"].clone();
    done(&nodes.jeton, &["token", "revoke", &id.to_string()]);
    let revoked = Instant::now();
    let is_told = |answer: &Value| answer["changes"].as_array().unwrap().iter().any(|change| change["token"] == id);
    let early: Vec<bool> = followers.iter_mut().map(|follower| is_told(&follower.answer())).collect();
    let late = round(&mut followers);
    let took = revoked.elapsed();
    for (early, late) in early.into_iter().zip(&late) {
        assert!(early ^ is_told(late), "each gets it once: {early}, {late}");
    }
    eprintln!("freshness: {FOLLOWERS} followers of one node knew of a revocation after {took:.1?}");
    assert!(took < BOUND, "{took:?}");
    let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
    assert_eq!(request.form(&[("token", &named)]).send(addr).json()["active"], false);

    for _ in 0..5 {
        round(&mut followers);
    }
    assert!(status(node, "Threads:") <= threads + 2, "{} threads, before {threads}", status(node, "Threads:"));
    let grown = status(node, "VmRSS:").saturating_sub(memory);
    assert!(grown < 32 << 10, "{grown} KiB more in memory");
    assert!(metric(node, "jeton_cache_proof_age_seconds") < BOUND.as_secs_f64());
}
