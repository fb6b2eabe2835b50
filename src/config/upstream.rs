//! Whom `jeton edge` asks, and to whom `jeton shadow` passes requests on.

use super::reader::Reader;
use super::setting::{plain, secret};
use super::{parsers, setting_parsers};
use crate::domain::client::ClientSecret;
use crate::upstream::UpstreamOptions;

/// `JETON_UPSTREAM`, and the credentials for it.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The base URLs, without a slash at the end; at least one.
    pub urls: Vec<String>,
    /// The client id and the secret.
    credentials: Option<(String, ClientSecret)>,
}

impl Upstream {
    /// What an edge needs.
    ///
    /// # Errors
    /// When the credentials are not set.
    pub fn of_edge(&self) -> Result<UpstreamOptions, String> {
        let (client_id, client_secret) =
            self.credentials.clone().ok_or("JETON_UPSTREAM_CLIENT_ID: it is missing, but JETON_UPSTREAM is set")?;
        Ok(UpstreamOptions { urls: self.urls.clone(), client_id, client_secret })
    }
}

/// Reads the settings of the upstream. A running edge reads them again at a reload.
pub fn upstream(from: &mut Reader<'_>) -> Option<Upstream> {
    let urls = from.under("Edge").maybe(
        plain(
            "JETON_UPSTREAM",
            "",
            "the jeton that `jeton edge` asks: its URL, or several, separated by commas; the Django project to which \
             `jeton shadow` passes requests on",
        ),
        urls,
    );
    let credentials = from.pair(
        plain("JETON_UPSTREAM_CLIENT_ID", "", "the edge's client id at the upstream"),
        secret("JETON_UPSTREAM_CLIENT_SECRET", "its secret"),
    );
    let credentials = credentials.map(|(client_id, secret)| (client_id, ClientSecret::from_text(&secret)));
    urls.map(|urls| Upstream { urls, credentials })
}

fn urls(text: &str) -> Result<Vec<String>, String> {
    let url = |url: &String| setting_parsers::issuer(url).map(|url| url.trim_end_matches('/').to_owned());
    parsers::list(text).iter().map(url).collect::<Result<Vec<_>, _>>().and_then(|urls| {
        if urls.is_empty() { Err("write a URL such as https://jeton.example.com".into()) } else { Ok(urls) }
    })
}
