//! A server in Node.js with openid-client.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{ADDRESS, Forgets, Site, blocks, listening};
use crate::gateways::gateway::{free_address, killed_with_us, of_debian, with_addresses};
use crate::support::http::Request;

/// With what it depends on, so that a test that passed yesterday passes today.
pub const PACKAGES: [&str; 3] = ["openid-client@6.9.0", "jose@6.2.15", "oauth4webapi@3.8.8"];

/// A folder with these packages, kept for the next time. Complete under this name, even if two test runs make it at once.
fn packages() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGES.join("-"));
    if !place.exists() {
        let unfinished = place.with_added_extension(format!("{}.unfinished", std::process::id()));
        fs::create_dir_all(&unfinished).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--ignore-scripts"]);
        let npm = npm.args(PACKAGES).current_dir(&unfinished).output();
        let npm = npm.unwrap_or_else(|error| panic!("npm, which tests need: {error}; apt-get install npm"));
        assert!(npm.status.success(), "npm cannot install {PACKAGES:?}:\n{}", String::from_utf8_lossy(&npm.stderr));
        if fs::rename(&unfinished, &place).is_err() {
            assert!(place.exists(), "{} cannot be put in its place", unfinished.display());
            fs::remove_dir_all(unfinished).ok(); // another was faster
        }
    }
    place
}

#[test]
fn openid_client() {
    let (site, folder, addr) = (Site::with_tls(), TempDir::with_prefix("jeton-test-").unwrap(), free_address());
    let [script] = blocks("openid-client");
    let place = format!("listen({}, \"{}\")", addr.port(), addr.ip());
    let script = with_addresses(&script, &[(ADDRESS, site.url()), ("listen(8080, \"127.0.0.1\")", place)]);
    let file = folder.path().join("server.mjs");
    fs::write(&file, script).unwrap();
    symlink(packages().join("node_modules"), folder.path().join("node_modules")).unwrap();
    let mut command = killed_with_us(&of_debian("node", "--version", "nodejs"));
    let _process = listening(command.arg(file).env("NODE_EXTRA_CA_CERTS", site.certificate()), addr);
    for keyword in ["Bearer", "Token"] {
        let key = format!("{keyword} {}", site.api.admin_token());
        let answer = Request::new("GET", "/").header("Authorization", key).send(addr);
        assert_eq!((answer.status, answer.text().as_str()), (200, "admin"));
    }
    assert_eq!(Request::new("GET", "/").send(addr).status, 401);
    site.check(Forgets::AtOnce, |key| {
        let answer = Request::new("GET", "/").header("Authorization", format!("Bearer {key}")).send(addr);
        (answer.status == 200).then(|| answer.text())
    });
}
