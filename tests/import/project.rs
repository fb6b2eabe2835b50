//! A project that Django itself made, and its dump.

use serde_json::Value;
use tempfile::TempDir;

use super::{file_of, jeton, serve};
use crate::commands::json_of;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::process::Output;
use crate::support::python::{Environment, newest_python, root};

/// The newest Django of every Python from 3.10 up.
const DJANGO: &str = "Django==5.2.19";
/// Needs Python 3.12.
const NEWEST_DJANGO: &str = "Django==6.1.3";
const PACKAGES: [&str; 3] = ["djangorestframework==3.18.3", "django-rest-knox==5.1.0", "psycopg[binary]==3.3.9"];

fn packages(django: &'static str) -> Vec<&'static str> {
    [&[django], &PACKAGES[..]].concat()
}
pub const PASSWORD: &str = "tall ships";

/// A project's database, its dump, and the keys that its clients have.
pub struct Project {
    pub database: TestDatabase,
    folder: TempDir,
    pub keys: Value,
}

impl Project {
    pub fn of(shape: &str, kind: Kind) -> Self {
        Self::dumped(shape, kind, &[])
    }

    /// By the newest Django that one of the Pythons here runs.
    pub fn of_newest_django(shape: &str, kind: Kind) -> Self {
        let environment = match newest_python() {
            Some(python) => Environment::by(&python, &packages(NEWEST_DJANGO)),
            None => Environment::of(&packages(DJANGO)),
        };
        Self::made(environment, shape, kind, &[])
    }

    /// With options of dumpdata.
    pub fn dumped(shape: &str, kind: Kind, options: &[&str]) -> Self {
        Self::made(Environment::of(&packages(DJANGO)), shape, kind, options)
    }

    fn made(environment: Environment, shape: &str, kind: Kind, options: &[&str]) -> Self {
        let (database, folder) = (TestDatabase::new(kind), tempfile::tempdir().unwrap());
        let place = if database.postgres.is_some() { database.url.as_str() } else { file_of(&database) };
        let dump = folder.path().join("dump.json");
        let mut python = environment.python();
        let output =
            python.arg(root().join("tests/import/project/make.py")).arg(shape).arg(place).arg(dump).args(options);
        let output = output.output().unwrap();
        assert!(output.status.success(), "{shape}: {}", String::from_utf8_lossy(&output.stderr));
        Self { keys: serde_json::from_slice(&output.stdout).unwrap(), database, folder }
    }

    pub fn key(&self, name: &str) -> &str {
        self.keys[name].as_str().unwrap_or_else(|| panic!("{name}: {}", self.keys))
    }

    pub fn dump(&self) -> String {
        self.folder.path().join("dump.json").to_str().unwrap().to_owned()
    }

    /// Imports the project into new databases, from its database and from its dump.
    pub fn import(&self, kind: Kind, flags: &[&str]) -> [(Output, TestDatabase); 2] {
        [self.database.url.clone(), self.dump()].map(|from| {
            let target = TestDatabase::new(kind);
            (import_from(&from, &target, flags), target)
        })
    }

    /// The same, which must succeed: servers, one after the other.
    pub fn imported(&self, kind: Kind, flags: &[&str], check: impl Fn(&App, &str)) {
        for (output, target) in self.import(kind, flags) {
            assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
            check(&serve(target, &[]), &output.stderr);
        }
    }
}

pub fn import_from(from: &str, target: &TestDatabase, flags: &[&str]) -> Output {
    jeton(target).env("JETON_LOG", "warn").run(&[&["import", "django", "--from", from], flags].concat())
}

/// The last lines of the import: what was imported, without what is said before.
#[track_caller]
pub fn ends(words: &str, last: &str) {
    assert_eq!(words.lines().last(), Some(last), "{words}");
}

pub fn user(app: &App, name: &str) -> Value {
    json_of(&jeton(&app.database).run(&["user", "show", name, "--json"]).stdout)
}
