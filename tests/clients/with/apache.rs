//! Apache with `mod_auth_openidc` and with `mod_oauth2`, before a service.

use std::fs;
use std::net::SocketAddr;

use tempfile::TempDir;

use super::{ADDRESS, Forgets, Site, blocks, listening, told};
use crate::gateways::gateway::{free_address, killed_with_us, of_debian, with_addresses};
use crate::gateways::upstream::Upstream;
use crate::support::process::Process;

const MODULES: &str = "/usr/lib/apache2/modules";

struct Apache {
    addr: SocketAddr,
    service: Upstream,
    _process: Process,
    _folder: TempDir,
}

/// With this module, and the lines that its section of the page has.
fn apache(section: &str, module: &str, site: &Site, more: &str) -> Apache {
    let (addr, service, folder) = (free_address(), Upstream::start(), TempDir::with_prefix("jeton-test-").unwrap());
    let [page] = blocks(section);
    let page = with_addresses(&page, &[(ADDRESS, site.url())]);
    let own = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", module];
    let own = own.map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n")).concat();
    let place = folder.path().display();
    let config = format!(
        "ServerRoot {place}\nDefaultRuntimeDir {place}\nPidFile {place}/pid\nServerName localhost\nListen {addr}\n\
         ErrorLog /dev/stderr\nUser nobody\nGroup nogroup\n{own}{more}\nProxyPass / http://{}/\n{page}",
        service.addr
    );
    let file = folder.path().join("apache.conf");
    fs::write(&file, config).unwrap();
    // One process: what ends it leaves no workers behind.
    let mut command = killed_with_us(&of_debian("/usr/sbin/apache2", "-v", "apache2-bin"));
    let process = listening(command.arg("-X").arg("-f").arg(file), addr);
    Apache { addr, service, _process: process, _folder: folder }
}

#[test]
fn mod_auth_openidc() {
    let site = Site::with_tls();
    let trusted = format!("OIDCCABundlePath {}", site.certificate());
    let apache = apache("mod_auth_openidc", "auth_openidc", &site, &trusted);
    site.check(Forgets::AtOnce, |key| told(apache.addr, &apache.service, "OIDC_CLAIM_username", key));
}

#[test]
fn mod_oauth2() {
    let site = Site::start();
    let apache = apache("mod_oauth2", "oauth2", &site, "");
    site.check(Forgets::AtOnce, |key| told(apache.addr, &apache.service, "OAUTH2_CLAIM_username", key));
}
