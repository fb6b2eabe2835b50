//! `/healthz` and `/readyz`.

use crate::on_both;
use crate::support::app::App;
use crate::support::http::Request;

on_both! {
    fn alive_and_ready(db) {
        let app = App::start(db);
        let (alive, ready) = ("{\"status\":\"ok\"}", "{\"status\":\"ok\",\"clock\":\"ok\"}");
        for (path, body) in [("/healthz", alive), ("/readyz", ready), ("/healthz/", alive), ("/readyz/", ready)] {
            let answer = app.send(Request::new("GET", path));
            assert_eq!((answer.status, answer.text().as_str()), (200, body), "{path}");
            assert_eq!(app.send(Request::new("HEAD", path)).status, 200);
            assert_eq!(app.send(Request::new("POST", path)).status, 405);
        }
    }

    fn not_ready_with_an_older_schema(db) {
        let app = App::start(db);
        app.database.sql("delete from __diesel_schema_migrations");
        assert_eq!(app.send(Request::new("GET", "/readyz")).status, 503);
        assert_eq!(app.send(Request::new("GET", "/healthz")).status, 200);
    }
}
