//! `/healthz` and `/readyz`.

use std::time::Duration;

use crate::on_both;
use crate::support::app::App;
use crate::support::eventually;
use crate::support::http::Request;

on_both! {
    fn a_running_node_is_alive_and_ready(db) {
        let app = App::start(db);
        app.wait_until_synced();
        let parts = "{\"status\":\"ok\",\"database\":\"ok\",\"schema\":\"ok\",\"proof\":\"ok\",\"clock\":\"ok\"}";
        let alive = "{\"status\":\"ok\"}";
        for (path, text) in [("/healthz", alive), ("/readyz", parts), ("/healthz/", alive), ("/readyz/", parts)] {
            let answer = app.send(Request::new("GET", path));
            assert_eq!((answer.status, answer.text().as_str()), (200, text), "{path}");
            assert_eq!(app.send(Request::new("HEAD", path)).status, 200);
            assert_eq!(app.send(Request::new("POST", path)).status, 405);
        }
    }

    fn a_node_is_not_ready_with_an_older_schema(db) {
        let app = App::start(db);
        app.database.sql("delete from __diesel_schema_migrations");
        // The node checks the schema once a second at most.
        eventually("a node that is not ready", Duration::from_secs(10), || {
            let answer = app.send(Request::new("GET", "/readyz"));
            (answer.status == 503).then(|| assert_eq!(answer.json()["schema"], "foreign", "{answer:?}"))
        });
        assert_eq!(app.send(Request::new("GET", "/healthz")).status, 200);
    }
}
