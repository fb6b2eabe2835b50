//! Clients, their secrets and their tokens.

use jeton::domain::client::{ClientDetails, ClientSecret};
use jeton::domain::page::PageRequest;
use jeton::store::{ClientChange, StoreError};

use super::{ALL, NOW, TestStore, after, by, named_token, secret};
use crate::on_both;

on_both! {
    fn a_client_id_can_be_created_only_once_and_its_secret_matches(db) {
        let test = TestStore::new(db);
        assert!(!test.store.has_clients().unwrap());
        let clear = ClientSecret::generate();
        test.store.create_client("api", &ClientDetails::default(), &clear.digest(), &by("root"), NOW).unwrap();
        assert_eq!(test.last_audit(), "root|client.create|api|192.0.2.7|{}");
        let before = test.everything();
        let taken = test.store.create_client("api", &ClientDetails::default(), &secret(), &by("root"), NOW);
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        assert_eq!(test.everything(), before);
        let client = test.store.client("api", NOW).unwrap().unwrap();
        assert!(client.secret.matches(&clear) && !client.secret.matches(&ClientSecret::generate()));
        assert_eq!((client.created_at, client.rotated_at), (NOW, None));
        assert!(test.store.has_clients().unwrap());
    }

    fn a_rotated_secret_is_refused(db) {
        let test = TestStore::new(db);
        let (old, new) = (ClientSecret::generate(), ClientSecret::generate());
        test.store.create_client("api", &ClientDetails::default(), &old.digest(), &by("root"), NOW).unwrap();
        test.store.create_client("other", &ClientDetails::default(), &old.digest(), &by("root"), NOW).unwrap();
        assert_eq!(test.store.rotate_client("api", &new.digest(), None, &by("root"), after(5)).unwrap(), ClientChange::Done);
        assert_eq!(test.last_audit(), "root|client.rotate|api|192.0.2.7|{}");
        let client = test.store.client("api", NOW).unwrap().unwrap();
        assert!(client.secret.matches(&new) && !client.secret.matches(&old));
        assert_eq!((client.created_at, client.rotated_at), (NOW, Some(after(5))));
        assert!(test.store.client("other", NOW).unwrap().unwrap().secret.matches(&old));
    }

    fn an_old_secret_is_valid_during_its_grace_and_earlier_ones_are_not(db) {
        let test = TestStore::new(db);
        let [first, second, third, fourth] = [(); 4].map(|()| ClientSecret::generate());
        test.store.create_client("api", &ClientDetails::default(), &first.digest(), &by("root"), NOW).unwrap();
        let rotate = |new: &ClientSecret, grace_until, now| {
            assert_eq!(test.store.rotate_client("api", &new.digest(), grace_until, &by("root"), now).unwrap(), ClientChange::Done);
        };
        let good = |now| {
            let secrets = test.store.client("api", NOW).unwrap().unwrap().secrets();
            [&first, &second, &third, &fourth].map(|secret| secrets.match_at(&secret.digest(), now).is_some())
        };
        rotate(&second, Some(after(60)), NOW);
        assert_eq!(test.last_audit(), "root|client.rotate|api|192.0.2.7|{\"grace_until\":\"2025-06-15T15:07:40.123456Z\"}");
        assert_eq!(good(after(59)), [true, true, false, false]);
        assert_eq!(good(after(60)), [false, true, false, false]);
        rotate(&third, Some(after(90)), after(30));
        assert_eq!(good(after(31)), [false, true, true, false], "only the last secret before the rotation");
        rotate(&fourth, None, after(40));
        assert_eq!(good(after(41)), [false, false, false, true]);
    }

    fn the_tokens_of_a_deleted_client_are_deleted(db) {
        let test = TestStore::new(db);
        for id in ["api", "other"] {
            test.store.create_client(id, &ClientDetails::default(), &secret(), &by("root"), NOW).unwrap();
        }
        test.user("alice");
        let (bound, free) = (named_token("bound"), named_token("free"));
        for token in [&bound, &free] {
            test.store.create_token(&test.read("alice"), token, &by("root"), NOW).unwrap().done().unwrap();
        }
        test.sql("update tokens set client = 'api' where name = 'bound'");
        assert_eq!(test.token(&bound.digest).unwrap().0.client.as_deref(), Some("api"));
        assert_eq!(test.store.delete_client("api", &by("root"), NOW).unwrap(), ClientChange::Done);
        assert_eq!(test.last_audit(), "root|client.delete|api|192.0.2.7|{}");
        assert_eq!([&bound, &free].map(|token| test.is_live(token)), [false, true]);
        assert!(test.store.client("api", NOW).unwrap().is_none() && test.store.client("other", NOW).unwrap().is_some());
    }

    fn changes_of_unknown_clients_change_nothing(db) {
        let test = TestStore::new(db);
        test.store.create_client("api", &ClientDetails::default(), &secret(), &by("root"), NOW).unwrap();
        let before = test.everything();
        for id in ["", "API", "nobody", "api\0"] {
            assert!(test.store.client(id, NOW).unwrap().is_none());
            assert_eq!(test.store.rotate_client(id, &secret(), None, &by("root"), NOW).unwrap(), ClientChange::NoSuchClient);
            assert_eq!(test.store.delete_client(id, &by("root"), NOW).unwrap(), ClientChange::NoSuchClient);
        }
        assert_eq!(test.everything(), before);
    }

    fn clients_are_listed_by_age_in_pages(db) {
        let test = TestStore::new(db);
        for id in ["c", "a", "b"] {
            test.store.create_client(id, &ClientDetails::default(), &secret(), &by("root"), NOW).unwrap();
        }
        let ids = |page| {
            let page = test.store.list_clients(page, NOW).unwrap();
            assert_eq!(page.count, 3);
            page.results.into_iter().map(|client| client.client_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(ALL), ["c", "a", "b"]);
        assert_eq!(ids(PageRequest::number(2, 2)), ["b"]);
        assert!(ids(PageRequest::number(3, 2)).is_empty());
    }

    fn a_digest_of_a_wrong_length_cannot_be_stored(db) {
        let test = TestStore::new(db);
        let bytes = |length: usize| match &test.database.postgres {
            Some(_) => format!("decode(repeat('00', {length}), 'hex')"),
            None => format!("zeroblob({length})"),
        };
        test.user("alice");
        let client = |length| format!("insert into clients (client_id, secret_digest, created_at) values ('x', {}, '2025-01-01')", bytes(length));
        let token = |length| format!("insert into tokens (user_id, digest, created_at) values (1, {}, '2025-01-01')", bytes(length));
        for refused in [client(63), client(65), token(31), token(33)] {
            assert!(test.database.try_sql(&refused).is_err(), "{refused}");
        }
        test.sql(&client(64));
        test.sql(&token(32));
    }
}
