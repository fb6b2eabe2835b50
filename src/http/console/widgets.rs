//! Parts of pages: form fields, times, links, confirmation.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use percent_encoding::utf8_percent_encode;

use super::form::FormFaults;
use super::frame::Frame;
use crate::domain::time::Timestamp;
use crate::http::drf::pagination::QUOTED;

/// A labelled field of a form, and what is wrong with it.
#[derive(Clone, Default, Template)]
#[template(path = "console/field.html")]
pub struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
    hint: &'static str,
    autocomplete: &'static str,
    fault: String,
    required: bool,
    autofocus: bool,
}

impl HtmlSafe for Field {}

impl Field {
    /// A line of text.
    pub fn text(name: &'static str, label: &'static str, value: impl Into<String>) -> Self {
        Self { name, label, kind: "text", value: value.into(), autocomplete: "off", ..Self::default() }
    }

    /// A password. The submitted password is never sent back.
    pub fn password(label: &'static str, autocomplete: &'static str) -> Self {
        Self::password_named("password", label, autocomplete)
    }

    /// The same, where a form has several.
    pub fn password_named(name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self { kind: "password", autocomplete, ..Self::text(name, label, "") }
    }

    /// A key. Like a password it is never sent back; unlike one, no browser offers to keep it.
    pub fn of_key(name: &'static str, label: &'static str) -> Self {
        Self { kind: "password", ..Self::text(name, label, "") }
    }

    /// Another type of `input`.
    pub fn of_kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// A hint below the field.
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// The `autocomplete` attribute.
    pub fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Gives the field the focus.
    pub fn autofocus(self) -> Self {
        Self { autofocus: true, ..self }
    }

    /// With its faults. A field with a fault gets the focus.
    pub fn with(self, faults: &FormFaults) -> Self {
        let fault = faults.on(self.name);
        Self { autofocus: self.autofocus || !fault.is_empty(), fault, ..self }
    }
}

/// A time in UTC. The script shows it in the reader's time zone.
#[derive(Clone, Copy)]
pub struct Moment(pub Timestamp);

impl HtmlSafe for Moment {}

impl Moment {
    /// The time to the minute, as plain text.
    pub fn text(self) -> String {
        let whole = self.0.to_string();
        format!("{} UTC", whole.get(..16).unwrap_or(&whole).replace('T', " "))
    }

    /// Its day alone, where there is little room.
    pub const fn day(self) -> Day {
        Day(self.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>", self.0, self.text())
    }
}

/// A time, or a word if there is none.
pub fn moment_or(moment: Option<Timestamp>, none: &'static str) -> MomentOr {
    MomentOr(moment.map(Moment), none)
}

/// See [`moment_or`].
pub struct MomentOr(Option<Moment>, &'static str);

impl HtmlSafe for MomentOr {}

impl MomentOr {
    /// Its day alone, where there is little room.
    pub fn day(&self) -> DayOr {
        DayOr(self.0.map(Moment::day), self.1)
    }
}

/// A day, or a word if there is none.
pub struct DayOr(Option<Day>, &'static str);

impl HtmlSafe for DayOr {}

impl fmt::Display for DayOr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(day) => day.fmt(f),
            None => write!(f, "<span class=\"muted\">{}</span>", self.1),
        }
    }
}

impl fmt::Display for MomentOr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(moment) => moment.fmt(f),
            None => write!(f, "<span class=\"muted\">{}</span>", self.1),
        }
    }
}

/// A number with thousands separators.
pub fn number(count: i64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A day in UTC. The script shows it in the reader's time zone.
#[derive(Clone, Copy)]
pub struct Day(pub Timestamp);

impl HtmlSafe for Day {}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.to_string();
        write!(f, "<time datetime=\"{whole}\" data-day>{}</time>", whole.get(..10).unwrap_or(&whole))
    }
}

/// A time of the day in UTC. The script shows it in the reader's time zone.
#[derive(Clone, Copy)]
pub struct Clock(pub Timestamp);

impl HtmlSafe for Clock {}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.to_string();
        write!(f, "<time datetime=\"{whole}\" data-clock>{}</time>", whole.get(11..16).unwrap_or(&whole))
    }
}

/// What a select or a row of links offers.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

impl Choice {
    /// The choices of a list of values and labels.
    pub fn of(all: &[(&str, &str)], chosen: &str) -> Vec<Self> {
        let choice = |(value, label): &(&str, &str)| Self {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            is_chosen: *value == chosen,
        };
        all.iter().map(choice).collect()
    }
}

/// How many groups a page offers at most. Beyond that, the name is typed.
pub const MAX_GROUPS_OFFERED: u32 = 200;

/// The link to a group's page.
pub fn group_link(name: &str) -> String {
    format!("/console/groups/@{}", utf8_percent_encode(name, QUOTED))
}

/// The link to a token's page.
pub fn token_link(username: &str, id: i64) -> String {
    format!("{}/tokens/{id}", user_link(username))
}

/// The link to a user's page. The `@` keeps names such as `..` and `new` apart from paths.
pub fn user_link(username: &str) -> String {
    format!("/console/users/@{}", utf8_percent_encode(username, QUOTED))
}

/// The link to a client's actions.
pub fn client_link(client_id: &str) -> String {
    format!("/console/clients/@{}", utf8_percent_encode(client_id, QUOTED))
}

/// A page that asks for confirmation before a deletion.
#[derive(Template)]
#[template(path = "console/confirmation.html")]
pub struct Confirmation {
    pub frame: Frame,
    pub form_token: String,
    pub question: String,
    pub sentence: &'static str,
    pub back: String,
}

/// A page that shows a key or a secret, only once.
#[derive(Template)]
#[template(path = "console/secret.html")]
pub struct SecretPage {
    pub frame: Frame,
    pub heading: String,
    pub sentence: String,
    pub label: &'static str,
    pub secret: String,
    pub back: String,
    pub back_to: String,
}
