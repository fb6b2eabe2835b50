//! The tables: the same in both databases, created and dropped by migrations, readable by an operator.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jeton::domain::database_url::DatabaseUrl;
use jeton::domain::time::Timestamp;
use jeton::domain::user::UsernameCase;
use jeton::store::{MetaKey, Replaced, SchemaState, Store, StoreError, StoreOptions};

use super::{TestStore, by, new_user, open};
use crate::on_both;
use crate::support::app::Kind;

const TABLES: [&str; 13] = [
    "audit_log",
    "client_usage",
    "clients",
    "console_forms",
    "groups",
    "imported_users",
    "login_networks",
    "meta",
    "password_links",
    "sessions",
    "tokens",
    "user_groups",
    "users",
];

/// `table.column null?`, in the order of the columns.
fn columns(test: &TestStore) -> String {
    if test.database.postgres.is_some() {
        return test.sql(
            "select table_name || '.' || column_name || ' ' || lower(is_nullable) from information_schema.columns \
             where table_schema = 'public' and table_name not like '\\_\\_%' order by table_name collate \"C\", ordinal_position",
        );
    }
    let table = |name: &str| {
        test.sql(&format!(
            "select '{name}.' || name || case when \"notnull\" or pk then ' no' else ' yes' end from pragma_table_info('{name}')"
        ))
    };
    TABLES.map(table).join("\n")
}

/// `table(columns) unique? partial?`, sorted: indexes and unique constraints, without primary keys.
fn indexes(test: &TestStore) -> Vec<String> {
    let mut rows: Vec<String> = if test.database.postgres.is_some() {
        test.sql(
            "select c.relname || '(' || (select string_agg(a.attname, ',' order by a.attnum) from pg_attribute a \
             where a.attrelid = i.indexrelid) || ') ' || i.indisunique::int || (i.indpred is not null)::int \
             from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = 'public' and not i.indisprimary and c.relname not like '\\_\\_%' \
             and i.indexrelid::regclass::text !~ '^users_(search|.*_folded)$'", // what ignores case differs
        )
    } else {
        let table = |name: &str| {
            test.sql(&format!(
                "select '{name}(' || (select group_concat(name, ',') from pragma_index_info(i.name)) || ') ' \
                 || i.\"unique\" || i.partial from pragma_index_list('{name}') i where i.origin <> 'pk' \
                 and i.name not like '%_folded' and i.name not like 'users_%_others'"
            ))
        };
        TABLES.map(table).join("\n")
    }
    .lines()
    .filter(|line| !line.is_empty())
    .map(str::to_owned)
    .collect();
    rows.sort();
    rows
}

/// `table.column -> table.column, on delete`, sorted.
fn references(test: &TestStore) -> Vec<String> {
    let mut rows: Vec<String> = if test.database.postgres.is_some() {
        test.sql(
            "select k.conrelid::regclass || '.' || a.attname || '->' || k.confrelid::regclass || '.' || b.attname \
             || case k.confdeltype when 'c' then ' cascade' else ' ' || k.confdeltype::text end from pg_constraint k \
             join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1] \
             join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1] where k.contype = 'f'",
        )
    } else {
        let table = |name: &str| {
            test.sql(&format!(
                "select '{name}.' || \"from\" || '->' || \"table\" || '.' || \"to\" || ' ' || lower(on_delete) \
                 from pragma_foreign_key_list('{name}')"
            ))
        };
        TABLES.map(table).join("\n")
    }
    .lines()
    .filter(|line| !line.is_empty())
    .map(str::to_owned)
    .collect();
    rows.sort();
    rows
}

#[test]
fn both_databases_have_the_same_tables() {
    let (sqlite, postgres) = (TestStore::new(Kind::Sqlite), TestStore::new(Kind::Postgres));
    // Cursors differ between the databases, and so does the table of the change log.
    let shared =
        |columns: String| columns.lines().filter(|line| !line.starts_with("changes.")).collect::<Vec<_>>().join("\n");
    let indexed = |test| indexes(test).into_iter().filter(|index| !index.starts_with("changes(")).collect::<Vec<_>>();
    assert_eq!(shared(columns(&sqlite)), shared(columns(&postgres)));
    assert_eq!(indexed(&sqlite), indexed(&postgres));
    assert_eq!(references(&sqlite), references(&postgres));
    assert!(columns(&postgres).contains("tokens.revoked_by yes") && columns(&sqlite).contains("users.id no"));
    assert!(indexes(&sqlite).contains(&"tokens(user_id) 11".to_owned()), "one sealed token a user");
    assert!(indexes(&postgres).contains(&"tokens(digest) 10".to_owned()));
    assert_eq!(references(&postgres).len(), 11);
}

