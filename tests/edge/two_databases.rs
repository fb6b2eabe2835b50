//! Two databases behind one address, as when one takes the other's place: what is read of one is no proof for answers of the
//! other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{BOUND, Chain, RECOVERY, edge_of, introspect, metric, url, wait_until_cached};
use crate::commands::{create_client, done, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::process::Serving;

/// Where the balancer sends requests.
#[derive(Clone, Copy, Debug)]
enum To {
    First,
    /// Those for changes to the second one, the others to the first one.
    ChangesToSecond,
    /// To one after the other.
    Both,
}

/// A balancer before two servers, which opens a connection for each request.
struct Balancer {
    addr: SocketAddr,
    to: Arc<AtomicUsize>,
}

impl Balancer {
    fn start(servers: [SocketAddr; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, to) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(To::First as usize)));
        let mode = Arc::clone(&to);
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let mode = Arc::clone(&mode);
                std::thread::spawn(move || pass(client.unwrap(), servers, &mode, number));
            }
        });
        Self { addr, to }
    }

    fn send_to(&self, to: To) {
        self.to.store(to as usize, Ordering::SeqCst);
    }
}

/// Passes one request on, and the answer back.
fn pass(mut client: TcpStream, servers: [SocketAddr; 2], mode: &AtomicUsize, number: usize) -> Option<()> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    let head = loop {
        let head = request.windows(4).position(|end| end == b"\r\n\r\n");
        let text = String::from_utf8_lossy(&request[..head.unwrap_or(0)]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if let Some(head) = head
            && request.len() >= head + 4 + length.unwrap_or(0)
        {
            break head;
        }
        match client.read(&mut part).ok()? {
            0 => return None,
            read => request.extend_from_slice(&part[..read]),
        }
    };
    let is_changes = request.starts_with(b"GET /changes");
    let second = match mode.load(Ordering::SeqCst) {
        0 => false,
        1 => is_changes,
        _ => number % 2 == 1,
    };
    let mut server = TcpStream::connect(servers[usize::from(second)]).ok()?;
    server.write_all(&request[..head]).ok()?;
    server.write_all(b"\r\nconnection: close").ok()?;
    server.write_all(&request[head..]).ok()?;
    std::io::copy(&mut server, &mut client).ok()?;
    Some(())
}

/// Another database with the same clients.
fn another(db: Kind, chain: &Chain) -> (TestDatabase, Serving) {
    let database = TestDatabase::migrated(db);
    let jeton = migrated(&database);
    for client in ["billing", "edge"] {
        create_client(&jeton, client);
        let (to_hex, from_hex) = match db {
            Kind::Postgres => ("encode(secret_digest, 'hex')", "decode('HEX', 'hex')"),
            Kind::Sqlite => ("hex(secret_digest)", "x'HEX'"),
        };
        let hex = chain.database.sql(&format!("select {to_hex} from clients where client_id = '{client}'"));
        let digest = from_hex.replace("HEX", hex.trim());
        database.sql(&format!("update clients set secret_digest = {digest} where client_id = '{client}'"));
    }
    let node = jeton.serve();
    (database, node)
}

on_both! {
    fn changes_of_one_database_are_no_proof_for_answers_of_another(db) {
        let chain = Chain::start(db);
        let (_database, second) = another(db, &chain);
        let balancer = Balancer::start([chain.node.addr, second.addr]);
        let near = edge_of(&[&format!("http://{}", balancer.addr)], &chain.own).edge();
        let far = edge_of(&[&url(&near)], &chain.own).edge();
        let edges = [&near, &far];
        let ask = |edge: &Serving, key: &str| introspect(edge, &chain.client, key);
        let refused_after = |changed: Instant, key: &str| {
            for edge in edges {
                eventually("the revocation", RECOVERY, || {
                    let sent = Instant::now();
                    let answer = ask(edge, key);
                    let is_active = answer.text().contains("\"active\":true");
                    assert!(!is_active || sent < changed + BOUND, "an old answer {:?} after the change", sent - changed);
                    (answer.status == 200 && !is_active && changed.elapsed() > BOUND * 2).then_some(())
                });
            }
        };
        let (first_key, named) = chain.user("alice", &[]);
        let (other_key, _) = chain.user("bob", &[]);
        for edge in edges {
            wait_until_cached(edge, &chain.client, &first_key);
        }

        balancer.send_to(To::ChangesToSecond);
        // All edges follow the second one: every request of before is answered.
        let switched = Instant::now();
        while switched.elapsed() < BOUND * 2 {
            for edge in edges {
                assert_eq!(ask(edge, &first_key).status, 200);
            }
        }
        let hits = |edge| metric(edge, "jeton_cache_hits_total").to_string();
        let before = edges.map(hits);
        let asked = Instant::now();
        while asked.elapsed() < BOUND * 2 {
            for edge in edges {
                assert_eq!(ask(edge, &first_key).json()["active"], true, "the first one's answer");
            }
        }
        assert_eq!(edges.map(hits), before, "nobody proves these answers");
        done(&chain.jeton, &["token", "revoke", "--yes", "--user", "alice"]);
        refused_after(Instant::now(), &first_key);

        balancer.send_to(To::Both);
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(3) {
            for edge in edges {
                ask(edge, &other_key);
            }
        }
        done(&chain.jeton, &["token", "revoke", "--yes", "--user", "bob"]);
        refused_after(Instant::now(), &other_key);

        balancer.send_to(To::First);
        let (key, _) = chain.user("carol", &[]);
        for edge in edges {
            wait_until_cached(edge, &chain.client, &key);
        }
        assert_eq!(ask(&near, &named).json()["active"], false);
    }
}
