//! `JETON_TOKEN_LIMIT_PER_USER`: how many live login tokens a user may have in multiple mode.

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::http::Answer;

const KNOX: &str = "{\"error\":\"Maximum amount of tokens allowed per user exceeded.\"}";

fn limited(db: Kind, more: &[(&str, &str)]) -> App {
    let settings = [("JETON_TOKEN_MODE", "multiple"), ("JETON_TOKEN_LIMIT_PER_USER", "3")];
    let app = App::with(db, &[&settings, more].concat());
    let admin = app.node(&[("JETON_TOKEN_MODE", "multiple")]); // the admin logs in for every call
    admin.create_user(ALICE.0, ALICE.1, &json!({}));
    app
}

fn login(app: &App) -> Answer {
    app.try_login(ALICE.0, ALICE.1)
}

fn key(app: &App) -> String {
    app.login(ALICE.0, ALICE.1)
}

fn live(app: &App) -> String {
    app.database.sql(
        "select count(*) from tokens t join users u on u.id = t.user_id \
         where u.username = 'alice' and t.revoked_at is null",
    )
}

on_both! {
    fn a_right_password_at_the_limit_is_no_failed_login_even_if_the_audit_log_cannot_be_written(db) {
        let app = limited(db, &[("JETON_LOGIN_LIMIT_USER", "2/min")]);
        assert_eq!([(); 3].map(|()| login(&app).status), [200; 3]);
        app.sql(match db {
            Kind::Postgres => {
                "create function no() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$; \
                 create trigger no before insert on audit_log for each row execute function no()"
            }
            Kind::Sqlite => "create trigger no before insert on audit_log begin select raise(abort, 'broken'); end",
        });
        assert_eq!([(); 3].map(|()| login(&app).status), [500; 3]);
        app.sql(if db == Kind::Postgres { "drop trigger no on audit_log" } else { "drop trigger no" });
        let answer = login(&app);
        assert_eq!((answer.status, answer.text().as_str()), (403, KNOX), "{answer:?}");
    }

    fn of_fifty_logins_at_once_exactly_three_get_a_token(db) {
        // The logins come from one address, which may fill only half of the queue.
        let app = limited(db, &[("JETON_LOGIN_QUEUE", "200")]);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let logins: Vec<_> = (0..50).map(|_| scope.spawn(|| login(&app))).collect();
            logins.into_iter().map(|login| login.join().unwrap()).collect()
        });
        let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((good.len(), refused.len()), (3, 47), "{answers:?}");
        for answer in refused {
            assert_eq!((answer.status, answer.text().as_str()), (403, KNOX));
        }
        assert_eq!(live(&app), "3");
        assert!(good.iter().all(|answer| app.is_good(answer.json()["token"].as_str().unwrap())));
    }

    fn at_the_limit_a_wrong_password_still_gets_its_usual_answer(db) {
        let app = limited(db, &[]);
        for _ in 0..3 {
            key(&app);
        }
        assert_eq!(login(&app).status, 403);
        let answer = app.try_login(ALICE.0, "not hers");
        let wrong = json!({"non_field_errors": ["Unable to log in with provided credentials."]});
        assert_eq!((answer.status, answer.json()), (400, wrong));
    }

    fn revoked_tokens_do_not_count(db) {
        let app = limited(db, &[]);
        let keys = [key(&app), key(&app), key(&app)];
        assert_eq!(login(&app).status, 403);
        assert_eq!(app.post("/logout/", &keys[1], &json!({})).status, 204);
        key(&app);
        assert_eq!(login(&app).status, 403);
    }

    fn expired_tokens_do_not_count(db) {
        let app = limited(db, &[("JETON_TOKEN_TTL", "1h")]);
        for _ in 0..3 {
            key(&app);
        }
        app.clock.advance(short_of(Duration::from_hours(1)));
        assert_eq!(login(&app).status, 403);
        app.clock.advance(MICRO);
        key(&app);
    }

    fn named_tokens_neither_count_nor_are_limited(db) {
        let app = limited(db, &[]);
        let first = key(&app);
        for name in ["a", "b", "c", "d"] {
            app.name_token(&first, &json!({ "name": name }));
        }
        key(&app);
        key(&app);
        assert_eq!(login(&app).status, 403);
        app.name_token(&first, &json!({"name": "e"}));
    }

    fn a_token_in_its_grace_period_counts(db) {
        let app = limited(db, &[]);
        let staff = app.node(&[("JETON_TOKEN_MODE", "multiple")]);
        key(&app);
        key(&app);
        let path = "/admin/users/alice/regenerate?grace=1h";
        assert_eq!(staff.post(path, &staff.admin_token(), &json!({})).status, 200);
        assert_eq!(login(&app).status, 403, "two old tokens and the new one are live");
        app.clock.advance(Duration::from_hours(1));
        key(&app);
    }

    fn the_limit_applies_only_in_multiple_mode(db) {
        let app = App::with(db, &[("JETON_TOKEN_LIMIT_PER_USER", "1")]);
        let key = app.alice();
        assert_eq!(app.login(ALICE.0, ALICE.1), key);
    }

    fn a_refusal_at_the_token_limit_does_not_count_as_a_failed_login(db) {
        let app = limited(db, &[("JETON_LOGIN_LIMIT_USER", "2/min"), ("JETON_LOGIN_LIMIT_ADDRESS", "2/min")]);
        for _ in 0..3 {
            key(&app);
        }
        for _ in 0..5 {
            assert_eq!(login(&app).status, 403);
        }
    }
}
