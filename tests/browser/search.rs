//! The list of users follows what is typed.

use super::in_use;
use crate::support::app::ADMIN;
use crate::support::browser::{Browser, ENTER};

#[test]
fn the_list_follows_what_is_typed() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    browser.open("/console/users?ordering=-username");
    browser.run("document.body.dataset.same = 'page'");
    let names = |names: &[&str]| {
        let wanted = names.join(" ");
        browser.until(&format!(
            "return [...document.querySelectorAll('tbody th')].map(e => e.innerText).join(' ') == '{wanted}'"
        ));
    };
    browser.fill("Search", "ace");
    names(&["grace", "ada"]);
    browser.press(" g");
    names(&["grace"]);
    assert_eq!(browser.path(), "/console/users?search=ace+g&ordering=-username", "a reload shows the same list");
    let announced = "return document.querySelector('[role=status]').textContent == '1 found'";
    browser.until(announced);
    browser.press("zz");
    browser.sees("No name, e-mail address or external id matches “ace gzz”.");
    browser.fill("Search", "");
    browser.press("a\u{e003}");
    browser.until("return document.querySelectorAll('tbody tr').length == 12");
    browser.until("return document.body.dataset.same == 'page' && document.activeElement.id == 'search'");
    // If the session has ended, the sign-in form is shown, not an empty list.
    app.sql("delete from sessions");
    browser.press("a");
    browser.sees("For staff.");
    browser.assert_clean();
}

#[test]
fn a_whole_key_is_not_sent_as_a_search() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    let key = app.login("ada", super::PASSWORD);
    browser.open("/console/users?search=ada");
    // Each request of the page, and each address that it has.
    browser.run("window.sent = []; const send = window.fetch; window.fetch = (url, ...more) => { window.sent.push(String(url)); return send(url, ...more); }");
    for text in [key.clone(), format!("Token {key}"), format!("{} {}", &key[..30], &key[30..])] {
        browser.fill("Search", &text);
        browser.sees("This looks like a whole key, so it was not sent");
        browser.press(ENTER);
        browser.choose("State", "inactive");
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(browser.path(), "/console/users?search=ada", "{text}");
        let sent = browser.run("return window.sent").to_string();
        assert!(!sent.contains(&key[..9]), "{sent}");
    }
    browser.fill("Search", "grace");
    browser
        .until("return window.sent.some(url => url.includes('grace')) && document.querySelector('#whole-key').hidden");
    browser.fill("Search", &format!("Token {key}"));
    browser.click("Check this token");
    browser.sees("Accepted");
    assert_eq!(browser.path(), "/console/explain");
    // An external id may look like one.
    browser.open("/console/users");
    let id = "0123456789".repeat(4);
    browser.fill("Search", &id);
    browser.click("It is no key: search");
    browser.sees(&format!("No name, e-mail address or external id matches “{id}”."));
    assert_eq!(browser.path().split('&').next(), Some(format!("/console/users?search={id}").as_str()));
    browser.assert_clean();
}

#[test]
fn all_rows_of_a_page_are_ticked_with_one_click() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    browser.open("/console/users?group=reports");
    let ticked = "return [...document.querySelectorAll('.pick input')].map(box => Number(box.checked)).join('')";
    let is = |wanted: &str| browser.until(&format!("{ticked} == '{wanted}'"));
    is("000");
    browser.click_at("//label[normalize-space()='All on this page']");
    is("111");
    browser.click_at("//label[normalize-space()='All on this page']");
    is("000");
    // The rows that a search brings can be ticked in the same way.
    browser.fill("Search", "grace");
    browser.until("return document.querySelectorAll('.pick input').length == 1");
    browser.fill("Search", "example");
    browser.until("return document.querySelectorAll('.pick input').length > 1");
    browser.click_at("//label[normalize-space()='All on this page']");
    browser.until("return [...document.querySelectorAll('.pick input')].every(box => box.checked)");
    browser.click("Deactivate");
    browser.sees("Deactivate these ");
    browser.assert_clean();
}
