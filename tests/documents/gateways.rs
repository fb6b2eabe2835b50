//! The commands of the gateways' examples: what their configurations do is tested in `tests/gateways`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::blocks::blocks;
use super::pages::Site;
use crate::behind_each;
use crate::gateways::gateway::{ENVOY, Kind, TRAEFIK, configured, free_address};
use crate::gateways::upstream::Upstream;
use crate::support::app;
use crate::support::python;

behind_each! {
    fn the_lines_of_its_page(gateway) {
        let page = match gateway {
            Kind::Nginx => "examples/nginx/README.md",
            Kind::Caddy => "examples/caddy/README.md",
            Kind::Traefik => "examples/traefik/README.md",
            Kind::Envoy => "examples/envoy/README.md",
        };
        let (site, service, address) = (Site::start(app::Kind::Sqlite, &[]), Upstream::start(), free_address());
        let shell = site.shell().set("TOKEN", &site.key("reports:read")).replace("127.0.0.1:8080", address);
        let folder = shell.folder().to_owned();
        // This writes its configuration into the folder; the page has the command.
        drop(configured(gateway, &folder, address, site.server.addr, service.addr));
        let (shell, part) = match gateway {
            Kind::Nginx => (shell.replace("-p /tmp", format!("-p {}", folder.display())), "nginx -p"),
            Kind::Caddy => (shell, "caddy run"),
            Kind::Traefik => {
                symlink(python::program("traefik", &TRAEFIK), folder.join("bin/traefik")).unwrap();
                (shell, "traefik --")
            }
            Kind::Envoy => {
                let (python, program) = (python::program("python", &ENVOY), folder.join("bin/envoy"));
                let run = format!("exec {} -m envoy._main --disable-hot-restart --concurrency 1", python.display());
                fs::write(&program, format!("#!/bin/sh\n{run} \"$@\"\n")).unwrap();
                fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
                (shell, "envoy -c")
            }
        };
        shell.server(part, format!("curl --fail http://{address}/public/")).paste(&blocks(page, "*"));
        let passed = service.received().into_iter().find(|request| request.target == "/").expect("a request for /");
        assert_eq!(passed.headers_named("X-Auth-User"), ["alice"]);
    }
}
