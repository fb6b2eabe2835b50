//! Where a server listens: TCP, a Unix socket, TLS; and `jeton healthcheck`, which calls it there.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{bare, listening, refuses_to_start};
use crate::support::process::{Jeton, Serving};

/// Runs curl, and returns its exit status and its output.
pub fn curl(args: &[&str]) -> (i32, String) {
    let output = Command::new("curl").args(["-s", "--noproxy", "*"]).args(args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

const ALIVE: &str = "{\"status\":\"ok\"}";

fn on_socket(jeton: Jeton) -> (Jeton, String) {
    let path = jeton.dir.path().join("jeton.sock").to_str().unwrap().to_owned();
    (jeton.env("JETON_LISTEN", format!("unix:{path}")), path)
}

#[test]
fn a_unix_socket_is_served_and_a_stale_socket_is_replaced() {
    let (jeton, path) = on_socket(bare());
    for _ in 0..2 {
        let server = jeton.spawn(&["serve"], Stdio::null());
        listening(&server);
        assert_eq!(curl(&["--unix-socket", &path, "http://localhost/healthz"]), (0, ALIVE.to_owned()));
        assert_eq!(jeton.run(&["healthcheck"]).status, 0);
        server.signal("KILL");
        server.output();
        assert!(Path::new(&path).exists(), "a killed server leaves its socket");
        assert_eq!(jeton.run(&["healthcheck"]).status, 1);
    }
}

#[test]
fn a_socket_of_a_running_server_is_not_replaced() {
    let (jeton, path) = on_socket(bare());
    let server = jeton.spawn(&["serve"], Stdio::null());
    listening(&server);
    let why = refuses_to_start(&jeton);
    assert!(why.contains("JETON_LISTEN") && why.contains(&path) && why.contains("in use"), "{why}");
    assert_eq!(curl(&["--unix-socket", &path, "http://localhost/healthz"]), (0, ALIVE.to_owned()));
    server.signal("TERM");
    assert_eq!(server.output().status, 0);

    let (jeton, path) = on_socket(bare());
    let busy = UnixListener::bind(&path).unwrap();
    refuses_to_start(&jeton);
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    drop(busy);
}

#[test]
fn a_stop_removes_the_sockets_that_are_still_the_server_s() {
    let jeton = bare();
    let metrics = jeton.dir.path().join("metrics.sock");
    let (jeton, path) = on_socket(jeton.env("JETON_METRICS_LISTEN", format!("unix:{}", metrics.display())));
    let stopped = |meanwhile: &dyn Fn()| {
        let server = jeton.spawn(&["serve"], Stdio::null());
        listening(&server);
        meanwhile();
        server.signal("TERM");
        assert_eq!(server.output().status, 0);
    };
    stopped(&|| assert!(Path::new(&path).exists() && metrics.exists()));
    assert!(!Path::new(&path).exists() && !metrics.exists(), "a stop leaves no socket behind");
    // Another process has taken its place, or a file.
    let other = jeton.dir.path().join("other.sock");
    let _other = UnixListener::bind(&other).unwrap();
    stopped(&|| {
        fs::rename(&other, &path).unwrap();
        fs::remove_file(&metrics).unwrap();
        fs::write(&metrics, "mine").unwrap();
    });
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok(), "the other one's socket stays");
    assert_eq!(fs::read_to_string(&metrics).unwrap(), "mine");
}

#[test]
fn a_file_that_is_not_a_socket_is_never_removed() {
    let (jeton, path) = on_socket(bare());
    fs::write(&path, "precious").unwrap();
    assert!(refuses_to_start(&jeton).contains(&path));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_port_in_use_is_named_in_the_error() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let why = refuses_to_start(&bare().env("JETON_LISTEN", &address));
    assert!(why.contains("JETON_LISTEN") && why.contains(&address) && why.contains("in use"), "{why}");
    let why = refuses_to_start(&bare().env("JETON_LISTEN", "192.0.2.1:1"));
    assert!(why.contains("JETON_LISTEN") && why.contains("192.0.2.1:1"), "{why}");
}

/// A self-signed certificate for `localhost` and its key, in the folder of this jeton.
pub fn with_certificate(jeton: Jeton) -> (Jeton, String) {
    let (cert, key) = certify(&jeton);
    (jeton.env("JETON_TLS_CERT", &cert).env("JETON_TLS_KEY", &key), cert)
}

/// Creates a certificate and its key, in place of existing ones.
pub fn certify(jeton: &Jeton) -> (String, String) {
    let path = |name: &str| jeton.dir.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", &key, "-out", &cert]);
    assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
    (cert, key)
}

#[test]
fn https_with_a_configured_certificate() {
    let (jeton, cert) = with_certificate(bare());
    let server = jeton.serve();
    let url = format!("https://localhost:{}/healthz", server.addr.port());
    assert_eq!(curl(&["-k", &url]), (0, ALIVE.to_owned()));
    assert_eq!(curl(&["--cacert", &cert, &url]), (0, ALIVE.to_owned()));
    assert_eq!(curl(&["--cacert", &cert, "--tlsv1.2", "--tls-max", "1.2", &url]), (0, ALIVE.to_owned()));
    assert_ne!(curl(&[&url]).0, 0, "an unknown certificate is not trusted: this is TLS");
    let base = format!("https://localhost:{}", server.addr.port());
    let metadata = format!("{base}/.well-known/oauth-authorization-server");
    for version in ["--http1.1", "--http2"] {
        let (status, text) = curl(&["--cacert", &cert, version, "-w", "\n%{http_version}", &metadata]);
        let (text, spoken) = text.rsplit_once('\n').unwrap();
        assert_eq!((status, spoken), (0, "1.1"), "HTTP/2 is offered by the client only");
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(document["issuer"], base.as_str(), "{version}: the host that the client named");
        assert_eq!(document["introspection_endpoint"], format!("{base}/introspect"));
    }
    let form = curl(&["--cacert", &cert, "-i", &format!("{base}/console/sign-in")]).1;
    let cookie = form.lines().find(|line| line.to_lowercase().starts_with("set-cookie:")).unwrap();
    assert!(cookie.contains("__Secure-jeton_console_form=") && cookie.contains("; Secure"), "{cookie}");
    for path in ["/console/sign-in", "/introspect", "/nothing", "/healthz"] {
        let answer = curl(&["--cacert", &cert, "-i", &format!("{base}{path}")]).1;
        assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    }
    let broken = curl(&["--cacert", &cert, "-i", "-g", &format!("{base}/<x>")]).1;
    assert!(broken.starts_with("HTTP/1.1 400") && broken.contains("{\"detail\":"), "{broken}");
    assert!(broken.contains("strict-transport-security: "), "{broken}");
    assert_eq!(health_of(&jeton, &server), 0);
    let plain = format!("http://localhost:{}/healthz", server.addr.port());
    assert_ne!(curl(&[&plain]).1, ALIVE, "the port does not answer without TLS");
}

#[test]
fn a_certificate_that_cannot_be_read_is_named_and_no_database_is_created() {
    for (name, text) in [
        ("JETON_TLS_CERT", None),
        ("JETON_TLS_CERT", Some("no certificate")),
        ("JETON_TLS_KEY", None),
        ("JETON_TLS_KEY", Some("no key")),
    ] {
        let (jeton, _) = with_certificate(bare());
        let path = jeton.dir.path().join(if name == "JETON_TLS_CERT" { "cert.pem" } else { "key.pem" });
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let why = refuses_to_start(&jeton);
        assert!(why.contains(name) && why.contains(path.to_str().unwrap()), "{why}");
        assert!(!jeton.dir.path().join("jeton.db").exists());
    }
    let (jeton, _) = with_certificate(bare());
    let (jeton, _) = on_socket(jeton);
    assert!(refuses_to_start(&jeton).contains("JETON_TLS_CERT"), "there is no HTTPS on a socket");
}

fn health_of(jeton: &Jeton, server: &Serving) -> i32 {
    jeton.run(&["healthcheck", "--listen", &server.addr.to_string()]).status
}

#[test]
fn healthcheck_reaches_a_server_on_any_address_and_fails_if_there_is_none() {
    for listen in ["127.0.0.1:0", "0.0.0.0:0", "localhost:0"] {
        let jeton = bare().env("JETON_LISTEN", listen);
        let server = jeton.serve();
        let output =
            jeton.run(&["healthcheck", "--listen", &listen.replace(":0", &format!(":{}", server.addr.port()))]);
        assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (0, "", ""), "{listen}");
    }
    let jeton = bare();
    let server = jeton.serve();
    server.signal("KILL");
    server.wait(super::LIMIT);
    let output = jeton.run(&["healthcheck", "--listen", &server.addr.to_string()]);
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    assert!(output.stderr.contains(&server.addr.to_string()), "{output:?}");
}

