//! More logins at once than the hashing workers can check in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::timed;
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::eventually;
use crate::support::http::Request;

/// A queue of one login before one thread, and hashes that take long.
const COSTLY: [(&str, &str); 4] = [
    ("JETON_LOGIN_THREADS", "1"),
    ("JETON_LOGIN_QUEUE", "1"),
    ("JETON_ARGON2_MEMORY_KIB", "65536"),
    ("JETON_ARGON2_ITERATIONS", "12"),
];

/// A queue of eight logins before one thread.
const CROWDED: [(&str, &str); 5] = [
    ("JETON_LOGIN_THREADS", "1"),
    ("JETON_LOGIN_QUEUE", "8"),
    ("JETON_ARGON2_MEMORY_KIB", "2048"),
    ("JETON_ARGON2_ITERATIONS", "2"),
    ("JETON_TRUSTED_PROXIES", "127.0.0.1"),
];

on_both! {
    fn logins_beyond_the_queue_get_503_at_once_and_introspection_still_works(db) {
        let app = App::with(db, &COSTLY);
        let token = app.admin_token();
        thread::scope(|scope| {
            let logins: Vec<_> = (0..8).map(|_| scope.spawn(|| app.try_login(ADMIN.0, ADMIN.1))).collect();
            let mut rounds = 0;
            while logins.iter().any(|login| !login.is_finished()) {
                for path in ["/healthz", "/me"] {
                    let (answer, took) = timed(&app, Request::new("GET", path).token(&token));
                    assert!(answer.status == 200 && took < Duration::from_secs(1), "{path}: {took:?}, {answer:?}");
                }
                assert_eq!(app.introspect(&token)["active"], true);
                rounds += 1;
            }
            assert!(rounds > 1, "requests were sent while logins waited");
            let answers: Vec<_> = logins.into_iter().map(|login| login.join().unwrap()).collect();
            let good = answers.iter().filter(|answer| answer.status == 200).count();
            assert!((1..=3).contains(&good), "one login is checked and one waits in the queue: {answers:?}");
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (503, Some("1")), "{answer:?}");
                assert!(answer.json()["detail"].is_string());
            }
        });
        assert_eq!(app.admin_token(), token, "the queue has room again");
    }

    fn logins_from_one_network_do_not_block_others(db) {
        let app = App::with(db, &CROWDED);
        app.admin_token();
        let from = |address: String, password: &str| {
            let login = json!({"username": ADMIN.0, "password": password});
            let request = Request::new("POST", "/api-token-auth/").header("X-Forwarded-For", &address).json(&login);
            app.send(request).status
        };
        let done = AtomicBool::new(false);
        let (guessed, good) = thread::scope(|scope| {
            let guess = |guesser: u16| {
                let (from, done) = (&from, &done);
                move || {
                    let mut statuses = Vec::new();
                    while !done.load(Ordering::SeqCst) {
                        statuses.push(from(format!("2001:db8::{guesser:x}"), "wrong"));
                    }
                    statuses
                }
            };
            let guessers: Vec<_> = (1..=24).map(|guesser| scope.spawn(guess(guesser))).collect();
            // By now the guesses have filled the queue.
            eventually("guesses are refused", Duration::from_secs(10), || {
                (app.count("jeton_logins_total{result=\"busy\"}") > 0).then_some(())
            });
            let from = &from;
            let logins: Vec<_> =
                (1..=4).map(|user| scope.spawn(move || from(format!("192.0.2.{user}"), ADMIN.1))).collect();
            let good: Vec<u16> = logins.into_iter().map(|login| login.join().unwrap()).collect();
            done.store(true, Ordering::SeqCst);
            (guessers.into_iter().flat_map(|guesser| guesser.join().unwrap()).collect::<Vec<u16>>(), good)
        });
        assert_eq!(good, [200; 4]);
        assert!(guessed.iter().all(|status| [400, 503].contains(status)), "{guessed:?}");
        assert!(guessed.contains(&400) && guessed.contains(&503), "{guessed:?}");
    }

    fn many_logins_of_one_user_all_get_an_answer_and_few_are_checked(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_USER", "3/min"), ("JETON_LOGIN_THREADS", "1")]);
        app.admin_token();
        let name = "a".repeat(5_000);
        let body = json!({"username": name, "password": "wrong"});
        let request = Request::new("POST", "/api-token-auth/").json(&body);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let logins: Vec<_> = (0..40).map(|_| scope.spawn(|| app.send(request.clone()).status)).collect();
            while logins.iter().any(|login| !login.is_finished()) {
                assert_eq!(app.send(Request::new("GET", "/healthz")).status, 200);
            }
            logins.into_iter().map(|login| login.join().unwrap()).collect()
        });
        let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
        assert_eq!(count(400), 3, "{statuses:?}");
        assert_eq!(count(400) + count(429) + count(503), 40, "{statuses:?}");
    }
}
