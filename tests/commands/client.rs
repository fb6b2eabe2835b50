//! `jeton client ...`

use std::time::Duration;

use serde_json::{Value, json};

use super::{create_client, done, introspect_status, json_of, migrated, refused};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::Request;

on_both! {
    fn a_client_is_created_listed_rotated_and_deleted(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        assert_eq!(json_of(&done(&jeton, &["client", "list", "--json"])), json!([]));
        let output = jeton.run(&["client", "create", "billing"]);
        let secret = output.stdout.trim_end();
        assert_eq!((output.status, output.stdout.as_str()), (0, format!("{secret}\n").as_str()), "{output:?}");
        assert!(secret.len() >= 43 && secret.bytes().all(|b| b.is_ascii_graphic()), "256 bits: {secret}");
        assert!(!output.stderr.contains(secret), "{output:?}");
        create_client(&jeton, "reports");
        assert!(refused(&jeton, &["client", "create", "billing"]).contains("already exists"));

        let server = jeton.serve();
        assert_eq!(introspect_status(&server, "billing", secret), 200, "the refused creation has not changed the secret");
        assert_eq!(introspect_status(&server, "reports", secret), 401, "each client has its own secret");
        let rotated = done(&jeton, &["client", "rotate", "billing"]);
        let new = rotated.trim_end();
        assert_eq!((introspect_status(&server, "billing", secret), introspect_status(&server, "billing", new)), (401, 200));

        let output = jeton.run(&["client", "rotate", "billing", "--grace", "1h"]);
        assert!(output.status == 0 && output.stderr.contains("the old secret stays valid until "), "{output:?}");
        let newer = output.stdout.trim_end();
        assert_eq!((introspect_status(&server, "billing", new), introspect_status(&server, "billing", newer)), (200, 200));
        let rotated = done(&jeton, &["client", "rotate", "billing"]);
        let (older, new) = ([new, newer], rotated.trim_end());
        assert_eq!(older.map(|old| introspect_status(&server, "billing", old)), [401, 401]);
        assert_eq!(introspect_status(&server, "billing", new), 200);
        assert_eq!(jeton.run(&["client", "rotate", "billing", "--grace", "soon"]).status, 2);

        let printed = done(&jeton, &["client", "list", "--json"]);
        let clients = json_of(&printed);
        let ids: Vec<_> = clients.as_array().unwrap().iter().map(|client| client["client_id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["billing", "reports"]);
        assert!(!clients[0]["rotated_at"].is_null() && clients[1]["rotated_at"].is_null(), "{printed}");
        let table = done(&jeton, &["client", "list"]);
        assert_eq!(table.lines().map(|line| line.split("  ").next().unwrap()).collect::<Vec<_>>(), ["CLIENT ID", "billing", "reports"]);
        assert!(![&printed, &table].iter().any(|text| text.contains(new) || text.contains("client_secret") || text.contains("digest")), "{printed}{table}");

        done(&jeton, &["client", "update", "billing", "--owner", "Žofie"]);
        done(&jeton, &["client", "update", "billing", "--note", "Invoices"]);
        assert_eq!(refused(&jeton, &["client", "update", "nobody", "--note", "x"]), "error: client nobody does not exist");
        assert_eq!(jeton.run(&["client", "update", "billing"]).status, 2);
        let clients = json_of(&done(&jeton, &["client", "list", "--json"]));
        assert_eq!((&clients[0]["note"], &clients[0]["owner"]), (&json!("Invoices"), &json!("Žofie")));
        done(&jeton, &["client", "create", "shop", "--note", "The shop", "--owner", "Team S"]);
        let clients = json_of(&done(&jeton, &["client", "list", "--json"]));
        assert_eq!((&clients[2]["note"], &clients[2]["owner"]), (&json!("The shop"), &json!("Team S")));

        assert_eq!(done(&jeton, &["client", "delete", "billing", "--yes"]), "");
        assert_eq!(introspect_status(&server, "billing", new), 401);
        assert_eq!(refused(&jeton, &["client", "delete", "billing"]), "error: client billing does not exist");
        create_client(&jeton, "billing");
        assert_eq!(introspect_status(&server, "billing", new), 401, "a new client of the same name has another secret");
    }

    fn each_request_of_a_client_is_counted(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let [billing, _] = ["billing", "idle"].map(|name| create_client(&jeton, name));
        let counted = || {
            let clients = json_of(&done(&jeton, &["client", "list", "--json"]));
            let sum = |client: &Value| ["requests_today", "requests_yesterday"].map(|day| client[day].as_i64().unwrap()).iter().sum::<i64>();
            (sum(&clients[0]), sum(&clients[1]), clients[0]["last_used_at"].is_null(), clients[1]["last_used_at"].is_null())
        };
        assert_eq!(counted(), (0, 0, true, true));
        for so_far in [7, 14] {
            let server = jeton.serve();
            // The first request of a server goes through the router, later ones do not.
            for _ in 0..6 {
                assert_eq!(introspect_status(&server, "billing", &billing.1), 200);
            }
            let batch = Request::new("POST", "/introspect/batch").basic("billing", &billing.1).json(&json!({"tokens": ["a", "b"]}));
            assert_eq!(batch.send(server.addr).status, 200);
            assert_eq!(introspect_status(&server, "billing", "wrong"), 401);
            server.signal("TERM");
            assert!(server.wait(Duration::from_secs(20)).success(), "{server:?}");
            assert_eq!(counted(), (so_far, 0, false, true));
        }
        let table = done(&jeton, &["client", "list"]);
        let columns = ["CLIENT ID", "LAST USED", "REQUESTS TODAY", "REQUESTS YESTERDAY", "CREATED", "ROTATED", "OLD SECRET USED"];
        let mut lines = table.lines();
        let header = lines.next().unwrap();
        assert!(columns.iter().is_sorted_by_key(|name| header.find(name).unwrap()), "{table}");
        let in_column = |line: &str| line[header.find("REQUESTS TODAY").unwrap()..].split(' ').next().unwrap().to_owned();
        let clients = json_of(&done(&jeton, &["client", "list", "--json"]));
        let today: Vec<_> = clients.as_array().unwrap().iter().map(|client| client["requests_today"].to_string()).collect();
        assert_eq!(lines.map(in_column).collect::<Vec<_>>(), today, "{table}");
        done(&jeton, &["client", "delete", "billing", "--yes"]);
        assert_eq!(database.sql("select count(*) from client_usage"), "0");
    }
}
