//! The flags that say how a source is read. The next import from the same source must not forget one: whom a flag had made
//! inactive would come back.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::duration;
use super::options::DjangoOptions;
use super::table_options::TokenTableOptions;

/// The flags as they are written, by what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenFlags(BTreeMap<String, String>);

impl GivenFlags {
    /// The flags of these options that are not Django's defaults.
    #[must_use]
    pub fn of(options: &DjangoOptions) -> Self {
        let mut flags = Self::default();
        if options.user_table != "auth_user" {
            flags.add("user-table", "", &options.user_table);
        }
        if options.username_column != "username" {
            flags.add("username-column", "", &options.username_column);
        }
        // A column that takes a right away is remembered apart from others of the same field.
        let columns = options.map.pairs();
        for (field, column) in columns {
            let which = if column.is_negated { format!("{field} {column}") } else { field.to_owned() };
            flags.add("map", &which, &format!("{field}={column}"));
        }
        if let Some(table) = &options.group_table {
            flags.add("group-table", "", table);
        }
        if let Some(members) = &options.membership_table {
            flags.add("membership-table", "", &members.table);
        }
        for (flag, tables) in [("token-table", &options.token_tables), ("knox-table", &options.knox_tables)] {
            for table in tables {
                flags.add_tokens(flag, table);
            }
        }
        for alias in &options.hash_aliases {
            flags.add("hash-alias", &alias.name, &format!("{}={}", alias.name, alias.format));
        }
        if let Some(lifetime) = options.tokens_expire {
            flags.add("tokens-expire", "", &duration::text(lifetime));
        }
        if let Some(zone) = &options.time_zone {
            flags.add("time-zone", "", &zone.to_string());
        }
        flags
    }

    fn add_tokens(&mut self, flag: &str, given: &TokenTableOptions) {
        let TokenTableOptions { table, key: _, user: _, created: _, expiry, active } = given;
        self.add(flag, table, table);
        if let Some(expiry) = expiry {
            self.add(flag, &format!("{table} expiry"), &format!("'{table}(expiry={expiry})'"));
        }
        if let Some(active) = active {
            self.add(flag, &format!("{table} active"), &format!("'{table}(active={active})'"));
        }
    }

    fn add(&mut self, flag: &str, which: &str, value: &str) {
        self.0.insert(format!("{flag} {which}"), format!("--{flag} {value}"));
    }

    /// From the database.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// For the database.
    #[must_use]
    pub fn stored(&self) -> String {
        json!(self.0).to_string()
    }

    /// Those of these flags that another import does not have, as they were written. A flag with another value counts as
    /// given: whoever writes it knows of it.
    #[must_use]
    pub fn not_in(&self, other: &Self) -> Vec<&str> {
        let forgotten = self.0.iter().filter(|(what, _)| !other.0.contains_key(*what));
        forgotten.map(|(_, written)| written.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ColumnMap, HashAlias};
    use super::*;

    fn options(pairs: &[&str], tables: &[&str], aliases: &[&str]) -> DjangoOptions {
        DjangoOptions {
            user_table: "auth_user".into(),
            username_column: "username".into(),
            group_table: None,
            membership_table: None,
            map: ColumnMap::parse(&pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>()).unwrap(),
            token_tables: tables.iter().map(|table| table.parse().unwrap()).collect(),
            knox_tables: Vec::new(),
            hash_aliases: aliases.iter().map(|alias| alias.parse::<HashAlias>().unwrap()).collect(),
            tokens_expire: None,
            time_zone: None,
        }
    }

    #[test]
    fn a_flag_that_is_forgotten_is_named_and_one_with_another_value_is_not() {
        let pairs = ["is_active=active", "is_active=not:deleted_at", "name=full_name"];
        let before = GivenFlags::of(&options(&pairs, &["a(active=ok)", "b"], &["shop=bcrypt"]));
        let stored = GivenFlags::from_stored(&before.stored()).unwrap();
        assert_eq!(stored, before);
        assert!(GivenFlags::from_stored("x").is_none());
        let after = GivenFlags::of(&options(&["is_active=enabled", "name=display"], &["a", "c"], &[]));
        assert_eq!(
            stored.not_in(&after),
            [
                "--hash-alias shop=bcrypt",
                "--map is_active=not:deleted_at",
                "--token-table 'a(active=ok)'",
                "--token-table b"
            ]
        );
        assert!(stored.not_in(&before).is_empty());
        assert!(GivenFlags::of(&options(&[], &[], &[])).not_in(&before).is_empty());
        let mut more = options(&[], &[], &[]);
        more.username_column = "email".into();
        more.group_table = Some("teams".into());
        more.membership_table = "seats(user=person)".parse().ok();
        more.knox_tables = vec!["k(expiry=ends)".parse().unwrap()];
        more.tokens_expire = Some(std::time::Duration::from_hours(72));
        more.time_zone = "Europe/Berlin".parse().ok();
        let none = GivenFlags::of(&options(&[], &[], &[]));
        assert_eq!(
            GivenFlags::of(&more).not_in(&none),
            [
                "--group-table teams",
                "--knox-table k",
                "--knox-table 'k(expiry=ends)'",
                "--membership-table seats",
                "--time-zone Europe/Berlin",
                "--tokens-expire 3d",
                "--username-column email",
            ]
        );
    }
}
