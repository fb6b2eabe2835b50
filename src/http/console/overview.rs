//! The overview: counts, logins of the last day, the state of this node.

use std::time::Duration;

use actix_web::http::StatusCode;
use askama::Template;
use percent_encoding::utf8_percent_encode;

use super::explain::key_field;
use super::frame::Frame;
use super::nodes::{FollowerRow, NodeRow};
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::widgets::{Clock, Field, Moment, number};
use crate::domain::time::Timestamp;
use crate::http::drf::pagination::QUOTED;
use crate::http::state::State;
use crate::service::{Overview, Reason, Results};
use crate::store::{LoginHours, MAX_COMPARED, MAX_COUNTED, Refused};

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    frame: Frame,
    form_token: String,
    key: Field,
    users: String,
    inactive: i64,
    /// Whether not all users were counted.
    may_have_more: bool,
    tokens: String,
    /// When the tokens were counted, if that was not now.
    tokens_counted: Option<Moment>,
    logins: Option<Chart>,
    /// How many of the newest entries were counted, if the day has more.
    newest_counted: Option<String>,
    refused_names: Vec<Counted>,
    refused_addresses: Vec<Counted>,
    /// How many of the newest refused logins were compared, if the day has more.
    newest_compared: Option<String>,
    introspections: Chart,
    results: Vec<(&'static str, String)>,
    checks: Vec<Check>,
    /// Without the database's answer, no other node is known.
    nodes: Vec<NodeRow>,
    has_unnamed_nodes: bool,
    are_nodes_hidden: bool,
    followers: Vec<FollowerRow>,
    version: &'static str,
}

/// A chart of 24 hours.
struct Chart {
    good: String,
    refused: String,
    bars: Vec<Bar>,
    /// The number at the top of the scale.
    top: String,
    /// The times along the chart.
    times: Vec<Clock>,
}

/// One hour: a bar of good ones, and refused ones on top of it.
struct Bar {
    x: usize,
    good_y: i64,
    good_height: i64,
    refused_y: i64,
    refused_height: i64,
    title: String,
}

/// A name or an address with refused logins, how many, and when the last one was.
struct Counted {
    name: String,
    link: String,
    count: String,
    last: Moment,
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
    let refused = overview.refused.clone().unwrap_or_default();
    let nodes: Vec<NodeRow> = overview.nodes.iter().flat_map(|nodes| &nodes.nodes).cloned().map(NodeRow::of).collect();
    let page = OverviewPage {
        frame: signed_in.frame("Overview", "overview"),
        form_token: signed_in.form_token(),
        key: key_field(),
        users: overview.users.map_or_else(unknown, |users| counted(users.all)),
        inactive: overview.users.map_or(0, |users| users.inactive),
        may_have_more: overview.users.is_some_and(|users| users.all >= MAX_COUNTED),
        tokens: overview.live_tokens.map_or_else(unknown, |(live, _)| at_least(live.count, live.is_whole)),
        tokens_counted: overview.live_tokens.and_then(|(_, at)| at).map(Moment),
        logins: overview.logins.map(|logins| logins_chart(&logins, overview.now)),
        newest_counted: overview.logins.filter(|logins| !logins.is_whole).map(|_| number(MAX_COUNTED)),
        refused_names: refused.names.iter().map(|one| refused_by(one, "target")).collect(),
        refused_addresses: refused.addresses.iter().map(|one| refused_by(one, "address")).collect(),
        newest_compared: (!refused.is_whole && !refused.names.is_empty()).then(|| number(MAX_COMPARED)),
        introspections: introspections_chart(&overview.introspections, overview.now),
        results: results(&overview.introspections),
        checks: checks(&overview),
        are_nodes_hidden: overview.nodes.as_ref().is_some_and(|nodes| nodes.are_hidden),
        has_unnamed_nodes: nodes.iter().any(|node| node.host.is_empty()),
        nodes,
        followers: state.service.introspection.list_followers().into_iter().map(FollowerRow::of).collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(html(StatusCode::OK, &page))
}

fn counted(count: i64) -> String {
    at_least(count, count < MAX_COUNTED)
}

fn at_least(count: i64, is_whole: bool) -> String {
    let plus = if is_whole { "" } else { "+" };
    format!("{}{plus}", number(count))
}

fn unknown() -> String {
    "\u{2013}".into()
}

/// The height of the chart, and the width of an hour in it.
const HEIGHT: i64 = 96;
const HOUR_WIDTH: usize = 20;

/// How many times stand along a chart, the first and the last hour among them.
const TIMES: u64 = 5;

fn chart(hours: &[(i64, i64)], end: Timestamp, title: impl Fn(&(i64, i64)) -> String) -> Chart {
    let most = hours.iter().map(|(good, refused)| good + refused).max().unwrap_or(0).max(1);
    // One among thousands is still visible.
    let height = |count: i64| if count == 0 { 0 } else { (count * (HEIGHT - 4) / most).max(2) };
    let length = hours.len() as u64;
    let bars = hours.iter().zip((1..=length).rev()).enumerate().map(|(at, (hour, ago))| {
        let (good, refused) = (height(hour.0), height(hour.1));
        let from = Moment(end.before(Duration::from_hours(ago))).text();
        Bar {
            x: at * HOUR_WIDTH,
            good_y: HEIGHT - good,
            good_height: good,
            refused_y: HEIGHT - good - refused,
            refused_height: refused,
            title: format!("one hour from {from}: {}", title(hour)),
        }
    });
    let times = (0..TIMES).rev().map(|part| Clock(end.before(Duration::from_hours(length * part / (TIMES - 1)))));
    Chart {
        good: counted(hours.iter().map(|(good, _)| good).sum()),
        refused: counted(hours.iter().map(|(_, refused)| refused).sum()),
        bars: bars.collect(),
        top: number(most),
        times: times.collect(),
    }
}

fn logins_chart<const HOURS: usize>(logins: &LoginHours<HOURS>, now: Timestamp) -> Chart {
    let hours: Vec<(i64, i64)> = logins.hours.iter().map(|hour| (hour.good, hour.refused)).collect();
    let mut chart = chart(&hours, now, |(good, refused)| format!("{good} logins, {refused} refused"));
    if !logins.is_whole {
        chart.good = at_least(hours.iter().map(|(good, _)| good).sum(), false);
        chart.refused = at_least(hours.iter().map(|(_, refused)| refused).sum(), false);
    }
    chart
}

fn inactive(results: &Results) -> u64 {
    results.inactive().map(|(_, count)| count).sum()
}

fn introspections_chart(hours: &[Results], now: Timestamp) -> Chart {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let hours: Vec<(i64, i64)> = hours.iter().map(|hour| (signed(hour.active()), signed(inactive(hour)))).collect();
    // The hours are those of the clock, and the current one has not ended.
    let into = Duration::from_secs(now.epoch_seconds().rem_euclid(3600).unsigned_abs());
    let end = now.before(into).after(Duration::from_hours(1));
    let mut chart = chart(&hours, end, |(active, inactive)| format!("{active} active, {inactive} not active"));
    chart.good = number(hours.iter().map(|(active, _)| active).sum());
    chart
}

/// The results of the day, those that did not occur left out.
fn results(hours: &[Results]) -> Vec<(&'static str, String)> {
    let sum = |of: &dyn Fn(&Results) -> u64| hours.iter().map(of).sum::<u64>();
    let active = [("active", sum(&Results::active))];
    let reasons = Reason::ALL.into_iter().map(|reason| {
        let of =
            move |results: &Results| results.inactive().find(|(one, _)| *one == reason).map_or(0, |(_, count)| count);
        (in_words(reason), sum(&of))
    });
    let shown = active.into_iter().chain(reasons).filter(|(_, count)| *count > 0);
    shown.map(|(word, count)| (word, number(i64::try_from(count).unwrap_or(i64::MAX)))).collect()
}

const fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "not a key",
        Reason::Unknown => "unknown",
        Reason::Expired => "expired",
        Reason::Revoked => "revoked",
        Reason::UserInactive => "the user is inactive",
    }
}

