//! What the client gets is Django's answer, whatever jeton does; and nothing secret is written down.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::{LIMIT, Package, Project, Site};
use crate::commands::jeton;
use crate::on_both;
use crate::support::app::Kind;
use crate::support::certificate::Certificate;
use crate::support::http::{Answer, Request};
use crate::support::process::{Jeton, Process, holding};
use crate::support::{eventually, within};

/// An answer's headers, but for what belongs to one connection or second.
fn comparable(answer: &Answer) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !["date", "connection", "transfer-encoding"].contains(&name.to_lowercase().as_str()));
    for (name, _) in &mut headers {
        *name = name.to_lowercase();
    }
    headers.sort();
    (answer.status, headers, answer.body.clone())
}

on_both! {
    fn a_request_and_its_answer_pass_as_they_are(db) {
        let site = Site::start(db, Package::Drf);
        let key = site.project.key("user0");
        let body: Vec<u8> = (0..1_500_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        for request in [
            Request::new("GET", "/me/").token(&key),
            Request::new("HEAD", "/me/").token(&key),
            Request::new("OPTIONS", "/me/").token(&key),
            Request::new("DELETE", "/me/"),
            Request::new("GET", "/me/").header("Authorization", b"Token \xff"),
            Request::new("PURGE", "/open/"),
            Request::new("GET", "/me").token(&key),
            Request::new("GET", "/chunks/"),
            Request::new("HEAD", "/chunks/"),
            Request::new("GET", "/failing/"),
            Request::new("GET", "/missing/%2e%2e/%C3%A9?x=%20&y"),
            Request::new("GET", "/me/").token(&key).raw_body("a body"),
            Request::new("PUT", "/open/").body("application/octet-stream", body),
            Request::new("POST", "/api-token-auth/").body("text/plain", "x"),
        ] {
            let request = request.header("Host", "shop.example.com");
            let direct = request.send(site.project.addr);
            assert_eq!(comparable(&request.send(site.shadow.addr)), comparable(&direct), "{request:?}");
        }
        let hops = |request: Request| site.send(request).json()["for"].clone();
        assert_eq!(hops(Request::new("GET", "/open/")), "127.0.0.1");
        assert_eq!(hops(Request::new("GET", "/open/").header("X-Forwarded-For", "192.0.2.1")), "192.0.2.1, 127.0.0.1");
        // It may have the length of the body that it leaves out.
        let unchanged = site.send(Request::new("GET", "/unchanged/"));
        assert_eq!((unchanged.status, unchanged.header("ETag").as_deref()), (304, Some("\"a\"")), "{unchanged:?}");
        let (summary, _) = site.stop();
        assert_eq!((summary.passed, summary.unanswered, summary.different), (17, 0, 0));
    }

    fn a_hanging_jeton_costs_nothing(db) {
        let site = Site::start(db, Package::Drf);
        let key = site.key_of("user7");
        let lock = lock(&site, db);
        let since = Instant::now();
        for _ in 0..20 {
            assert_eq!(site.key_of("user7"), key);
        }
        let direct = Instant::now();
        for _ in 0..20 {
            site.login("user7").send(site.project.addr);
        }
        // jeton needs two seconds for each to give up.
        let (through, direct) = (direct - since, direct.elapsed());
        assert!(through < direct * 3 + Duration::from_secs(2), "{through:?}, and without jeton {direct:?}");
        eventually("jeton gives up", LIMIT, || site.shadow.stderr().contains("jeton does not answer").then_some(()));
        drop(lock);
        let (summary, report) = site.stop();
        assert!(summary.unanswered > 0 && summary.different == 0, "{summary:?}, {report:?}");
    }

    fn the_project_may_be_https_and_its_certificate_is_checked(db) {
        let folder = TempDir::new().unwrap();
        let certificate = Certificate::create(folder.path());
        let project = Project::with(Package::Drf, Some(&certificate));
        let site = Site::before(db, project, &[("SSL_CERT_FILE", &certificate.cert)], &[]);
        let key = site.key_of("user7");
        assert_eq!(site.check(&key).status, 200);
        assert_eq!(site.check(&"f".repeat(40)).status, 401);
        // Nobody vouches for it, or it is another host's.
        let request = Request::new("GET", "/me/").token(&key);
        let other_host = format!("https://127.0.0.1:{}", site.project.addr.port());
        let trusted = ("SSL_CERT_FILE", certificate.cert.as_str());
        for (url, trusted, why) in
            [(&site.project.url, None, "UnknownIssuer"), (&other_host, Some(trusted), "not valid for name")]
        {
            let jeton = trusted.into_iter().fold(jeton(&site.database), |jeton, (name, value)| jeton.env(name, value));
            let shadow = jeton.serve_by(jeton.command(&["shadow", "--upstream", url]));
            let answer = request.send(shadow.addr);
            assert_eq!((answer.status, answer.json()), (502, json!({"detail": "The upstream does not answer."})));
            eventually(why, LIMIT, || shadow.stderr().contains(why).then_some(()));
        }
        let (summary, report) = site.stop();
        assert_eq!((summary.passed, summary.compared, summary.equal), (3, 3, 3), "{report:?}");
    }

    fn a_dead_django_is_a_502(db) {
        let site = Site::start(db, Package::Drf);
        let key = site.project.key("user0");
        assert_eq!(site.check(&key).status, 200);
        site.project.process.signal("KILL");
        site.project.process.wait(LIMIT);
        for request in [site.login("user0"), Request::new("GET", "/me/").token(&key), Request::new("GET", "/")] {
            let answer = site.send(request);
            assert_eq!((answer.status, answer.json()), (502, json!({"detail": "The upstream does not answer."})));
        }
        let (summary, report) = site.stop();
        assert_eq!((summary.passed, summary.bad_gateway, summary.compared), (1, 3, 1), "{report:?}");
    }

    fn nothing_secret_is_written(db) {
        let site = Site::with(db, Package::Drf, &[("JETON_LOG", "trace")]);
        let mut secrets: Vec<String> = ["user0", "user1"].map(|user| site.project.key(user)).into();
        secrets.push(site.key_of("user9"));
        let (unknown, words) = ("9".repeat(40), "what nobody may read");
        secrets.extend([unknown.clone(), words.to_owned(), "the password of user9".to_owned()]);
        let plant = |request: Request| request.header("X-Plant", "sentence");
        let echo = json!({"username": "user0", "password": words, "key": unknown});
        site.send(plant(Request::new("POST", "/api-token-auth/").json(&echo)).token(&secrets[0]));
        site.send(Request::new("POST", "/api-token-auth/").header("X-Plant", "status").json(&echo));
        site.send(plant(Request::new("GET", &format!("/me/{unknown}/?key={unknown}")).token(&unknown)));
        site.send(Request::new("GET", "/me/").token(&unknown).header("X-Plant", "header"));
        site.send(Request::new("GET", "/me/").token(&secrets[2]).header("X-Plant", "status"));
        site.send(site.login("user9").header("X-Plant", "status"));
        site.send(Request::new("GET", "/me/").header("Authorization", format!("Basic {unknown}")).header("X-Plant", "header"));
        let (summary, report) = site.stop();
        assert!(summary.different >= 3, "{summary:?}, {report:?}");
        let path = site.jeton.dir.path().join("report.jsonl");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let written = fs::read_to_string(&path).unwrap() + &site.shadow.stderr() + &site.shadow.stdout();
        // jeton's own keys, too: each is 40 hex digits, as is no id of a request.
        secrets.extend(hex_words(&written, 40));
        for secret in &secrets {
            assert!(!written.contains(secret.as_str()), "{secret}: {written}");
        }
    }
}

fn hex_words(text: &str, length: usize) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == length);
    words.map(ToOwned::to_owned).collect()
}

