//! The search among users.

use jeton::domain::profile::Profile;
use jeton::domain::user::{NewUser, UserFilter};

use super::{ALL, NOW, TestStore, by, new_user};
use crate::on_both;

impl TestStore {
    fn found(&self, search: &str) -> Vec<String> {
        let page =
            self.store.list_users(&UserFilter { search: search.to_owned(), ..UserFilter::default() }, ALL).unwrap();
        assert_eq!(page.count, i64::try_from(page.results.len()).unwrap());
        page.results.into_iter().map(|user| user.username).collect()
    }
}

on_both! {
    fn every_word_must_be_in_one_of_the_four_fields(db) {
        let test = TestStore::new(db);
        let people = [
            ("ann", "ann@example.org", "Ann", "Lee"),
            ("bob", "bob@example.com", "Robert", "Leeds"),
            ("x_y", "100%@example.org", "back\\slash", ""),
        ];
        for (username, email, first_name, last_name) in people {
            let profile = Profile { email: email.into(), first_name: first_name.into(), last_name: last_name.into() };
            let new = NewUser { profile, ..new_user(username) };
            test.store.create_user(&new, &by("root"), NOW).unwrap();
        }
        for (search, found) in [
            ("", vec!["ann", "bob", "x_y"]),
            ("  ", vec!["ann", "bob", "x_y"]),
            ("lee", vec!["ann", "bob"]),
            ("LEE example.ORG", vec!["ann"]),
            ("bert", vec!["bob"]),
            ("lee nobody", vec![]),
            ("_", vec!["x_y"]),
            ("%", vec!["x_y"]),
            ("\\", vec!["x_y"]),
            ("n%e", vec![]),
            ("b_b", vec![]),
            ("'", vec![]),
            ("an\0n", vec![]),
        ] {
            assert_eq!(test.found(search), found, "{search:?}");
        }
    }

    fn searches_ignore_case_in_every_script(db) {
        let test = TestStore::new(db);
        for name in ["ÄNNE", "änne2", "ЖЕНЯ"] {
            test.user(name);
        }
        assert_eq!(test.found("ÄNNE"), ["ÄNNE", "änne2"]);
        assert_eq!(test.found("änne"), ["ÄNNE", "änne2"]);
        assert_eq!(test.found("женя"), ["ЖЕНЯ"]);
        assert!(test.found("anne").is_empty(), "letters with and without diacritics differ");
    }

    fn a_very_long_search_finds_nothing_and_causes_no_error(db) {
        let test = TestStore::new(db);
        test.user("aa");
        assert_eq!(test.found(&"a ".repeat(400)), ["aa"]);
        for search in ["a".repeat(60_000), "a ".repeat(30_000)] {
            assert!(test.found(&search).is_empty());
        }
    }
}
