//! The lookup behind every introspection that the cache does not answer.

use std::collections::HashMap;

use diesel::dsl::SqlTypeOf;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Binary, Text};

use super::connection::Conn;
use super::schema::{tokens, users};
use super::token_rows::FactsRow;
use super::user_rows::{UserRow, with_groups};
use super::{Store, StoreError};
use crate::domain::token::{TokenDigest, TokenFacts};
use crate::domain::user::User;

/// Tokens and their users, by the tokens' digests.
type TokensByDigest = HashMap<TokenDigest, (TokenFacts, User)>;

impl Store {
    /// The tokens with these digests and their users, live or not.
    pub fn tokens(&self, digests: &[TokenDigest]) -> Result<TokensByDigest, StoreError> {
        let wanted: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        self.read(|conn| match conn {
            Conn::Pg(pg) => find_postgres(pg, wanted.clone()),
            Conn::Sqlite(_) => find_portable(conn, wanted.clone()),
        })
    }
}

fn find_portable(conn: &mut Conn, wanted: Vec<&[u8]>) -> Result<TokensByDigest, StoreError> {
    let rows: Vec<(Vec<u8>, FactsRow, UserRow)> = tokens::table
        .inner_join(users::table)
        .filter(tokens::digest.eq_any(wanted))
        .select((tokens::digest, FactsRow::as_select(), UserRow::as_select()))
        .load(conn)?;
    let mut tokens = Vec::with_capacity(rows.len());
    let mut owners: HashMap<i64, UserRow> = HashMap::new();
    for (digest, token, owner) in rows {
        tokens.push((digest, token, owner.id));
        owners.insert(owner.id, owner);
    }
    let owners = with_groups(conn, owners.into_values().collect())?;
    let owners: HashMap<i64, User> = owners.into_iter().map(|owner| (owner.id, owner)).collect();
    let owned = tokens.into_iter().filter_map(|(digest, token, owner)| Some((digest, token, owners.get(&owner)?)));
    owned.map(|(digest, token, owner)| Ok((parse_digest(&digest)?, (token.into(), owner.clone())))).collect()
}

fn find_postgres(conn: &mut PgConnection, digests: Vec<&[u8]>) -> Result<TokensByDigest, StoreError> {
    let (token, user) =
        (<FactsRow as Selectable<Pg>>::construct_selection(), <UserRow as Selectable<Pg>>::construct_selection());
    let query = WithDigests { digests, token, user };
    let rows: Vec<(Vec<u8>, FactsRow, UserRow, Vec<String>)> = query.load(conn)?;
    let found = rows.into_iter().map(|(digest, token, owner, mut groups)| {
        // Sorted here, because the order of the database depends on its collation.
        groups.sort_unstable();
        Ok((parse_digest(&digest)?, (token.into(), owner.user(groups))))
    });
    found.collect()
}

fn parse_digest(digest: &[u8]) -> Result<TokenDigest, StoreError> {
    TokenDigest::from_bytes(digest).ok_or_else(|| StoreError::Failed("a token's digest has a wrong length".into()))
}

/// PostgreSQL's statement, which reads the groups, too. It is written by hand so that it is prepared once for any
/// number of digests. Otherwise building and planning it would be most of a lookup's cost (`scripts/bench cold`).
struct WithDigests<'a> {
    digests: Vec<&'a [u8]>,
    token: Columns<FactsRow>,
    user: Columns<UserRow>,
}

type Columns<R> = <R as Selectable<Pg>>::SelectExpression;

impl Query for WithDigests<'_> {
    type SqlType = (Binary, SqlTypeOf<Columns<FactsRow>>, SqlTypeOf<Columns<UserRow>>, Array<Text>);
}

impl QueryId for WithDigests<'_> {
    type QueryId = WithDigests<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for WithDigests<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select tokens.digest, ");
        self.token.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.user.walk_ast(out.reborrow())?;
        out.push_sql(
            ", array(select groups.name from user_groups join groups on groups.id = user_groups.group_id \
             where user_groups.user_id = users.id) \
             from tokens join users on users.id = tokens.user_id where tokens.digest = any(",
        );
        out.push_bind_param::<Array<Binary>, _>(&self.digests)?;
        out.push_sql(")");
        Ok(())
    }
}

impl RunQueryDsl<PgConnection> for WithDigests<'_> {}
