//! Finds users by the names that logins give, and users whose names differ by case only.
//!
//! [`UsernameCase::fold`] alone decides which names count as one. The databases only narrow down which rows it is asked
//! about: PostgreSQL lowers letters by its locale, which may know few of them, or others than Unicode (a Turkish one makes
//! `ı` of `I`), and SQLite's index knows A to Z.

use std::collections::{BTreeMap, BTreeSet};

use diesel::PgConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text};

use super::StoreError;
use super::connection::{Conn, MultiBackend, lower, storable};
use super::schema::users;
use super::user_rows::UserRow;
use crate::domain::user::{LoginName, UsernameCase, spellings_of};

/// No user has this id.
pub const NOBODY: i64 = i64::MIN;

/// How many sigmas a name may have for an index to find it. Each doubles the texts that the index is asked for.
const MAX_SIGMAS: usize = 6;

/// How many rows with one e-mail address are looked at: so many can only be those of several users.
const MAX_ADDRESSES: i64 = 100;

/// How many pairs of names a refusal names.
const MAX_PAIRS: usize = 10;

type Query = users::BoxedQuery<'static, MultiBackend>;

/// How the databases compare the texts of a column whatever their case. A migration has the expressions of its indexes.
struct Column {
    name: &'static str,
    /// By the locale of the database, with an index.
    postgres: &'static str,
    /// By A to Z only, in any locale.
    postgres_ascii: &'static str,
    /// Which texts have other characters than those of ASCII.
    postgres_others: &'static str,
    /// By A to Z only, with an index.
    sqlite: &'static str,
    sqlite_others: &'static str,
}

const USERNAME: Column = Column {
    name: "username",
    postgres: r#"lower(username collate "default") collate "C""#,
    postgres_ascii: r#"lower(username collate "C")"#,
    postgres_others: "octet_length(username) <> char_length(username)",
    sqlite: "username collate nocase",
    sqlite_others: "username glob '*[^ -~]*'",
};

const EMAIL: Column = Column {
    name: "email",
    postgres: r#"lower(email collate "default") collate "C""#,
    postgres_ascii: r#"lower(email collate "C")"#,
    postgres_others: "octet_length(email) <> char_length(email)",
    sqlite: "email collate nocase",
    sqlite_others: "email glob '*[^ -~]*'",
};

impl Column {
    const fn ascii(&self, conn: &Conn) -> &'static str {
        match conn {
            Conn::Pg(_) => self.postgres_ascii,
            Conn::Sqlite(_) => self.sqlite,
        }
    }

    const fn others(&self, conn: &Conn) -> &'static str {
        match conn {
            Conn::Pg(_) => self.postgres_others,
            Conn::Sqlite(_) => self.sqlite_others,
        }
    }

    /// Narrows a query to the rows with this text, whatever its case, and perhaps a few others.
    fn filter(&self, conn: &mut Conn, query: Query, text: &str) -> Result<Query, StoreError> {
        let folded = UsernameCase::Ignore.fold(text);
        let lowered = match conn {
            Conn::Pg(pg) => lowered_by_locale(pg, &folded)?,
            Conn::Sqlite(_) => None,
        };
        if let Some(lowered) = lowered {
            return Ok(query.filter(sql::<Text>(self.postgres).eq_any(lowered)));
        }
        if folded.is_ascii() {
            return Ok(query.filter(sql::<Text>(self.ascii(conn)).eq(folded)));
        }
        // Names with other letters are few in SQLite, or the locale is a poor one. They are compared one by one.
        let others = users::table.filter(sql::<Bool>(self.others(conn)));
        let others: Vec<(i64, String)> = others.select((users::id, sql::<Text>(self.name))).load(conn)?;
        let equal = others.into_iter().filter(|(_, other)| UsernameCase::Ignore.fold(other) == folded);
        Ok(query.filter(users::id.eq_any(equal.map(|(id, _)| id).collect::<Vec<_>>())))
    }
}

