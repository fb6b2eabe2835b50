//! Tables that look like tokens and are not imported.

use super::super::StoreError;
use super::schema::{Column, Schema, quoted};
use super::token_queries::TokenQueries;
use crate::domain::django::DjangoOptions;

/// Those with rows, and what a person may add to import them.
pub fn left_out(
    schema: &mut Schema<'_>,
    options: &DjangoOptions,
    imported: &[TokenQueries],
) -> Result<Vec<String>, StoreError> {
    let named: Vec<String> = schema.tables().iter().map(|table| table.name.clone()).collect();
    let mut found = Vec::new();
    for table in named {
        let is_known = table == options.user_table || imported.iter().any(|tokens| tokens.table == table);
        if is_known || table.starts_with("django_") || table.starts_with("auth_") {
            continue;
        }
        let columns = schema.columns(&table)?;
        if !looks_like_tokens(&table, &columns) {
            continue;
        }
        let rows = schema.count(&format!("select count(*) as count from {}", quoted(&table)))?;
        if rows > 0 {
            let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
            let is_knox = columns.iter().any(|column| column.is("digest") || column.is("token_key"));
            let (flag, what) = if is_knox { ("--knox-table", "Knox's digests") } else { ("--token-table", "keys") };
            found.push(format!("{table} ({rows}) looks like tokens: if it has {what}, {flag} {table}"));
        }
    }
    Ok(found)
}

fn looks_like_tokens(table: &str, columns: &[Column]) -> bool {
    const KEYS: [&str; 6] = ["key", "token", "digest", "token_key", "access_token", "api_key"];
    let name = table.to_ascii_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| columns.iter().any(|column| column.is(name)));
    let is_named = ["token", "apikey", "api_key"].iter().any(|word| name.contains(word));
    is_named || has(&["user_id", "user", "owner_id", "account_id"]) && has(&KEYS)
}
