//! HAProxy before a service, asking jeton in Lua.

use std::fs;
use std::net::SocketAddr;

use tempfile::TempDir;

use super::{Forgets, Site, blocks, listening, told};
use crate::gateways::gateway::{free_address, killed_with_us, of_debian, with_addresses};
use crate::gateways::upstream::Upstream;
use crate::support::http::Request;
use crate::support::process::Process;

fn haproxy(folder: &TempDir, site: &Site, service: SocketAddr) -> (SocketAddr, Process) {
    let (addr, [script, config]) = (free_address(), blocks("HAProxy"));
    let lua = folder.path().join("jeton.lua");
    fs::write(&lua, with_addresses(&script, &[("127.0.0.1:8000", site.api.addr.to_string())])).unwrap();
    let places = [
        ("/etc/haproxy/jeton.lua", lua.to_str().unwrap().to_owned()),
        ("127.0.0.1:8080", addr.to_string()),
        ("127.0.0.1:9000", service.to_string()),
    ];
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, with_addresses(&config, &places)).unwrap();
    let mut command = killed_with_us(&of_debian("/usr/sbin/haproxy", "-v", "haproxy"));
    (addr, listening(command.args(["-db", "-f"]).arg(file), addr))
}

#[test]
fn haproxy_asks_before_each_request() {
    let (site, service, folder) = (Site::start(), Upstream::start(), TempDir::with_prefix("jeton-test-").unwrap());
    let (addr, _process) = haproxy(&folder, &site, service.addr);
    let send = |request: Request| (request.send(addr), service.received());
    let (answer, received) = send(Request::new("GET", "/"));
    assert_eq!((answer.status, answer.headers_named("WWW-Authenticate").join(", ").as_str()), (401, "Token"));
    assert!(received.is_empty());
    let key = site.api.admin_token();
    let (answer, received) = send(Request::new("GET", "/?x=1").token(&key));
    assert_eq!((answer.status, received[0].target.as_str()), (200, "/?x=1"));
    assert!(!format!("{received:?}").contains(&key));
    site.check(Forgets::AtOnce, |key| told(addr, &service, "X-Auth-User", key));
}
