//! Decides which fields of a user an import updates: those that, since the last import, have changed at the source
//! and not here.

use serde_json::Value;

use crate::domain::django::ImportedFields;
use crate::domain::profile::{ProfileField, ProfilePatch};
use crate::domain::user::{ImportedUser, User, UserChange};
use crate::store::{Remembered, UpdatedUser};

/// What to do with a user.
pub struct Decision {
    pub updated: UpdatedUser,
    /// Whether anything of the user changes.
    pub changes: bool,
    /// Whether there is anything to write.
    pub writes: bool,
    /// Fields that differ and stay, because both sides changed, or nobody knows which.
    pub kept: Vec<&'static str>,
}

/// The user as the source has them, to be compared with the one here.
pub fn as_user(imported: &ImportedUser) -> User {
    let user = &imported.user;
    let mut groups = user.groups.clone();
    groups.sort_unstable();
    groups.dedup();
    User {
        id: imported.id,
        external_id: imported.external_id.clone(),
        username: user.username.clone(),
        profile: user.profile.clone(),
        is_active: user.is_active,
        is_staff: user.is_staff,
        is_superuser: user.is_superuser,
        groups,
        date_joined: imported.date_joined,
        last_login: imported.last_login,
        password: user.password.clone(),
    }
}

/// Which side has changed a field that differs.
enum Side {
    There,
    Here,
    Both,
}

fn side(remembered: Option<[u8; 8]>, there: [u8; 8], here_is_unchanged: bool) -> Side {
    match remembered {
        Some(remembered) if remembered == there => Side::Here,
        Some(_) if here_is_unchanged => Side::There,
        _ => Side::Both,
    }
}

pub fn decide(here: &User, source: &User, remembered: Option<&Remembered>) -> Decision {
    let fields = remembered.map(|remembered| remembered.fields.clone()).unwrap_or_default();
    let (mut learnt, mut change, mut kept) = (fields.clone(), UserChange::default(), Vec::new());
    let mut changes = false;
    for ((name, there_value), (_, here_value)) in source.fields().into_iter().zip(here.fields()) {
        let there = ImportedFields::digest(name, &there_value);
        if there_value == here_value {
            learnt.set(name, there);
            continue;
        }
        let known = fields.get(name);
        match side(known, there, known == Some(ImportedFields::digest(name, &here_value))) {
            Side::There => {
                learnt.set(name, there);
                set(&mut change, name, there_value);
                changes = true;
            }
            Side::Here => {}
            Side::Both => kept.push(name),
        }
    }
    let there = ImportedFields::password(&source.password);
    let of_here = ImportedFields::password(&here.password);
    let mut password_here = remembered.map_or(of_here, |remembered| remembered.password);
    let mut password = None;
    if source.password == here.password {
        learnt.set_password(there);
        password_here = there;
    } else {
        match side(fields.get_password(), there, password_here == of_here) {
            Side::There => {
                learnt.set_password(there);
                password_here = there;
                password = Some(source.password.clone());
                changes = true;
            }
            Side::Here => {}
            Side::Both => kept.push("password"),
        }
    }
    let is_news = remembered.is_none_or(|known| known.fields != learnt || known.password != password_here);
    let remembered = Remembered { fields: learnt, password: password_here };
    Decision { updated: UpdatedUser { change, password, remembered }, changes, writes: changes || is_news, kept }
}

/// Sets a field of [`User::fields`].
fn set(change: &mut UserChange, name: &str, value: Value) {
    let flag = value.as_bool();
    let text = value.as_str().map(ToOwned::to_owned);
    match name {
        "username" => change.username = text,
        "is_active" => change.is_active = flag,
        "is_staff" => change.is_staff = flag,
        "is_superuser" => change.is_superuser = flag,
        "groups" => change.groups = serde_json::from_value(value).ok(),
        _ => {
            let before = change.profile.clone();
            let of = |field: ProfileField| if field.name() == name { text.clone() } else { before.get(field).clone() };
            change.profile = ProfilePatch::from_fn(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::password::PasswordHash;
    use crate::domain::profile::Profile;
    use crate::domain::time::Timestamp;
    use crate::domain::user::NewUser;

    fn user(change: impl FnOnce(&mut User)) -> User {
        let new = NewUser::named("ann", PasswordHash::from_stored("md5$a$b".into()));
        let date_joined = Timestamp::from_micros(0);
        let mut user = as_user(&ImportedUser { id: 1, external_id: None, user: new, date_joined, last_login: None });
        change(&mut user);
        user
    }

    fn remembered(user: &User) -> Remembered {
        Remembered { fields: ImportedFields::of(user), password: ImportedFields::password(&user.password) }
    }

    #[test]
    fn every_field_that_changed_there_alone_follows() {
        let before = user(|_| {});
        let after = user(|user| {
            user.username = "anna".into();
            user.profile = Profile::from_fn(|field| field.name().into());
            (user.is_active, user.is_staff, user.is_superuser) = (false, true, true);
            user.groups = vec!["ops".into()];
            user.password = PasswordHash::from_stored("md5$c$d".into());
        });
        let decision = decide(&before, &after, Some(&remembered(&before)));
        let UserChange { username, profile, is_active, is_staff, is_superuser, groups, external_id } =
            &decision.updated.change;
        assert_eq!(username.as_deref(), Some("anna"));
        assert_eq!(*profile, ProfilePatch::from_fn(|field| Some(field.name().into())));
        assert_eq!((*is_active, *is_staff, *is_superuser), (Some(false), Some(true), Some(true)));
        assert_eq!(groups.as_deref(), Some(&["ops".to_owned()][..]));
        assert_eq!(*external_id, None, "it is what the user is found by");
        assert_eq!(decision.updated.password, Some(after.password.clone()));
        assert!(decision.changes && decision.kept.is_empty());
        assert_eq!(decision.updated.remembered.fields.get("email"), ImportedFields::of(&after).get("email"));
    }

    #[test]
    fn what_changed_here_stays() {
        let before = user(|_| {});
        let here = user(|user| user.profile.email = "here@example.com".into());
        let decision = decide(&here, &before, Some(&remembered(&before)));
        assert!(!decision.writes && decision.kept.is_empty());
        let there = user(|user| user.profile.email = "there@example.com".into());
        let decision = decide(&here, &there, Some(&remembered(&before)));
        assert!(!decision.changes);
        assert_eq!(decision.kept, ["email"]);
        let decision = decide(&here, &there, None);
        assert!(!decision.changes && decision.writes, "what is the same is remembered");
        assert_eq!(decision.kept, ["email"]);
        let decision = decide(&there, &there, Some(&remembered(&before)));
        assert!(!decision.changes && decision.writes, "both changed it in the same way");
    }
}
