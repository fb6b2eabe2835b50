//! A log that is read slowly, or not at all, delays neither requests nor a shutdown.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::LIMIT;
use crate::commands::{PASSWORD, create_user, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::process::signal;
use crate::support::{eventually, within};

/// A server whose log is read only until it listens.
struct Unread {
    child: Child,
    log: BufReader<ChildStderr>,
    addr: SocketAddr,
    _database: TestDatabase,
}

impl Unread {
    fn serve(db: Kind, format: &str) -> Self {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database).env("JETON_LISTEN", "127.0.0.1:0").env("JETON_LOG_FORMAT", format);
        create_user(&jeton, "amy", &[]);
        let mut command = jeton.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let addr = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server has ended");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap_or(rest.len());
                break rest[..end].parse().unwrap();
            }
        };
        Self { child, log, addr, _database: database }
    }

    /// Sends requests until log lines are dropped.
    fn fill(&self) {
        const MAX_CONNECTIONS: usize = 100;
        let (id, path) = ("i".repeat(128), "p".repeat(90));
        let request = format!("GET /{path} HTTP/1.1\r\nHost: jeton\r\nX-Request-Id: {id}\r\n\r\n");
        let many = request.repeat(500);
        for _ in 0..MAX_CONNECTIONS {
            let mut stream = TcpStream::connect(self.addr).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut reader = stream.try_clone().unwrap();
            let answers = thread::spawn(move || {
                let (mut piece, mut count) = (vec![0; 65536], 0);
                // Each answer has this text once. A few are missed, where a read ends inside the text.
                while count < 490 {
                    let read = reader.read(&mut piece).expect("the server answers although nobody reads its log");
                    assert!(read > 0, "the connection ended after {count} answers");
                    count += piece[..read].windows(12).filter(|twelve| twelve == b"HTTP/1.1 404").count();
                }
            });
            stream.write_all(many.as_bytes()).unwrap();
            answers.join().unwrap();
            if self.dropped() > 0 {
                return;
            }
        }
        panic!("nothing was dropped");
    }

    fn dropped(&self) -> u64 {
        let text = Request::new("GET", "/metrics").send(self.addr).text();
        let value = text.lines().find_map(|line| line.strip_prefix("jeton_log_lines_dropped_total "));
        value.expect("there is a counter").parse().unwrap()
    }

    fn assert_serves(&self) {
        assert_eq!(Request::new("GET", "/healthz").send(self.addr).status, 200);
        let form = [("username", "amy"), ("password", PASSWORD)];
        assert_eq!(Request::new("POST", "/api-token-auth/").form(&form).send(self.addr).status, 200);
    }

    fn wait_for_exit(&mut self) -> ExitStatus {
        within(LIMIT, || self.child.try_wait().unwrap()).expect("the server ends")
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

on_both! {
    fn an_unread_log_delays_no_request_and_no_shutdown(db) {
        let mut server = Unread::serve(db, "text");
        server.fill();
        server.assert_serves();
        assert!(signal("TERM", &[server.child.id()]));
        assert_eq!(server.wait_for_exit().code(), Some(0));
    }

    fn a_second_signal_does_not_wait_for_the_log(db) {
        let mut server = Unread::serve(db, "text");
        server.fill();
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(b"POST /api-token-auth/ HTTP/1.1\r\nHost: jeton\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
        let pid = server.child.id();
        assert!(signal("TERM", &[pid]));
        eventually("a closed port", LIMIT, || TcpStream::connect(server.addr).is_err().then_some(()));
        assert!(signal("TERM", &[pid]));
        assert_eq!(server.wait_for_exit().code(), Some(143));
    }

    fn the_number_of_dropped_lines_is_logged_when_the_log_is_read_again(db) {
        for format in ["text", "json"] {
            let mut server = Unread::serve(db, format);
            server.fill();
            let dropped = server.dropped();
            let words = loop {
                let mut line = String::new();
                assert!(server.log.read_line(&mut line).unwrap() > 0, "the server has ended");
                if line.contains("of the log w") {
                    break line;
                }
            };
            let logged = if format == "json" {
                let line: Value = serde_json::from_str(&words).unwrap();
                assert_eq!((&line["level"], &line["target"]), (&"WARN".into(), &"jeton::logging".into()));
                line["message"].as_str().unwrap().to_owned()
            } else {
                words.split_once("jeton::logging: ").unwrap().1.to_owned()
            };
            let logged: u64 = logged.split(' ').next().unwrap().parse().unwrap();
            assert!((1..=dropped).contains(&logged), "{logged} of {dropped}");
            // Later lines are written again.
            server.assert_serves();
            assert!(signal("TERM", &[server.child.id()]));
            let mut rest = String::new();
            server.log.read_to_string(&mut rest).unwrap();
            assert!(rest.contains("stopped"), "{format}");
            assert_eq!(server.wait_for_exit().code(), Some(0));
        }
    }
}

/// The panic ends its process, so the test runs itself once more, as a child process.
#[test]
fn a_panic_is_logged_before_the_process_ends() {
    const CHILD: &str = "JETON_TEST_PANICS";
    if std::env::var(CHILD).is_ok() {
        jeton::logging::start_queued("info", jeton::logging::LogFormat::Text).unwrap();
        thread::spawn(|| {
            // Nothing is logged after this panic.
            let _ = std::panic::catch_unwind(|| panic!("on purpose"));
            std::process::exit(7);
        })
        .join()
        .unwrap();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--nocapture", "serve::log_reader::a_panic_is_logged_before_the_process_ends"]);
    let output = child.env(CHILD, "1").output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{log}");
    assert!(log.contains("a panic: on purpose place="), "{log}");
}

#[test]
fn a_log_that_cannot_be_written_delays_nothing_either() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database).env("JETON_LISTEN", "127.0.0.1:0");
    let mut command = jeton.command(&["serve"]);
    // The reading end is closed below, so each write fails.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on ") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server has ended");
    }
    let address = line.split_once("http://").unwrap().1.split_whitespace().next().unwrap().parse().unwrap();
    drop(log);
    for _ in 0..3 {
        assert_eq!(Request::new("GET", "/nowhere").send(address).status, 404);
    }
    eventually("lines that are counted", Duration::from_secs(20), || {
        let text = Request::new("GET", "/metrics").send(address).text();
        text.contains("jeton_log_lines_dropped_total 3").then_some(())
    });
    assert!(signal("TERM", &[child.id()]));
    let status = within(LIMIT, || child.try_wait().unwrap());
    child.kill().ok();
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}
