//! Several hosts in `DATABASE_URL`.

use std::net::TcpListener;

use crate::commands::{create_user, jeton, login};
use crate::support::app::{SECRET_KEY, TestDatabase};
use crate::support::http::Request;
use crate::support::postgres;
use crate::support::process::Jeton;

/// One host accepts connections and never answers, as behind a dead network. With default settings jeton must use the
/// other host.
#[test]
fn a_host_that_never_answers_does_not_prevent_a_node_from_serving() {
    let database = TestDatabase::of(postgres::shared());
    let commands = jeton(&database);
    commands.run(&["migrate"]);
    create_user(&commands, "alice", &[]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("127.0.0.1:{}", silent.local_addr().unwrap().port());
    let host = postgres::shared().host();
    for hosts in [format!("{silent},{host}:5432"), format!("{host}:5432,{silent}")] {
        let url = database.url.replacen(&host, &hosts, 1);
        let in_parameters = {
            let (names, ports): (Vec<&str>, Vec<&str>) =
                hosts.split(',').map(|one| one.rsplit_once(':').unwrap()).unzip();
            let name = database.url.rsplit_once('/').unwrap().1;
            format!("postgres://jeton@/{name}?host={}&port={}", names.join(","), ports.join(","))
        };
        for url in [url, in_parameters] {
            let node = Jeton::new().env("DATABASE_URL", &url).env("JETON_SECRET_KEY", SECRET_KEY).serve();
            login(&node, "alice");
            assert_eq!(Request::new("GET", "/readyz").send(node.addr).status, 200, "{url}");
        }
    }
}
