//! Which columns of the table of users hold what, and what is to be told about missing ones.

use super::super::StoreError;
use super::flags::{all, flag_of};
use super::schema::{Column, Schema, names, quoted};
use crate::domain::django::{ColumnRef, DjangoOptions};
use crate::domain::profile::ProfileField;

/// Columns that say that a user may not log in.
const ENDED: [&str; 18] = [
    "deleted_at",
    "is_deleted",
    "deleted",
    "removed_at",
    "is_removed",
    "deactivated_at",
    "blocked",
    "is_blocked",
    "blocked_at",
    "banned",
    "is_banned",
    "banned_at",
    "disabled",
    "is_disabled",
    "locked",
    "is_locked",
    "suspended",
    "is_suspended",
];
const ACTIVE: [&str; 4] = ["active", "enabled", "is_enabled", "is_alive"];
const STAFF: [&str; 4] = ["staff", "is_admin", "admin", "is_moderator"];
const SUPERUSER: [&str; 4] = ["superuser", "is_super", "is_admin", "admin"];
const NAMES: [&str; 3] = ["full_name", "fullname", "display_name"];

/// The table of users, as SQL.
pub struct UserColumns {
    pub username: String,
    pub password: String,
    pub profile: Vec<String>,
    pub is_active: String,
    pub is_staff: String,
    pub is_superuser: String,
    pub date_joined: String,
    pub last_login: String,
    pub username_column: String,
    /// Flags of which the source says nothing.
    pub missing_flags: Vec<&'static str>,
    pub notes: Vec<String>,
}

struct Finder<'a, 'b> {
    schema: &'a Schema<'b>,
    columns: &'a [Column],
    options: &'a DjangoOptions,
    missing_flags: Vec<&'static str>,
    notes: Vec<String>,
}

pub fn find_columns(
    schema: &mut Schema<'_>,
    options: &DjangoOptions,
    columns: &[Column],
) -> Result<UserColumns, StoreError> {
    let table = &options.user_table;
    let map = &options.map;
    let has = |name: &str| columns.iter().any(|column| column.is(name));
    if let Some(missing) = map.columns().find(|column| !has(&column.name)) {
        return Err(StoreError::Unusable(format!(
            "the table {table} has no column {}, which --map names; there are {}",
            missing.name,
            names(columns)
        )));
    }
    let username = map.get("username").map_or(&options.username_column, |column| &column.name).clone();
    if !has(&username) {
        return Err(StoreError::Unusable(format!(
            "the table {table} has no column {username}: give the column of the login names with --username-column; there \
             are {}",
            names(columns)
        )));
    }
    let password = map.get("password").map_or("password", |column| column.name.as_str());
    if !has(password) {
        return Err(StoreError::Unusable(format!(
            "the table {table} has no column password: give Django's table of users with --user-table, or the column \
             with --map password=COLUMN"
        )));
    }
    let username_text = username_text(schema, table, &username)?;
    let password_text = schema.text(&of_user(password));
    let mut finder = Finder { schema, columns, options, missing_flags: Vec::new(), notes: Vec::new() };
    let is_active = finder.flag("is_active", true, "everybody counts as active", &ACTIVE);
    let is_staff = finder.flag("is_staff", false, "nobody is staff", &STAFF);
    let is_superuser = finder.flag("is_superuser", false, "nobody is a superuser", &SUPERUSER);
    let profile = finder.profile(&username);
    let date_joined = finder.date("date_joined", Some("users count as joined at the import"));
    let last_login = finder.date("last_login", None);
    let Finder { missing_flags, mut notes, .. } = finder;
    ended(schema, options, columns, &mut notes)?;
    Ok(UserColumns {
        username: username_text,
        password: password_text,
        profile,
        is_active,
        is_staff,
        is_superuser,
        date_joined,
        last_login,
        username_column: username,
        missing_flags,
        notes,
    })
}

fn of_user(column: &str) -> String {
    format!("u.{}", quoted(column))
}

fn text(column: &str) -> String {
    format!("cast({} as text)", of_user(column))
}

/// A number is a name only if the model's field is one of numbers, as a dump shows by having nothing else.
fn username_text(schema: &mut Schema<'_>, table: &str, username: &str) -> Result<String, StoreError> {
    let column = quoted(username);
    let others =
        format!("select count(*) as count from {} where typeof({column}) not in ('integer', 'null')", quoted(table));
    if schema.is_dump() && schema.count(&others)? == 0 {
        return Ok(text(username));
    }
    Ok(schema.text(&of_user(username)))
}

