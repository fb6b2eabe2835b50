//! The console, used without a mouse.

use super::in_use;
use crate::support::app::ADMIN;
use crate::support::browser::{Browser, ENTER, TAB};

/// The text or the label of the element that has the focus.
const FOCUSED: &str = "const e = document.activeElement; return (e.labels?.[0]?.innerText ?? e.innerText).trim()";

#[test]
fn everything_is_reached_with_the_keyboard_and_the_focus_is_visible() {
    let (app, focused) = (in_use(), |browser: &Browser| browser.run(FOCUSED).as_str().unwrap().to_owned());
    let browser = Browser::on(&app);
    browser.open("/console/users");
    assert_eq!(focused(&browser), "Username", "the page opens with the focus on its first field");
    browser.press(&format!("{}{TAB}{}{ENTER}", ADMIN.0, ADMIN.1));
    browser.until("return location.pathname == '/console/users' && document.readyState == 'complete'");
    browser.press(TAB);
    assert_eq!(focused(&browser), "Skip to the content");
    let visible = "const box = document.activeElement.getBoundingClientRect(); return box.top >= 0 && box.height > 0";
    browser.until(visible);
    browser.press(ENTER);
    browser.until("return document.activeElement.id == 'main'");
    let mut reached = Vec::new();
    while reached.last().is_none_or(|last| last != "ada") {
        browser.press(TAB);
        // The browser itself marks the part of a date that has the focus, not the whole field.
        let outline = "const e = document.activeElement; \
                       return e.type == 'date' ? 'solid' : getComputedStyle(e).outlineStyle";
        assert_eq!(browser.run(outline), "solid", "{}", focused(&browser));
        reached.push(focused(&browser));
        assert!(reached.len() < 30, "{reached:?}");
    }
    // The parts of a date are reached one after the other.
    reached.dedup_by(|one, before| one == before && one == "Last login before");
    let fields = ["State", "Role", "Group", "Logins", "Last login before", "Filter"];
    let wanted =
        [&["Groups", "New user", "Search", "Search"], &fields[..], &["Username", "Joined", "", "ada"]].concat();
    assert_eq!(reached, wanted);
    browser.press(ENTER);
    browser.sees("Login token");
    assert_eq!(browser.path(), "/console/users/@ada");
    browser.assert_clean();
}
