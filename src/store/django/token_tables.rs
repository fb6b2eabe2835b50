//! Finds the tables of tokens, and those that look like some but are not imported.

use super::super::StoreError;
use super::super::connection::Conn;
use super::flags::flag_of;
use super::key::UserKey;
use super::left_out::left_out;
use super::schema::{Column, ForeignKey, NOT_TEXT, Schema, find, names, quoted};
use super::token_queries::TokenQueries;
use crate::domain::django::{DjangoOptions, TokenTable, TokenTableOptions};

/// The tables that are read, and what is to be told about them.
#[derive(Default)]
pub struct TokenTables {
    pub queries: Vec<TokenQueries>,
    pub notes: Vec<String>,
    pub left_out: Vec<String>,
}

pub fn find_token_tables(
    schema: &mut Schema<'_>,
    options: &DjangoOptions,
    key: &UserKey,
) -> Result<TokenTables, StoreError> {
    let mut found = TokenTables::default();
    let kinds = [
        (TokenTable::Drf, &options.token_tables, "authtoken_token", "--token-table"),
        (TokenTable::Knox, &options.knox_tables, "knox_authtoken", "--knox-table"),
    ];
    for (kind, named, usual, flag) in kinds {
        for table in named {
            if schema.table(&table.table).is_none() {
                return Err(schema.no_table(&table.table, flag));
            }
        }
        let usual = [TokenTableOptions { table: usual.into(), ..TokenTableOptions::default() }];
        let tables = if named.is_empty() { &usual[..] } else { named };
        for table in tables {
            if let Some(queries) = queries(schema, options, kind, table, key, &mut found.notes)? {
                found.queries.push(queries);
            }
        }
    }
    found.left_out = left_out(schema, options, &found.queries)?;
    Ok(found)
}

fn queries(
    schema: &mut Schema<'_>,
    options: &DjangoOptions,
    kind: TokenTable,
    given: &TokenTableOptions,
    key: &UserKey,
    notes: &mut Vec<String>,
) -> Result<Option<TokenQueries>, StoreError> {
    let table = &given.table;
    let columns = schema.columns(table)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let flag = if kind == TokenTable::Drf { "--token-table" } else { "--knox-table" };
    let required = |named: Option<&String>, usual: &str| {
        let name = named.map_or(usual, String::as_str);
        find(&columns, name).map(|column| column.name.clone()).ok_or_else(|| {
            StoreError::Unusable(format!(
                "the table {table} has no column {name}: run the newest migrations of its packages first, or name its \
                 columns, {flag} '{table}(key=.., user=.., created=.., expiry=..)'; there are {}",
                names(&columns)
            ))
        })
    };
    let optional = |named: Option<&String>, usual: &[&str]| match named {
        Some(name) => required(Some(name), "").map(Some),
        None => Ok(usual.iter().find_map(|name| find(&columns, name)).map(|column| column.name.clone())),
    };
    let key_column = match kind {
        TokenTable::Drf => required(given.key.as_ref(), "key")?,
        TokenTable::Knox => required(given.key.as_ref(), "digest")?,
    };
    let foreign_keys = schema.foreign_keys(table)?;
    let user = match (&given.user, user_keys(schema, options, &foreign_keys).first()) {
        (None, Some(foreign)) => foreign.column.clone(),
        (named, _) => required(named.as_ref(), "user_id")?,
    };
    refuse_other_users(schema, options, table, &user, &foreign_keys)?;
    let created = optional(given.created.as_ref(), &["created", "created_at"])?;
    let expiry = optional(given.expiry.as_ref(), &["expiry", "expires", "expires_at"])?;
    let hint = match kind {
        TokenTable::Drf => Some(key_column.clone()),
        // A table with renamed columns need not have this one.
        TokenTable::Knox if given.key.is_some() => optional(None, &["token_key"])?,
        TokenTable::Knox => Some(required(None, "token_key")?),
    };
    if created.is_none() && kind == TokenTable::Drf && options.tokens_expire.is_some() {
        return Err(StoreError::Unusable(format!(
            "--tokens-expire counts from when a token was created, which {table} does not say: name the column, {flag} \
             '{table}(created=..)'; there are {}",
            names(&columns)
        )));
    }
    if created.is_none() {
        notes.push(format!("{table} does not say when tokens were created: they count as created at the import"));
    }
    let active = given.active.as_ref().map(|active| {
        required(Some(&active.name), "")
            .map(|name| (flag_of(&format!("t.{}", quoted(&name)), active.is_negated), active))
    });
    let active = active.transpose()?.map(|(flag, active)| (flag, active.name.clone()));
    if active.is_none() {
        notes.extend(ended_note(table, &columns, flag));
    }
    let mut reads = vec![key_column.clone(), user.clone()];
    reads
        .extend([created.clone(), expiry.clone(), active.as_ref().map(|(_, name)| name.clone())].into_iter().flatten());
    let text = |column: Option<&String>| {
        column.map_or_else(|| "cast(null as text)".to_owned(), |column| format!("cast(t.{} as text)", quoted(column)))
    };
    let (user, row) = (format!("t.{}", quoted(&user)), format!("t.{}", quoted(&key_column)));
    let is_character = columns.iter().any(|column| column.name == key_column && is_character(&column.kind));
    let row =
        if is_character || matches!(schema.conn(), Conn::Sqlite(_)) { row } else { format!("cast({row} as text)") };
    // Blobs cannot be keys. SQLite sorts them after all text, so every next page would begin with the same blobs.
    let is_text = match schema.conn() {
        Conn::Pg(_) => format!("{row} <> ''"),
        Conn::Sqlite(_) => format!("(typeof({row}) = 'text' and {row} <> '')"),
    };
    let is_accepted = active.map_or_else(String::new, |(flag, _)| format!(" and {flag} = 'true'"));
    let compared = key.compared(&user);
    let from = key.parameter(1);
    let through = key.parameter(2);
    let quoted_table = quoted(table);
    let page = format!(
        "select cast({user} as text) as user_key, cast({row} as text) as row_key, {} as hint, {} as created, \
         {} as expiry from {quoted_table} t where {compared} >= {from} and {compared} <= {through} \
         and ({compared}, {row}) > ({from}, $3) and {is_text}{is_accepted} order by {compared}, {row} limit $4",
        hint.as_ref()
            .map_or_else(|| "cast(null as text)".to_owned(), |column| schema.text(&format!("t.{}", quoted(column)))),
        text(created.as_ref()),
        text(expiry.as_ref()),
    );
    let mark = mark_of_no_text(schema, &row);
    let without_key = format!(
        "select cast({user} as text) as key, {mark} as text from {quoted_table} t \
         where not coalesce({is_text}, false){is_accepted} order by {user} limit 2000"
    );
    let count = format!("select count(*) as count from {quoted_table} t where {is_text}{is_accepted}");
    Ok(Some(TokenQueries {
        table: table.clone(),
        kind,
        hint_column: hint.unwrap_or_else(|| key_column.clone()),
        key_column,
        page,
        count,
        without_key,
        reads: format!("{table} ({})", reads.join(", ")),
    }))
}

