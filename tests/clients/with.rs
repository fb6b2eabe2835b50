//! The lines of `docs/jeton-with.md`, run by the programs that they are for.

mod apache;
mod dovecot;
mod haproxy;
mod node;
mod servers;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::gateways::upstream::Upstream;
use crate::serve::listen::certify;
use crate::support::app::{App, Kind};
use crate::support::calls::ALICE;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::{Jeton, Process};
use crate::support::python;

const PAGE: &str = "docs/jeton-with.md";
/// What the page calls jeton, and the client that the page has.
const ADDRESS: &str = "https://jeton.example.com";
const CLIENT: (&str, &str) = ("reports", "the-secret-that-jeton-client-create-printed");
const START: Duration = Duration::from_mins(1);

/// The blocks of code in a section of the page.
fn blocks<const N: usize>(section: &str) -> [String; N] {
    let page = fs::read_to_string(python::root().join(PAGE)).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect("a section of the page");
    let text = rest.split("\n## ").next().unwrap();
    let fenced =
        text.split("\n```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1.to_owned() + "\n");
    fenced.collect::<Vec<_>>().try_into().unwrap_or_else(|found: Vec<_>| panic!("{section} has {} blocks", found.len()))
}

/// A jeton with the page's client.
struct Site {
    api: App,
    /// The same with TLS, for programs that insist on it, and its certificate.
    tls: Option<(App, PathBuf)>,
    folder: Jeton,
}

impl Site {
    fn start() -> Self {
        let client = [("JETON_BOOTSTRAP_CLIENT_ID", CLIENT.0), ("JETON_BOOTSTRAP_CLIENT_SECRET", CLIENT.1)];
        Self { api: App::with(Kind::Sqlite, &client), tls: None, folder: Jeton::new() }
    }

    fn with_tls() -> Self {
        let mut site = Self::start();
        let (cert, key) = certify(&site.folder);
        // Without a cache of its own: it refuses a token as soon as the other node has revoked it.
        let settings = [("JETON_TLS_CERT", &*cert), ("JETON_TLS_KEY", &*key), ("JETON_CACHE_BYTES", "0")];
        site.tls = Some((site.api.node(&settings), cert.into()));
        site
    }

    fn url(&self) -> String {
        match &self.tls {
            Some((node, _)) => format!("https://localhost:{}", node.addr.port()),
            None => format!("http://{}", self.api.addr),
        }
    }

    fn certificate(&self) -> &str {
        self.tls.as_ref().unwrap().1.to_str().unwrap()
    }

    /// Who brings a good token passes under the holder's name, others do not; nor does a revoked token, once the program
    /// has forgotten it, nor anybody without jeton. `holder` is whom the program takes for the holder of a key.
    #[track_caller]
    fn check(self, forgets: Forgets, holder: impl Fn(&str) -> Option<String>) {
        let login = self.api.alice();
        let named = |name: &str| {
            // With an expiry in the far future: many programs remember only what expires.
            let body = json!({"name": name, "scope": "reports:read", "expires_in": "3650d"});
            self.api.name_token(&login, &body)["token"].as_str().unwrap().to_owned()
        };
        let (key, other) = (named("ci"), named("other"));
        for _ in 0..3 {
            assert_eq!(holder(&key).as_deref(), Some(ALICE.0));
        }
        assert_eq!(holder(&other).as_deref(), Some(ALICE.0));
        assert_eq!(holder(&"0".repeat(40)), None);
        let refused = |key: &str| match forgets {
            Forgets::AtOnce => assert_eq!(holder(key), None),
            Forgets::Soon => eventually("it forgets", START, || holder(key).is_none().then_some(())),
        };
        assert_eq!(self.api.send(Request::new("POST", "/revoke").form(&[("token", &key)])).status, 200);
        refused(&key);
        assert_eq!(holder(&other).as_deref(), Some(ALICE.0));
        drop(self);
        refused(&other);
    }
}

#[derive(Clone, Copy)]
enum Forgets {
    AtOnce,
    Soon,
}

/// Starts a server that ends with this test, and waits until it listens.
fn listening(command: &mut Command, addr: SocketAddr) -> Process {
    let process = Process::start(command.stdin(Stdio::null()));
    eventually(&format!("something listens on {addr}"), START, || {
        assert!(process.try_wait().is_none(), "it ended: {process:?}");
        TcpStream::connect(addr).ok()
    });
    process
}

/// What a server in front of this service tells it in `name`, whatever the client says there itself.
fn told(addr: SocketAddr, service: &Upstream, name: &str, key: &str) -> Option<String> {
    let bearer = format!("Bearer {key}");
    let request = [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replace('_', "-")]
        .iter()
        .fold(Request::new("GET", "/things"), |request, name| request.header(name, "forged"));
    let answer = request.header("Authorization", bearer).send(addr);
    let received = service.received();
    assert!(!format!("{received:?}").contains("forged"), "{received:#?}");
    assert_eq!(received.len(), usize::from(answer.status == 200), "{answer:?}");
    Some(received.first()?.headers_named(name).join(", "))
}

#[test]
fn the_page_names_the_versions_that_are_installed() {
    let page = fs::read_to_string(python::root().join(PAGE)).unwrap();
    let [toolkit, _, authlib, ..] = servers::PACKAGES;
    for package in [toolkit, authlib, node::PACKAGES[0]] {
        let (name, version) = package.split_once("==").or_else(|| package.split_once('@')).unwrap();
        let row = page.lines().find(|line| line.starts_with(&format!("| [{name}]("))).expect("a row of the table");
        assert!(row.ends_with(&format!("| {version} |")), "{package} is tested: {row}");
    }
}
