//! What a role of PostgreSQL needs.

/// Advice: the grants that a role needs to read and write rows.
pub fn grants(schema: &str, role: &str) -> String {
    format!(
        "let the owner of jeton's tables run `grant usage on schema {schema} to {role}` and `grant select, insert, update, \
         delete on all tables in schema {schema} to {role}` (docs/postgresql.md, Roles)"
    )
}
