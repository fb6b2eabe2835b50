//! Tables that are given with the names of their columns: `TABLE(key=.., user=..)`.

use std::str::FromStr;

use super::column_map::ColumnRef;

/// A table of tokens, and the columns that are not called as in Django REST framework's, or Knox's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTableOptions {
    /// The table.
    pub table: String,
    /// The key, or its digest.
    pub key: Option<String>,
    /// The user's key.
    pub user: Option<String>,
    /// When the token was created.
    pub created: Option<String>,
    /// When it expires.
    pub expiry: Option<String>,
    /// Whether it is accepted at all.
    pub active: Option<ColumnRef>,
}

impl FromStr for TokenTableOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (table, [key, user, created, expiry, active]) =
            parts(text, ["key", "user", "created", "expiry", "active"])?;
        let active = active.map(|active| active.parse()).transpose()?;
        Ok(Self { table, key, user, created, expiry, active })
    }
}

/// The table that says who is in which group, and its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipTableOptions {
    /// The table.
    pub table: String,
    /// The user's key.
    pub user: Option<String>,
    /// The group's key.
    pub group: Option<String>,
}

impl FromStr for MembershipTableOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (table, [user, group]) = parts(text, ["user", "group"])?;
        Ok(Self { table, user, group })
    }
}

/// The table, and its columns in the order of `names`.
fn parts<const N: usize>(text: &str, names: [&str; N]) -> Result<(String, [Option<String>; N]), String> {
    let form = || format!("write TABLE or TABLE({}=..)", names.join("=.., "));
    let (table, pairs) = match text.split_once('(') {
        Some((table, rest)) => (table.trim(), rest.trim_end().strip_suffix(')').ok_or_else(form)?),
        None => (text.trim(), ""),
    };
    if table.is_empty() {
        return Err(form());
    }
    let mut columns = [const { None }; N];
    for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, column) =
            pair.split_once('=').map(|(name, column)| (name.trim(), column.trim())).ok_or_else(form)?;
        let place = names.iter().position(|known| *known == name);
        let place = place.ok_or_else(|| format!("{name} is none of {}; {}", names.join(", "), form()))?;
        if column.is_empty() {
            return Err(form());
        }
        columns[place] = Some(column.to_owned());
    }
    Ok((table.to_owned(), columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_table_may_name_its_columns() {
        let options: TokenTableOptions =
            "shop_token(key=token, user=owner,expiry=ends, active=not:revoked)".parse().unwrap();
        assert_eq!((options.table.as_str(), options.key.as_deref()), ("shop_token", Some("token")));
        assert_eq!(
            (options.user.as_deref(), options.created, options.expiry.as_deref()),
            (Some("owner"), None, Some("ends"))
        );
        assert!(options.active.is_some_and(|active| active.is_negated && active.name == "revoked"));
        assert_eq!("shop_token".parse::<TokenTableOptions>().unwrap().table, "shop_token");
        for text in ["", "(key=a)", "t(key=a", "t(key)", "t(colour=red)", "t(key=)"] {
            assert!(text.parse::<TokenTableOptions>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_table_of_memberships_may_name_its_columns() {
        let options: MembershipTableOptions = "shop_seat(user=person, group=team)".parse().unwrap();
        assert_eq!((options.table.as_str(), options.user.as_deref()), ("shop_seat", Some("person")));
        assert_eq!(options.group.as_deref(), Some("team"));
        for text in ["", "(user=a)", "t(key=a)", "t(user=)"] {
            assert!(text.parse::<MembershipTableOptions>().is_err(), "{text}");
        }
    }
}
