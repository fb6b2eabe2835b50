//! Compares the users of a batch with those that exist here.

use std::collections::HashMap;

use crate::domain::user::ImportedUser;

/// A batch's users: new ones, existing ones, and those that clash.
#[derive(Default)]
pub struct Reconciled {
    pub new: Vec<ImportedUser>,
    /// By id, with their names.
    pub existing: HashMap<i64, String>,
    /// One message each.
    pub clashes: Vec<String>,
}

impl Reconciled {
    /// `found` are the users here who have an id or a name of the batch.
    pub fn of(users: Vec<ImportedUser>, found: &[(i64, String)]) -> Self {
        let by_id: HashMap<i64, &str> = found.iter().map(|(id, name)| (*id, name.as_str())).collect();
        let by_name: HashMap<&str, i64> = found.iter().map(|(id, name)| (name.as_str(), *id)).collect();
        let mut reconciled = Self::default();
        for user in users {
            let (id, name) = (user.id, user.user.username.as_str());
            match (by_id.get(&id), by_name.get(name)) {
                (None, None) => reconciled.new.push(user),
                (Some(there), _) if *there == name => {
                    reconciled.existing.insert(id, user.user.username);
                }
                (same_id, same_name) => {
                    let mut reasons = Vec::new();
                    if let Some(same_id) = same_id {
                        reasons.push(format!("the id {id} is {same_id}'s here"));
                    }
                    if let Some(same_name) = same_name {
                        reasons.push(format!("the name {name} has the id {same_name} here"));
                    }
                    reconciled.clashes.push(format!("user {name} with id {id}: {}", reasons.join(", and ")));
                }
            }
        }
        reconciled
    }

    /// The names of all new and existing users of this batch, by id. Users that clash are left out.
    pub fn names(&self) -> HashMap<i64, String> {
        let new = self.new.iter().map(|user| (user.id, user.user.username.clone()));
        new.chain(self.existing.iter().map(|(id, name)| (*id, name.clone()))).collect()
    }
}
