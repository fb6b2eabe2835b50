//! The search among users.

use jeton::domain::profile::Profile;
use jeton::domain::user::{NewUser, UserFilter};

use super::{ALL, NOW, TestStore, by, new_user};
use crate::on_both;

impl TestStore {
    fn found(&self, search: &str) -> Vec<String> {
        self.found_by(&UserFilter { search: search.to_owned(), ..UserFilter::default() })
    }

    fn found_by(&self, filter: &UserFilter) -> Vec<String> {
        let page = self.store.list_users(filter, ALL, None).unwrap();
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

    fn searches_ignore_case_and_accents_in_every_script(db) {
        let test = TestStore::new(db);
        for name in ["ÄNNE", "änne2", "ЖЕНЯ", "Petrović", "Łódź", "Ærø", "Strauß", "Ёлка", "王伟"] {
            test.user(name);
        }
        for (search, found) in [
            ("ÄNNE", vec!["ÄNNE", "änne2"]),
            ("anne", vec!["ÄNNE", "änne2"]),
            ("A\u{308}nne", vec!["ÄNNE", "änne2"]),
            ("женя", vec!["ЖЕНЯ"]),
            ("petrovic", vec!["Petrović"]),
            ("PETROVIĆ", vec!["Petrović"]),
            ("petrović", vec!["Petrović"]),
            ("lodz", vec!["Łódź"]),
            ("aero", vec!["Ærø"]),
            ("strauss", vec!["Strauß"]),
            ("елка", vec!["Ёлка"]),
            ("伟", vec!["王伟"]),
            ("ｐｅｔｒｏ", vec!["Petrović"]),
            ("％", vec![]),
            ("＿", vec![]),
            ("petrović2", vec![]),
        ] {
            assert_eq!(test.found(search), found, "{search}");
        }
    }

    fn a_short_word_may_have_to_stand_at_the_start_of_a_field_and_an_id_is_found(db) {
        let test = TestStore::new(db);
        for name in ["bob", "abo", "b.o", "x42"] {
            test.user(name);
        }
        let filter = |search: &str| UserFilter {
            search: search.to_owned(),
            short_words_at_start: true,
            or_id: search.parse().ok(),
            ..UserFilter::default()
        };
        assert_eq!(test.found_by(&filter("bo")), ["bob"]);
        assert_eq!(test.found_by(&filter("B")), ["bob", "b.o"]);
        assert_eq!(test.found_by(&filter("abo")), ["abo"]);
        assert_eq!(test.found("bo"), ["bob", "abo"], "otherwise anywhere");
        let id = test.store.user("abo").unwrap().unwrap().id;
        assert_eq!(test.found_by(&filter(&id.to_string())), ["abo"]);
        assert!(test.found_by(&filter("999999")).is_empty());
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
