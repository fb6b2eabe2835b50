//! What an import remembers of a user, so that a later one can tell which side has changed a field: a digest of each.

use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use super::super::password::PasswordHash;
use super::super::user::User;

/// The digest of a field's name and value.
pub type FieldDigest = [u8; 8];

const PASSWORD: &str = "password";
const TAG: usize = 2;

/// The digests of a user's fields, as they were at the source when they were imported. Each stands behind a tag of the
/// field's name, so that a new field can be added anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedFields(Vec<u8>);

impl ImportedFields {
    /// The digests of the fields that the source gives for a user.
    #[must_use]
    pub fn of(user: &User) -> Self {
        let mut fields = Self::default();
        for (name, value) in user.fields() {
            fields.set(name, digest(name, &value));
        }
        fields.set(PASSWORD, Self::password(&user.password));
        fields
    }

    /// From the database.
    #[must_use]
    pub const fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest of a password's hash.
    #[must_use]
    pub fn password(hash: &PasswordHash) -> FieldDigest {
        digest(PASSWORD, &json!(hash.as_str()))
    }

    /// The digest of a field's value.
    #[must_use]
    pub fn digest(name: &str, value: &Value) -> FieldDigest {
        digest(name, value)
    }

    /// The remembered digest of a field; `None` if nothing is known of it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<FieldDigest> {
        let tag = tag(name);
        self.entries().find(|entry| entry[..TAG] == tag).and_then(|entry| entry[TAG..].try_into().ok())
    }

    /// The remembered digest of the password's hash.
    #[must_use]
    pub fn get_password(&self) -> Option<FieldDigest> {
        self.get(PASSWORD)
    }

    /// Remembers a field as it is at the source now.
    pub fn set(&mut self, name: &str, digest: FieldDigest) {
        // An unchanged field keeps its place, so that the bytes stay equal and the row need not be written.
        if self.get(name) == Some(digest) {
            return;
        }
        let tag = tag(name);
        let mut bytes: Vec<u8> = self.entries().filter(|entry| entry[..TAG] != tag).flatten().copied().collect();
        bytes.extend(tag);
        bytes.extend(digest);
        self.0 = bytes;
    }

    /// Remembers the password's hash.
    pub fn set_password(&mut self, digest: FieldDigest) {
        self.set(PASSWORD, digest);
    }

    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.0.chunks_exact(TAG + size_of::<FieldDigest>())
    }
}

fn digest(name: &str, value: &Value) -> FieldDigest {
    let whole = Sha512::new().chain_update(name).chain_update([0]).chain_update(value.to_string()).finalize();
    std::array::from_fn(|at| whole[at])
}

fn tag(name: &str) -> [u8; TAG] {
    let whole = Sha512::digest(name);
    std::array::from_fn(|at| whole[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_remembered_apart() {
        let mut fields = ImportedFields::default();
        assert_eq!(fields.get("email"), None);
        fields.set("email", digest("email", &json!("a@b.co")));
        fields.set("username", digest("username", &json!("ann")));
        fields.set("email", digest("email", &json!("c@d.co")));
        let again = ImportedFields::from_stored(fields.as_bytes().to_vec());
        assert_eq!(again.get("email"), Some(digest("email", &json!("c@d.co"))));
        assert_eq!(again.get("username"), Some(digest("username", &json!("ann"))));
        assert_ne!(digest("email", &json!("")), digest("first_name", &json!("")));
    }

    #[test]
    fn every_field_has_a_tag_of_its_own() {
        let mut tags: Vec<[u8; TAG]> = User::field_names().into_iter().chain([PASSWORD]).map(tag).collect();
        let count = tags.len();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), count);
    }
}
