//! More logins than there is time for.

use std::thread;
use std::time::Duration;

use super::timed;
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::http::Request;

const COSTLY: [(&str, &str); 4] = [
    ("JETON_LOGIN_THREADS", "1"),
    ("JETON_LOGIN_QUEUE", "1"),
    ("JETON_ARGON2_MEMORY_KIB", "65536"),
    ("JETON_ARGON2_ITERATIONS", "12"),
];

on_both! {
    fn a_full_queue_is_told_at_once_and_introspection_goes_on(db) {
        let app = App::with(db, &COSTLY);
        let token = app.admin_token();
        thread::scope(|scope| {
            let logins: Vec<_> = (0..8).map(|_| scope.spawn(|| app.try_login(ADMIN.0, ADMIN.1))).collect();
            let mut asked = 0;
            while logins.iter().any(|login| !login.is_finished()) {
                for path in ["/healthz", "/me"] {
                    let (answer, took) = timed(&app, Request::new("GET", path).token(&token));
                    assert!(answer.status == 200 && took < Duration::from_secs(1), "{path}: {took:?}, {answer:?}");
                }
                assert_eq!(app.introspect(&token)["active"], true);
                asked += 1;
            }
            assert!(asked > 1, "there was a time to ask in");
            let answers: Vec<_> = logins.into_iter().map(|login| login.join().unwrap()).collect();
            let good = answers.iter().filter(|answer| answer.status == 200).count();
            assert!((1..=3).contains(&good), "one is worked on and one waits: {answers:?}");
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (503, Some("1")), "{answer:?}");
                assert!(answer.json()["detail"].is_string());
            }
        });
        assert_eq!(app.admin_token(), token, "there is room again");
    }
}
