//! What refers to users and groups in a dump: memberships, and natural keys.

use diesel::connection::SimpleConnection;
use diesel::{RunQueryDsl, SqliteConnection};

use super::super::super::StoreError;
use super::super::rows::Count;
use super::super::schema::quoted;
use super::stage::{Stage, Table, write};

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
            if users.columns.iter().any(|column| column == "groups") {
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
        let groups: Vec<&Table> = tables.iter().filter(|table| table.is_group && !table.is_empty).collect();
        let (table, key) = (quoted(&users.name), quoted(&users.columns[0]));
        let members = quoted(&format!("{}_groups", users.name));
        let group = groups.first().map_or("auth_group", |group| group.name.as_str());
        let quoted_group = quoted(group);
        self.run(&format!(
            "create table {members} (user_id references {table} ({key}), group_id references {quoted_group} (id))"
        ))?;
        // With natural keys, a group is the list of its name.
        let natural = if groups.is_empty() {
            "null".to_owned()
        } else {
            // A natural key of several parts is no name.
            format!("(select id from {quoted_group} where name = g.value ->> 0 and json_array_length(g.value) = 1)")
        };
        self.run(&format!(
            "insert into {members} select u.{key}, case g.type when 'array' then {natural} else g.value end \
             from {table} u, json_each(u.\"groups\") g"
        ))?;
        self.run(&format!("create index dump_members on {members} (user_id)"))?;
        // A lone model whose name is like a group's may be something else.
        let is_certain = self.options.group_table.is_some() || groups.iter().all(|group| group.name == "auth_group");
        if !is_certain {
            let count: Result<Count, _> =
                diesel::sql_query(format!("select count(*) as count from {members}")).get_result(&mut self.conn);
            if count.map_err(|error| self.origin.cannot_read(error))?.count > 0 {
                let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
                return Err(StoreError::Unusable(format!(
                    "{} does not say which groups users are in, those of {}: give one with --group-table",
                    self.origin,
                    names.join(" or of ")
                )));
            }
        }
        Ok(())
    }

    /// With natural keys, a token's user is the list of their name.
    fn resolve_users(&mut self, users: &Table, tokens: &Table) -> Result<(), StoreError> {
        let username = self.options.map.get("username").map_or(&self.options.username_column, |column| &column.name);
        if !users.columns.contains(username) {
            return Ok(());
        }
        let table = quoted(&tokens.name);
        let (key, username, users) = (quoted(&users.columns[0]), quoted(username), quoted(&users.name));
        let mut has_index = false;
        for column in tokens.columns[1..].iter().map(|column| quoted(column)) {
            let natural = format!("typeof({column}) = 'text' and {column} like '[\"%' and json_valid({column})");
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
                 where u.{username} = {column} ->> 0 and json_array_length({column}) = 1) \
                 where {natural}"
            ))?;
        }
        // Tokens are read by user.
        let user = tokens.columns.iter().find(|column| ["user", "owner", "account"].contains(&column.as_str()));
        let index = quoted(&format!("dump_{}", tokens.name));
        user.map_or(Ok(()), |user| self.run(&format!("create index {index} on {table} ({})", quoted(user))))
    }
}
