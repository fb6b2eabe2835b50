//! Three nodes that start at the same moment on an empty database.

use std::process::Stdio;

use super::{LIMIT, bare, listening};
use crate::commands::{done, introspect_status, jeton, json_of, try_login};
use crate::on_both;
use crate::support::app::{ADMIN, CLIENT, TestDatabase};
use crate::support::{eventually, process::Process};

const ROUNDS: usize = 5;

on_both! {
    fn nodes_that_start_together_create_each_row_once(db) {
        for _ in 0..ROUNDS {
            let database = TestDatabase::new(db);
            let jeton = jeton(&database)
                .env("JETON_LISTEN", "127.0.0.1:0")
                .env("JETON_BOOTSTRAP_ADMIN", ADMIN.0)
                .env("JETON_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1)
                .env("JETON_BOOTSTRAP_CLIENT_ID", CLIENT.0)
                .env("JETON_BOOTSTRAP_CLIENT_SECRET", CLIENT.1);
            let nodes = [(); 3].map(|()| jeton.spawn(&["serve"], Stdio::null()));
            nodes.iter().for_each(listening);
            let users = json_of(&done(&jeton, &["user", "list", "--json"]));
            assert_eq!(users.as_array().unwrap().len(), 1, "{users}");
            let third = jeton.serve();
            assert_eq!(try_login(&third, ADMIN.0, ADMIN.1).status, 200);
            assert_eq!(introspect_status(&third, CLIENT.0, CLIENT.1), 200);
        }
    }
}

#[test]
fn of_simultaneous_first_starts_on_one_file_only_one_prints_secrets_and_they_are_valid() {
    for _ in 0..ROUNDS {
        let jeton = bare().env("JETON_LISTEN", "127.0.0.1:0");
        let nodes = [(); 3].map(|()| jeton.spawn(&["serve"], Stdio::null()));
        nodes.iter().for_each(listening);
        let shown = |node: &Process| node.stdout().ends_with("\n\n");
        eventually("the secrets of a first start", LIMIT, || nodes.iter().any(shown).then_some(()));
        for node in &nodes {
            node.signal("TERM");
        }
        let outputs = nodes.map(|node| node.output());
        let printed: Vec<&str> =
            outputs.iter().map(|output| output.stdout.as_str()).filter(|text| !text.is_empty()).collect();
        assert_eq!(printed.len(), 1, "{outputs:?}");
        let word = |line: &str, n: usize| {
            let line = printed[0].lines().find(|text| text.trim_start().starts_with(line)).unwrap();
            line.split_whitespace().nth(n).unwrap().to_owned()
        };
        let server = jeton.serve();
        assert_eq!(try_login(&server, &word("superuser", 1), &word("superuser", 2)).status, 200);
        assert_eq!(introspect_status(&server, &word("client", 1), &word("client", 2)), 200);
    }
}
