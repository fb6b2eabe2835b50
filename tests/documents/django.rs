//! The pages that run a Django project: that of `examples/django`, with the packages that it requires.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::blocks::blocks;
use super::shell::{Shell, answers};
use crate::commands::{jeton, migrated};
use crate::import::fixture;
use crate::on_both;
use crate::support::app::{Kind, SECRET_KEY, TestDatabase};
use crate::support::process::Jeton;
use crate::support::python::{Environment, root};

const EXAMPLE: &str = "examples/django";
const LOGIN: &str = "from django.contrib.auth.models import User; from rest_framework.authtoken.models import Token; \
                     print(Token.objects.create(user=User.objects.create_user('alice', password='a quiet harbour at noon')))";

/// A shell in a copy of the example, with a Python that has its packages, and into which more can be installed. The
/// client is there as its source, for what a page does before it installs it.
fn project(jeton: Jeton) -> Shell {
    let shell = Shell::new(jeton);
    let (folder, place) = (shell.folder(), shell.folder().join(EXAMPLE));
    fs::create_dir_all(&place).unwrap();
    for entry in fs::read_dir(root().join(EXAMPLE)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.extension().is_none_or(|extension| extension != "sqlite3") {
            fs::copy(&path, place.join(path.file_name().unwrap())).unwrap();
        }
    }
    for source in [folder.join("clients"), place.join("clients")] {
        symlink(root().join("clients"), source).unwrap();
    }
    let venv = folder.join("venv");
    let mut packages = Environment::of_file(&format!("{EXAMPLE}/requirements.txt")).python();
    let made = packages.args(["-m", "venv", "--without-pip"]).arg(&venv).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let shared = site_packages(Path::new(packages.get_program()).ancestors().nth(2).unwrap());
    let client = root().join("clients/python/src");
    let found = format!("{}\n{}\n", shared.display(), client.display());
    fs::write(site_packages(&venv).join("shared.pth"), found).unwrap();
    for (name, module) in [("python", ""), ("pip", "-m pip")] {
        let (file, python) = (folder.join("bin").join(name), venv.join("bin/python"));
        fs::write(&file, format!("#!/bin/sh\nexec {} {module} \"$@\"\n", python.display())).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }
    // pip takes what is here already, and 0 is its word for "no isolated build".
    let shell =
        ["PIP_NO_INDEX", "PIP_DISABLE_PIP_VERSION_CHECK"].iter().fold(shell, |shell, name| shell.set(name, "1"));
    shell.set("PIP_NO_BUILD_ISOLATION", "0").set("PIP_ROOT_USER_ACTION", "ignore").within(EXAMPLE)
}

fn site_packages(venv: &Path) -> PathBuf {
    let python = fs::read_dir(venv.join("lib")).unwrap().next().unwrap().unwrap();
    python.path().join("site-packages")
}

/// A port of 127.0.0.1, the only address for which the example serves.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_example_is_followed() {
    let database = TestDatabase::new(Kind::Sqlite);
    drop(migrated(&database));
    let mut shell = project(jeton(&database));
    for (port, program) in
        [("8000", "runserver"), ("8001", "jeton serve"), ("8002", "runserver"), ("8003", "runserver")]
    {
        let free = free_port();
        shell = shell.replace(&format!("127.0.0.1:{port}"), format!("127.0.0.1:{free}"));
        let mut part = program.to_owned();
        if program == "runserver" {
            // Without the second process, which reloads the code.
            part = format!("{program} --noreload {free}");
            shell = shell.replace(&format!("{program} {port}"), &part);
        }
        shell = shell.server(&part, answers(&format!("http://127.0.0.1:{free}/")));
    }
    shell.paste(&blocks("examples/django/README.md", "*"));
}

#[test]
fn the_page_of_the_client_is_followed() {
    let database = TestDatabase::new(Kind::Sqlite);
    drop(migrated(&database));
    let shell = project(jeton(&database));
    let shell = shell.first("python manage.py migrate").first(&format!("python manage.py shell -c \"{LOGIN}\""));
    shell.paste(&blocks("clients/python/README.md", "*"));
}

on_both! {
    fn a_project_moves(db) {
        let database = TestDatabase::new(db);
        drop(migrated(&database));
        let (address, postgres) = (free_port(), fixture(Kind::Postgres));
        let cheap = [("JETON_ARGON2_MEMORY_KIB", "64"), ("JETON_ARGON2_ITERATIONS", "1")];
        let jeton = cheap.iter().fold(Jeton::new(), |jeton, (name, value)| jeton.env(name, *value));
        let shell = project(jeton.env("JETON_LISTEN", format!("127.0.0.1:{address}")));
        let (key, place) = (shell.folder().join("key"), shell.folder().join(EXAMPLE));
        fs::write(&key, SECRET_KEY).unwrap();
        let shell = shell.replace("postgres://jeton@db/jeton", &database.url).replace("/etc/jeton/key", key.display());
        let shell = shell.replace("postgres://reader@db/shop", &postgres.url);
        let shell = shell.replace("/srv/shop/db.sqlite3", place.join("db.sqlite3").display());
        let url = format!("http://127.0.0.1:{address}");
        let shell = shell.replace("http://127.0.0.1:8000", &url).server("jeton serve", answers(&url));
        let shell = shell.set("PASSWORD", "a quiet harbour at noon");
        let shell = shell.first("python manage.py migrate");
        let shell = shell.first(&format!("TOKEN=$(python manage.py shell --verbosity 0 -c \"{LOGIN}\")"));
        shell.paste(&blocks("docs/migrating-from-django.md", "*"));
    }
}