#[test]
fn healthcheck_fails_if_the_server_hangs() {
    let jeton = bare();
    let server = jeton.serve();
    server.signal("STOP");
    assert_eq!(health_of(&jeton, &server), 1);
    server.signal("CONT");
    let (jeton, _) = with_certificate(bare());
    let server = jeton.serve();
    server.signal("STOP");
    assert_eq!(health_of(&jeton, &server), 1, "over TLS too");
}

/// The soft and the hard limit of open files of the process.
#[track_caller]
fn open_files(server: &Serving) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = line.split_whitespace().map(ToOwned::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn the_limit_of_open_files_is_raised_and_connections_stay_below_it() {
    let jeton = bare().env("JETON_DATABASE_TIMEOUT", "20s");
    let server = jeton.serve_below("-S -n 200");
    let (soft, hard) = open_files(&server);
    assert_eq!(soft, hard, "the soft limit is raised to the hard one");

    drop(server);

    let server = jeton.serve_below("-n 300");
    assert_eq!(open_files(&server), ("300".to_owned(), "300".to_owned()));
    assert!(server.stderr().contains("of JETON_MAX_CONNECTIONS=10000 connections "), "{server:?}");
    let idle: Vec<_> = (0..300).map(|_| TcpStream::connect(server.addr).unwrap()).collect();
    assert_eq!(curl(&[&format!("http://{}/healthz", server.addr)]), (0, ALIVE.to_owned()));
    let login = curl(&[&format!("http://{}/api-token-auth/", server.addr), "-d", "username=a&password=b"]).1;
    assert!(login.contains("Unable to log in"), "files are left for the database: {login}");
    drop(idle);
}

#[test]
fn metrics_may_have_a_separate_address() {
    let jeton = bare();
    let path = jeton.dir.path().join("metrics.sock").to_str().unwrap().to_owned();
    let (jeton, main) = on_socket(jeton.env("JETON_METRICS_LISTEN", format!("unix:{path}")));
    let server = jeton.spawn(&["serve"], Stdio::null());
    listening(&server);
    let get = |socket: &str, url: &str| curl(&["-w", "%{http_code}", "--unix-socket", socket, url]).1;
    let text = get(&path, "http://localhost/metrics");
    assert!(text.contains("jeton_cache_proof_age_seconds ") && text.ends_with("200"), "{text}");
    assert!(get(&main, "http://localhost/metrics").ends_with("404"), "the main address has no metrics");
    assert!(get(&path, "http://localhost/me").ends_with("404"), "no other route is on the metrics address");
    server.signal("TERM");
    assert_eq!(server.output().status, 0, "both listeners stop");
}
