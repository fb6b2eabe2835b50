//! Compares the users of a batch with those that exist here.

use std::collections::HashMap;

use crate::domain::django::{DjangoUser, ImportedFields};
use crate::domain::time::Timestamp;
use crate::domain::user::FIRST_BOOTSTRAP_ID;
use crate::store::FoundUser;

/// A user of the source, and who they are here.
pub struct Existing {
    pub source: DjangoUser,
    pub here: FoundUser,
}

/// A batch's users: new ones, existing ones, and those that clash.
#[derive(Default)]
pub struct Reconciled {
    pub new: Vec<DjangoUser>,
    pub existing: Vec<Existing>,
    /// One message each.
    pub clashes: Vec<String>,
    /// How many of them are because of an id.
    pub taken_ids: u64,
}

impl Reconciled {
    /// `found` are the users here who have an id, an external id or a name of the batch. `external_id` returns
    /// the external id that belongs to a key, or `None` if keys are ids.
    pub fn of(
        users: Vec<DjangoUser>,
        found: Vec<FoundUser>,
        external_id: impl Fn(&str) -> Option<String>,
        follows_names: bool,
    ) -> Self {
        let by_name: HashMap<String, i64> = found.iter().map(|one| (one.user.username.clone(), one.user.id)).collect();
        let by_external_id: HashMap<String, i64> =
            found.iter().filter_map(|one| Some((one.user.external_id.clone()?, one.user.id))).collect();
        let mut by_id: HashMap<i64, FoundUser> = found.into_iter().map(|one| (one.user.id, one)).collect();
        let mut reconciled = Self::default();
        for user in users {
            let name = &user.user.username;
            let external_id = external_id(&user.key);
            let same_id = match &external_id {
                Some(external_id) => by_external_id.get(external_id).copied(),
                None => user.key.parse().ok().filter(|id| by_id.contains_key(id)),
            };
            let same_name = by_name.get(name).copied();
            let here = same_id.and_then(|id| by_id.get(&id));
            let is_known = here.is_some_and(|here| {
                is_same_person(here, &user) || here.user.username == *name && !is_another_person(here, &user)
            });
            let is_renamed = here.is_some_and(|here| here.user.username != *name);
            match (same_id, same_name) {
                (None, None) => reconciled.new.push(user),
                (Some(id), holder)
                    if is_known && !(follows_names && is_renamed && holder.is_some_and(|one| one != id)) =>
                {
                    if let Some(here) = by_id.remove(&id) {
                        reconciled.existing.push(Existing { source: user, here });
                    }
                }
                (same_id, same_name) => {
                    let mut reasons = Vec::new();
                    if let (Some(here), false) = (here, is_known) {
                        let whose =
                            if here.user.username == *name { "another user" } else { here.user.username.as_str() };
                        reasons.push(format!("the id {} is {whose}'s here", user.key));
                        reconciled.taken_ids += 1;
                    }
                    if let Some(holder) = same_name.filter(|holder| same_id != Some(*holder)) {
                        let by = if holder >= FIRST_BOOTSTRAP_ID { ", which jeton gave" } else { "" };
                        reasons.push(format!("the name {name} has the id {holder} here{by}"));
                    }
                    reconciled.clashes.push(format!("user {name} with id {}: {}", user.key, reasons.join(", and ")));
                }
            }
        }
        reconciled
    }
}

/// Whether a user here with the same id and name was imported as somebody else: in two projects `1 admin` may be two people.
fn is_another_person(here: &FoundUser, source: &DjangoUser) -> bool {
    let Some(remembered) = &here.imported else { return false };
    let joined_then = source.date_joined.is_none_or(|joined| millis(joined) == millis(here.user.date_joined));
    let hash = ImportedFields::password(&source.user.password);
    !joined_then && remembered.fields.get_password() != Some(hash)
}

/// Whether a user here who has another name was imported as this user. Names change; the moment of joining does not, and
/// no two people have one salted hash. A moment of whole seconds may be many users' at once, as in fixtures.
fn is_same_person(here: &FoundUser, source: &DjangoUser) -> bool {
    let Some(remembered) = &here.imported else { return false };
    let joined = source.date_joined.map(millis).filter(|joined| joined.rem_euclid(1000) != 0);
    let hash = &source.user.password;
    joined == Some(millis(here.user.date_joined))
        || is_unique_to_one_user(hash.as_str())
            && remembered.fields.get_password() == Some(ImportedFields::password(hash))
}

/// A dump has milliseconds.
const fn millis(moment: Timestamp) -> i64 {
    moment.as_micros().div_euclid(1000)
}

/// Whether a stored password cannot be two people's: it has a salt, or is what Django stores for none, which is `!` and a
/// random text.
fn is_unique_to_one_user(stored: &str) -> bool {
    let is_unsalted = ["md5$$", "sha1$$"].iter().any(|format| stored.starts_with(format));
    stored.contains('$') && !is_unsalted || stored.starts_with('!') && stored.len() > 20
}
