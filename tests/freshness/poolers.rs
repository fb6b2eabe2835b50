//! Poolers between jeton and PostgreSQL.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Nodes, hits, metric};
use crate::commands::{PASSWORD, done, json_of, try_login};
use crate::serve::refuses_to_start;
use crate::support::app::SECRET_KEY;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::postgres::Cluster;
use crate::support::process::{Jeton, Serving, signal};

/// A pgbouncer process. Dropping it ends the process and removes its folder.
pub struct Pooler {
    process: std::process::Child,
    dir: tempfile::TempDir,
}

impl Pooler {
    pub fn start(database: &str, settings: &str) -> Self {
        let host = socket_and_name(database).0.replace("%2F", "/");
        let dir = tempfile::TempDir::new_in("/dev/shm").unwrap();
        let at = dir.path().display().to_string();
        let settings = format!(
            "[databases]\n* = host={host} port=5432 user=jeton\n[pgbouncer]\nlisten_addr=\nunix_socket_dir={at}\n\
             listen_port=6432\nauth_type=any\nlogfile={at}/log\nignore_startup_parameters=extra_float_digits\n\
             {settings}\n"
        );
        std::fs::File::create(dir.path().join("ini")).unwrap().write_all(settings.as_bytes()).unwrap();
        // As the owner of the cluster: no other user may use its socket, and pgbouncer does not run as root.
        let owner = std::fs::metadata(&host).unwrap().uid();
        chown(dir.path(), Some(owner), None).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        command.uid(owner).arg(dir.path().join("ini")).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("pgbouncer is installed: scripts/test does it");
        let socket = dir.path().join(".s.PGSQL.6432");
        eventually("pgbouncer's socket", Duration::from_secs(10), || socket.exists().then_some(()));
        Self { process, dir }
    }

    /// Replaces session mode by `setting`, and reloads the settings.
    fn change(&self, setting: &str) {
        let file = self.dir.path().join("ini");
        let settings = std::fs::read_to_string(&file).unwrap().replace("pool_mode=session", setting);
        std::fs::write(&file, settings).unwrap();
        self.signal("HUP");
    }

    /// Sends the clients to another server, and reloads the settings.
    pub fn point_to(&self, cluster: &Cluster) {
        let file = self.dir.path().join("ini");
        let settings = std::fs::read_to_string(&file).unwrap();
        let (before, rest) = settings.split_once("host=").expect("a host");
        let (_, after) = rest.split_once(' ').expect("a port after it");
        let host = cluster.host().replace("%2F", "/");
        std::fs::write(&file, format!("{before}host={host} {after}")).unwrap();
        self.signal("HUP");
    }

    pub fn signal(&self, name: &str) {
        signal(name, &[self.process.id()]);
    }

    pub fn url(&self, database: &str) -> String {
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://jeton@{socket}:6432/{}", socket_and_name(database).1)
    }
}

/// The folder and the name in `postgres://jeton@%2Fthe%2Ffolder/name`, a URL of the tests' clusters.
pub fn socket_and_name(url: &str) -> (&str, &str) {
    url.split_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a URL of the tests")
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A node behind this pooler.
fn behind(pooler: &Pooler, nodes: &Nodes) -> Serving {
    let url = pooler.url(&nodes.database.url);
    Jeton::new().env("DATABASE_URL", url).env("JETON_SECRET_KEY", SECRET_KEY).serve()
}

#[test]
fn behind_a_session_pooler_the_cache_answers() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let pooler = Pooler::start(&nodes.database.url, "pool_mode=session");
    let node = behind(&pooler, &nodes);
    eventually("a hit", Duration::from_secs(10), || {
        let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
        let answer = request.form(&[("token", &login)]).send(node.addr);
        assert_eq!(answer.status, 200, "{answer:?}");
        (hits(&node) > 0.0).then_some(())
    });
}

