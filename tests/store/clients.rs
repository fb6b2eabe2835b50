//! Clients.

use jeton::domain::client::ClientSecret;
use jeton::domain::page::PageRequest;
use jeton::store::{ClientChange, StoreError};

use super::{ALL, Kept, NOW, after, by, named_token, secret};
use crate::on_both;

on_both! {
    fn a_client_is_registered_once_and_its_secret_matches(db) {
        let kept = Kept::new(db);
        assert!(!kept.store.has_clients().unwrap());
        let clear = ClientSecret::generate();
        kept.store.create_client("api", &clear.digest(), &by("root"), NOW).unwrap();
        assert_eq!(kept.last_audit(), "root|client.create|api|192.0.2.7|{}");
        let before = kept.everything();
        let taken = kept.store.create_client("api", &secret(), &by("root"), NOW);
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        assert_eq!(kept.everything(), before);
        let client = kept.store.client("api").unwrap().unwrap();
        assert!(client.secret.matches(&clear) && !client.secret.matches(&ClientSecret::generate()));
        assert_eq!((client.created_at, client.rotated_at), (NOW, None));
        assert!(kept.store.has_clients().unwrap());
    }

    fn a_rotated_secret_is_dead(db) {
        let kept = Kept::new(db);
        let (old, new) = (ClientSecret::generate(), ClientSecret::generate());
        kept.store.create_client("api", &old.digest(), &by("root"), NOW).unwrap();
        kept.store.create_client("other", &old.digest(), &by("root"), NOW).unwrap();
        assert_eq!(kept.store.rotate_client("api", &new.digest(), None, &by("root"), after(5)).unwrap(), ClientChange::Done);
        assert_eq!(kept.last_audit(), "root|client.rotate|api|192.0.2.7|{}");
        let client = kept.store.client("api").unwrap().unwrap();
        assert!(client.secret.matches(&new) && !client.secret.matches(&old));
        assert_eq!((client.created_at, client.rotated_at), (NOW, Some(after(5))));
        assert!(kept.store.client("other").unwrap().unwrap().secret.matches(&old));
    }

    fn a_secret_goes_on_for_its_grace_and_none_before_it_does(db) {
        let kept = Kept::new(db);
        let [first, second, third, fourth] = [(); 4].map(|()| ClientSecret::generate());
        kept.store.create_client("api", &first.digest(), &by("root"), NOW).unwrap();
        let rotate = |new: &ClientSecret, grace_until, now| {
            assert_eq!(kept.store.rotate_client("api", &new.digest(), grace_until, &by("root"), now).unwrap(), ClientChange::Done);
        };
        let good = |now| {
            let secrets = kept.store.client("api").unwrap().unwrap().secrets();
            [&first, &second, &third, &fourth].map(|secret| secrets.match_at(&secret.digest(), now))
        };
        rotate(&second, Some(after(60)), NOW);
        assert_eq!(kept.last_audit(), "root|client.rotate|api|192.0.2.7|{\"grace_until\":\"2025-06-15T15:07:40.123456Z\"}");
        assert_eq!(good(after(59)), [true, true, false, false]);
        assert_eq!(good(after(60)), [false, true, false, false]);
        rotate(&third, Some(after(90)), after(30));
        assert_eq!(good(after(31)), [false, true, true, false], "only the one before");
        rotate(&fourth, None, after(40));
        assert_eq!(good(after(41)), [false, false, false, true]);
    }

    fn a_deleted_client_takes_its_tokens_along(db) {
        let kept = Kept::new(db);
        for id in ["api", "other"] {
            kept.store.create_client(id, &secret(), &by("root"), NOW).unwrap();
        }
        kept.user("alice");
        let (bound, free) = (named_token("bound"), named_token("free"));
        for token in [&bound, &free] {
            kept.store.create_token(&kept.read("alice"), token, &by("root"), NOW).unwrap().done().unwrap();
        }
        kept.sql("update tokens set client = 'api' where name = 'bound'");
        assert_eq!(kept.token(&bound.digest).unwrap().0.client.as_deref(), Some("api"));
        assert_eq!(kept.store.delete_client("api", &by("root"), NOW).unwrap(), ClientChange::Done);
        assert_eq!(kept.last_audit(), "root|client.delete|api|192.0.2.7|{}");
        assert_eq!([&bound, &free].map(|token| kept.is_live(token)), [false, true]);
        assert!(kept.store.client("api").unwrap().is_none() && kept.store.client("other").unwrap().is_some());
    }

    fn nothing_happens_to_clients_that_are_not_there(db) {
        let kept = Kept::new(db);
        kept.store.create_client("api", &secret(), &by("root"), NOW).unwrap();
        let before = kept.everything();
        for id in ["", "API", "nobody", "api\0"] {
            assert!(kept.store.client(id).unwrap().is_none());
            assert_eq!(kept.store.rotate_client(id, &secret(), None, &by("root"), NOW).unwrap(), ClientChange::NoSuchClient);
            assert_eq!(kept.store.delete_client(id, &by("root"), NOW).unwrap(), ClientChange::NoSuchClient);
        }
        assert_eq!(kept.everything(), before);
    }

    fn clients_come_by_age_in_pages(db) {
        let kept = Kept::new(db);
        for id in ["c", "a", "b"] {
            kept.store.create_client(id, &secret(), &by("root"), NOW).unwrap();
        }
        let ids = |page| {
            let page = kept.store.list_clients(page).unwrap();
            assert_eq!(page.count, 3);
            page.results.into_iter().map(|client| client.client_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(ALL), ["c", "a", "b"]);
        assert_eq!(ids(PageRequest { number: 2, size: 2 }), ["b"]);
        assert!(ids(PageRequest { number: 3, size: 2 }).is_empty());
    }

    fn a_digest_of_a_wrong_length_cannot_be_stored(db) {
        let kept = Kept::new(db);
        let bytes = |length: usize| match &kept.database.postgres {
            Some(_) => format!("decode(repeat('00', {length}), 'hex')"),
            None => format!("zeroblob({length})"),
        };
        kept.user("alice");
        let client = |length| format!("insert into clients (client_id, secret_digest, created_at) values ('x', {}, '2025-01-01')", bytes(length));
        let token = |length| format!("insert into tokens (user_id, digest, created_at) values (1, {}, '2025-01-01')", bytes(length));
        for refused in [client(63), client(65), token(31), token(33)] {
            assert!(kept.database.try_sql(&refused).is_err(), "{refused}");
        }
        kept.sql(&client(64));
        kept.sql(&token(32));
    }
}
