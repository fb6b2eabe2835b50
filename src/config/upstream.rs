//! Whom `jeton edge` asks.

use super::reader::Reader;
use super::setting::{plain, secret};
use super::{parsers, setting_parsers};
use crate::domain::client::ClientSecret;
use crate::upstream::UpstreamOptions;

/// Read again while an edge runs.
pub fn upstream(from: &mut Reader<'_>) -> Option<UpstreamOptions> {
    const UPSTREAM: &str = "JETON_UPSTREAM";
    let urls = from
        .under("Edge")
        .maybe(plain(UPSTREAM, "", "the jeton that `jeton edge` asks: its URL, or several, separated by commas"), urls);
    let own = from.pair(
        plain("JETON_UPSTREAM_CLIENT_ID", "", "the edge's own client id there"),
        secret("JETON_UPSTREAM_CLIENT_SECRET", "its secret"),
    );
    match (urls, own) {
        (Some(urls), Some((client_id, secret))) => {
            Some(UpstreamOptions { urls, client_id, client_secret: ClientSecret::from_text(&secret) })
        }
        (Some(_), None) if !from.has_fault_of(&["JETON_UPSTREAM_CLIENT_ID", "JETON_UPSTREAM_CLIENT_SECRET"]) => {
            from.fault("JETON_UPSTREAM_CLIENT_ID", "it is missing, but JETON_UPSTREAM is set");
            None
        }
        _ => None,
    }
}

fn urls(text: &str) -> Result<Vec<String>, String> {
    let url = |url: &String| setting_parsers::issuer(url).map(|url| url.trim_end_matches('/').to_owned());
    parsers::list(text).iter().map(url).collect::<Result<Vec<_>, _>>().and_then(|urls| {
        if urls.is_empty() { Err("write a URL such as https://jeton.example.com".into()) } else { Ok(urls) }
    })
}
