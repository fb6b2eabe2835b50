//! What refers to users and groups in a dump: memberships, and natural keys.

use diesel::connection::SimpleConnection;
use diesel::{RunQueryDsl, SqliteConnection};

use super::super::super::StoreError;
use super::super::schema::Count;
use super::super::schema::quoted;
use super::stage::{Stage, Table, write};
use crate::domain::django::MembershipTableOptions;

impl Stage<'_> {
    /// The tables, complete, with memberships and indexes.
    pub fn finish(mut self) -> Result<SqliteConnection, StoreError> {
        let mut tables: Vec<Table> = self.tables.drain().filter_map(|(_, table)| table).collect();
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        for table in &mut tables {
            write(&mut self.conn, table).map_err(|error| self.origin.cannot_read(error))?;
        }
        for groups in tables.iter().filter(|table| table.is_group) {
            let unique = format!(
                "create unique index {} on {} (id)",
                quoted(&format!("dump_{}", groups.name)),
                quoted(&groups.name)
            );
            self.conn.batch_execute(&unique).map_err(|_| {
                StoreError::Unusable(format!("{} has two groups with one key: make the dump again", self.origin))
            })?;
        }
        let user_table = &self.options.user_table;
        if let Some(users) = tables.iter().find(|table| table.name == *user_table) {
            let unique =
                format!("create unique index dump_users on {} ({})", quoted(user_table), quoted(&users.columns[0]));
            self.conn.batch_execute(&unique).map_err(|_| {
                StoreError::Unusable(format!("{} has two users with one key: make the dump again", self.origin))
            })?;
            if let Some(given) = &self.options.membership_table {
                self.copy_memberships(users, &tables, given)?;
            } else if users.columns.iter().any(|column| column == "groups") {
                self.add_memberships(users, &tables)?;
            }
            for table in tables.iter().filter(|table| table.name != *user_table && !table.is_group) {
                self.resolve_users(users, table)?;
            }
        }
        self.run("commit")?;
        Ok(self.conn)
    }

    /// A user's groups are a list in a field. The dump does not say of which model they are.
    fn add_memberships(&mut self, users: &Table, tables: &[Table]) -> Result<(), StoreError> {
        let (table, key) = (quoted(&users.name), quoted(&users.columns[0]));
        let groups = self.groups(tables);
        let members = self.create_memberships(users, groups.first().copied())?;
        // With natural keys, a group is the list of its name. One of several parts is no name.
        let natural = groups.first().map_or_else(
            || "null".to_owned(),
            |group| {
                let group = quoted(&group.name);
                format!("(select id from {group} where name = g.value ->> 0 and json_array_length(g.value) = 1)")
            },
        );
        self.run(&format!(
            "insert into {members} select u.{key}, case g.type when 'array' then {natural} else g.value end \
             from {table} u, json_each(cast(u.\"groups\" as text)) g \
             where typeof(u.\"groups\") = 'blob' and cast(u.\"groups\" as text) like '[%'"
        ))?;
        self.end_memberships(&members, &groups)
    }

    /// Memberships that are objects of a model of their own (`through`).
    fn copy_memberships(
        &mut self,
        users: &Table,
        tables: &[Table],
        given: &MembershipTableOptions,
    ) -> Result<(), StoreError> {
        const FLAG: &str = "--membership-table";
        let Some(through) = tables.iter().find(|table| table.name == given.table) else {
            let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
            return Err(StoreError::Unusable(format!(
                "there is no model {} in {}, which {FLAG} names; there are {}",
                given.table,
                self.origin,
                names.join(", ")
            )));
        };
        let column = |named: &Option<String>, usual: &str| {
            let name = named.as_deref().unwrap_or(usual);
            let found = through.columns.iter().find(|column| *column == name).map(|column| quoted(column));
            found.ok_or_else(|| {
                StoreError::Unusable(format!(
                    "{} has no field {name}: {FLAG} '{0}(user=.., group=..)'; there are {}",
                    through.name,
                    through.columns.join(", ")
                ))
            })
        };
        let (user, group) = (column(&given.user, "user")?, column(&given.group, "group")?);
        let groups = self.groups(tables);
        let members = self.create_memberships(users, groups.first().copied())?;
        let (key, names) = (quoted(&users.columns[0]), self.username(users));
        let resolved = |column: &str, table: Option<&str>, key: &str, name: Option<&str>| {
            let text = format!("cast(m.{column} as text)");
            let natural = match (table, name) {
                (Some(table), Some(name)) => format!(
                    "(select {key} from {} where {name} = {text} ->> 0 and json_array_length({text}) = 1)",
                    quoted(table)
                ),
                _ => "null".to_owned(),
            };
            format!("case typeof(m.{column}) when 'blob' then {natural} else m.{column} end")
        };
        let group_table = groups.first().map(|group| group.name.as_str());
        self.run(&format!(
            "insert into {members} select {}, {} from {} m",
            resolved(&user, Some(&users.name), &key, names.as_deref()),
            resolved(&group, group_table, "id", Some("name")),
            quoted(&through.name)
        ))?;
        self.end_memberships(&members, &groups)
    }

    /// The models that may be the users' groups.
    fn groups<'t>(&self, tables: &'t [Table]) -> Vec<&'t Table> {
        let is_asked_for = self.options.group_table.is_some();
        tables.iter().filter(|table| table.is_group && (is_asked_for || !table.is_empty)).collect()
    }

    /// Creates the table of memberships, as Django calls it.
    fn create_memberships(&mut self, users: &Table, group: Option<&Table>) -> Result<String, StoreError> {
        let members = quoted(&format!("{}_groups", users.name));
        let (table, key) = (quoted(&users.name), quoted(&users.columns[0]));
        let group = quoted(group.map_or("auth_group", |group| group.name.as_str()));
        self.run(&format!(
            "create table {members} (user_id references {table} ({key}), group_id references {group} (id))"
        ))?;
        Ok(members)
    }

    fn end_memberships(&mut self, members: &str, groups: &[&Table]) -> Result<(), StoreError> {
        self.run(&format!("create index dump_members on {members} (user_id)"))?;
        // A lone model whose name is like a group's may be something else.
        if self.options.group_table.is_some() || groups.iter().all(|group| group.name == "auth_group") {
            return Ok(());
        }
        let count: Result<Count, _> =
            diesel::sql_query(format!("select count(*) as count from {members}")).get_result(&mut self.conn);
        if count.map_err(|error| self.origin.cannot_read(error))?.count == 0 {
            return Ok(());
        }
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        Err(StoreError::Unusable(format!(
            "{} does not say which groups users are in, those of {}: give one with --group-table",
            self.origin,
            names.join(" or of ")
        )))
    }

    /// The column of the names, by which natural keys name users; `None` if there is no such column.
    fn username(&self, users: &Table) -> Option<String> {
        let options = self.options;
        let name = options.map.get("username").map_or(&options.username_column, |column| &column.name);
        users.columns.contains(name).then(|| quoted(name))
    }

    /// With natural keys, a token's user is the list of their name.
    fn resolve_users(&mut self, users: &Table, tokens: &Table) -> Result<(), StoreError> {
        let Some(username) = self.username(users) else { return Ok(()) };
        let table = quoted(&tokens.name);
        let (key, users) = (quoted(&users.columns[0]), quoted(&users.name));
        let mut has_index = false;
        for column in tokens.columns[1..].iter().map(|column| quoted(column)) {
            let text = format!("cast({column} as text)");
            let natural = format!("typeof({column}) = 'blob' and {text} like '[%'");
            let count = format!("select count(*) as count from {table} where {natural}");
            let count: Result<Count, _> = diesel::sql_query(count).get_result(&mut self.conn);
            if count.map_err(|error| self.origin.cannot_read(error))?.count == 0 {
                continue;
            }
            if !std::mem::replace(&mut has_index, true) {
                self.run(&format!("create index if not exists dump_names on {users} ({username})"))?;
            }
            self.run(&format!(
                "update {table} set {column} = (select u.{key} from {users} u \
                 where u.{username} = {text} ->> 0 and json_array_length({text}) = 1) \
                 where {natural}"
            ))?;
        }
        // Tokens are read by user.
        let user = tokens.columns.iter().find(|column| ["user", "owner", "account"].contains(&column.as_str()));
        let index = quoted(&format!("dump_{}", tokens.name));
        user.map_or(Ok(()), |user| self.run(&format!("create index {index} on {table} ({})", quoted(user))))
    }
}
