//! Compares the users of a batch with those that exist here.

use std::collections::HashMap;

use crate::domain::user::ImportedUser;

/// A batch's users: new ones, existing ones, and those that clash.
#[derive(Default)]
pub struct Reconciled {
    pub new: Vec<ImportedUser>,
    /// By id, with their names.
    pub existing: HashMap<i64, String>,
    /// One sentence each.
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
                (holder, namesake) => {
                    let mut reasons = Vec::new();
                    if let Some(holder) = holder {
                        reasons.push(format!("the id {id} is {holder}'s here"));
                    }
                    if let Some(namesake) = namesake {
                        reasons.push(format!("the name {name} has the id {namesake} here"));
                    }
                    reconciled.clashes.push(format!("user {name} with id {id}: {}", reasons.join(", and ")));
                }
            }
        }
        reconciled
    }

    /// The name of a user who is new or here; none for one who cannot come or is not of this batch.
    pub fn names(&self) -> HashMap<i64, String> {
        let new = self.new.iter().map(|user| (user.id, user.user.username.clone()));
        new.chain(self.existing.iter().map(|(id, name)| (*id, name.clone()))).collect()
    }
}