fn refused_by(refused: &Refused, parameter: &str) -> Counted {
    let name = &refused.subject;
    let value = utf8_percent_encode(name, QUOTED);
    let link = format!("/console/audit?action=login.failed&{parameter}={value}");
    Counted { name: name.clone(), link, count: number(refused.count), last: Moment(refused.last) }
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
    let changes = Check {
        name: "Revocations and other changes",
        is_ok: node.is_fresh,
        state: if node.is_fresh { "arrive in time" } else { "arrive late" }.into(),
        details: match (node.sync_age, node.is_fresh) {
            (Some(age), true) => format!("all up to {} ms ago are known here", age.as_millis()),
            (Some(age), false) => {
                format!("known up to {} s ago; until they arrive again, every request asks the database", age.as_secs())
            }
            (None, _) => "none arrived since the start; every request asks the database".into(),
        },
    };
    let cache = Check {
        name: "Answers from memory",
        is_ok: node.has_cache,
        state: if node.has_cache { "on" } else { "off" }.into(),
        details: if node.has_cache { "" } else { "JETON_CACHE_BYTES is 0" }.into(),
    };
    vec![database, changes, cache]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (49_999, "49,999"), (MAX_COUNTED, "50,000+")] {
            assert_eq!(counted(count), text);
        }
    }

    #[test]
    fn bars_stand_on_each_other_and_stay_inside() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let drawn = chart(&[(0, 0), (5000, 1), (0, 3), (2500, 2500)], now, |(good, bad)| format!("{good}, {bad}"));
        assert_eq!((drawn.good.as_str(), drawn.refused.as_str(), drawn.top.as_str()), ("7,500", "2,504", "5,001"));
        for bar in &drawn.bars {
            assert_eq!(bar.good_y + bar.good_height, HEIGHT);
            assert_eq!(bar.refused_y + bar.refused_height, bar.good_y);
            assert!(bar.refused_y >= 0, "{}", bar.title);
        }
        assert!(drawn.bars[1].refused_height > 0, "one among thousands");
        assert_eq!((drawn.bars[0].good_height, drawn.bars[0].refused_height), (0, 0));
        assert_eq!(drawn.bars[3].title, "one hour from 2023-11-14 21:13 UTC: 2500, 2500");
        let times: Vec<String> = drawn.times.iter().map(|time| time.0.to_string()[11..16].to_owned()).collect();
        assert_eq!(times, ["18:13", "19:13", "20:13", "21:13", "22:13"]);
    }
}
