//! The pages about jeton alone, each followed from its first line to its last.

use std::fs;
use std::time::Duration;

use crate::commands::{PASSWORD, create_client, create_user, done, jeton, migrated, try_login};
use crate::documents::blocks::blocks;
use crate::documents::shell::{Shell, answers};
use crate::gateways::gateway::free_address;
use crate::gateways::upstream::Upstream;
use crate::import::fixture;
use crate::on_both;
use crate::support::app::{ADMIN, CLIENT, Kind, SECRET_KEY, TestDatabase};
use crate::support::http::Request;
use crate::support::process::{Jeton, Serving};
use crate::support::wait_until_synced;

const SERVER: &str = "http://127.0.0.1:8000";

/// A jeton that serves, with an admin, a client, and alice in the group `billing`.
pub struct Site {
    pub database: TestDatabase,
    pub server: Serving,
}

impl Site {
    pub fn start(db: Kind, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::migrated(db);
        let first = [
            ("JETON_BOOTSTRAP_ADMIN", ADMIN.0),
            ("JETON_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1),
            ("JETON_BOOTSTRAP_CLIENT_ID", CLIENT.0),
            ("JETON_BOOTSTRAP_CLIENT_SECRET", CLIENT.1),
        ];
        let server =
            first.iter().chain(settings).fold(jeton(&database), |jeton, (name, value)| jeton.env(name, *value));
        let server = server.serve();
        create_user(&jeton(&database), "alice", &["--group", "billing"]);
        wait_until_synced(server.addr);
        Self { database, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr)
    }

    /// A shell on the machine of this jeton, with its settings.
    pub fn shell(&self) -> Shell {
        Shell::new(jeton(&self.database))
    }

    /// The key of a named token of alice's.
    pub fn key(&self, scope: &str) -> String {
        let made = done(&jeton(&self.database), &["token", "create", "alice", "--name", "ci", "--scope", scope]);
        wait_until_synced(self.server.addr);
        made.split(' ').nth(2).unwrap().to_owned()
    }
}

on_both! {
    fn the_api_answers_as_the_page_shows(db) {
        let site = Site::start(db, &[]);
        let shell = site.shell().replace(SERVER, site.url()).set("PASSWORD", ADMIN.1).set("CLIENT_SECRET", CLIENT.1);
        shell.paste(&blocks("docs/api.md", "*"));
    }

    fn a_link_for_a_password_is_made(db) {
        let site = Site::start(db, &[("JETON_ISSUER", "https://tokens.example.com")]);
        let answer = try_login(&site.server, ADMIN.0, ADMIN.1).json();
        let shell = site.shell().replace(SERVER, site.url()).set("ADMIN_TOKEN", answer["token"].as_str().unwrap());
        shell.paste(&blocks("docs/account.md", "*"));
    }

    fn a_gateway_gets_the_identity(db) {
        let site = Site::start(db, &[]);
        let shell = site.shell().replace(SERVER, site.url());
        shell.paste(&blocks("docs/gateways.md", "*"));
    }

    fn other_programs_get_a_client(db) {
        let site = Site::start(db, &[]);
        let secret = site.shell().paste(&blocks("docs/jeton-with.md", "jeton with ..."));
        assert_eq!(secret.lines().next().unwrap().len(), 64, "{secret}");
    }

    fn an_edge_is_started(db) {
        let site = Site::start(db, &[]);
        let (_, secret) = create_client(&jeton(&site.database), "edge");
        wait_until_synced(site.server.addr);
        let shell = Shell::new(Jeton::new());
        let (file, socket) = (shell.folder().join("edge-secret"), shell.folder().join("edge.sock"));
        fs::write(&file, secret).unwrap();
        let shell = shell.replace("https://jeton.example.com", site.url()).replace("/etc/jeton/edge", file.display());
        let ready = format!("curl --fail --unix-socket {} http://edge/readyz", socket.display());
        let shell = shell.replace("/run/jeton/edge.sock", socket.display()).server(" edge", ready);
        shell.paste(&blocks("docs/edge.md", "*"));
    }

    fn an_edge_beside_a_service_answers(db) {
        let (site, edge) = (Site::start(db, &[]), free_address());
        let shell = site.shell();
        let file = shell.folder().join("edge-secret");
        let shell = shell.replace("https://jeton.example.com", site.url()).replace("127.0.0.1:8000", edge);
        let shell = shell.replace("/etc/jeton/edge-secret", file.display());
        let shell = shell.server("jeton edge", format!("curl --fail http://{edge}/readyz"));
        shell.paste(&blocks("docs/verifying.md", "*"));
    }

    fn a_request_is_followed_in_the_log(db) {
        let page = blocks("docs/logging.md", "*");
        let id = page[0].text.split("request_id=").nth(1).unwrap().split(' ').next().unwrap();
        for format in ["text", "json"] {
            let site = Site::start(db, &[("JETON_LOG_FORMAT", format)]);
            let login = Request::new("POST", "/api-token-auth/").header("X-Request-Id", id);
            assert_eq!(login.form(&[("username", "alice"), ("password", "wrong")]).send(site.server.addr).status, 400);
            site.server.signal("TERM");
            assert!(site.server.wait(Duration::from_secs(20)).success());
            let shell = Shell::new(Jeton::new());
            fs::write(shell.folder().join("jeton.log"), site.server.stderr()).unwrap();
            let found = shell.paste(&page);
            assert_eq!(found.lines().count(), 2, "{found}");
            assert!(found.contains("a login was refused") && found.contains("400"), "{found}");
        }
    }

    fn the_doctor_counts_sealed_tokens(db) {
        let site = Site::start(db, &[]);
        let shell = Shell::new(jeton(&site.database).env("JETON_SECRET_KEY_FALLBACKS", "f".repeat(64)));
        shell.replace("postgres://jeton@db/jeton", &site.database.url).paste(&blocks("docs/rotating-secrets.md", "*"));
    }
}

/// The page's folder of backups is one of the test's, and today is the page's date.
#[test]
fn a_backup_is_restored_and_tried() {
    let (database, other) = (TestDatabase::new(Kind::Sqlite), free_address());
    create_user(&migrated(&database), "alice", &[]);
    let shell = |jeton: Jeton| {
        let shell = Shell::new(jeton);
        let folder = database.folder.as_ref().unwrap().path().join("backups");
        fs::create_dir_all(&folder).unwrap();
        shell.replace("/backups/", format!("{}/", folder.display()))
    };
    let made =
        shell(jeton(&database)).replace("$(date +%F)", "2026-11-27").paste(&blocks("docs/operating.md", "SQLite"));
    assert!(made.contains("2026-11-27"), "{made}");

    let tried = shell(Jeton::new().env("JETON_ARGON2_MEMORY_KIB", "64").env("JETON_ARGON2_ITERATIONS", "1"));
    let (key, file) = (tried.folder().join("key"), tried.folder().join("try.db"));
    fs::write(&key, SECRET_KEY).unwrap();
    let tried = tried.replace("/etc/jeton/key", key.display()).replace("127.0.0.1:8001", other);
    let login = format!("curl --fail http://{other}/api-token-auth/ -d username=alice -d 'password={PASSWORD}'");
    let tried = tried.replace("/tmp/try.db", file.display()).server("jeton serve", login);
    tried.paste(&blocks("docs/operating.md", "Try it"));
}

/// The project is a service that answers everything: what a shadow compares is tested in `tests/shadow`.
#[test]
fn a_shadow_is_started() {
    let (project, source) = (Upstream::start(), fixture(Kind::Sqlite));
    let page = blocks("docs/shadow.md", "*");
    let mut shell_blocks = page.into_iter().filter(super::Block::is_shell);
    let (drf, knox) = (shell_blocks.next().unwrap(), shell_blocks.next().unwrap());
    assert!(shell_blocks.next().is_none(), "a block that this test does not run");

    let address = free_address();
    let started = |shell: Shell| {
        let shell = shell.replace("127.0.0.1:8001", project.addr).replace("0.0.0.0:8000", address);
        shell.server(" shadow ", answers(&format!("http://{address}/")))
    };
    let shell = Shell::new(Jeton::new());
    let file = shell.folder().join("shadow.db").display().to_string();
    let shell = shell.replace("/var/lib/jeton-shadow/jeton.db", &file);
    let shell = shell.replace("sqlite:///srv/shop/copy.sqlite3", &source.url);
    started(shell).paste(&[drf]);
    let shell = Shell::new(Jeton::new());
    let url = format!("sqlite://{}", shell.folder().join("shadow.db").display());
    let imported = Jeton::new().env("DATABASE_URL", &url);
    done(&imported, &["import", "django", "--from", &source.url]);
    started(shell.set("DATABASE_URL", &url)).paste(&[knox]);
    assert!(!project.received().is_empty(), "requests reach the project");
}
