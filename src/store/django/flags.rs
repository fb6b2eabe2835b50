//! Flags of users and tokens as SQL: `true`, `false`, or NULL.

/// The flag in this column; of a negated one, true where the column is NULL or false, so that it can be a date, too.
pub fn flag_of(column: &str, is_negated: bool) -> String {
    let text = format!("lower(cast({column} as text))");
    let is_false = format!("({column} is null or {text} in ('0', 'false', 'f', ''))");
    if is_negated {
        return format!("case when {is_false} then 'true' else 'false' end");
    }
    format!(
        "case when {text} in ('1', 'true', 't') then 'true' when {text} in ('0', 'false', 'f') then 'false' else {text} end"
    )
}

/// True where all flags are.
pub fn all(flags: &[String]) -> String {
    match flags {
        [flag] => flag.clone(),
        flags => {
            let each: Vec<String> = flags.iter().map(|flag| format!("({flag}) = 'true'")).collect();
            format!("case when {} then 'true' else 'false' end", each.join(" and "))
        }
    }
}
