//! Lists users by page: all, or those that a search finds.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::domain::page::{Page, PageRequest};
use crate::domain::user::{User, UserFilter, UserOrder};
use crate::store::connection::{Conn, MultiBackend, lower, storable};
use crate::store::schema::{user_groups, users};
use crate::store::user_rows::{UserRow, with_groups};
use crate::store::{Store, StoreError, groups};

/// No user has a longer text in these fields. The limit also bounds the query, because each word makes it longer:
/// thousands of words are too many for the databases, and for the stack of the thread that builds the query.
const MAX_SEARCH_CHARS: usize = 1000;

/// The text that is searched. A word has no blank, so it can match only within one of the fields. Diesel does
/// not cache raw SQL as a prepared statement, so PostgreSQL plans each query by how rare its words are.
const SEARCHED: &str =
    "lower(username || ' ' || first_name || ' ' || last_name || ' ' || email || ' ' || coalesce(external_id, ''))";

/// The same for PostgreSQL. It must be exactly the expression of the index. Usernames have the collation "C", which
/// lowers ASCII only; the database's default collation knows all letters.
pub(in crate::store) const SEARCHED_POSTGRES: &str = "lower((username || ' ' || first_name || ' ' || last_name || ' ' || email || ' ' || coalesce(external_id, '')) collate \"default\")";

impl Store {
    /// A page of the users that match `filter`.
    pub fn list_users(&self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        let none = || Page { count: 0, results: Vec::new() };
        if !storable(&filter.search) || filter.search.chars().count() > MAX_SEARCH_CHARS {
            return Ok(none());
        }
        self.read(|conn| {
            let group = match &filter.group {
                Some(name) => match groups::id(conn, name)? {
                    Some(id) => Some(id),
                    None => return Ok(none()),
                },
                None => None,
            };
            let searched = match conn {
                Conn::Pg(_) => SEARCHED_POSTGRES,
                Conn::Sqlite(_) => SEARCHED,
            };
            let count = matching(filter, group, searched).count().get_result(conn)?;
            let window = page.in_list(count).window(count);
            let query = matching(filter, group, searched).limit(window.limit).offset(window.offset);
            let order = if window.is_backward { filter.order.reversed() } else { filter.order };
            let query = match order {
                UserOrder::Id => query.order(users::id),
                UserOrder::IdDescending => query.order(users::id.desc()),
                UserOrder::Username => query.order(users::username),
                UserOrder::UsernameDescending => query.order(users::username.desc()),
                UserOrder::DateJoined => query.order(users::date_joined).then_order_by(users::id),
                UserOrder::DateJoinedDescending => {
                    query.order(users::date_joined.desc()).then_order_by(users::id.desc())
                }
            };
            let mut rows: Vec<UserRow> = query.select(UserRow::as_select()).load(conn)?;
            if window.is_backward {
                rows.reverse();
            }
            Ok(Page { count, results: with_groups(conn, rows)? })
        })
    }
}

fn matching(
    filter: &UserFilter,
    group: Option<i64>,
    searched: &'static str,
) -> users::BoxedQuery<'static, MultiBackend> {
    let mut query = users::table.into_boxed();
    for word in filter.search.split_whitespace() {
        // The database converts both sides to lower case, so that a word matches itself even if the database does
        // not know the lower case of its letters.
        let pattern = lower(format!("%{}%", like_escaped(word)));
        query = query.filter(sql::<Text>(searched).like(pattern).escape('\\'));
    }
    // Literals instead of parameters, so that the planner knows which index fits.
    query = match filter.is_active {
        Some(true) => query.filter(users::is_active),
        Some(false) => query.filter(not(users::is_active)),
        None => query,
    };
    query = match filter.is_staff {
        Some(true) => query.filter(users::is_staff),
        Some(false) => query.filter(not(users::is_staff)),
        None => query,
    };
    query = match filter.is_superuser {
        Some(true) => query.filter(users::is_superuser),
        Some(false) => query.filter(not(users::is_superuser)),
        None => query,
    };
    if let Some(group) = group {
        let members = user_groups::table.filter(user_groups::group_id.eq(group)).select(user_groups::user_id);
        query = query.filter(users::id.eq_any(members));
    }
    query
}

fn like_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
