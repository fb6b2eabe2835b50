//! The form of a user, new or existing.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::{Form, FormFaults};
use super::widgets::{Field, MAX_GROUPS_OFFERED};
use crate::domain::profile::{Profile, ProfileField, ProfilePatch};
use crate::domain::user::{User, UserChange};
use crate::http::state::AppState;
use crate::service::{Error, Staff};

/// A text as it comes back when a form is submitted unchanged.
fn as_submitted(text: &str) -> String {
    text.replace(['\r', '\n'], "").trim().to_owned()
}

/// The fields of the form.
#[derive(Clone, Default)]
pub struct UserForm {
    pub username: String,
    pub profile: Profile,
    pub groups: Vec<String>,
    pub is_staff: bool,
    pub is_superuser: bool,
}

impl UserForm {
    /// Filled in from a user.
    pub fn of(user: &User) -> Self {
        Self {
            username: user.username.clone(),
            profile: user.profile.clone(),
            groups: user.groups.clone(),
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        }
    }

    /// As submitted.
    pub fn submitted(form: &Form) -> Self {
        let mut groups = form.all("groups");
        let new_group = form.text("new_group");
        if !new_group.is_empty() && !groups.contains(&new_group) {
            groups.push(new_group);
        }
        Self {
            username: form.text("username"),
            profile: Profile::from_fn(|field| form.text(field.name())),
            groups,
            is_staff: form.is_checked("is_staff"),
            is_superuser: form.is_checked("is_superuser"),
        }
    }

    /// The texts and groups that differ from the user as it was shown; the caller adds the flags. Imported text may not survive a
    /// form, because browsers change line ends and we trim white space. Saving an unchanged form must not change the
    /// user.
    pub fn changes_of(self, user: &User) -> UserChange {
        let new = |sent: &String, known: &str| (*sent != as_submitted(known)).then(|| sent.clone());
        let group = |sent: String| {
            let known = user.groups.iter().find(|known| as_submitted(known) == as_submitted(&sent));
            known.cloned().unwrap_or(sent)
        };
        let mut groups: Vec<String> = self.groups.into_iter().map(group).collect();
        groups.sort_unstable();
        groups.dedup();
        UserChange {
            username: new(&self.username, &user.username),
            profile: ProfilePatch::from_fn(|field| new(self.profile.get(field), user.profile.get(field))),
            groups: (groups != user.groups).then_some(groups),
            ..UserChange::default()
        }
    }

    /// The field for the username.
    pub fn name_field(&self, faults: &FormFaults) -> Field {
        let hint = "150 characters or fewer: letters, digits and @ . + - _";
        Field::text("username", "Username", &self.username).required().hint(hint).with(faults)
    }

    /// The optional texts.
    pub fn other_fields(&self, faults: &FormFaults) -> Vec<Field> {
        let field =
            |field: ProfileField| Field::text(field.name(), field.label(), self.profile.get(field)).with(faults);
        ProfileField::ALL.map(field).to_vec()
    }

    /// The choice of groups: the existing ones, and a field for a new one.
    pub async fn group_boxes(
        &self,
        faults: &FormFaults,
        caller: &Staff,
        state: &AppState,
    ) -> Result<GroupBoxes, Error> {
        let mut names = state.service.accounts.group_names(MAX_GROUPS_OFFERED + 1, caller).await?;
        let are_all = names.len() <= MAX_GROUPS_OFFERED as usize;
        names.truncate(MAX_GROUPS_OFFERED as usize);
        names.extend(self.groups.iter().cloned());
        names.sort_unstable();
        names.dedup();
        let is_checked = |name: &String| self.groups.contains(name);
        let hint =
            if are_all { "A new name creates a group" } else { "The name of another group; a new name creates it" };
        Ok(GroupBoxes {
            boxes: names.into_iter().map(|name| (is_checked(&name), name)).collect(),
            new_group: Field::text("new_group", if are_all { "New group" } else { "Another group" }, "").hint(hint),
            fault: faults.on("groups"),
        })
    }
}

/// The choice of a user's groups.
#[derive(Template)]
#[template(path = "console/group_boxes.html")]
pub struct GroupBoxes {
    boxes: Vec<(bool, String)>,
    new_group: Field,
    fault: String,
}

impl HtmlSafe for GroupBoxes {}
