//! Hints that cannot be sent or received: the nodes read the change log all the same, only later.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use super::poolers::socket_and_name;
use super::{Nodes, metric};
use crate::commands::{done, login};
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::postgres;
use crate::support::watched::Watched;

/// What a proxy does with `listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listen {
    /// The server answers with an error.
    Fails,
    /// The connection is closed.
    HangsUp,
    /// Nothing is answered.
    Hangs,
}

/// A proxy before a server. It ends with this process.
fn proxy(database: &str, listen: Listen) -> SocketAddr {
    let socket = format!("{}/.s.PGSQL.5432", socket_and_name(database).0.replace("%2F", "/"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = UnixStream::connect(&socket) else { continue };
            client.set_nodelay(true).unwrap();
            let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                pass(from_server, to_client, |_| true);
            });
            thread::spawn(move || {
                pass(client, server, |bytes| {
                    let Some(at) = bytes.windows(7).position(|word| word == b"listen ") else { return true };
                    bytes[at..at + 7].copy_from_slice(b"refuse ");
                    match listen {
                        Listen::Fails => true,
                        Listen::HangsUp => false,
                        Listen::Hangs => loop {
                            thread::park();
                        },
                    }
                });
            });
        }
    });
    addr
}

/// Copies until an end, or until `check` says no.
fn pass(mut from: impl Read, mut to: impl Write + Shutdown, check: impl Fn(&mut [u8]) -> bool) {
    let mut bytes = [0; 8192];
    while let Ok(size @ 1..) = from.read(&mut bytes) {
        if !check(&mut bytes[..size]) || to.write_all(&bytes[..size]).is_err() {
            break;
        }
    }
    to.shut_down();
}

trait Shutdown {
    fn shut_down(&self);
}

impl Shutdown for TcpStream {
    fn shut_down(&self) {
        self.shutdown(std::net::Shutdown::Both).ok();
    }
}

impl Shutdown for UnixStream {
    fn shut_down(&self) {
        self.shutdown(std::net::Shutdown::Both).ok();
    }
}

/// Nodes that can neither listen for hints nor send any: the role may not call `pg_notify`.
fn without_hints(listen: Listen) -> Nodes {
    let cluster = postgres::private();
    let database = TestDatabase::of(&cluster);
    database.sql(
        "create role app login; revoke execute on function pg_notify(text, text) from public; \
         alter default privileges grant select, insert, update, delete on tables to app",
    );
    let addr = proxy(&database.url, listen);
    let url = format!("postgres://app@{addr}/{}?sslmode=disable", socket_and_name(&database.url).1);
    Nodes::at(cluster, database, &url)
}

#[test]
fn without_listen_and_notify_the_caches_answer_and_each_change_is_seen_within_the_bound() {
    for listen in [Listen::Fails, Listen::HangsUp, Listen::Hangs] {
        let nodes = without_hints(listen);
        let (token, named) = nodes.user("a");
        nodes.assert_seen_after(&format!("a command, LISTEN {listen:?}"), &token, |nodes| {
            done(&nodes.jeton, &["token", "create", "-r", "a"]);
        });
        let another = login(&nodes.both[1], "a");
        nodes.assert_seen_after(&format!("a revocation by HTTP, LISTEN {listen:?}"), &another, |nodes| {
            let request = Request::new("POST", "/revoke").basic(&nodes.client.0, &nodes.client.1);
            assert_eq!(request.form(&[("token", &another)]).send(nodes.both[0].addr).status, 200);
        });
        nodes.assert_seen_after(&format!("SQL, LISTEN {listen:?}"), &named, |nodes| {
            nodes.database.sql("update users set email = 'e@example.com'");
        });
        for node in &nodes.both {
            assert!(metric(node, "jeton_cache_proof_age_seconds") < 1.0);
            assert!(!node.stderr().contains("the cache is off"), "{}", node.stderr());
            if listen == Listen::Hangs {
                eventually("a warning", Duration::from_secs(30), || {
                    node.stderr().contains("does not answer LISTEN").then_some(())
                });
            }
        }
    }
}

/// Without them readings are half a second apart. A hint may have any text.
#[test]
fn each_hint_makes_a_node_read_at_once() {
    let watched = Watched::start(&[("JETON_REVOCATION_BOUND", "1m")]);
    watched.app.alice();
    let hints = "do $$ begin for number in 1..40 loop perform pg_notify('jeton_changes', 'a text'); commit; \
        perform pg_sleep(0.05); end loop; end $$";
    eventually("a reading for most of the hints", Duration::from_mins(1), || {
        let began = Instant::now();
        let readings = watched.statements(&["from changes "], |app| drop(app.database.sql(hints))).len();
        (readings as u128 > 10 + began.elapsed().as_millis() / 500).then_some(())
    });
}
