//! The files of `deploy/`, unchanged: validated for Kubernetes and systemd, and nginx in front of nodes that restart.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::commands::{PASSWORD, create_client, create_user, done, key_in, migrated};
use crate::gateways::gateway::{free_address, killed_with_us, of_debian, with_addresses};
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::{BINARY, Jeton, Process};
use crate::support::python::{Environment, root};

const LIMIT: Duration = Duration::from_secs(30);

/// Reads YAML, validates it if a version of Kubernetes is given, and prints it as JSON.
const READ: &str = r"
import json, sys, yaml
documents = list(yaml.safe_load_all(open(sys.argv[1])))
if len(sys.argv) > 2:
    import kubernetes_validate
    for document in documents:
        kubernetes_validate.validate(document, sys.argv[2], strict=True)
print(json.dumps(documents))
";

fn read(file: &str, kubernetes: Option<&str>) -> Value {
    let mut python = Environment::of(&["kubernetes-validate==1.37.0"]).python();
    let output = python.args(["-I", "-c", READ]).arg(root().join(file)).args(kubernetes).output().unwrap();
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn kubernetes_accepts_the_manifests_and_jeton_their_settings() {
    let file = "deploy/kubernetes/jeton.yaml";
    for version in ["1.27", "1.34"] {
        read(file, Some(version));
    }
    let documents = read(file, None);
    let documents = documents.as_array().unwrap();
    let pod =
        documents.iter().find(|document| document["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"].clone();
    assert_eq!((&pod["enableServiceLinks"], &pod["automountServiceAccountToken"]), (&json!(false), &json!(false)));
    let container = &pod["containers"][0];
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = if probe == "readinessProbe" { "/readyz" } else { "/healthz" };
        assert_eq!(container[probe]["httpGet"]["path"], path);
    }

    let mut jeton = Jeton::new();
    fs::write(jeton.dir.path().join("database-url"), "postgres://jeton:x@db.example.com/jeton\n").unwrap();
    fs::write(jeton.dir.path().join("secret-key"), "ab".repeat(32)).unwrap();
    for setting in container["env"].as_array().unwrap() {
        let value = setting["value"].as_str().unwrap().replace("/etc/jeton/", "");
        jeton = jeton.env(setting["name"].as_str().unwrap(), value);
    }
    let settings = done(&jeton, &["config"]);
    let mib = |name: &str| -> u64 {
        let line = settings.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split(' ').nth(1).unwrap().trim_end_matches("MiB").parse().unwrap()
    };
    let needed = mib("JETON_CACHE_BYTES") + mib("JETON_LOGIN_THREADS") * mib("JETON_HASH_MAX_MEMORY") + 64;
    let limit =
        container["resources"]["limits"]["memory"].as_str().unwrap().trim_end_matches("Mi").parse::<u64>().unwrap();
    assert!(needed <= limit, "{needed} MiB may be used, of {limit}");
}

#[test]
fn compose_bounds_every_log() {
    let services = read("docker-compose.yml", None)[0]["services"].clone();
    for (name, service) in services.as_object().unwrap() {
        let options = &service["logging"]["options"];
        assert!(options["max-size"].is_string() && options["max-file"].is_string(), "{name}: {service}");
    }
}

#[test]
fn systemd_accepts_the_unit() {
    let unit = fs::read_to_string(root().join("deploy/systemd/jeton.service")).unwrap();
    let unit = with_addresses(&unit, &[("/usr/local/bin/jeton", BINARY.to_owned())]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jeton.service");
    fs::write(&file, unit).unwrap();
    for args in [&["verify"][..], &["security", "--offline=yes", "--threshold=20"]] {
        let output = Command::new("systemd-analyze").args(args).arg(&file).output();
        let output = output.expect("systemd-analyze is needed here: apt-get install systemd");
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}

#[test]
fn jeton_notifies_systemd_when_it_serves_and_when_it_stops() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let place = jeton.dir.path().join("notify");
    let socket = UnixDatagram::bind(&place).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let notification = || {
        let mut words = [0; 100];
        let length = socket.recv(&mut words).unwrap();
        String::from_utf8(words[..length].to_vec()).unwrap()
    };
    let jeton = jeton.env("NOTIFY_SOCKET", place.to_str().unwrap());
    let server = jeton.serve();
    assert_eq!(notification(), "READY=1\n");
    assert_eq!(Request::new("GET", "/healthz").send(server.addr).status, 200);
    server.signal("TERM");
    assert_eq!(notification(), "STOPPING=1\n");
    assert!(server.wait(LIMIT).success());
}

#[test]
fn nodes_behind_nginx_are_restarted_in_turn_and_no_request_is_lost() {
    let database = TestDatabase::new(Kind::Postgres);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let key = key_in(&done(&jeton, &["token", "create", "amy"]), "amy");
    let client = create_client(&jeton, "billing");
    let (one, other, front) = (free_address(), free_address(), free_address());
    let nodes = [one, other].map(|address| {
        let jeton = crate::commands::jeton(&database).env("JETON_LISTEN", address.to_string());
        jeton.env("JETON_TRUSTED_PROXIES", "127.0.0.0/8").env("JETON_LOGIN_LIMIT_ADDRESS", "none")
    });

    let folder = tempfile::tempdir().unwrap();
    // Without these settings, nginx would use the folders of the system's nginx.
    let own = "http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;";
    let config = with_addresses(
        include_str!("../deploy/nginx/nginx.conf"),
        &[
            ("127.0.0.1:8001", one.to_string()),
            ("127.0.0.1:8002", other.to_string()),
            ("127.0.0.1:8080", front.to_string()),
            ("\nhttp {", format!("\n{own}")),
        ],
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, config).unwrap();
    let program = if fs::exists("/usr/sbin/nginx").unwrap() { "/usr/sbin/nginx" } else { "nginx" };
    let mut nginx = killed_with_us(&of_debian(program, "-v", "nginx"));
    nginx.arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
    let nginx =
        Process::start(nginx.args(["-g", "daemon off; master_process off; pid nginx.pid;"]).stdin(Stdio::null()));
    let ready = |address| {
        eventually("a node that is ready", LIMIT, || {
            let there = std::net::TcpStream::connect(address).is_ok();
            (there && Request::new("GET", "/readyz").send(address).status == 200).then_some(())
        });
    };

    let mut serving = nodes.each_ref().map(Jeton::serve);
    for address in [one, other, front] {
        ready(address);
    }
    for path in ["/metrics", "/metrics/"] {
        assert_eq!(Request::new("GET", path).send(front).status, 404, "{path}");
    }
    assert_eq!(Request::new("GET", "/_repeated").send(front).status, 404);
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for kind in 0..3 {
            let (stop, answered, key, client) = (&stop, &answered, &key, &client);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let request = match kind {
                        0 => Request::new("GET", "/me").token(key),
                        1 => Request::new("POST", "/introspect").basic(&client.0, &client.1).form(&[("token", key)]),
                        _ => Request::new("POST", "/api-token-auth/")
                            .json(&json!({"username": "amy", "password": PASSWORD})),
                    };
                    let answer = request.send(front);
                    // After a failure, no thread may wait for ever for more answers.
                    if answer.status != 200 {
                        stop.store(true, Ordering::Relaxed);
                    }
                    assert_eq!(answer.status, 200, "{answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let some_more = |so_far: usize| {
            eventually("some answers", LIMIT, || {
                (answered.load(Ordering::Relaxed) > so_far + 50 || stop.load(Ordering::Relaxed)).then_some(())
            });
        };
        for at in [0, 1, 0, 1] {
            some_more(answered.load(Ordering::Relaxed));
            serving[at].signal("TERM");
            assert!(serving[at].wait(LIMIT).success(), "{:?}", serving[at]);
            some_more(answered.load(Ordering::Relaxed));
            serving[at] = nodes[at].serve();
            ready([one, other][at]);
        }
        some_more(answered.load(Ordering::Relaxed));
        stop.store(true, Ordering::Relaxed);
    });
    assert!(nginx.try_wait().is_none(), "{nginx:?}");
}
