//! The temporary tables of a dump. A model's table is called as Django calls it, its columns as the model's fields.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use serde_json::value::RawValue;

use super::super::super::StoreError;
use super::super::memberships::{GROUPS, USERS};
use super::super::origin::Origin;
use super::super::schema::quoted;
use super::Object;
use crate::domain::django::DjangoOptions;

/// How many bytes of a model's rows are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

pub struct Stage<'a> {
    pub conn: SqliteConnection,
    pub origin: &'a Origin,
    pub options: &'a DjangoOptions,
    /// By model; `None` for those that are not needed.
    pub tables: HashMap<String, Option<Table>>,
    /// Why reading stopped, if not because of a fault in the JSON.
    pub failure: Option<StoreError>,
}

/// A model's table, and the rows that are not written yet: JSON arrays.
pub struct Table {
    pub name: String,
    pub columns: Vec<String>,
    rows: String,
    /// The places of columns that have a list or an object among these rows.
    lists: BTreeSet<usize>,
    pub is_empty: bool,
    pub is_group: bool,
    /// Whether an import reads it, and does not only name it.
    is_read: bool,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl<'a> Stage<'a> {
    pub fn new(origin: &'a Origin, options: &'a DjangoOptions) -> Result<Self, StoreError> {
        // An empty name: a file of its own, which is deleted at once.
        let mut conn =
            SqliteConnection::establish("").map_err(|error| origin.unusable("cannot read", error, "set TMPDIR"))?;
        conn.batch_execute("pragma foreign_keys = off; pragma journal_mode = off; pragma synchronous = off; begin")
            .map_err(|error| origin.cannot_read(error))?;
        Ok(Self { conn, origin, options, tables: HashMap::new(), failure: None })
    }

    /// Adds an object; the error's words are in `failure`.
    pub fn add(&mut self, object: Object) -> Result<(), &'static str> {
        self.try_add(object).map_err(|error| {
            self.failure = Some(error);
            "see failure"
        })
    }

    fn try_add(&mut self, Object { model, pk, fields }: Object) -> Result<(), StoreError> {
        if let Some(None) = self.tables.get(&model) {
            return Ok(());
        }
        let fields: Fields<'_> = serde_json::from_str(fields.get()).map_err(|_| {
            StoreError::Unusable(format!("cannot read {}: an object of {model} has no fields", self.origin))
        })?;
        if !self.tables.contains_key(&model) {
            let table = self.create(&model, &fields)?;
            self.tables.insert(model.clone(), table);
        }
        let Some(Some(table)) = self.tables.get_mut(&model) else { return Ok(()) };
        let Some(pk) = pk.filter(|pk| pk.get() != "null") else {
            return Err(StoreError::Unusable(format!(
                "{} has {model} without its keys, which users keep at jeton: make the dump without --natural-primary",
                self.origin
            )));
        };
        if !pk.get().starts_with(['"', '-']) && !pk.get().starts_with(|first: char| first.is_ascii_digit()) {
            return Err(StoreError::Unusable(format!(
                "{} has {model} with a key that is neither a number nor a text",
                self.origin
            )));
        }
        let unknown: Vec<&String> = fields.keys().filter(|name| !table.columns.contains(name)).collect();
        if !unknown.is_empty() {
            write(&mut self.conn, table).map_err(|error| self.origin.cannot_read(error))?;
            for name in unknown {
                if !is_distinct(&table.columns, name, &model, table.is_read, self.origin)? {
                    continue;
                }
                let add = format!("alter table {} add {}", quoted(&table.name), quoted(name));
                self.conn.batch_execute(&add).map_err(|error| self.origin.cannot_read(error))?;
                table.columns.push(name.clone());
            }
        }
        let mut row = String::new();
        for (place, column) in table.columns.iter().enumerate() {
            let value = match fields.get(column) {
                Some(value) => value.get(),
                None if place == 0 => pk.get(),
                None => "null",
            };
            if value.starts_with(['[', '{']) {
                table.lists.insert(place);
            }
            row += if place == 0 { "" } else { "," };
            row += &normal(value);
        }
        table.is_empty = false;
        table.rows += if table.rows.is_empty() { "[[" } else { ",[" };
        table.rows += &row;
        table.rows.push(']');
        if table.rows.len() > BUFFER_BYTES {
            write(&mut self.conn, table).map_err(|error| self.origin.cannot_read(error))?;
        }
        Ok(())
    }

    /// Creates the table of a model, if it may be needed.
    fn create(&mut self, model: &str, fields: &Fields<'_>) -> Result<Option<Table>, StoreError> {
        let name = model.replace('.', "_");
        let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
        let options = self.options;
        let tokens = options.token_tables.iter().chain(&options.knox_tables).find(|tokens| tokens.table == name);
        let model_name = model.rsplit('.').next().unwrap_or_default();
        let is_group = match &options.group_table {
            Some(table) => *table == name,
            None => has(&["name"]) && ["group", "role"].iter().any(|word| model_name.contains(word)),
        };
        let is_like_tokens = ["token", "apikey", "api_key"].iter().any(|word| name.contains(word))
            || has(&["user", "owner", "account"]) && has(&["key", "token", "digest", "token_key", "api_key"]);
        let is_like_users = has(&["password"]) && has(&["last_login"]);
        let members = options.membership_table.as_ref();
        let is_members = members.is_some_and(|members| members.table == name);
        let is_read = tokens.is_some()
            || is_group
            || is_members
            || name == options.user_table
            || ["authtoken_token", "knox_authtoken"].contains(&name.as_str());
        let is_needed = is_read || is_like_tokens || is_like_users || has(&USERS) && has(&GROUPS);
        if !is_needed {
            return Ok(None);
        }
        // A dump does not name the key's column. Tokens often have their key, or digest, there.
        let is_knox = options.knox_tables.iter().any(|tokens| tokens.table == name) || name == "knox_authtoken";
        let usual = match (is_knox, name.as_str(), tokens) {
            (true, ..) => "digest",
            (false, "authtoken_token", _) | (false, _, Some(_)) => "key",
            _ => "id",
        };
        let key = tokens.and_then(|tokens| tokens.key.as_deref()).unwrap_or(usual);
        let key = if fields.contains_key(key) { "id" } else { key };
        let mut columns = vec![key.to_owned()];
        for name in fields.keys().filter(|name| *name != key) {
            if is_distinct(&columns, name, model, is_read, self.origin)? {
                columns.push(name.clone());
            }
        }
        let quoted_columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let create = format!("create table {} ({})", quoted(&name), quoted_columns.join(", "));
        self.conn.batch_execute(&create).map_err(|error| self.origin.cannot_read(error))?;
        let (rows, lists) = (String::new(), BTreeSet::new());
        Ok(Some(Table { name, columns, rows, lists, is_empty: true, is_group, is_read }))
    }

    pub fn run(&mut self, text: &str) -> Result<(), StoreError> {
        self.conn.batch_execute(text).map_err(|error| self.origin.cannot_read(error))
    }
}