/// A transaction pooler gives one session to many clients in turn, so prepared statements and notifications of one client
/// are left to the next. The pooler chooses the session: the one used last, or the one unused for longest. The change log
/// is read all the same, so the cache is on.
#[test]
fn behind_a_transaction_pooler_the_cache_answers_and_a_warning_names_the_pooler() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    for order in ["server_round_robin=0", "server_round_robin=1"] {
        let pooler = Pooler::start(&nodes.database.url, &format!("pool_mode=transaction\n{order}"));
        let node = behind(&pooler, &nodes);
        eventually("a warning", Duration::from_secs(20), || {
            node.stderr().contains("there is a transaction pooler in front of PostgreSQL").then_some(())
        });
        std::thread::scope(|scope| {
            let ask = || {
                for _ in 0..40 {
                    let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
                    let answer = request.form(&[("token", &login)]).send(node.addr);
                    assert_eq!((answer.status, &answer.json()["active"]), (200, &true.into()), "{order}: {answer:?}");
                }
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            // Meanwhile, writes.
            for _ in 0..10 {
                let answer = try_login(&node, "a", PASSWORD);
                assert_eq!(answer.status, 200, "{order}: {answer:?}");
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
        assert_eq!(Request::new("GET", "/readyz").send(node.addr).status, 200);
        let doctor =
            Jeton::new().env("DATABASE_URL", pooler.url(&nodes.database.url)).env("JETON_SECRET_KEY", SECRET_KEY);
        let report = json_of(&done(&doctor, &["doctor", "--json"]));
        assert_eq!(report["nodes_hidden"], true, "{order}: {report}");
        assert!(hits(&node) > 0.0, "{order}");
        assert!(metric(&node, "jeton_cache_proof_age_seconds") < 1.0, "{order}");
        assert!(!node.stderr().contains("ERROR"), "{order}: {}", node.stderr());
    }
}

#[test]
fn a_statement_pooler_is_refused_at_start() {
    let nodes = Nodes::start();
    let pooler = Pooler::start(&nodes.database.url, "pool_mode=statement");
    let url = pooler.url(&nodes.database.url);
    let why = refuses_to_start(&Jeton::new().env("DATABASE_URL", url).env("JETON_SECRET_KEY", SECRET_KEY));
    assert!(why.contains("a pooler in statement mode") && why.contains("session or transaction mode"), "{why}");
}

/// A pooler that switches to transaction mode while a node uses it is detected by the first prepared statement that its
/// session does not have.
#[test]
fn a_pooler_that_switches_to_transaction_mode_is_detected() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let pooler = Pooler::start(&nodes.database.url, "pool_mode=session");
    let node = behind(&pooler, &nodes);
    let asked = AtomicU64::new(0);
    let ask = || {
        // The second token is not cached, so the database is asked.
        let unknown = format!("{:040x}", asked.fetch_add(1, Ordering::Relaxed));
        let request = Request::new("POST", "/introspect/batch").basic(&nodes.client.0, &nodes.client.1);
        request.json(&serde_json::json!({"tokens": [&login, unknown]})).send(node.addr).status
    };
    assert_eq!(ask(), 200);
    pooler.change("pool_mode=transaction");
    eventually("a warning", Duration::from_secs(20), || {
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(ask))));
        node.stderr().contains("there is a transaction pooler in front of PostgreSQL").then_some(())
    });
    eventually("answers", Duration::from_secs(20), || (ask() == 200).then_some(()));
    for _ in 0..20 {
        assert_eq!(ask(), 200);
    }
}

/// Starts two nodes behind a pooler, in place of those in `nodes`.
pub fn two_behind(pooler: &Pooler, nodes: &mut Nodes) {
    let url = pooler.url(&nodes.database.url);
    nodes.jeton = Jeton::new().env("DATABASE_URL", url).env("JETON_SECRET_KEY", SECRET_KEY);
    nodes.both = [(); 2].map(|()| nodes.jeton.serve());
}

#[test]
fn behind_a_transaction_pooler_each_change_is_seen_within_the_bound() {
    let mut nodes = Nodes::start();
    let (login, named) = nodes.user("a");
    let pooler = Pooler::start(&nodes.database.url, "pool_mode=transaction");
    two_behind(&pooler, &mut nodes);
    nodes.assert_seen_after("regenerate, behind a pooler", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
    });
    nodes.assert_seen_after("SQL, behind a pooler", &named, |nodes| {
        nodes.database.sql("update users set email = 'e@example.com'");
    });
}
