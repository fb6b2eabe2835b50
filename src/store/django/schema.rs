//! What tables, columns and foreign keys a Django project's database has.

use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryableByName, RunQueryDsl};

use super::super::StoreError;
use super::super::connection::Conn;
use super::origin::Origin;

/// What stands in a query's answer for a value that is no text. It is no UTF-8, so no text equals it.
pub const NOT_TEXT: &[u8] = &[0xc0];

#[derive(QueryableByName)]
pub struct Count {
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

#[derive(QueryableByName)]
pub struct Word {
    #[diesel(sql_type = Text)]
    pub word: String,
}

#[derive(Clone, Debug, QueryableByName)]
pub struct Table {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Bool)]
    pub is_view: bool,
    /// The query of a view.
    #[diesel(sql_type = Text)]
    pub definition: String,
}

impl Table {
    /// Whether a view reads this table.
    pub fn reads(&self, table: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.is_view && self.definition.split(|c| !is_part(c)).any(|word| word == table)
    }
}

#[derive(Clone, Debug, QueryableByName)]
pub struct Column {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Whether it belongs to the primary key.
    #[diesel(sql_type = Bool)]
    pub key: bool,
    /// Whether the name is compared without regard to case.
    #[diesel(sql_type = Bool)]
    pub any_case: bool,
}

impl Column {
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.any_case && self.name.eq_ignore_ascii_case(name)
    }
}

/// A foreign key of one column.
#[derive(Clone, Debug, QueryableByName)]
pub struct ForeignKey {
    #[diesel(sql_type = Text)]
    pub column: String,
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The column of the other table; empty: its primary key.
    #[diesel(sql_type = Text)]
    pub target: String,
}

/// A source's schema, asked table by table.
pub struct Schema<'a> {
    conn: &'a mut Conn,
    origin: &'a Origin,
    tables: Vec<Table>,
}

impl<'a> Schema<'a> {
    pub fn read(conn: &'a mut Conn, origin: &'a Origin) -> Result<Self, StoreError> {
        let query = match conn {
            // The tables that this role finds by their name alone, through its search_path.
            Conn::Pg(_) => {
                "select cast(relname as text) as name, relkind in ('v', 'm') as is_view, \
                 case when relkind in ('v', 'm') then coalesce(pg_get_viewdef(oid), '') else '' end as definition \
                 from pg_class where relkind in ('r', 'p', 'v', 'm', 'f') and pg_table_is_visible(oid) \
                 and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
                 order by relname"
            }
            Conn::Sqlite(_) => {
                "select name, type = 'view' as is_view, coalesce(sql, '') as definition from sqlite_master \
                 where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' order by name"
            }
        };
        let tables = diesel::sql_query(query).load(conn).map_err(|error| origin.cannot_read(error))?;
        Ok(Self { conn, origin, tables })
    }

    pub const fn origin(&self) -> &Origin {
        self.origin
    }

    pub const fn conn(&self) -> &Conn {
        self.conn
    }

    /// Whether the tables are a dump's, whose values are of the types that the dump gave them.
    pub const fn is_dump(&self) -> bool {
        matches!(self.origin, Origin::Dump(_))
    }

    /// A column that holds texts. What is none in a dump, such as a list, is marked.
    pub fn text(&self, column: &str) -> String {
        if !self.is_dump() {
            return format!("cast({column} as text)");
        }
        let mark = hex::encode(NOT_TEXT);
        format!("case when typeof({column}) in ('text', 'null') then {column} else x'{mark}' end")
    }

    /// The error for a table that is not there, though a flag names it.
    pub fn no_table(&self, table: &str, flag: &str) -> StoreError {
        let origin = self.origin;
        let advice = if self.is_dump() {
            let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
            let names = if names.is_empty() { "none that could be meant".into() } else { names.join(", ") };
            format!("a dump has models, as APP.MODEL, in place of tables; this one has {names}")
        } else {
            format!("see {flag}")
        };
        StoreError::Unusable(format!("there is no table {table} in {origin}, which {flag} names: {advice}"))
    }

    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    pub fn count(&mut self, query: &str) -> Result<i64, StoreError> {
        let counted: Result<Count, _> = diesel::sql_query(query).get_result(self.conn);
        Ok(counted.map_err(|error| self.origin.cannot_read(error))?.count)
    }

    /// The answer of a query of one column, `word`.
    pub fn words(&mut self, query: &str) -> Result<Vec<String>, StoreError> {
        let words: Result<Vec<Word>, _> = diesel::sql_query(query).load(self.conn);
        Ok(words.map_err(|error| self.origin.cannot_read(error))?.into_iter().map(|word| word.word).collect())
    }

    /// The columns of a table; none if there is no such table.
    pub fn columns(&mut self, table: &str) -> Result<Vec<Column>, StoreError> {
        let query = match self.conn {
            Conn::Pg(_) => {
                "select cast(a.attname as text) as name, format_type(a.atttypid, null) as kind, \
                 coalesce(a.attnum = any (i.indkey), false) as key, false as any_case from pg_attribute a \
                 left join pg_index i on i.indrelid = a.attrelid and i.indisprimary \
                 where a.attrelid = to_regclass(quote_ident($1)) and a.attnum > 0 and not a.attisdropped order by a.attnum"
            }
            // `table_xinfo` also lists generated columns.
            Conn::Sqlite(_) => {
                "select name, type as kind, pk > 0 as key, true as any_case from pragma_table_xinfo($1) where hidden <> 1 \
                 order by cid"
            }
        };
        let columns = diesel::sql_query(query).bind::<Text, _>(table).load(self.conn);
        columns.map_err(|error| self.origin.cannot_read(error))
    }

    /// The foreign keys of a table.
    pub fn foreign_keys(&mut self, table: &str) -> Result<Vec<ForeignKey>, StoreError> {
        let query = match self.conn {
            Conn::Pg(_) => {
                "select cast(a.attname as text) as \"column\", cast(r.relname as text) as \"table\", \
                 cast(b.attname as text) as target from pg_constraint c join pg_class r on r.oid = c.confrelid \
                 join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1] \
                 join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.confkey[1] \
                 where c.contype = 'f' and array_length(c.conkey, 1) = 1 and c.conrelid = to_regclass(quote_ident($1)) \
                 order by a.attnum"
            }
            Conn::Sqlite(_) => {
                "select \"from\" as \"column\", \"table\" as \"table\", coalesce(\"to\", '') as target \
                 from pragma_foreign_key_list($1) f where not exists (select 1 from pragma_foreign_key_list($1) g \
                 where g.id = f.id and g.seq > 0) order by id desc"
            }
        };
        let keys = diesel::sql_query(query).bind::<Text, _>(table).load(self.conn);
        keys.map_err(|error| self.origin.cannot_read(error))
    }
}

/// The column of this name. In a dump, columns have the names of fields: `user`, not `user_id`.
pub fn find<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    let exact = |name: &str| columns.iter().find(|column| column.is(name));
    exact(name).or_else(|| exact(&format!("{name}_id"))).or_else(|| exact(name.strip_suffix("_id")?))
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The names of columns, for messages.
pub fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}