/// SQLite itself takes the values out of the JSON: integers, texts, and 0 or 1 for flags.
pub fn write(conn: &mut SqliteConnection, table: &mut Table) -> diesel::QueryResult<()> {
    if table.rows.is_empty() {
        return Ok(());
    }
    let rows = std::mem::take(&mut table.rows) + "]";
    let columns: Vec<String> = table.columns.iter().map(|column| quoted(column)).collect();
    // Lists and objects are blobs, so that no text is taken for one.
    let lists = std::mem::take(&mut table.lists);
    let value = |place: usize| {
        let value = format!("value ->> {place}");
        if !lists.contains(&place) {
            return value;
        }
        format!(
            "case when json_type(value, '$[{place}]') in ('array', 'object') then cast({value} as blob) else {value} end"
        )
    };
    let values: Vec<String> = (0..table.columns.len()).map(value).collect();
    let insert = format!(
        "insert into {} ({}) select {} from json_each($1)",
        quoted(&table.name),
        columns.join(", "),
        values.join(", ")
    );
    diesel::sql_query(insert).bind::<Text, _>(rows).execute(conn)?;
    Ok(())
}

/// Whether a field can be a column. Another field may have its name in another case, which SQLite cannot tell apart.
fn is_distinct(
    columns: &[String],
    name: &str,
    model: &str,
    is_read: bool,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let Some(other) = columns.iter().find(|column| column.eq_ignore_ascii_case(name)) else { return Ok(true) };
    if !is_read {
        return Ok(false);
    }
    Err(StoreError::Unusable(format!(
        "{origin} has {model} with the fields {other} and {name}, which differ by case only: leave out one of them"
    )))
}

/// An integer that SQLite would round becomes a text.
fn normal(json: &str) -> String {
    let is_integer = json.strip_prefix('-').unwrap_or(json).bytes().all(|byte| byte.is_ascii_digit());
    if is_integer && json.parse::<i64>().is_err() { format!("\"{json}\"") } else { json.to_owned() }
}
