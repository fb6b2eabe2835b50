//! Finds Django's tables and their columns, and builds the queries that read them.

use diesel::RunQueryDsl;
use diesel::sql_types::Text;

use super::super::StoreError;
use super::super::connection::Conn;
use super::open::cannot_read;
use super::rows::{Column, Count, UserTable};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::django::TokenTable;
use crate::domain::profile::ProfileField;

/// The queries; the same text for both databases. Names are quoted.
pub struct Catalogue {
    pub user_table: UserTable,
    pub count: String,
    pub users: String,
    pub duplicate_names: String,
    pub groups: Option<String>,
    pub memberships: Option<String>,
    drf_tokens: Option<String>,
    knox_tokens: Option<String>,
}

impl Catalogue {
    pub fn tokens(&self, table: TokenTable) -> Option<&String> {
        match table {
            TokenTable::Drf => self.drf_tokens.as_ref(),
            TokenTable::Knox => self.knox_tokens.as_ref(),
        }
    }
}

pub fn read(conn: &mut Conn, url: &DatabaseUrl, user_table: &str, username: &str) -> Result<Catalogue, StoreError> {
    let mut columns_of = |table: &str| columns(conn, table).map_err(|error| cannot_read(url, error));
    let columns = columns_of(user_table)?;
    let memberships = format!("{user_table}_groups");
    let membership_columns = columns_of(&memberships)?;
    let has_groups = !columns_of("auth_group")?.is_empty();
    let has_drf_tokens =
        check_columns(&columns_of("authtoken_token")?, "authtoken_token", &["key", "user_id", "created"])?;
    let knox = ["digest", "token_key", "user_id", "created", "expiry"];
    let has_knox_tokens = check_columns(&columns_of("knox_authtoken")?, "knox_authtoken", &knox)?;

    if columns.is_empty() {
        return Err(StoreError::Unusable(format!(
            "there is no table {user_table} in {url}: give Django's own database with --from, or its table of users \
             with --user-table"
        )));
    }
    let has = |name: &str| columns.iter().any(|column| column.is(name));
    if !has(username) {
        return Err(StoreError::Unusable(format!(
            "the table {user_table} has no column {username}: give the column of the login names with --username-column"
        )));
    }
    if !has("password") {
        return Err(StoreError::Unusable(format!(
            "the table {user_table} has no column password: give Django's table of users with --user-table"
        )));
    }
    let id = key(&columns, user_table)?;
    let table = quoted(user_table);
    check_integer(conn, url, user_table, id, &table)?;

    let (id, name) = (quoted(&id.name), quoted(username));
    let text = |column: &str| format!("cast(u.{} as text)", quoted(column));
    // A custom table may lack these columns. Then Django's defaults are used.
    let column_or = |column: &str, default: &str| if has(column) { text(column) } else { default.to_owned() };
    let profile =
        ProfileField::ALL.map(|field| format!("{} as {}", column_or(field.name(), "''"), field.name())).join(", ");
    let users = format!(
        "select cast(u.{id} as bigint) as id, {} as username, {} as password, {profile}, {} as is_active, \
         {} as is_staff, {} as is_superuser, {} as date_joined, {} as last_login \
         from {table} u where u.{id} >= $1 order by u.{id} limit $2",
        text(username),
        text("password"),
        column_or("is_active", "'true'"),
        column_or("is_staff", "'false'"),
        column_or("is_superuser", "'false'"),
        column_or("date_joined", "cast(null as text)"),
        column_or("last_login", "cast(null as text)"),
    );
    let duplicate_names = format!(
        "select cast(u.{id} as bigint) as id, {} as text from {table} u where u.{id} >= $1 and u.{name} in \
         (select {name} from {table} group by {name} having count(*) > 1) order by u.{id} limit $2",
        text(username)
    );
    Ok(Catalogue {
        user_table: UserTable {
            name: user_table.to_owned(),
            username_column: username.to_owned(),
            has_date_joined: has("date_joined"),
        },
        count: format!("select count(*) as count from {table}"),
        users,
        duplicate_names,
        groups: has_groups
            .then(|| "select cast(g.id as bigint) as id, cast(g.name as text) as text from auth_group g".to_owned()),
        memberships: membership_query(&membership_columns, &memberships, has_groups)?,
        drf_tokens: has_drf_tokens.then(|| token_query(conn, "authtoken_token", "key", "t.key", "cast(null as text)")),
        knox_tokens: has_knox_tokens
            .then(|| token_query(conn, "knox_authtoken", "digest", "t.token_key", "cast(t.expiry as text)")),
    })
}

