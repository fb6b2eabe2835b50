//! SIGTERM and SIGINT: open requests are finished, no new connections are accepted, and the exit is prompt with status 0.
#![allow(clippy::disallowed_methods, reason = "it measures how long a real process takes")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use super::LIMIT;
use crate::commands::{PASSWORD, create_client, create_user, done, jeton, key_in, login, migrated};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::http::{Answer, Request};
use crate::support::process::Serving;

/// Far below the 30 s that open requests may take.
const PROMPT: Duration = Duration::from_secs(5);

pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Sends the head and a part of the body of a login. Returns the rest of the body.
pub fn half_a_login(server: &Serving, stream: &mut TcpStream) -> Vec<u8> {
    let form = [("username", "amy"), ("password", PASSWORD)];
    let bytes =
        Request::new("POST", "/api-token-auth/").header("Expect", "100-continue").form(&form).bytes(server.addr);
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    stream.write_all(&bytes[..head]).unwrap();
    // This answer shows that the server has read the head.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&bytes[head..head + 9]).unwrap();
    bytes[head + 9..].to_vec()
}

fn wait_until_port_closed(server: &Serving) {
    eventually("a closed port", LIMIT, || TcpStream::connect(server.addr).is_err().then_some(()));
}

on_both! {
    /// The wait would end after the stop: the client learns that, and that the change is made.
    fn a_request_that_waits_longer_than_the_stop_is_answered(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database).env("JETON_REVOCATION_BOUND", "1h").env("JETON_SHUTDOWN_TIMEOUT", "20s");
        create_user(&jeton, "amy", &["--superuser"]);
        let client = create_client(&jeton, "billing");
        create_client(&jeton, "reports");
        let server = jeton.serve();
        let (admin, key) = (login(&server, "amy"), key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy"));
        let requests = [
            Request::new("POST", "/revoke?wait=true").basic(&client.0, &client.1).form(&[("token", &key)]),
            Request::new("PATCH", "/admin/users/amy?wait=true").token(&admin).json(&json!({"email": "amy@example.com"})),
            Request::new("POST", "/admin/clients/reports/rotate?grace=1h&wait=true").token(&admin),
        ];
        let addr = server.addr;
        let waiting = requests.map(|request| std::thread::spawn(move || request.send(addr)));
        eventually("all changes", LIMIT, || {
            let user = Request::new("GET", "/admin/users/amy").token(&admin).send(addr).json();
            let revoke = Request::new("GET", "/me").token(&key).send(addr);
            let clients = Request::new("GET", "/admin/clients/").token(&admin).send(addr).json();
            let is_rotated = clients["results"].as_array().unwrap().iter().any(|client| client["rotated_at"].is_string());
            (user["email"] == "amy@example.com" && revoke.status == 401 && is_rotated).then_some(())
        });
        let since = Instant::now();
        server.signal("TERM");
        let [revoked, changed, rotated] = waiting.map(|answer| answer.join().unwrap());
        assert_eq!(server.wait(LIMIT).code(), Some(0));
        assert!(since.elapsed() < PROMPT, "{:?}", since.elapsed());
        let sentence = "The change is made, but this node stops before everybody knows of it. Wait for JETON_REVOCATION_BOUND instead.";
        // Revoked again, the token is revoked as before; what else is sent again may do more than wait.
        for (answer, retry_after) in [(&revoked, Some("1")), (&changed, None), (&rotated, None)] {
            assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, retry_after), "{answer:?}");
        }
        assert_eq!(rotated.json()["detail"], sentence);
        let secret = rotated.json()["client_secret"].as_str().unwrap().to_owned();
        let server = jeton.serve();
        let introspect = Request::new("POST", "/introspect").basic("reports", &secret).form(&[("token", &key)]);
        assert_eq!(introspect.send(server.addr).status, 200, "the new secret, which is shown nowhere else");
        assert_eq!(revoked.json(), json!({"error": "temporarily_unavailable", "error_description": sentence}));
        assert_eq!(changed.json(), json!({"detail": sentence}));
    }

    /// The stop waits for it as for any other request.
    fn a_request_that_waits_for_less_than_the_stop_is_finished(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database).env("JETON_REVOCATION_BOUND", "3s");
        create_user(&jeton, "amy", &[]);
        let server = jeton.serve();
        let (key, addr) = (login(&server, "amy"), server.addr);
        let logout = Request::new("POST", "/logout/?wait=true").token(&key);
        let (since, waiting) = (Instant::now(), std::thread::spawn(move || logout.send(addr)));
        eventually("the logout", LIMIT, || {
            (Request::new("GET", "/me").token(&key).send(addr).status == 401).then_some(())
        });
        server.signal("TERM");
        assert_eq!(waiting.join().unwrap().status, 204);
        assert!(since.elapsed() >= Duration::from_secs(3));
    }

    fn an_open_request_is_answered_and_no_new_connection_is_accepted(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        for signal in ["TERM", "INT"] {
            let server = jeton.serve();
            let mut stream = connect(server.addr);
            let rest = half_a_login(&server, &mut stream);
            server.signal(signal);
            wait_until_port_closed(&server);
            assert!(server.try_wait().is_none(), "the server waits for the open request");
            stream.write_all(&rest).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let answer = Answer::parse("POST", &answer).unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.json()["token"].is_string());
            assert_eq!(server.wait(PROMPT).code(), Some(0));
        }
    }

    fn idle_connections_do_not_delay_the_exit(db) {
        let database = TestDatabase::new(db);
        let server = jeton(&database).serve();
        let silent = connect(server.addr);
        let mut streams = [(); 8].map(|()| connect(server.addr));
        for stream in &mut streams {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: jeton\r\n\r\n").unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"HTTP/1.1 200");
        }
        let started = Instant::now();
        server.signal("TERM");
        assert_eq!(server.wait(PROMPT).code(), Some(0));
        println!("{db:?}: ended after {:?}, with idle connections open", started.elapsed());
        drop((silent, streams));
    }

    fn clients_that_read_nothing_do_not_delay_the_exit_for_long(db) {
        let database = TestDatabase::new(db);
        let server = jeton(&database).serve();
        let large = Request::new("GET", "/docs/swagger-ui-bundle.js").header("Connection", "keep-alive").bytes(server.addr);
        let mut streams = [(); 4].map(|()| connect(server.addr));
        for stream in &mut streams {
            stream.write_all(&large.repeat(16)).unwrap();
            // The server has begun to answer, and its writes block from now on.
            stream.read_exact(&mut [0; 12]).unwrap();
        }
        server.signal("TERM");
        assert_eq!(server.wait(Duration::from_secs(25)).code(), Some(0), "less than the timeout of open requests");
        drop(streams);
    }

    fn an_idle_server_stops_at_once(db) {
        let database = TestDatabase::new(db);
        for signal in ["TERM", "INT"] {
            let server = jeton(&database).serve();
            let started = Instant::now();
            server.signal(signal);
            assert_eq!(server.wait(PROMPT).code(), Some(0), "{signal}");
            println!("{db:?}: ended after {:?}, idle, by SIG{signal}", started.elapsed());
        }
    }

    fn the_shutdown_timeout_bounds_the_wait_for_a_request_that_never_ends(db) {
        let database = TestDatabase::new(db);
        let server = jeton(&database).env("JETON_SHUTDOWN_TIMEOUT", "1s").serve();
        let mut stream = connect(server.addr);
        let rest = half_a_login(&server, &mut stream);
        let started = Instant::now();
        server.signal("TERM");
        assert_eq!(server.wait(PROMPT).code(), Some(0));
        println!("{db:?}: ended after {:?}, with a time-out of 1 s", started.elapsed());
        assert!(!rest.is_empty());
    }
}
