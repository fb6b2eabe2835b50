//! Dovecot, asked by its own protocol for other programs' logins, as by Postfix.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{ADDRESS, Forgets, START, Site, blocks};
use crate::gateways::gateway::{killed_with_us, of_debian, with_addresses};
use crate::support::calls::ALICE;
use crate::support::eventually;
use crate::support::http::base64;
use crate::support::process::Process;

/// What a program that does its own IMAP needs of Dovecot: no protocols, no users of its own, its folders elsewhere.
fn own(folder: &Path) -> String {
    let name = |of: &str| String::from_utf8(Command::new("id").arg(of).output().unwrap().stdout).unwrap();
    let (user, group, place) = (name("-un"), name("-gn"), folder.display());
    format!(
        "protocols =\nssl = no\nauth_failure_delay = 0\nlog_path = /dev/stderr\nbase_dir = {place}/run\nstate_dir = {place}/run\n\
         default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n\
         service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
         service auth {{\n  unix_listener auth-client {{\n    mode = 0600\n  }}\n}}\n\
         userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home=/nonexistent\n}}\n"
    )
}

fn dovecot(folder: &Path, site: &Site) -> Process {
    let [config, passdb] = blocks("Dovecot");
    let (file, passdb_file) = (folder.join("dovecot.conf"), folder.join("dovecot-oauth2.conf.ext"));
    fs::write(&passdb_file, with_addresses(&passdb, &[(ADDRESS, site.url())])).unwrap();
    let place = passdb_file.to_str().unwrap().to_owned();
    let config = with_addresses(&config, &[("/etc/dovecot/dovecot-oauth2.conf.ext", place)]);
    fs::write(&file, own(folder) + &config).unwrap();
    let mut command = killed_with_us(&of_debian("/usr/sbin/dovecot", "--version", "dovecot-core"));
    let process = Process::start(command.args(["-F", "-c"]).arg(file).stdin(Stdio::null()));
    eventually("Dovecot listens", START, || {
        assert!(process.try_wait().is_none(), "it ended: {process:?}");
        UnixStream::connect(folder.join("run/auth-client")).ok()
    });
    process
}

/// The user that Dovecot says has logged in by OAUTHBEARER.
fn user(folder: &Path, name: &str, key: &str) -> Option<String> {
    let mut stream = UnixStream::connect(folder.join("run/auth-client")).unwrap();
    stream.set_read_timeout(Some(START)).unwrap();
    let first = base64(format!("n,a={name},\x01auth=Bearer {key}\x01\x01").as_bytes());
    let id = std::process::id();
    write!(stream, "VERSION\t1\t2\nCPID\t{id}\nAUTH\t1\tOAUTHBEARER\tservice=imap\tresp={first}\n").unwrap();
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap();
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["OK", _, user, ..] => return Some(user.strip_prefix("user=").unwrap().to_owned()),
            ["FAIL", ..] => return None,
            // RFC 7628: the error comes as a challenge, which the client answers with one byte.
            ["CONT", ..] => writeln!(stream, "CONT\t1\t{}", base64(b"\x01")).unwrap(),
            _ => (),
        }
    }
    panic!("no answer")
}

#[test]
fn dovecot_lets_in_by_token() {
    let (site, folder) = (Site::start(), TempDir::with_prefix("jeton-test-").unwrap());
    let _process = dovecot(folder.path(), &site);
    let admin = site.api.admin_token();
    assert_eq!(user(folder.path(), "admin", &admin).as_deref(), Some("admin"));
    assert_eq!(user(folder.path(), ALICE.0, &admin), None, "another's token");
    site.check(Forgets::AtOnce, |key| user(folder.path(), ALICE.0, key));
}