/// The query for memberships. The user's column is named after the model: `user_id`, `member_id`.
fn membership_query(columns: &[Column], table: &str, has_groups: bool) -> Result<Option<String>, StoreError> {
    if columns.is_empty() || !has_groups {
        return Ok(None);
    }
    let others: Vec<&Column> =
        columns.iter().filter(|column| !["id", "group_id"].iter().any(|name| column.is(name))).collect();
    let [user] = others[..] else {
        return Err(StoreError::Unusable(format!(
            "the table {table} does not have Django's columns (id, the user's, group_id): give Django's table of users \
             with --user-table"
        )));
    };
    check_columns(columns, table, &["group_id"])?;
    let (user, table) = (quoted(&user.name), quoted(table));
    Ok(Some(format!(
        "select cast(m.{user} as bigint) as id, cast(g.name as text) as text from {table} m \
         join auth_group g on g.id = m.group_id where m.{user} >= $1 and m.{user} <= $2"
    )))
}

fn token_query(conn: &Conn, table: &str, row: &str, hint: &str, expiry: &str) -> String {
    // SQLite sorts blobs after all text, so every next page would begin with the same blobs. Blobs cannot be keys.
    let text = match conn {
        Conn::Pg(_) => format!("cast(t.{row} as text)"),
        Conn::Sqlite(_) => format!("case typeof(t.{row}) when 'text' then t.{row} end"),
    };
    format!(
        "select cast(t.user_id as bigint) as user_id, {text} as row_key, cast({hint} as text) as hint, \
         cast(t.created as text) as created, {expiry} as expiry from {table} t \
         where t.user_id >= $1 and t.user_id <= $2 and (t.user_id, t.{row}) > ($1, $3) \
         order by t.user_id, t.{row} limit $4"
    )
}

/// Whether a table exists. If so, it must have these columns.
fn check_columns(columns: &[Column], table: &str, needed: &[&str]) -> Result<bool, StoreError> {
    if columns.is_empty() {
        return Ok(false);
    }
    match needed.iter().find(|name| !columns.iter().any(|column| column.is(name))) {
        None => Ok(true),
        Some(missing) => Err(StoreError::Unusable(format!(
            "the table {table} has no column {missing}: run the newest migrations of its packages first"
        ))),
    }
}

/// The primary key; `id` if the primary key is not a single column.
fn key<'a>(columns: &'a [Column], table: &str) -> Result<&'a Column, StoreError> {
    let keys: Vec<&Column> = columns.iter().filter(|column| column.key).collect();
    match keys[..] {
        [key] => Ok(key),
        _ => columns.iter().find(|column| column.is("id")).ok_or_else(|| {
            StoreError::Unusable(format!(
                "the table {table} has no primary key of one column: jeton's users have one id"
            ))
        }),
    }
}

/// SQLite does not enforce a column's type, so the values are checked.
fn check_integer(conn: &mut Conn, url: &DatabaseUrl, name: &str, id: &Column, table: &str) -> Result<(), StoreError> {
    let good = match conn {
        Conn::Pg(_) => ["smallint", "integer", "bigint"].contains(&&*id.kind),
        Conn::Sqlite(_) => {
            let others =
                format!("select count(*) as count from {table} where typeof({}) <> 'integer'", quoted(&id.name));
            let counted: Result<Count, _> = diesel::sql_query(others).get_result(conn);
            counted.map_err(|error| cannot_read(url, error))?.count == 0
        }
    };
    if good {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "the key {} of the table {name} is not an integer ({}): jeton's user ids are integers, so these users \
         cannot keep their ids; import them with jeton import csv",
        id.name, id.kind
    )))
}

/// The columns of a table; none if there is no such table.
fn columns(conn: &mut Conn, table: &str) -> Result<Vec<Column>, diesel::result::Error> {
    let query = match conn {
        Conn::Pg(_) => {
            "select cast(a.attname as text) as name, format_type(a.atttypid, null) as kind, \
             coalesce(a.attnum = any (i.indkey), false) as key, false as any_case from pg_attribute a \
             left join pg_index i on i.indrelid = a.attrelid and i.indisprimary \
             where a.attrelid = to_regclass(quote_ident($1)) and a.attnum > 0 and not a.attisdropped order by a.attnum"
        }
        // Generated columns too.
        Conn::Sqlite(_) => {
            "select name, type as kind, pk > 0 as key, true as any_case from pragma_table_xinfo($1) where hidden <> 1 \
             order by cid"
        }
    };
    diesel::sql_query(query).bind::<Text, _>(table).load(conn)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
