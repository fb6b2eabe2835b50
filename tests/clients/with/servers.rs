//! A Django project with django-oauth-toolkit, and a Flask application with Authlib.

use std::net::SocketAddr;

use super::{ADDRESS, Forgets, Site, blocks, listening};
use crate::gateways::gateway::{free_address, with_addresses};
use crate::support::http::Request;
use crate::support::process::Process;
use crate::support::python::Environment;

pub const PACKAGES: [&str; 5] =
    ["django-oauth-toolkit==3.4.1", "Django==5.2.19", "Authlib==1.9.10", "Flask==3.1.3", "requests==2.34.2"];

/// A script that makes an application of the page's block, and serves it.
fn serving(script: &str, section: &str, site: &Site) -> (SocketAddr, Process) {
    let (addr, [block]) = (free_address(), blocks(section));
    let block = with_addresses(&block, &[(ADDRESS, site.url())]);
    let mut python = Environment::of(&PACKAGES).python();
    python.args(["-I", "-c", script, &block]).args([addr.ip().to_string(), addr.port().to_string()]);
    let process = listening(&mut python, addr);
    (addr, process)
}

fn holder(addr: SocketAddr, key: &str) -> Option<String> {
    let answer = Request::new("GET", "/reports").header("Authorization", format!("Bearer {key}")).send(addr);
    (answer.status == 200).then(|| answer.text())
}

#[test]
fn django_oauth_toolkit() {
    let site = Site::start();
    let (addr, _process) = serving(include_str!("toolkit.py"), "django-oauth-toolkit", &site);
    site.check(Forgets::Soon, |key| holder(addr, key));
}

#[test]
fn authlib() {
    let site = Site::start();
    let (addr, _process) = serving(include_str!("authlib.py"), "Authlib", &site);
    let bearer = format!("Bearer {}", site.api.admin_token());
    let without_the_scope = Request::new("GET", "/reports").header("Authorization", bearer).send(addr);
    assert_eq!(without_the_scope.status, 403);
    site.check(Forgets::AtOnce, |key| holder(addr, key));
}