impl Finder<'_, '_> {
    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.is(name))
    }

    /// The first of these columns that there is.
    fn first(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .find_map(|name| self.columns.iter().find(|column| column.is(name)))
            .map(|column| column.name.clone())
    }

    fn flag(&mut self, field: &'static str, default: bool, meaning: &str, alike: &[&str]) -> String {
        let flag = |column: &ColumnRef| flag_of(&format!("u.{}", quoted(&column.name)), column.is_negated);
        let mapped: Vec<String> = self.options.map.all(field).map(flag).collect();
        if !mapped.is_empty() {
            return all(&mapped);
        }
        if self.has(field) {
            return text(field);
        }
        let advice = match (self.first(alike), self.first(&ENDED).filter(|_| default)) {
            (Some(column), _) => format!("; {column} may be it: --map {field}={column}"),
            (None, Some(column)) => format!("; {column} may be its opposite: --map {field}=not:{column}"),
            (None, None) => String::new(),
        };
        self.missing_flags.push(field);
        self.notes.push(format!("no column {field}: {meaning}{advice}"));
        format!("'{default}'")
    }

    fn profile(&mut self, username: &str) -> Vec<String> {
        let map = &self.options.map;
        let (first, last) = (ProfileField::FirstName.name(), ProfileField::LastName.name());
        let mapped_names = [first, last, "name"].iter().any(|field| map.get(field).is_some());
        let has_names = self.has(first) || self.has(last) || mapped_names;
        let whole = match map.get("name") {
            Some(column) => Some(column.name.clone()),
            None => self.first(&["name"]).filter(|name| !has_names && name != username),
        };
        match &whole {
            Some(column) => {
                self.notes.push(format!("the column {column} becomes the first name, whole; last names stay empty"));
            }
            None if !has_names => {
                let alike = self.first(&NAMES).filter(|name| name != username);
                let advice = alike.map_or_else(String::new, |name| format!("; {name} may be one: --map name={name}"));
                self.notes.push(format!("no columns first_name and last_name: names stay empty{advice}"));
            }
            None => {}
        }
        let column = |field: ProfileField| {
            let name = field.name();
            let mapped = map.get(name).map(|column| column.name.clone());
            let of_whole = || whole.clone().filter(|_| field == ProfileField::FirstName);
            // A whole name replaces both.
            let usual = || {
                Some(name.to_owned())
                    .filter(|_| self.has(name) && !(whole.is_some() && field == ProfileField::LastName))
            };
            mapped.or_else(of_whole).or_else(usual)
        };
        let columns = ProfileField::ALL.map(column);
        if columns[0].is_none() {
            self.notes.push("no column email: users have no e-mail address".into());
        }
        let text = |column: String| self.schema.text(&of_user(&column));
        columns.map(|column| column.map_or_else(|| "''".to_owned(), text)).into()
    }

    fn date(&mut self, field: &str, missing: Option<&str>) -> String {
        if let Some(column) = self.options.map.get(field) {
            return text(&column.name);
        }
        if self.has(field) {
            return text(field);
        }
        if let Some(meaning) = missing {
            let alike = self.first(&["created_at", "created", "joined_at", "registered_at", "created_on"]);
            let advice = alike.map_or_else(String::new, |name| format!("; {name} may be it: --map {field}={name}"));
            self.notes.push(format!("no column {field}: {meaning}{advice}"));
        }
        "cast(null as text)".into()
    }
}

/// Users who are active by `is_active`, but deleted or blocked by a column that nothing looks at.
fn ended(
    schema: &mut Schema<'_>,
    options: &DjangoOptions,
    columns: &[Column],
    notes: &mut Vec<String>,
) -> Result<(), StoreError> {
    let looked_at = |name: &str| options.map.columns().any(|column| column.name == name);
    let active: Vec<String> = options.map.all("is_active").map(ToString::to_string).collect();
    let has_own = columns.iter().any(|column| column.is("is_active"));
    if active.is_empty() && !has_own {
        return Ok(());
    }
    if has_own && !active.is_empty() && !looked_at("is_active") {
        notes.push(
            "the column is_active is not looked at, because --map names others; to look at it too, add --map \
             is_active=is_active"
                .into(),
        );
    }
    let before = if active.is_empty() { "is_active".to_owned() } else { active.join(",is_active=") };
    for column in columns.iter().filter(|column| ENDED.iter().any(|name| column.is(name)) && !looked_at(&column.name)) {
        let is_free = flag_of(&quoted(&column.name), true);
        let query = format!("select count(*) as count from {} where {is_free} = 'false'", quoted(&options.user_table));
        let count = schema.count(&query)?;
        if count > 0 {
            notes.push(format!(
                "the column {0} is not looked at, and is set for {count} of the users: --map is_active={before},is_active=not:{0} \
                 makes them inactive",
                column.name
            ));
        }
    }
    Ok(())
}
