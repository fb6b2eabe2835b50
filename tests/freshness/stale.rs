//! `JETON_STALE_IF_ERROR`, a transaction pooler, and a cache that is off.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::app::{App, CLIENT};
use crate::support::http::Request;
use crate::support::watched::Watched;
use crate::support::{eventually, heard};

fn ask(app: &App, key: &str) -> u16 {
    Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", key)]).send(app.addr).status
}

#[test]
fn past_the_bound_the_cache_answers_as_long_as_it_may_while_the_database_is_down() {
    for (stale, answers) in [("0s", false), ("1h", true)] {
        let watched = Watched::start(&[
            ("JETON_REVOCATION_BOUND", "200ms"),
            ("JETON_STALE_IF_ERROR", stale),
            ("JETON_DATABASE_TIMEOUT", "300ms"),
        ]);
        let key = watched.app.alice();
        watched.app.heard();
        assert_eq!(ask(&watched.app, &key), 200);
        watched.freeze();
        let gone = eventually("the end of the proof", Duration::from_secs(10), || {
            let text = Request::new("GET", "/metrics").send(watched.app.addr).text();
            let age = text.lines().find_map(|line| line.strip_prefix("jeton_cache_proof_age_seconds "));
            (age.unwrap().parse::<f64>().unwrap() > 0.2).then_some(ask(&watched.app, &key))
        });
        assert_eq!(gone == 200, answers, "{stale}: {gone}");
        let batch = serde_json::json!({"tokens": [key, key]});
        let batch = Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1).json(&batch);
        assert_eq!(batch.send(watched.app.addr).status == 200, answers, "{stale}");
        let unknown = ask(&watched.app, &"0".repeat(40));
        assert_eq!(unknown, 503, "{stale}: what was never looked up is nowhere");
        watched.app.clock.advance(Duration::from_hours(1));
        assert_eq!(ask(&watched.app, &key) == 200, answers, "{stale}: it has no end of its own");
        watched.thaw();
        heard(watched.app.addr);
        assert_eq!(ask(&watched.app, &key), 200);
    }
}

/// pgbouncer, the pooler that most have; gone with its folder.
struct Pooler {
    process: std::process::Child,
    dir: tempfile::TempDir,
}

impl Pooler {
    fn start(database: &str, mode: &str) -> Self {
        let host = socket_and_name(database).0.replace("%2F", "/");
        let dir = tempfile::TempDir::new_in("/dev/shm").unwrap();
        let at = dir.path().display().to_string();
        let settings = format!(
            "[databases]\n* = host={host} port=5432 user=jeton\n[pgbouncer]\nlisten_addr=\nunix_socket_dir={at}\n\
             listen_port=6432\nauth_type=any\npool_mode={mode}\nlogfile={at}/log\nignore_startup_parameters=extra_float_digits\n"
        );
        std::fs::File::create(dir.path().join("ini")).unwrap().write_all(settings.as_bytes()).unwrap();
        // As who owns the cluster: nobody else may reach its socket, and pgbouncer does not run as root.
        let owner = std::fs::metadata(&host).unwrap().uid();
        chown(dir.path(), Some(owner), None).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        command.uid(owner).arg(dir.path().join("ini")).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("pgbouncer is installed: scripts/test does it");
        let socket = dir.path().join(".s.PGSQL.6432");
        eventually("pgbouncer's socket", Duration::from_secs(10), || socket.exists().then_some(()));
        Self { process, dir }
    }

    fn url(&self, database: &str) -> String {
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://jeton@{socket}:6432/{}", socket_and_name(database).1)
    }
}

/// Of `postgres://jeton@%2Fthe%2Ffolder/name`, as the tests reach their clusters.
fn socket_and_name(url: &str) -> (&str, &str) {
    url.split_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a URL of the tests")
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn behind_a_transaction_pooler_the_cache_stays_off_and_a_warning_says_so() {
    let nodes = super::Nodes::start();
    let (login, _) = nodes.user("a");
    for (mode, on) in [("transaction", false), ("session", true)] {
        let pooler = Pooler::start(&nodes.database.url, mode);
        let jeton = crate::support::process::Jeton::new()
            .env("DATABASE_URL", pooler.url(&nodes.database.url))
            .env("JETON_SECRET_KEY", crate::support::app::SECRET_KEY);
        let node = jeton.serve();
        let ask = || {
            let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
            let answer = request.form(&[("token", &login)]).send(node.addr);
            assert_eq!(answer.status, 200, "{answer:?}");
        };
        let hits = || {
            let text = Request::new("GET", "/metrics").send(node.addr).text();
            let value = text.lines().find_map(|line| line.strip_prefix("jeton_cache_hits_total ")).unwrap();
            value.parse::<u64>().unwrap()
        };
        if on {
            eventually("a hit", Duration::from_secs(10), || {
                ask();
                (hits() > 0).then_some(())
            });
        } else {
            let warning = "answers are not kept in memory for now: notifications do not come through";
            eventually("the warning", Duration::from_secs(10), || node.stderr().contains(warning).then_some(()));
            // Which of these get an answer is the pooler's matter: not every one knows prepared statements.
            for _ in 0..100 {
                Request::new("POST", "/introspect")
                    .basic(&nodes.client.0, &nodes.client.1)
                    .form(&[("token", &login)])
                    .send(node.addr);
            }
            assert_eq!(hits(), 0);
        }
    }
}
