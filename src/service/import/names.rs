//! Names that differ by case only, where their case does not count (`JETON_USERNAME_CASE=ignore`): each is found before
//! anything is written.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::user::UsernameCase;
use crate::store::{ImportTarget, StoreError};

/// The new names of an import, in lower case and as they are. Only hashes are kept, because a source may have millions.
#[derive(Default)]
pub struct NewNames(HashMap<u64, u64>);

impl NewNames {
    /// Says of each name, with the id of who has it here, what it cannot be told apart from. The same name of somebody else
    /// is not looked for.
    pub fn taken(
        &mut self,
        target: &mut ImportTarget<'_>,
        names: &[(Option<i64>, &str)],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let case = target.username_case();
        if case == UsernameCase::Exact || names.is_empty() {
            return Ok(vec![None; names.len()]);
        }
        let wanted: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
        let mut here: HashMap<String, Vec<(i64, String)>> = HashMap::new();
        for (id, name) in target.names_whatever_their_case(&wanted)? {
            here.entry(case.fold(&name)).or_default().push((id, name));
        }
        let found = names.iter().map(|(id, name)| {
            let folded = case.fold(name);
            let mut alike = here.get(&folded).into_iter().flatten();
            let other = alike.find(|(other, theirs)| Some(*other) != *id && theirs != name);
            let exact = hash(name);
            let is_alone = *self.0.entry(hash(&folded)).or_insert(exact) == exact;
            match other {
                Some((_, other)) => Some(format!("`{name}` and `{other}`, who is here, differ by case only")),
                None if !is_alone => Some(format!("`{name}` and another name there differ by case only")),
                None => None,
            }
        });
        Ok(found.collect())
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