on_both! {
    fn migrations_go_up_and_down_and_up_again(db) {
        let test = TestStore::empty(db);
        assert_eq!(test.store.schema_state().unwrap(), SchemaState::Missing);
        let run = test.store.migrate().unwrap();
        assert!(!run.is_empty());
        assert_eq!(test.store.migrate().unwrap(), Vec::<String>::new());
        assert_eq!(test.store.schema_state().unwrap(), SchemaState::Current);
        let tables = columns(&test);
        test.user("alice");
        let kind = if db == Kind::Postgres { "postgres" } else { "sqlite" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
        let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        for migration in folders.iter().rev() {
            test.sql(&fs::read_to_string(migration.join("down.sql")).unwrap());
        }
        assert_eq!(columns(&test).trim(), "", "no column is left");
        test.sql("delete from __diesel_schema_migrations");
        assert_eq!(test.store.schema_state().unwrap(), SchemaState::Missing);
        assert_eq!(test.store.migrate().unwrap(), run);
        assert_eq!(columns(&test), tables);
        assert_eq!(test.user("alice").id, 1);
    }

    fn reading_the_state_of_the_schema_creates_no_table(db) {
        let test = TestStore::empty(db);
        assert_eq!(test.store.schema_state().unwrap(), SchemaState::Missing);
        let tables = if db == Kind::Postgres { "pg_tables where schemaname = 'public'" } else { "sqlite_master" };
        assert_eq!(test.sql(&format!("select count(*) from {tables}")), "0");
    }

    fn a_database_of_a_newer_jeton_is_not_changed(db) {
        let test = TestStore::new(db);
        let newer = "99990101000000";
        test.sql(&format!("insert into __diesel_schema_migrations (version) values ('{newer}')"));
        assert_eq!(test.store.schema_state().unwrap(), SchemaState::Ahead);
        assert_eq!(test.store.migrate().unwrap(), Vec::<String>::new());
        test.sql(&format!("update meta set value = '{newer}' where key = 'schema_usable_from'"));
        let state = SchemaState::Newer { unknown: newer.into(), needs: newer.into() };
        assert_eq!(test.store.schema_state().unwrap(), state);
        test.sql("delete from meta where key = 'schema_usable_from'");
        assert_eq!(test.store.schema_state().unwrap(), state);
        let refused = test.store.migrate();
        assert!(matches!(&refused, Err(StoreError::Unusable(why)) if why.contains("99990101000000")), "{refused:?}");
    }

    fn nodes_that_start_at_once_migrate_once(db) {
        let test = TestStore::empty(db);
        let stores: Vec<_> = (0..6).map(|_| open(&test.database)).collect();
        let run = std::thread::scope(|scope| {
            let threads: Vec<_> = stores.iter().map(|store| scope.spawn(|| store.migrate().unwrap().len())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(run.iter().filter(|run| **run > 0).count(), 1, "{run:?}");
        assert_eq!(test.store.schema_state().unwrap(), SchemaState::Current);
    }

    fn an_operator_reads_times_to_the_microsecond(db) {
        let test = TestStore::new(db);
        for (number, micros, text) in [
            (1, 1_750_000_000_123_456, "2025-06-15 15:06:40.123456"),
            (2, 1_750_000_000_000_000, "2025-06-15 15:06:40"),
            (3, 1_750_000_000_000_001, "2025-06-15 15:06:40.000001"),
            (4, 1_750_000_000_120_000, "2025-06-15 15:06:40.12"),
        ] {
            let (moment, name) = (Timestamp::from_micros(micros), format!("u{number}"));
            test.store.create_user(&new_user(&name), &by("root"), moment).unwrap();
            assert_eq!(test.store.user(&name).unwrap().unwrap().date_joined, moment);
            let shown = test.sql(&format!("select date_joined from users where id = {number}"));
            assert_eq!(shown.trim_end_matches("+00").trim_end_matches('0'), text.trim_end_matches('0'));
        }
        let order = test.sql("select username from users order by date_joined").replace('\n', " ");
        assert_eq!(order, "u2 u3 u4 u1");
    }

    fn the_first_value_of_a_meta_key_is_not_replaced(db) {
        let test = TestStore::new(db);
        assert_eq!(test.store.meta(MetaKey::SecretKeyCheck).unwrap(), None);
        assert_eq!(test.store.meta_or_insert(MetaKey::SecretKeyCheck, "one").unwrap(), "one");
        assert_eq!(test.store.meta_or_insert(MetaKey::SecretKeyCheck, "two").unwrap(), "one");
        assert_eq!(test.store.meta(MetaKey::SecretKeyCheck).unwrap().as_deref(), Some("one"));
    }

    fn a_value_that_another_node_has_replaced_is_not_overwritten(db) {
        let test = TestStore::new(db);
        let value = |key| test.store.meta(key).unwrap().unwrap();
        for key in [MetaKey::HashCosts, MetaKey::SecretKeyCheck] {
            test.store.meta_or_insert(key, "one").unwrap();
        }
        let costs = |old, new| test.store.replace_meta(MetaKey::HashCosts, old, new).unwrap();
        assert_eq!([costs("one", "two"), costs("one", "three")], [Replaced::Done, Replaced::ByOthers]);
        let check = |old, new| test.store.replace_secret_key(old, new).unwrap();
        assert_eq!([check("one", "two"), check("one", "three")], [Replaced::Done, Replaced::ByOthers]);
        let keys = [MetaKey::HashCosts, MetaKey::SecretKeyCheck, MetaKey::RetiredSecretKeys];
        assert_eq!(keys.map(value), ["two", "two", "one"]);
    }
}

#[test]
fn an_ordinary_role_that_owns_its_database_is_enough() {
    let test = TestStore::empty(Kind::Postgres);
    let role = format!("ordinary_{}", std::process::id());
    test.sql(&format!("create role {role} login; grant create, usage on schema public to {role}"));
    let url = DatabaseUrl::parse(&test.database.url.replace("jeton@", &format!("{role}@"))).unwrap();
    let store = Store::open(
        &url,
        &StoreOptions { pool: 2, timeout: Duration::from_secs(10), username_case: UsernameCase::Exact },
    )
    .unwrap();
    assert!(!store.migrate().unwrap().is_empty());
    let alice = store.create_user(&new_user("alice"), &by("root"), Timestamp::from_micros(0)).unwrap();
    assert_eq!(store.user("alice").unwrap().unwrap().id, alice.id);
    drop(store);
    test.sql(&format!("drop owned by {role}; drop role {role}"));
}
