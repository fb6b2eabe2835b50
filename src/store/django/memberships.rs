//! Finds the groups, and who is in them, by the foreign keys of the table of memberships: the groups of a project may be
//! a model of its own, beside `auth_group`.

use super::super::StoreError;
use super::key::UserKey;
use super::schema::{ForeignKey, Schema, find, names, quoted};
use crate::domain::django::DjangoOptions;

const AUTH_GROUP: &str = "auth_group";
const SUFFIX: &str = "_groups";

/// What fields that refer to users and to groups are often called.
pub const USERS: [&str; 5] = ["user", "member", "person", "account", "profile"];
pub const GROUPS: [&str; 3] = ["group", "role", "team"];

/// The queries; none if the project has no groups.
#[derive(Default)]
pub struct Groups {
    /// The groups' table, for messages.
    pub table: String,
    pub names: Option<String>,
    pub members: Option<String>,
    /// What is read, for the summary.
    pub reads: Option<String>,
    /// What is missing.
    pub notes: Vec<String>,
}

struct Membership {
    table: String,
    user: String,
    group: String,
    group_table: String,
    group_key: String,
}

pub fn find_groups(schema: &mut Schema<'_>, options: &DjangoOptions, key: &UserKey) -> Result<Groups, StoreError> {
    if let Some(table) = options.group_table.as_ref().filter(|table| schema.table(table).is_none()) {
        return Err(schema.no_table(table, "--group-table"));
    }
    let table = match membership_table(schema, options)? {
        Ok(table) => table,
        Err(note) => {
            // Groups without members are imported all the same.
            let notes = note.into_iter().collect();
            return groups_of(schema, options.group_table.as_deref().unwrap_or(AUTH_GROUP), notes);
        }
    };
    let membership = membership(schema, options, table)?;
    let mut groups = groups_of(schema, &membership.group_table, Vec::new())?;
    if groups.names.is_none() {
        let rows = schema.count(&format!("select count(*) as count from {}", quoted(&membership.table)))?;
        if rows > 0 {
            groups.notes.push(format!(
                "nobody has groups: {} has {rows} rows, but there is no table {} with a column name",
                membership.table, membership.group_table
            ));
        }
        return Ok(groups);
    }
    let Membership { table, user, group, group_table, group_key } = membership;
    let join = format!(
        "{} m left join {} g on g.{} = m.{}",
        quoted(&table),
        quoted(&group_table),
        quoted(&group_key),
        quoted(&group)
    );
    let lost = schema.count(&format!("select count(*) as count from {join} where g.{} is null", quoted(&group_key)))?;
    if lost > 0 {
        groups.notes.push(format!("{lost} rows of {table} are of groups that {group_table} does not have"));
    }
    let user_column = key.compared(&format!("m.{}", quoted(&user)));
    groups.members = Some(format!(
        "select cast(m.{} as text) as key, {} as text from {join} \
         where g.{} is not null and {user_column} >= {} and {user_column} <= {}",
        quoted(&user),
        schema.text("g.name"),
        quoted(&group_key),
        key.parameter(1),
        key.parameter(2)
    ));
    groups.reads = Some(format!("{table} ({user}, {group}), {group_table}"));
    Ok(groups)
}

/// All groups of a table.
fn groups_of(schema: &mut Schema<'_>, table: &str, notes: Vec<String>) -> Result<Groups, StoreError> {
    let columns = schema.columns(table)?;
    let has_name = columns.iter().any(|column| column.is("name"));
    let key = columns.iter().find(|column| column.key).or_else(|| columns.iter().find(|column| column.is("id")));
    let names = key.filter(|_| has_name).map(|key| {
        let (key, table, name) = (quoted(&key.name), quoted(table), schema.text("g.name"));
        format!("select cast(g.{key} as text) as key, {name} as text from {table} g order by g.{key}")
    });
    Ok(Groups { table: table.to_owned(), names, notes, ..Groups::default() })
}

