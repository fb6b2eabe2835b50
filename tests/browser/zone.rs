//! Times in the time zone of the browser.

use super::in_use;
use crate::support::app::ADMIN;
use crate::support::browser::Browser;

#[test]
fn times_are_shown_in_the_browsers_time_zone() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.tools("Emulation.setTimezoneOverride", &serde_json::json!({ "timezoneId": "Asia/Tokyo" }));
    browser.sign_in(ADMIN);
    browser.open("/console/users/@ada");
    let shown = browser.run("const time = document.querySelector('.facts time'); return [time.innerText, time.title]");
    assert!(shown[0].as_str().unwrap().contains("16 Jun") || shown[0].as_str().unwrap().contains("Jun 16"), "{shown}");
    assert_eq!(shown[1], "2025-06-15 15:06 UTC");
    browser.fill("Name", "x");
    browser.assert_clean();
}
