//! Finds users by the names that logins give, and users whose names differ by case only.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text};

use super::StoreError;
use super::connection::{Conn, MultiBackend, lower, storable};
use super::schema::users;
use super::user_rows::UserRow;
use crate::domain::user::{LoginName, UsernameCase};

/// No user has this id.
pub const NOBODY: i64 = i64::MIN;

type Query = users::BoxedQuery<'static, MultiBackend>;

/// How the indexes of a column compare texts whatever their case. The migrations create the indexes with the same
/// expressions.
struct Column {
    /// For all texts, by the database's locale.
    postgres: &'static str,
    /// For texts in ASCII: ignores the case of A to Z only.
    sqlite: &'static str,
    /// Whether a text has characters other than ASCII.
    sqlite_others: &'static str,
    /// For those texts.
    sqlite_lower: &'static str,
}

const USERNAME: Column = Column {
    postgres: r#"lower(username collate "default") collate "C""#,
    sqlite: "username collate nocase",
    sqlite_others: "username glob '*[^ -~]*'",
    sqlite_lower: "lower(username)",
};

const EMAIL: Column = Column {
    postgres: r#"lower(email collate "default") collate "C""#,
    sqlite: "email collate nocase",
    sqlite_others: "email glob '*[^ -~]*'",
    sqlite_lower: "lower(email)",
};

impl Column {
    /// Narrows a query to the rows with this text, whatever its case.
    fn filter(&self, conn: &Conn, query: Query, text: &str) -> Query {
        let text = text.to_owned();
        match conn {
            Conn::Pg(_) => query.filter(sql::<Text>(self.postgres).eq(lower(text))),
            Conn::Sqlite(_) if text.is_ascii() => query.filter(sql::<Text>(self.sqlite).eq(text)),
            Conn::Sqlite(_) => {
                let others = query.filter(sql::<Bool>(self.sqlite_others));
                others.filter(sql::<Text>(self.sqlite_lower).eq(lower(text)))
            }
        }
    }
}

/// The user whom a login names. The same statements run for every name, so that the time does not reveal who exists.
pub fn row_at_login(conn: &mut Conn, name: &LoginName, case: UsernameCase) -> Result<Option<UserRow>, StoreError> {
    // An empty name, which no user has, stands for a name that cannot be stored.
    let text = if storable(&name.text) { name.text.as_str() } else { "" };
    let by_username = if name.by.takes_username() { with_username(conn, text, case)? } else { None };
    let by_email = if name.by.takes_email() { with_email(conn, text, case)? } else { None };
    Ok(by_username.or(by_email))
}

/// The ids and names of users who have one of these names whatever its case.
pub fn names_like(conn: &mut Conn, names: &[&str]) -> Result<Vec<(i64, String)>, StoreError> {
    let columns = (users::id, users::username);
    match conn {
        Conn::Pg(pg) => {
            let lower = r#"lower(name collate "default") collate "C""#;
            let condition = format!("{} in (select {lower} from unnest(", USERNAME.postgres);
            let like = sql::<Bool>(&condition).bind::<Array<Text>, _>(names).sql("::text[]) as name)");
            Ok(users::table.filter(like).select(columns).load(pg)?)
        }
        Conn::Sqlite(sqlite) => {
            let (ascii, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.is_ascii());
            let like = sql::<Text>(USERNAME.sqlite).eq_any(ascii);
            let mut found: Vec<(i64, String)> = users::table.filter(like).select(columns).load(sqlite)?;
            let others: Vec<String> = others.iter().map(|name| name.to_lowercase()).collect();
            let like = sql::<Bool>(USERNAME.sqlite_others).and(sql::<Text>(USERNAME.sqlite_lower).eq_any(others));
            found.extend(users::table.filter(like).select(columns).load::<(i64, String)>(sqlite)?);
            Ok(found)
        }
    }
}