/// The table of memberships, or why there is none.
fn membership_table(
    schema: &mut Schema<'_>,
    options: &DjangoOptions,
) -> Result<Result<String, Option<String>>, StoreError> {
    let user_table = &options.user_table;
    let usual = format!("{user_table}{SUFFIX}");
    // Of a dump, the memberships stand in the usual table, wherever they come from.
    if let Some(given) = options.membership_table.as_ref().filter(|_| !schema.is_dump()) {
        return match schema.table(&given.table) {
            Some(_) => Ok(Ok(given.table.clone())),
            None => Err(schema.no_table(&given.table, "--membership-table")),
        };
    }
    if schema.table(&usual).is_some() {
        return Ok(Ok(usual));
    }
    // A view has the groups of the table that it reads; a table of memberships may be named after another model, but
    // ends with `_groups`.
    let view = schema.table(user_table).filter(|table| table.is_view).cloned();
    let refers =
        |key: &ForeignKey| key.table == *user_table || view.as_ref().is_some_and(|view| view.reads(&key.table));
    let named: Vec<String> =
        schema.tables().iter().map(|table| table.name.clone()).filter(|name| name.ends_with(SUFFIX)).collect();
    let mut found = Vec::new();
    for table in named {
        if schema.foreign_keys(&table)?.iter().any(refers) {
            found.push(table);
        }
    }
    Ok(match (found.len(), view) {
        (1, _) => Ok(found.remove(0)),
        (0, None) => {
            let alike = alike(schema, options)?;
            let advice = match &alike[..] {
                [] => String::new(),
                alike => format!("; {} may be it: --membership-table TABLE", alike.join(" or ")),
            };
            let has_groups = schema.table(AUTH_GROUP).is_some() || !alike.is_empty();
            Err(has_groups.then(|| format!("nobody has groups: there is no table {usual}{advice}")))
        }
        (0, Some(_)) => Err(Some(format!(
            "nobody has groups: {user_table} is a view, and no table of memberships refers to a table that it reads; a view \
             {usual} (with the user's key and group_id) brings them"
        ))),
        _ => Err(Some(format!(
            "nobody has groups: {} could be the table of memberships, so none was read",
            found.join(" or ")
        ))),
    })
}

/// Tables that may say who is in which group. They may as well say who asked to be in one, so a person decides.
fn alike(schema: &mut Schema<'_>, options: &DjangoOptions) -> Result<Vec<String>, StoreError> {
    let tables: Vec<String> = schema.tables().iter().map(|table| table.name.clone()).collect();
    let is_groups = |table: &str| {
        options.group_table.as_deref() == Some(table) || GROUPS.iter().any(|word| table.to_lowercase().contains(word))
    };
    let mut found = Vec::new();
    for table in tables {
        let keys = schema.foreign_keys(&table)?;
        let refers =
            keys.iter().any(|key| key.table == options.user_table) && keys.iter().any(|key| is_groups(&key.table));
        let columns = if schema.is_dump() { schema.columns(&table)? } else { Vec::new() };
        let has = |names: &[&str]| names.iter().any(|name| columns.iter().any(|column| column.is(name)));
        if !table.contains("token") && (refers || has(&USERS) && has(&GROUPS)) {
            found.push(table);
        }
    }
    Ok(found)
}

fn membership(schema: &mut Schema<'_>, options: &DjangoOptions, table: String) -> Result<Membership, StoreError> {
    let given = options.membership_table.clone().filter(|_| !schema.is_dump()).unwrap_or_default();
    let columns = schema.columns(&table)?;
    let unlike = || {
        StoreError::Unusable(format!(
            "the table {table} does not show which column is the user's, and which the group's: give Django's table of \
             users with --user-table, or --membership-table '{table}(user=.., group=..)'; there are {}",
            names(&columns)
        ))
    };
    let named = |name: &Option<String>| match name {
        Some(name) => find(&columns, name).map(|column| Some(column.name.clone())).ok_or_else(unlike),
        None => Ok(None),
    };
    let (named_user, named_group) = (named(&given.user)?, named(&given.group)?);
    let keys = schema.foreign_keys(&table)?;
    let user_table = &options.user_table;
    let view = schema.table(user_table).filter(|table| table.is_view);
    let is_users = |key: &ForeignKey| key.table == *user_table || view.is_some_and(|view| view.reads(&key.table));
    let others: Vec<&ForeignKey> = keys.iter().filter(|key| !is_users(key)).collect();
    let refers = |column: &str| keys.iter().find(|key| key.column == column).cloned();
    let unreferred = |column| ForeignKey {
        column,
        table: options.group_table.clone().unwrap_or_else(|| AUTH_GROUP.into()),
        target: String::new(),
    };
    let group = match (named_group, &others[..]) {
        (Some(column), _) => refers(&column).unwrap_or_else(|| unreferred(column)),
        // Without foreign keys the names decide. The user's column is named after the model: `user_id`, `member_id`.
        (None, []) => unreferred(find(&columns, "group_id").ok_or_else(unlike)?.name.clone()),
        (None, [group]) => (*group).clone(),
        _ => return Err(unlike()),
    };
    let users: Vec<&ForeignKey> = keys.iter().filter(|key| is_users(key) && key.column != group.column).collect();
    let rest = columns.iter().filter(|column| !column.is("id") && !column.is(&group.column)).collect::<Vec<_>>();
    let user = match (named_user, &users[..], &rest[..]) {
        (Some(column), ..) => column,
        (None, [user], _) => user.column.clone(),
        (None, [], [user]) => user.name.clone(),
        // Who was invited, and who has invited them?
        _ => return Err(unlike()),
    };
    let group_table = options.group_table.clone().unwrap_or(group.table);
    let group_key = if group.target.is_empty() {
        let columns = schema.columns(&group_table)?;
        columns.into_iter().find(|column| column.key).map_or_else(|| "id".into(), |column| column.name)
    } else {
        group.target
    };
    Ok(Membership { table, user, group: group.column, group_table, group_key })
}
