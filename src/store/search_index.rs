//! PostgreSQL's index for searches among users. It needs the extension `pg_trgm`, which may be missing. It is built
//! concurrently, which a migration cannot do, because it is one transaction.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};

use super::connection::{Conn, Role};
use super::folded_sql::Engine;
use super::users::searched;
use super::{Store, StoreError};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::safe_text::one_line;

/// An arbitrary number, the same in every jeton: only one node builds the index.
const LOCK: i64 = 0x6a65_746f_6e00_0002;

#[derive(diesel::QueryableByName)]
struct YesNo {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

#[derive(diesel::QueryableByName)]
struct ExtensionSchema {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Store {
    /// Creates the index if it is missing. This may take minutes, so it runs on a thread of its own. SQLite has no such
    /// index.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with what to do, when it cannot be created. Searches among many users are slow then.
    pub fn make_search_index(&self) -> Result<(), StoreError> {
        match &self.url {
            DatabaseUrl::Postgres(_) => {}
            DatabaseUrl::Sqlite(_) => return Ok(()),
        }
        if self.read(exists)? {
            return Ok(());
        }
        if self.pools.current().servers.shares_sessions() {
            // Building needs a lock and a setting that last as long as the session.
            return Err(StoreError::Unusable(
                "searches among many users will be slow, because their index is not created through a transaction pooler: run \
                 `jeton migrate` with a DATABASE_URL that goes to PostgreSQL itself"
                    .into(),
            ));
        }
        let url = self.current_url();
        let manager = self.manager(Role::Write);
        let mut conn = r2d2::ManageConnection::connect(&manager)
            .map_err(|error| StoreError::Unavailable(url.scrub(&error.to_string())))?;
        conn.batch_execute("set statement_timeout = 0")?;
        if !yes(&mut conn, &format!("select pg_try_advisory_lock({LOCK}) as yes"))? {
            return Ok(());
        }
        build(&mut conn).map_err(|error| {
            StoreError::Unusable(format!(
                "searches among many users will be slow, because their index cannot be created ({}): let a superuser run `create \
                 extension pg_trgm` in jeton's database, and then the owner of its tables `jeton migrate`",
                one_line(&error.to_string())
            ))
        })
    }
}

fn yes(conn: &mut Conn, query: &str) -> Result<bool, StoreError> {
    Ok(diesel::sql_query(query).get_result::<YesNo>(conn)?.yes)
}

fn exists(conn: &mut Conn) -> Result<bool, StoreError> {
    let valid =
        "select exists (select from pg_index where indexrelid = to_regclass('users_search') and indisvalid) as yes";
    yes(conn, valid)
}

/// Whether the extension exists, or this role may create it.
const MAY_HAVE_EXTENSION: &str = "exists (select from pg_extension where extname = 'pg_trgm') \
                                  or (has_database_privilege(current_database(), 'CREATE') \
                                      and exists (select from pg_available_extensions where name = 'pg_trgm'))";

/// Whether this role may create indexes on `users`.
const OWNS_USERS: &str = "(select pg_has_role(relowner, 'USAGE') from pg_class where oid = 'users'::regclass)";

fn build(conn: &mut Conn) -> Result<(), StoreError> {
    // Another node may have built it since. An invalid index, left by an interrupted build, is dropped first.
    if exists(conn)? {
        return Ok(());
    }
    // Checked first: the server would log a refused statement as an error, at each start of each node.
    for (may, what) in [
        (MAY_HAVE_EXTENSION, "the extension pg_trgm is missing"),
        (OWNS_USERS, "this role does not own the table users"),
    ] {
        if !yes(conn, &format!("select {may} as yes"))? {
            return Err(StoreError::Unusable(what.into()));
        }
    }
    conn.batch_execute("drop index concurrently if exists users_search")?;
    conn.batch_execute("create extension if not exists pg_trgm")?;
    let home = "select quote_ident(nspname) as name from pg_extension join pg_namespace on pg_namespace.oid = extnamespace \
                where extname = 'pg_trgm'";
    let home = diesel::sql_query(home).get_result::<ExtensionSchema>(conn)?.name;
    log::info!("building the index of searches among users");
    let searched = searched(Engine::of(conn)?);
    conn.batch_execute(&format!(
        "create index concurrently users_search on users using gin (({searched}) {home}.gin_trgm_ops)"
    ))?;
    // The planner learns how rare a word is from a sample of the indexed text.
    conn.batch_execute("analyze users")?;
    Ok(())
}
