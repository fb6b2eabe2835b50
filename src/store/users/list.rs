//! Users found: a page of them, all or those that a search finds.

use diesel::prelude::*;

use super::{Row, with_groups};
use crate::domain::page::{Page, PageRequest};
use crate::domain::user::User;
use crate::store::connection::lower;
use crate::store::schema::users;
use crate::store::{Store, StoreError, storable};

/// A longer text is in no user's fields. And each word makes the query longer: thousands of them are more than the
/// databases, and the stack of the thread that builds it, can take.
const LONGEST_SEARCH: usize = 1000;

impl Store {
    /// Users by id, those whose name, first or last name or e-mail holds `search` (if it is not empty).
    pub fn list_users(&self, search: &str, page: PageRequest) -> Result<Page<User>, StoreError> {
        if !storable(search) || search.chars().count() > LONGEST_SEARCH {
            return Ok(Page { count: 0, results: Vec::new() });
        }
        self.read(|conn| {
            let matching = || {
                let mut query = users::table.into_boxed();
                for word in search.split_whitespace() {
                    // The database lowers both sides, so that a word finds itself whatever letters it knows.
                    let pattern = lower(format!("%{}%", like_escaped(word)));
                    query = query.filter(
                        lower(users::username)
                            .like(pattern.clone())
                            .escape('\\')
                            .or(lower(users::first_name).like(pattern.clone()).escape('\\'))
                            .or(lower(users::last_name).like(pattern.clone()).escape('\\'))
                            .or(lower(users::email).like(pattern).escape('\\')),
                    );
                }
                query
            };
            let count = matching().count().get_result(conn)?;
            let rows: Vec<Row> =
                matching().order(users::id).limit(page.size.into()).offset(page.offset()).load(conn)?;
            Ok(Page { count, results: with_groups(conn, rows)? })
        })
    }
}

fn like_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
