//! What of a Django project is imported, and what its tables and columns are called.

use std::str::FromStr;

use super::super::profile::ProfileField;

/// How a project differs from Django's defaults.
#[derive(Clone, Debug)]
pub struct DjangoOptions {
    /// `auth_user`, or the table of a custom model.
    pub user_table: String,
    /// `username`, or the model's `USERNAME_FIELD`.
    pub username_column: String,
    /// The groups' table, where it does not follow from the table of memberships.
    pub group_table: Option<String>,
    /// Columns that are not called as Django calls them.
    pub map: ColumnMap,
    /// The tables of tokens with keys in the clear. If there are none: `authtoken_token`.
    pub token_tables: Vec<TokenTableOptions>,
    /// The tables of Knox's tokens. If there are none: `knox_authtoken`.
    pub knox_tables: Vec<TokenTableOptions>,
    /// Names under which the project registered Django's hashers.
    pub hash_aliases: Vec<HashAlias>,
}

impl DjangoOptions {
    /// The options with tables in place of models. For a dump, a table may be given as a model: `accounts.User`.
    #[must_use]
    pub fn of_models(mut self) -> Self {
        let tables = [&mut self.user_table].into_iter().chain(&mut self.group_table);
        let tokens = self.token_tables.iter_mut().chain(&mut self.knox_tables).map(|tokens| &mut tokens.table);
        for table in tables.chain(tokens) {
            if table.contains('.') {
                *table = table.replace('.', "_").to_lowercase();
            }
        }
        self
    }

    /// The hash, with the name of a renamed hasher replaced by Django's.
    #[must_use]
    pub fn hash(&self, stored: String) -> String {
        let alias = stored.split_once('$').and_then(|(name, rest)| {
            let alias = self.hash_aliases.iter().find(|alias| alias.name == name)?;
            Some(format!("{}${rest}", alias.format))
        });
        alias.unwrap_or(stored)
    }
}

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

    /// All columns of this field. Several, of `is_active`, must all hold.
    pub fn all(&self, field: &str) -> impl Iterator<Item = &ColumnRef> {
        self.0.iter().filter(move |(name, _)| name == field).map(|(_, column)| column)
    }

    /// All columns that are named.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnRef> {
        self.0.iter().map(|(_, column)| column)
    }
}

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
        const FORM: &str = "write TABLE or TABLE(key=.., user=.., created=.., expiry=.., active=..)";
        let (table, columns) = match text.split_once('(') {
            Some((table, rest)) => (table, rest.trim_end().strip_suffix(')').ok_or(FORM)?),
            None => (text, ""),
        };
        let mut options = Self { table: table.trim().to_owned(), ..Self::default() };
        if options.table.is_empty() {
            return Err(FORM.into());
        }
        for pair in columns.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, column) = pair.split_once('=').map(|(name, column)| (name.trim(), column.trim())).ok_or(FORM)?;
            if column.is_empty() {
                return Err(FORM.into());
            }
            let place = match name {
                "key" => &mut options.key,
                "user" => &mut options.user,
                "created" => &mut options.created,
                "expiry" => &mut options.expiry,
                "active" => {
                    options.active = Some(column.parse()?);
                    continue;
                }
                _ => return Err(format!("{name} is none of key, user, created, expiry, active; {FORM}")),
            };
            *place = Some(column.to_owned());
        }
        Ok(options)
    }
}

/// Another name of one of Django's hashers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashAlias {
    /// The name in the project's hashes.
    pub name: String,
    /// Django's name of the format.
    pub format: String,
}

/// The formats whose names begin a hash, as Django writes it.
const FORMATS: [&str; 8] =
    ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt", "md5", "sha1"];

impl FromStr for HashAlias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, format)) if !name.is_empty() && !name.contains('$') && FORMATS.contains(&format) => {
                Ok(Self { name: name.to_owned(), format: format.to_owned() })
            }
            _ => Err(format!("write NAME=FORMAT, with a format of {}", FORMATS.join(", "))),
        }
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
    fn an_alias_is_of_a_known_format() {
        let alias: HashAlias = "shop=pbkdf2_sha256".parse().unwrap();
        assert_eq!((alias.name.as_str(), alias.format.as_str()), ("shop", "pbkdf2_sha256"));
        for text in ["shop", "=bcrypt", "shop=crypt", "a$b=bcrypt"] {
            assert!(text.parse::<HashAlias>().is_err(), "{text}");
        }
    }
}