/// What the locale makes of all texts that count as this one; `None`: its letters are not those of `fold`, or there are too
/// many such texts. A sigma may have either form, as it was written, or by its place in the word.
fn lowered_by_locale(pg: &mut PgConnection, folded: &str) -> Result<Option<Vec<String>>, StoreError> {
    if folded.matches('σ').count() > MAX_SIGMAS || !locale_lowers(pg, folded)? {
        return Ok(None);
    }
    let mut lowered = vec![String::with_capacity(folded.len())];
    for letter in folded.chars() {
        if letter == 'σ' {
            lowered.extend(lowered.clone().into_iter().map(|text| text + "ς"));
            let half = lowered.len() / 2;
            for text in &mut lowered[..half] {
                text.push(letter);
            }
        } else {
            for text in &mut lowered {
                text.push(letter);
            }
        }
    }
    Ok(Some(lowered))
}

#[derive(QueryableByName)]
struct YesNo {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

/// Whether the locale makes the same lower case of each spelling of these letters. The database is asked each time, because
/// `DATABASE_URL` may come to mean another one.
fn locale_lowers(pg: &mut PgConnection, folded: &str) -> Result<bool, StoreError> {
    let (mut spellings, mut expected) = (String::new(), String::new());
    for letter in folded.chars().collect::<BTreeSet<_>>() {
        for spelling in spellings_of(letter) {
            // Apart from each other, because letters beside it may change a letter's lower case.
            spellings.extend([spelling, ' ']);
            expected.extend([letter, ' ']);
        }
    }
    let asked = r#"select replace(lower($1 collate "default") collate "C", 'ς', 'σ') = $2 as yes"#;
    let asked = diesel::sql_query(asked).bind::<Text, _>(spellings).bind::<Text, _>(expected);
    Ok(asked.get_result::<YesNo>(pg)?.yes)
}

/// The user whom a login names. The same statements run for every name, so that the time does not reveal who exists.
pub fn row_at_login(conn: &mut Conn, name: &LoginName, case: UsernameCase) -> Result<Option<UserRow>, StoreError> {
    // An empty name, which no user has, stands for a name that cannot be stored.
    let text = if storable(&name.text) { name.text.as_str() } else { "" };
    let by_username = if name.by.takes_username() { with_username(conn, text, case)? } else { None };
    let by_email = if name.by.takes_email() { with_email(conn, text, case)? } else { None };
    Ok(by_username.or(by_email))
}

/// The ids and names of users who have one of these names whatever its case. On PostgreSQL its locale decides which
/// letters differ by case only, and it may know fewer than [`UsernameCase::fold`].
pub fn names_like(conn: &mut Conn, names: &[&str]) -> Result<Vec<(i64, String)>, StoreError> {
    let columns = (users::id, users::username);
    let folded: BTreeSet<String> = names.iter().map(|name| UsernameCase::Ignore.fold(name)).collect();
    match conn {
        Conn::Pg(pg) => {
            let lower = r#"lower(name collate "default") collate "C""#;
            let condition = format!("{} in (select {lower} from unnest(", USERNAME.postgres);
            let names: Vec<&str> = names.iter().copied().chain(folded.iter().map(String::as_str)).collect();
            let like = sql::<Bool>(&condition).bind::<Array<Text>, _>(names).sql("::text[]) as name)");
            Ok(users::table.filter(like).select(columns).load(pg)?)
        }
        Conn::Sqlite(sqlite) => {
            let ascii: Vec<&str> = names.iter().copied().filter(|name| name.is_ascii()).collect();
            let like = sql::<Text>(USERNAME.sqlite).eq_any(&ascii);
            let mut found: Vec<(i64, String)> = users::table.filter(like).select(columns).load(sqlite)?;
            if ascii.len() < names.len() {
                let others = users::table.filter(sql::<Bool>(USERNAME.sqlite_others)).select(columns);
                let others: Vec<(i64, String)> = others.load(sqlite)?;
                found.extend(others.into_iter().filter(|(_, name)| folded.contains(&UsernameCase::Ignore.fold(name))));
            }
            Ok(found)
        }
    }
}

/// The user with exactly this name, or else the only one with this name whatever its case.
fn with_username(conn: &mut Conn, text: &str, case: UsernameCase) -> Result<Option<UserRow>, StoreError> {
    let query = usernames_like(conn, text, case)?;
    let mut rows: Vec<UserRow> = query.select(UserRow::as_select()).load(conn)?;
    rows.retain(|row| case.fold(&row.username) == case.fold(text));
    if let Some(exact) = rows.iter().position(|row| row.username == text) {
        return Ok(Some(rows.swap_remove(exact)));
    }
    Ok(the_only(rows))
}

fn usernames_like(conn: &mut Conn, text: &str, case: UsernameCase) -> Result<Query, StoreError> {
    let query = users::table.into_boxed();
    match case {
        UsernameCase::Exact => Ok(query.filter(users::username.eq(text.to_owned()))),
        UsernameCase::Ignore => USERNAME.filter(conn, query, text),
    }
}

/// The only user with this e-mail address. An empty address is nobody's, because many users may have none.
fn with_email(conn: &mut Conn, text: &str, case: UsernameCase) -> Result<Option<UserRow>, StoreError> {
    let query = users::table.into_boxed().filter(sql::<Bool>("email <> ''"));
    let query = match (case, &*conn) {
        (UsernameCase::Ignore, _) => EMAIL.filter(conn, query, text)?,
        // The index also finds addresses that differ by case, so the column is compared as well.
        (UsernameCase::Exact, Conn::Pg(_)) => query
            .filter(sql::<Text>(EMAIL.postgres).eq(lower(text.to_owned())))
            .filter(users::email.eq(text.to_owned())),
        (UsernameCase::Exact, Conn::Sqlite(_)) => {
            query.filter(sql::<Text>(EMAIL.sqlite).eq(text.to_owned())).filter(users::email.eq(text.to_owned()))
        }
    };
    let mut rows: Vec<UserRow> = query.limit(MAX_ADDRESSES).select(UserRow::as_select()).load(conn)?;
    if rows.len() >= usize::try_from(MAX_ADDRESSES).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    rows.retain(|row| case.fold(&row.email) == case.fold(text));
    Ok(the_only(rows))
}

fn the_only(mut rows: Vec<UserRow>) -> Option<UserRow> {
    let last = rows.pop();
    last.filter(|_| rows.is_empty())
}

/// Whether a user, other than `except`, has this name.
pub fn is_taken(conn: &mut Conn, username: &str, case: UsernameCase, except: Option<i64>) -> Result<bool, StoreError> {
    let mut query = usernames_like(conn, username, case)?;
    if let Some(id) = except {
        query = query.filter(users::id.ne(id));
    }
    let names: Vec<String> = query.select(users::username).load(conn)?;
    Ok(names.iter().any(|name| case.fold(name) == case.fold(username)))
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
    let by_ascii = format!(
        "select min(username) as one, max(username) as other from users group by {} having count(*) > 1 order by 1 limit \
         {MAX_PAIRS}",
        USERNAME.ascii(conn)
    );
    let found: Vec<Pair> = diesel::sql_query(by_ascii).load(conn)?;
    let mut found: BTreeSet<(String, String)> = found.into_iter().map(|pair| (pair.one, pair.other)).collect();
    let others = users::table.filter(sql::<Bool>(USERNAME.others(conn)));
    let mut others: Vec<String> = others.select(users::username).load(conn)?;
    others.sort_unstable();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for name in others {
        let folded = UsernameCase::Ignore.fold(&name);
        match known.get(&folded) {
            Some(one) => found.extend([(one.clone(), name)]),
            None => known.extend([(folded, name)]),
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<String> =
        found.iter().take(MAX_PAIRS).map(|(one, other)| format!("`{one}` and `{other}`")).collect();
    Err(StoreError::Unusable(format!(
        "with JETON_USERNAME_CASE=ignore no names of two users may differ by case only, but these do: {}; rename or delete one \
         of each, or leave JETON_USERNAME_CASE=exact",
        names.join(", ")
    )))
}
