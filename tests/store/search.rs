//! The search among users.

use jeton::domain::profile::Profile;
use jeton::domain::user::{NewUser, UserFilter};

use super::{ALL, Kept, NOW, by, new_user};
use crate::on_both;

impl Kept {
    fn found(&self, search: &str) -> Vec<String> {
        let page =
            self.store.list_users(&UserFilter { search: search.to_owned(), ..UserFilter::default() }, ALL).unwrap();
        assert_eq!(page.count, i64::try_from(page.results.len()).unwrap());
        page.results.into_iter().map(|user| user.username).collect()
    }
}

on_both! {
    fn words_are_looked_for_in_all_four_fields_and_all_must_be_there(db) {
        let kept = Kept::new(db);
        let people = [
            ("ann", "ann@example.org", "Ann", "Lee"),
            ("bob", "bob@example.com", "Robert", "Leeds"),
            ("x_y", "100%@example.org", "back\\slash", ""),
        ];
        for (username, email, first_name, last_name) in people {
            let profile = Profile { email: email.into(), first_name: first_name.into(), last_name: last_name.into() };
            let new = NewUser { profile, ..new_user(username) };
            kept.store.create_user(&new, &by("root"), NOW).unwrap();
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
            assert_eq!(kept.found(search), found, "{search:?}");
        }
    }

    fn case_does_not_count_in_any_script(db) {
        let kept = Kept::new(db);
        for name in ["ÄNNE", "änne2", "ЖЕНЯ"] {
            kept.user(name);
        }
        assert_eq!(kept.found("ÄNNE"), ["ÄNNE", "änne2"]);
        assert_eq!(kept.found("änne"), ["ÄNNE", "änne2"]);
        assert_eq!(kept.found("женя"), ["ЖЕНЯ"]);
        assert!(kept.found("anne").is_empty(), "another letter is another letter");
    }

    fn a_very_long_search_finds_nothing_and_breaks_nothing(db) {
        let kept = Kept::new(db);
        kept.user("aa");
        assert_eq!(kept.found(&"a ".repeat(400)), ["aa"]);
        for search in ["a".repeat(60_000), "a ".repeat(30_000)] {
            assert!(kept.found(&search).is_empty());
        }
    }
}
