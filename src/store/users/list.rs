//! Lists users by page: all, or those that a search finds.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::domain::folded::{folded, words};
use crate::domain::page::{Page, PageRequest};
use crate::domain::user::{LastLogin, User, UserFilter, UserOrder};
use crate::store::connection::{MultiBackend, storable};
use crate::store::folded_sql::{Engine, like_escaped};
use crate::store::schema::{user_groups, users};
use crate::store::user_rows::{UserRow, with_groups};
use crate::store::{Store, StoreError, groups};

/// No user has a longer text in these fields. The limit also bounds the query, because each word makes it longer:
/// thousands of words are too many for the databases, and for the stack of the thread that builds the query.
const MAX_SEARCH_CHARS: usize = 1000;

/// The text that is searched: the fields, each with a blank before it. A word has no blank, so it can match only within
/// one of the fields.
const SEARCHED: &str =
    "' ' || username || ' ' || first_name || ' ' || last_name || ' ' || email || ' ' || coalesce(external_id, '')";

/// The folded text that is searched. PostgreSQL's index is of exactly this expression.
pub(in crate::store) fn searched(engine: Engine) -> String {
    engine.folded(SEARCHED)
}

/// A word with fewer letters than this has no trigram, so the index finds it only at the start of a word.
const TRIGRAM: usize = 3;

impl Store {
    /// A page of the users that match `filter`. Counting stops at one more than `count_limit`, because counting more
    /// takes too long for turning pages.
    pub fn list_users(
        &self,
        filter: &UserFilter,
        page: PageRequest,
        count_limit: Option<u32>,
    ) -> Result<Page<User>, StoreError> {
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
            let engine = Engine::of(conn)?;
            let count = match count_limit {
                None => matching(filter, group, engine).count().get_result(conn)?,
                Some(limit) => {
                    let counted = matching(filter, group, engine).limit(i64::from(limit) + 1).select(users::id);
                    counted.load::<i64>(conn)?.len().try_into().unwrap_or(i64::MAX)
                }
            };
            let is_whole = count_limit.is_none_or(|limit| count <= limit.into());
            let page = page.in_list(count);
            let window = if is_whole { page.window(count) } else { page.forward_window() };
            let query = matching(filter, group, engine).limit(window.limit).offset(window.offset);
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

type Condition = Box<dyn BoxableExpression<users::table, MultiBackend, SqlType = Bool>>;

/// The word is in one of the searched fields. Diesel does not cache raw SQL as a prepared statement, so PostgreSQL plans
/// each query by how rare its words are.
fn has_word(word: &str, at_start: bool, engine: Engine) -> Condition {
    let start = if at_start { " " } else { "" };
    let pattern = format!("%{start}{}%", like_escaped(word));
    let like = sql::<Bool>(&searched(engine)).sql(" like ");
    match engine {
        Engine::Postgres((before, after)) => {
            let like = like.sql(before).bind::<Text, _>(pattern).sql(after);
            Box::new(like.sql(" escape '\\'"))
        }
        Engine::Sqlite => Box::new(like.bind::<Text, _>(folded(&pattern)).sql(" escape '\\'")),
    }
}

fn matching(filter: &UserFilter, group: Option<i64>, engine: Engine) -> users::BoxedQuery<'static, MultiBackend> {
    let mut query = users::table.into_boxed();
    let words = words(&filter.search).into_iter().map(|word| {
        let at_start = filter.short_words_at_start && folded(&word).chars().count() < TRIGRAM;
        has_word(&word, at_start, engine)
    });
    let found = words.reduce(|one, other| Box::new(one.and(other)));
    query = match (found, filter.or_id) {
        (Some(found), Some(id)) => query.filter(found.or(users::id.eq(id))),
        (Some(found), None) => query.filter(found),
        (None, _) => query,
    };
    query = match filter.last_login {
        None => query,
        Some(LastLogin::Never) => query.filter(users::last_login.is_null()),
        Some(LastLogin::Before(moment)) => query.filter(users::last_login.lt(moment.naive())),
        Some(LastLogin::NotSince(moment)) => {
            query.filter(users::last_login.is_null().or(users::last_login.lt(moment.naive())))
        }
    };
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