/// Takes jeton's users away from it, until this is dropped.
fn lock(site: &Site, db: Kind) -> Process {
    let process = match db {
        Kind::Sqlite => {
            let path = site.database.url.strip_prefix("sqlite://").unwrap();
            let script = "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30); \
                c.execute('begin exclusive'); print('locked', flush=True); time.sleep(600)";
            Process::start(std::process::Command::new("python3").args(["-c", script, path]).stdin(Stdio::null()))
        }
        Kind::Postgres => {
            let sql = "begin; lock table users, tokens in access exclusive mode; select 'locked'; select pg_sleep(600)";
            let mut psql = site.database.postgres.as_ref().unwrap().psql();
            Process::start(psql.stdin(holding(sql)))
        }
    };
    let locked = within(LIMIT, || process.stdout().contains("locked").then_some(()));
    assert!(locked.is_some(), "{process:?}");
    process
}

#[test]
fn it_needs_one_project() {
    let jeton = Jeton::new();
    for (upstream, words) in
        [("", "JETON_UPSTREAM: it is missing"), ("http://a,http://b", "JETON_UPSTREAM: a shadow stands")]
    {
        let output = jeton.run(&["shadow", &format!("--upstream={upstream}")]);
        assert_eq!(output.status, 2, "{output:?}");
        assert!(output.stderr.starts_with(&format!("error: {words}")), "{output:?}");
    }
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
}
