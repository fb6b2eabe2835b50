//! Builds the queries that read a project's tables, and says what is unusual about these. Names are quoted.

use super::super::StoreError;
use super::columns::{UserColumns, find_columns};
use super::key::UserKey;
use super::memberships::{Groups, find_groups};
use super::rows::UserTable;
use super::schema::{Schema, quoted};
use super::token_queries::TokenQueries;
use super::token_tables::{TokenTables, find_token_tables};
use crate::domain::django::DjangoOptions;
use crate::domain::profile::ProfileField;

/// A query for the first rows, and one for those after a key.
pub struct Paged {
    pub first: String,
    /// After the key `$1`; at most `$2`.
    pub next: String,
}

/// The queries; the same text for both databases.
pub struct Catalogue {
    pub user_table: UserTable,
    pub key: UserKey,
    pub count: String,
    pub users: Paged,
    pub duplicate_names: Paged,
    pub groups: Groups,
    pub tokens: Vec<TokenQueries>,
    /// Flags of users of which the source says nothing.
    pub missing_flags: Vec<&'static str>,
    /// What a person should know before they import.
    pub notes: Vec<String>,
    /// Tables that look like tokens and are not imported.
    pub left_out: Vec<String>,
}

pub fn read(schema: &mut Schema<'_>, options: &DjangoOptions) -> Result<Catalogue, StoreError> {
    let user_table = &options.user_table;
    let columns = schema.columns(user_table)?;
    if columns.is_empty() {
        return Err(no_user_table(schema, user_table)?);
    }
    let UserColumns {
        username,
        password,
        profile,
        is_active,
        is_staff,
        is_superuser,
        date_joined,
        last_login,
        username_column,
        missing_flags,
        mut notes,
    } = find_columns(schema, options, &columns)?;
    let key = UserKey::find(schema, &columns, user_table)?;
    let mut groups = find_groups(schema, options, &key)?;
    let TokenTables { queries: tokens, notes: token_notes, left_out } = find_token_tables(schema, options, &key)?;
    notes.append(&mut groups.notes);
    notes.extend(token_notes);

    let table = quoted(user_table);
    let id = format!("u.{}", quoted(&key.column));
    let (name, compared) = (format!("u.{}", quoted(&username_column)), key.compared(&id));
    let profile = ProfileField::ALL.into_iter().zip(profile);
    let profile: Vec<String> = profile.map(|(field, column)| format!("{column} as {}", field.name())).collect();
    let paged = |select: &str, condition: &str| {
        let (and, alone) = match condition {
            "" => (String::new(), String::new()),
            condition => (format!(" and {condition}"), format!(" where {condition}")),
        };
        Paged {
            first: format!("{select}{alone} order by {compared} limit $1"),
            next: format!("{select} where {compared} > {}{and} order by {compared} limit $2", key.parameter(1)),
        }
    };
    let users = format!(
        "select cast({id} as text) as key, {username} as username, {password} as password, {}, \
         {is_active} as is_active, {is_staff} as is_staff, {is_superuser} as is_superuser, \
         {date_joined} as date_joined, {last_login} as last_login from {table} u",
        profile.join(", ")
    );
    let names = format!("select cast({id} as text) as key, {username} as text from {table} u");
    let several =
        format!("{name} in (select {name} from {table} u where {username} <> '' group by {name} having count(*) > 1)");
    Ok(Catalogue {
        user_table: UserTable { name: user_table.clone(), username_column },
        count: format!("select count(*) as count from {table}"),
        users: paged(&users, ""),
        duplicate_names: paged(&names, &several),
        key,
        groups,
        tokens,
        missing_flags,
        notes,
        left_out,
    })
}

/// The message names the tables that may be meant: those with Django's columns.
fn no_user_table(schema: &mut Schema<'_>, user_table: &str) -> Result<StoreError, StoreError> {
    let names: Vec<String> = schema.tables().iter().map(|table| table.name.clone()).collect();
    let mut alike = Vec::new();
    for name in names {
        let columns = schema.columns(&name)?;
        let has = |name: &str| columns.iter().any(|column| column.is(name));
        if has("password") && has("last_login") {
            alike.push(name);
        }
    }
    let hint = if alike.is_empty() { String::new() } else { format!(" ({} may be it)", alike.join(" or ")) };
    let (whose, form) = if schema.is_dump() {
        ("a dump that has the model of the users", ", as APP.MODEL: a dump has models in place of tables")
    } else {
        ("Django's own database", "")
    };
    Ok(StoreError::Unusable(format!(
        "there is no table {user_table} in {}: give {whose} with --from, or its table of users with --user-table{hint}{form}",
        schema.origin()
    )))
}
