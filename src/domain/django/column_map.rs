//! Columns of users that are not called as Django calls them.

use std::fmt;
use std::str::FromStr;

use super::super::profile::ProfileField;

/// A column, or its opposite: `not:deleted_at` is true where the column is NULL or false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRef {
    /// The column's name.
    pub name: String,
    /// Whether its opposite is meant.
    pub is_negated: bool,
}

impl FromStr for ColumnRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, is_negated) = text.strip_prefix("not:").map_or((text, false), |name| (name, true));
        if name.is_empty() {
            Err("the name of the column is missing".into())
        } else {
            Ok(Self { name: name.into(), is_negated })
        }
    }
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_negated { "not:" } else { "" }, self.name)
    }
}

/// Which columns hold a user's fields, where they are not called as Django calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap(Vec<(String, ColumnRef)>);

/// The whole name in one column, which becomes the first name.
const NAME: &str = "name";
const FLAGS: [&str; 3] = ["is_active", "is_staff", "is_superuser"];

impl ColumnMap {
    /// Parses `is_active=active`, each field at most once, `is_active` also several times.
    ///
    /// # Errors
    /// A message that says what is wrong.
    pub fn parse(pairs: &[String]) -> Result<Self, String> {
        let mut map = Self::default();
        for pair in pairs {
            let (field, column) = pair
                .split_once('=')
                .ok_or_else(|| format!("write FIELD=COLUMN, for example is_active=active, not {pair}"))?;
            let column: ColumnRef = column.parse().map_err(|fault| format!("{field}: {fault}"))?;
            if !Self::fields().contains(&field) {
                return Err(format!("there is no field {field}; there are {}", Self::fields().join(", ")));
            }
            if column.is_negated && !FLAGS.contains(&field) {
                return Err(format!("{field}: `not:` is for {}", FLAGS.join(", ")));
            }
            if field != FLAGS[0] && map.get(field).is_some() {
                return Err(format!("{field} is named twice"));
            }
            map.0.push((field.to_owned(), column));
        }
        if map.get(NAME).is_some() && map.get(ProfileField::FirstName.name()).is_some() {
            return Err("give name or first_name, not both".into());
        }
        Ok(map)
    }

    /// The fields that can be named.
    #[must_use]
    pub fn fields() -> Vec<&'static str> {
        let texts = ["username", "password", NAME].into_iter().chain(ProfileField::ALL.map(ProfileField::name));
        texts.chain(FLAGS).chain(["date_joined", "last_login"]).collect()
    }

    /// The column of this field, if it is named.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&ColumnRef> {
        self.all(field).next()
    }

    /// All columns of this field. Only `is_active` may have several: a user is active if all of them are true.
    pub fn all(&self, field: &str) -> impl Iterator<Item = &ColumnRef> {
        self.0.iter().filter(move |(name, _)| name == field).map(|(_, column)| column)
    }

    /// All fields that are named, and their columns.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &ColumnRef)> {
        self.0.iter().map(|(field, column)| (field.as_str(), column))
    }

    /// All columns that are named.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnRef> {
        self.0.iter().map(|(_, column)| column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[&str]) -> Result<ColumnMap, String> {
        ColumnMap::parse(&pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_map_names_columns() {
        let active = map(&["is_active=active", "is_active=not:deleted_at", "name=full_name"]).unwrap();
        let columns: Vec<&ColumnRef> = active.all("is_active").collect();
        assert_eq!((columns[0].name.as_str(), columns[0].is_negated), ("active", false));
        assert_eq!((columns[1].name.as_str(), columns[1].is_negated), ("deleted_at", true));
        assert_eq!(active.get("name").unwrap().name, "full_name");
        for (pairs, fault) in [
            (&["is_active"][..], "FIELD=COLUMN"),
            (&["is_active="], "the name of the column is missing"),
            (&["colour=red"], "there is no field colour; there are username, password, name, email"),
            (&["email=not:mail"], "`not:` is for is_active"),
            (&["email=a", "email=b"], "email is named twice"),
            (&["name=a", "first_name=b"], "not both"),
        ] {
            assert!(map(pairs).unwrap_err().contains(fault), "{pairs:?}");
        }
    }
}
