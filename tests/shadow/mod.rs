//! `jeton shadow` before real Django projects: with DRF's tokens and with Knox's.

mod differences;
mod generated;
mod keywords;
mod passed;
mod request;

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::commands::{done, jeton};
use crate::support::app::{Kind, TestDatabase};
use crate::support::certificate::Certificate;
use crate::support::http::{Answer, Request};
use crate::support::process::{Jeton, Process, Serving};
use crate::support::python::Environment;
use crate::support::{eventually, within};

const PACKAGES: [&str; 3] = ["Django==5.2.19", "djangorestframework==3.18.3", "django-rest-knox==5.1.0"];

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Package {
    Drf,
    Knox,
}

impl Package {
    fn login(self) -> &'static str {
        if self == Self::Drf { "/api-token-auth/" } else { "/api/login/" }
    }
}

/// A project that serves, with the database of its users.
struct Project {
    package: Package,
    addr: SocketAddr,
    url: String,
    keys: Value,
    place: TempDir,
    process: Process,
}

impl Project {
    fn start(package: Package) -> Self {
        Self::with(package, None)
    }

    fn with(package: Package, certificate: Option<&Certificate>) -> Self {
        let place = TempDir::new().unwrap();
        let name = if package == Package::Drf { "drf" } else { "knox" };
        let mut python = Environment::of(&PACKAGES).python();
        python.args(["-I", "-c", include_str!("project.py"), name]).arg(place.path().join("db.sqlite3"));
        python.args(certificate.iter().flat_map(|certificate| [&certificate.cert, &certificate.key]));
        let process = Process::start(python.stdin(Stdio::null()));
        let line = within(LIMIT, || {
            let ended = process.try_wait();
            let printed = process.stdout();
            assert!(ended.is_none(), "the project ended: {process:?}");
            printed.ends_with('\n').then_some(printed)
        });
        let line = line.unwrap_or_else(|| panic!("the project does not serve: {process:?}"));
        let printed: Value = serde_json::from_str(&line).unwrap();
        let port = u16::try_from(printed["port"].as_u64().unwrap()).unwrap();
        let addr = ([127, 0, 0, 1], port).into();
        let url = if certificate.is_some() { format!("https://localhost:{port}") } else { format!("http://{addr}") };
        Self { package, addr, url, keys: printed["keys"].clone(), place, process }
    }

    fn key(&self, user: &str) -> String {
        self.keys[user].as_str().unwrap().to_owned()
    }
}

/// A project, a shadow before it, and the shadow's jeton, into which the project was imported.
struct Site {
    shadow: Serving,
    jeton: Jeton,
    database: TestDatabase,
    project: Project,
}

impl Site {
    fn start(db: Kind, package: Package) -> Self {
        Self::with(db, package, &[])
    }

    fn with(db: Kind, package: Package, settings: &[(&str, &str)]) -> Self {
        Self::before(db, Project::start(package), settings, &[])
    }

    fn before(db: Kind, project: Project, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let (package, database) = (project.package, TestDatabase::new(db));
        let limits = ["ADDRESS", "USER", "ACCOUNT"].map(|limit| format!("JETON_LOGIN_LIMIT_{limit}"));
        let mut jeton = limits.iter().fold(jeton(&database), |jeton, limit| jeton.env(limit, "none"));
        if package == Package::Knox {
            jeton = jeton.env("JETON_TOKEN_MODE", "multiple").env("JETON_TOKEN_TTL", "10h");
        }
        let jeton = settings.iter().fold(jeton, |jeton, (name, value)| jeton.env(name, *value));
        done(&jeton, &["migrate"]);
        let source = format!("sqlite://{}", project.place.path().join("db.sqlite3").display());
        done(&jeton, &["import", "django", "--from", &source]);
        let shadow = shadow(&jeton, &project, arguments);
        Self { shadow, jeton, database, project }
    }

    fn send(&self, request: Request) -> Answer {
        request.send(self.shadow.addr)
    }

    fn login(&self, user: &str) -> Request {
        let password = format!("the password of {user}");
        Request::new("POST", self.project.package.login()).form(&[("username", user), ("password", &password)])
    }

    /// Logs in through the shadow, and returns Django's key.
    fn key_of(&self, user: &str) -> String {
        let answer = self.send(self.login(user));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    fn check(&self, key: &str) -> Answer {
        self.send(Request::new("GET", "/me/").token(key))
    }

    /// Revokes a user's tokens in jeton only, before it has answered for them.
    fn revoke_here(&self, user: &str) {
        self.database.sql(&format!(
            "update tokens set revoked_at = created_at, revoked_by = 'the test', sealed = null \
             where user_id = (select id from users where username = '{user}')"
        ));
    }

    /// Stops the shadow, and returns its summary and the lines of its report.
    fn stop(&self) -> (Summary, Vec<Value>) {
        self.shadow.signal("TERM");
        let status = self.shadow.wait(LIMIT);
        assert_eq!(status.code(), Some(0), "{:?}", *self.shadow);
        let words = self.shadow.stderr();
        let report = self.report();
        (Summary::of(&words), report)
    }

    fn report(&self) -> Vec<Value> {
        let report = fs::read_to_string(self.jeton.dir.path().join("report.jsonl")).unwrap();
        report.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for the report's next lines, until there are so many.
    fn reported(&self, count: usize) -> Vec<Value> {
        eventually("a line of the report", LIMIT, || {
            let report = self.report();
            (report.len() >= count).then_some(report)
        })
    }
}

fn shadow(jeton: &Jeton, project: &Project, more: &[&str]) -> Serving {
    let mut arguments = vec!["shadow", "--upstream", &project.url, "--report", "report.jsonl"];
    arguments.extend(more);
    if project.package == Package::Knox {
        arguments.extend(["--login-path", "/api/login/", "--logout-path", "/api/logout/"]);
        arguments.extend(["--logoutall-path", "/api/logoutall/"]);
    }
    jeton.serve_by(jeton.command(&arguments))
}

/// The numbers in the last line that says how much was found.
#[derive(Debug)]
struct Summary {
    passed: u64,
    bad_gateway: u64,
    compared: u64,
    equal: u64,
    expected: u64,
    different: u64,
    skipped: u64,
    unanswered: u64,
}

impl Summary {
    fn of(words: &str) -> Self {
        let line = words.lines().rfind(|line| line.contains("requests passed on")).expect("a summary");
        let (_, line) = line.split_once("shadow: ").unwrap();
        let line = line.replace("(502)", "");
        let words = line.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let numbers: Vec<u64> = words.map(|digits| digits.parse().unwrap()).collect();
        let [passed, bad_gateway, compared, equal, expected, different, skipped, unanswered] = numbers[..] else {
            panic!("{line}")
        };
        Self { passed, bad_gateway, compared, equal, expected, different, skipped, unanswered }
    }
}

/// The report's lines that nothing explains.
fn unexplained(report: &[Value]) -> Vec<&Value> {
    report.iter().filter(|line| line["explained"].is_null()).collect()
}
