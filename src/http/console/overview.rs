//! The overview: counts, logins of the last day, the state of this node.

use actix_web::http::StatusCode;
use askama::Template;

use super::explain::key_field;
use super::page::{Frame, PageResult, html};
use super::signed_in::SignedIn;
use super::widgets::{Field, number};
use crate::http::state::State;
use crate::service::Overview;
use crate::store::{HourOfLogins, MAX_COUNTED};

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    frame: Frame,
    form_token: String,
    key: Field,
    users: String,
    inactive: i64,
    tokens: String,
    logins: Option<Logins>,
    checks: Vec<Check>,
    version: &'static str,
}

/// The chart of a day's logins.
struct Logins {
    good: String,
    refused: String,
    bars: Vec<Bar>,
}

/// One hour: a bar of good logins, and refused logins on top of it.
struct Bar {
    x: usize,
    good_y: i64,
    good_height: i64,
    refused_y: i64,
    refused_height: i64,
    title: String,
}

/// A health check of this node.
struct Check {
    name: &'static str,
    is_ok: bool,
    state: String,
    details: String,
}

/// The overview.
pub async fn show(signed_in: SignedIn, state: State) -> PageResult {
    let overview = state.service.node.overview(&signed_in.caller).await?;
    let page = OverviewPage {
        frame: signed_in.frame("Overview", "overview"),
        form_token: signed_in.form_token(),
        key: key_field(),
        users: overview.users.map_or_else(unknown, |users| counted(users.all)),
        inactive: overview.users.map_or(0, |users| users.inactive),
        tokens: overview.live_tokens.map_or_else(unknown, counted),
        logins: overview.logins.map(|hours| chart(&hours)),
        checks: checks(&overview),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(html(StatusCode::OK, &page))
}

fn counted(count: i64) -> String {
    let plus = if count >= MAX_COUNTED { "+" } else { "" };
    format!("{}{plus}", number(count))
}

fn unknown() -> String {
    "\u{2013}".into()
}

/// The height of the chart, and the width of an hour in it.
const HEIGHT: i64 = 96;
const HOUR_WIDTH: usize = 20;

fn chart(hours: &[HourOfLogins]) -> Logins {
    let most = hours.iter().map(|hour| hour.good + hour.refused).max().unwrap_or(0).max(1);
    // One login among thousands is still visible.
    let height = |count: i64| if count == 0 { 0 } else { (count * (HEIGHT - 4) / most).max(2) };
    let bars = hours.iter().enumerate().map(|(at, hour)| {
        let (good, refused) = (height(hour.good), height(hour.refused));
        let ago = hours.len() - at;
        Bar {
            x: at * HOUR_WIDTH,
            good_y: HEIGHT - good,
            good_height: good,
            refused_y: HEIGHT - good - refused,
            refused_height: refused,
            title: format!("{ago} to {} hours ago: {} logins, {} refused", ago - 1, hour.good, hour.refused),
        }
    });
    Logins {
        good: counted(hours.iter().map(|hour| hour.good).sum()),
        refused: counted(hours.iter().map(|hour| hour.refused).sum()),
        bars: bars.collect(),
    }
}

fn checks(overview: &Overview) -> Vec<Check> {
    let node = &overview.node;
    let database = Check {
        name: "Database",
        is_ok: node.database_answered_in.is_some(),
        state: if node.database_answered_in.is_some() { "answers" } else { "does not answer correctly" }.into(),
        details: node.database_answered_in.map_or_else(String::new, |took| {
            format!("{}, in {:.1} ms", node.database_system, took.as_secs_f64() * 1000.0)
        }),
    };
    let freshness = Check {
        name: "Freshness",
        is_ok: node.is_fresh,
        state: if node.is_fresh { "in sync" } else { "not in sync" }.into(),
        details: match (node.sync_age, node.is_fresh) {
            (Some(age), true) => format!("all changes up to {} ms ago have arrived", age.as_millis()),
            (Some(age), false) => {
                format!("last in sync {} s ago; until it is again, every request asks the database", age.as_secs())
            }
            (None, _) => "not in sync since the start; every request asks the database".into(),
        },
    };
    let cache = Check {
        name: "Cache",
        is_ok: node.has_cache,
        state: if node.has_cache { "on" } else { "off" }.into(),
        details: if node.has_cache { "" } else { "JETON_CACHE_BYTES is 0" }.into(),
    };
    vec![database, freshness, cache]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (99_999, "99,999"), (MAX_COUNTED, "100,000+")] {
            assert_eq!(counted(count), text);
        }
    }

    #[test]
    fn bars_stand_on_each_other_and_stay_inside() {
        let hour = |good, refused| HourOfLogins { good, refused };
        let drawn = chart(&[hour(0, 0), hour(5000, 1), hour(0, 3), hour(2500, 2500)]);
        assert_eq!((drawn.good.as_str(), drawn.refused.as_str()), ("7,500", "2,504"));
        for bar in &drawn.bars {
            assert_eq!(bar.good_y + bar.good_height, HEIGHT);
            assert_eq!(bar.refused_y + bar.refused_height, bar.good_y);
            assert!(bar.refused_y >= 0, "{}", bar.title);
        }
        assert!(drawn.bars[1].refused_height > 0, "one among thousands");
        assert_eq!((drawn.bars[0].good_height, drawn.bars[0].refused_height), (0, 0));
    }
}
