//! `examples/django`, before and after its move to jeton: the same curl lines, the same answers.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::python::SOURCE;
use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::calls::PASSWORD;
use crate::support::http::Request;
use crate::support::process::Process;
use crate::support::python::{self, Environment};
use crate::support::within;

const EXAMPLE: &str = "examples/django";
const BEFORE: &str = "rest_framework.authentication.TokenAuthentication";

/// The example's files, its database and the packages that it requires.
struct Project {
    place: TempDir,
    environment: Environment,
    jeton: App,
}

impl Project {
    fn new(db: Kind) -> Self {
        let place = TempDir::new().unwrap();
        for entry in fs::read_dir(python::root().join(EXAMPLE)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && path.extension().is_none_or(|extension| extension != "sqlite3") {
                fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let environment = Environment::of_file(&format!("{EXAMPLE}/requirements.txt"));
        environment.install(SOURCE, &place.path().join("packages"));
        Self { place, environment, jeton: App::start(db) }
    }

    fn manage(&self, arguments: &[&str]) -> Command {
        let mut command = self.environment.python();
        command.arg("manage.py").args(arguments).current_dir(&self.place).env_remove("DJANGO_SETTINGS_MODULE");
        command.env("PYTHONPATH", self.place.path().join("packages")).env("PYTHONUNBUFFERED", "1");
        command.env("EXAMPLE_JETON_URL", format!("http://{}", self.jeton.addr));
        command.env("EXAMPLE_JETON_CLIENT_ID", CLIENT.0).env("EXAMPLE_JETON_CLIENT_SECRET", CLIENT.1);
        command.stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn managed(&self, arguments: &[&str]) -> String {
        let output = Process::start(&mut self.manage(arguments)).output();
        assert_eq!(output.status, 0, "{arguments:?}: {output:?}");
        output.stdout.trim().to_owned()
    }

    #[track_caller]
    fn shell(&self, script: &str) -> String {
        let script = format!("from django.contrib.auth.models import User\n{script}");
        self.managed(&["shell", "--verbosity", "0", "-c", &script])
    }

    /// Its users and tokens, into jeton.
    #[track_caller]
    fn import(&self) {
        let source = format!("sqlite://{}", self.place.path().join("db.sqlite3").display());
        self.jeton.command(&["import", "django", "--from", &source]);
    }

    /// As the example is by itself, but for these variables.
    fn serve(&self, variables: &[(&str, &str)]) -> Service {
        let mut command = self.manage(&["runserver", "--noreload", "127.0.0.1:0"]);
        command.envs(variables.iter().copied());
        let process = Process::start(&mut command);
        let url = within(Duration::from_secs(30), || {
            let words = process.stdout();
            let (_, rest) = words.split_once("server at ")?;
            Some(rest.split_once('\n')?.0.trim_end_matches('/').to_owned())
        });
        let url = url.unwrap_or_else(|| panic!("it does not listen: {process:?}"));
        Service { url, _process: process }
    }
}

struct Service {
    url: String,
    _process: Process,
}

impl Service {
    /// What curl says, without what differs with the second and the server.
    #[track_caller]
    fn curl(&self, path: &str, arguments: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--include", "--noproxy", "*"]).arg(format!("{}{path}", self.url));
        let output = curl.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("Date: "));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The line of the documents, with a header of its own.
    fn example(&self, authorization: Option<&str>) -> String {
        let header = authorization.map(|value| format!("Authorization: {value}"));
        let mut arguments = vec!["-X", "GET"];
        arguments.extend(header.iter().flat_map(|header| ["-H", header]));
        self.curl("/api/example/", &arguments)
    }
}

/// The answers to every kind of header that a client sends.
fn answers(service: &Service, alice: &str, bob: &str) -> Vec<(String, String)> {
    let headers = [
        format!("Token {alice}"),
        format!("token {alice}"),
        format!("Token   {alice}"),
        "Token".to_owned(),
        format!("Token {alice} {alice}"),
        format!("Token {alice}, Token {alice}"),
        format!("Token {}", "0".repeat(40)),
        format!("Token {}", alice.to_uppercase()),
        format!("Token token=\"{alice}\""),
        "Token é".to_owned(),
        format!("Token {bob}"),
        format!("Token: {alice}"),
        "Basic YWxpY2U6eA==".to_owned(),
        alice.to_owned(),
    ];
    let with = headers.into_iter().map(|header| (header.clone(), service.example(Some(&header))));
    [("none".to_owned(), service.example(None))].into_iter().chain(with).collect()
}

on_both! {
    fn the_same_curl_lines_get_the_same_answers(db) {
        let project = Project::new(db);
        project.managed(&["migrate", "--verbosity", "0"]);
        project.shell(&format!("for name in ('alice', 'bob'): User.objects.create_user(name, password='{PASSWORD}')"));
        let generated = project.managed(&["drf_create_token", "bob"]);
        let bob = generated.split(' ').nth(2).unwrap().to_owned();
        project.shell("User.objects.filter(username='bob').update(is_active=False)");

        let service = project.serve(&[("AUTHENTICATION", BEFORE)]);
        let login = service.curl("/api-token-auth/", &["-d", "username=alice", "-d", &format!("password={PASSWORD}")]);
        let alice = login.split('"').nth(3).unwrap_or_else(|| panic!("no token: {login}")).to_owned();
        let before = answers(&service, &alice, &bob);
        drop(service);
        project.import();
        // A login at jeton, by the old password, hands the old key out.
        assert_eq!(project.jeton.login("alice", PASSWORD), alice);

        let service = project.serve(&[]);
        let after = answers(&service, &alice, &bob);
        assert_eq!(after, before);
        // Whether it is jeton that answered: a revocation there ends it here, once the bound has passed.
        let revoke = Request::new("POST", "/revoke?wait=true").basic(CLIENT.0, CLIENT.1);
        assert_eq!(project.jeton.send(revoke.form(&[("token", &alice)])).status, 200);
        assert!(service.example(Some(&format!("Token {alice}"))).ends_with(r#"{"detail":"Invalid token."}"#));

        for (header, status, end) in [
            (0, "401 Unauthorized", r#"{"detail":"Authentication credentials were not provided."}"#),
            (1, "200 OK", r#"{"user":"alice","id":1,"is_staff":false}"#),
            (4, "401 Unauthorized", r#"{"detail":"Invalid token header. No credentials provided."}"#),
            (5, "401 Unauthorized", r#"{"detail":"Invalid token header. Token string should not contain spaces."}"#),
            (7, "401 Unauthorized", r#"{"detail":"Invalid token."}"#),
            (11, "401 Unauthorized", r#"{"detail":"User inactive or deleted."}"#),
        ] {
            let (sent, answer) = &before[header];
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\n")) && answer.ends_with(end), "{sent}: {answer}");
            assert_eq!(answer.contains("\nWWW-Authenticate: Token\n"), status != "200 OK", "{sent}: {answer}");
        }
    }
}

on_both! {
    fn a_name_changes_hands_and_a_row_does_not(db) {
        let project = Project::new(db);
        project.managed(&["migrate", "--verbosity", "0"]);
        project.shell("for name in ('alice', 'bob'): User.objects.create_user(name)");
        project.import();
        project.shell("User.objects.create_superuser('localroot')");
        let (jeton, admin) = (&project.jeton, project.jeton.admin_token());
        let change = |user: &str, fields: Value| {
            // The service remembers answers, for a bound at most.
            let path = format!("/admin/users/{user}?wait=true");
            assert_eq!(jeton.send(Request::new("PATCH", &path).token(&admin).json(&fields)).status, 200);
        };
        let make = |name: &str| {
            jeton.create_user(name, PASSWORD, &json!({}));
            format!("Token {}", jeton.regenerate(name))
        };
        let (ok, unknown) = ("HTTP/1.1 200 OK\n", r#"{"detail":"User inactive or deleted."}"#);
        let bob = format!("Token {}", jeton.regenerate("bob"));

        let service = project.serve(&[("EXAMPLE_JETON_USER", "find")]);
        let answer = service.example(Some(&bob));
        assert!(answer.ends_with(r#"{"user":"bob","id":2,"is_staff":false}"#), "{answer}");
        change("bob", json!({"username": "robert", "is_staff": true}));
        let (other, localroot) = (make("bob"), make("localroot"));
        for key in [&other, &localroot] {
            assert!(service.example(Some(key)).ends_with(unknown));
        }
        let answer = service.example(Some(&bob));
        assert!(answer.ends_with(r#"{"user":"robert","id":2,"is_staff":true}"#), "{answer}");
        assert!(service.example(Some(&other)).ends_with(unknown));
        drop(service);

        let service = project.serve(&[("EXAMPLE_JETON_USER", "create")]);
        let answer = service.example(Some(&other));
        assert!(answer.starts_with(ok) && answer.ends_with(r#"{"user":"bob","id":4,"is_staff":false}"#), "{answer}");
        assert!(service.example(Some(&localroot)).ends_with(unknown));
        // Whoever is nobody's row yet is found by the id and the name that were imported.
        let alice = format!("Token {}", jeton.regenerate("alice"));
        let answer = service.example(Some(&alice));
        assert!(answer.ends_with(r#"{"user":"alice","id":1,"is_staff":false}"#), "{answer}");
        let rows = project.shell("print([(u.pk, u.username, u.is_superuser) for u in User.objects.order_by('pk')])");
        assert_eq!(rows, "[(1, 'alice', False), (2, 'robert', False), (3, 'localroot', True), (4, 'bob', False)]");

        // An admin may know better.
        let sub = jeton.introspect(localroot.strip_prefix("Token ").unwrap())["sub"].as_str().unwrap().to_owned();
        project.managed(&["jeton_link", "3", &sub]);
        let answer = service.example(Some(&localroot));
        assert!(answer.ends_with(r#"{"user":"localroot","id":3,"is_staff":false}"#), "{answer}");
        drop(service);

        let output = Process::start(project.manage(&["check"]).env("EXAMPLE_JETON_USER", "guess")).output();
        assert!(output.status != 0 && output.stderr.contains("jeton_client.E002"), "{output:?}");
        let settings = project.place.path().join("settings.py");
        let without = fs::read_to_string(&settings).unwrap().replace("    \"jeton_client.django\",\n", "");
        fs::write(&settings, without).unwrap();
        let output = Process::start(project.manage(&["check"]).env("EXAMPLE_JETON_USER", "find")).output();
        assert!(output.status != 0 && output.stderr.contains("jeton_client.E001"), "{output:?}");
    }
}

/// What the README shows is what there is.
#[test]
fn the_readme_switches_the_line_that_there_is() {
    let read = |name| fs::read_to_string(Path::new(EXAMPLE).join(name)).unwrap();
    let (readme, settings) = (read("README.md"), read("settings.py"));
    assert!(readme.contains(&format!("-    \"DEFAULT_AUTHENTICATION_CLASSES\": [\"{BEFORE}\"],")));
    let after = "jeton_client.drf.JetonAuthentication";
    assert!(readme.contains(&format!("+    \"DEFAULT_AUTHENTICATION_CLASSES\": [\"{after}\"],")));
    assert!(settings.contains(&format!("os.environ.get(\"AUTHENTICATION\", \"{after}\")")));
}