/// A column that may say that a token has ended.
fn ended_note(table: &str, columns: &[Column], flag: &str) -> Option<String> {
    let ended = ["revoked", "is_revoked", "revoked_at", "is_active", "active", "deleted_at", "is_deleted", "disabled"];
    let column = columns.iter().find(|column| ended.iter().any(|name| column.is(name)))?;
    Some(format!(
        "{table} has a column {0}, which is not looked at, so ended tokens may come in: {flag} '{table}(active={0})', or \
         active=not:{0}",
        column.name
    ))
}

/// What says that a key is no text, rather than missing.
fn mark_of_no_text(schema: &Schema<'_>, row: &str) -> String {
    match schema.conn() {
        Conn::Pg(_) => "cast(null as text)".to_owned(),
        Conn::Sqlite(_) => {
            format!("case when typeof({row}) not in ('text', 'null') then x'{}' end", hex::encode(NOT_TEXT))
        }
    }
}

/// The foreign keys that refer to users.
fn user_keys<'a>(schema: &Schema<'_>, options: &DjangoOptions, keys: &'a [ForeignKey]) -> Vec<&'a ForeignKey> {
    let view = schema.table(&options.user_table).filter(|table| table.is_view);
    let is_users =
        |key: &&ForeignKey| key.table == options.user_table || view.is_some_and(|view| view.reads(&key.table));
    keys.iter().filter(is_users).collect()
}

/// Refuses a table whose tokens belong to the rows of another table than that of the users. They would be given to users
/// who happen to have the same ids.
fn refuse_other_users(
    schema: &Schema<'_>,
    options: &DjangoOptions,
    table: &str,
    user: &str,
    keys: &[ForeignKey],
) -> Result<(), StoreError> {
    let Some(key) = keys.iter().find(|key| key.column == user) else { return Ok(()) };
    if user_keys(schema, options, keys).iter().any(|users| users.column == user) {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "{table}.{user} refers to the table {}, not to {}: give the table of users with --user-table, or a view of the \
         tokens that has the users' keys",
        key.table, options.user_table
    )))
}

fn is_character(kind: &str) -> bool {
    kind.starts_with("character") || kind == "text"
}