/// The user with exactly this name, or else the only one with this name whatever its case.
fn with_username(conn: &mut Conn, text: &str, case: UsernameCase) -> Result<Option<UserRow>, StoreError> {
    let mut rows: Vec<UserRow> = usernames_like(conn, text, case).select(UserRow::as_select()).load(conn)?;
    rows.retain(|row| case.fold(&row.username) == case.fold(text));
    if let Some(exact) = rows.iter().position(|row| row.username == text) {
        return Ok(Some(rows.swap_remove(exact)));
    }
    Ok(the_only(rows))
}

fn usernames_like(conn: &Conn, text: &str, case: UsernameCase) -> Query {
    let query = users::table.into_boxed();
    match case {
        UsernameCase::Exact => query.filter(users::username.eq(text.to_owned())),
        UsernameCase::Ignore => USERNAME.filter(conn, query, text),
    }
}

/// The only user with this e-mail address. An empty address is nobody's, because many users may have none.
fn with_email(conn: &mut Conn, text: &str, case: UsernameCase) -> Result<Option<UserRow>, StoreError> {
    let query = users::table.into_boxed().filter(sql::<Bool>("email <> ''"));
    let query = match (case, &*conn) {
        (UsernameCase::Ignore, _) => EMAIL.filter(conn, query, text),
        // The index also finds addresses that differ by case, so the column is compared as well.
        (UsernameCase::Exact, Conn::Pg(_)) => EMAIL.filter(conn, query, text).filter(users::email.eq(text.to_owned())),
        (UsernameCase::Exact, Conn::Sqlite(_)) => {
            query.filter(sql::<Text>(EMAIL.sqlite).eq(text.to_owned())).filter(users::email.eq(text.to_owned()))
        }
    };
    let mut rows: Vec<UserRow> = query.limit(2).select(UserRow::as_select()).load(conn)?;
    rows.retain(|row| case.fold(&row.email) == case.fold(text));
    Ok(the_only(rows))
}

fn the_only(mut rows: Vec<UserRow>) -> Option<UserRow> {
    let last = rows.pop();
    last.filter(|_| rows.is_empty())
}

/// Whether a user, other than `except`, has this name.
pub fn is_taken(conn: &mut Conn, username: &str, case: UsernameCase, except: Option<i64>) -> Result<bool, StoreError> {
    let mut query = usernames_like(conn, username, case);
    if let Some(id) = except {
        query = query.filter(users::id.ne(id));
    }
    Ok(query.select(users::id).first::<i64>(conn).optional()?.is_some())
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = Text)]
    one: String,
    #[diesel(sql_type = Text)]
    other: String,
}

/// Refuses a database in which the names of two users differ by case only.
///
/// # Errors
/// [`StoreError::Unusable`], with the first names.
pub fn require_distinct(conn: &mut Conn) -> Result<(), StoreError> {
    let pairs = |by: &str| {
        format!(
            "select min(username) as one, max(username) as other from users {by} having count(*) > 1 order by 1 limit 10"
        )
    };
    let queries = match conn {
        Conn::Pg(_) => vec![pairs(&format!("group by {}", USERNAME.postgres))],
        Conn::Sqlite(_) => vec![
            pairs(&format!("group by {}", USERNAME.sqlite)),
            pairs(&format!("where {} group by {}", USERNAME.sqlite_others, USERNAME.sqlite_lower)),
        ],
    };
    let mut found: Vec<Pair> = Vec::new();
    for query in queries {
        found.extend(diesel::sql_query(query).load::<Pair>(conn)?);
    }
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = found.iter().map(|pair| format!("`{}` and `{}`", pair.one, pair.other)).collect();
    Err(StoreError::Unusable(format!(
        "with JETON_USERNAME_CASE=ignore no names of two users may differ by case only, but these do: {}; rename or delete one \
         of each, or leave JETON_USERNAME_CASE=exact",
        names.join(", ")
    )))
}
