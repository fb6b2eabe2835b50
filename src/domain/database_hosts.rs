//! Splits a libpq URI that names several hosts, so that jeton can try them one by one and knows which one answered.

use super::database_url::Parts;

/// Parameters that apply to all hosts together. A URL that has one is left to libpq.
const OF_ALL: [&str; 2] = ["load_balance_hosts=", "target_session_attrs=prefer-standby"];

/// The URL once for each of its hosts, in order. The URL itself when it is unclear which values belong to which host.
#[must_use]
pub fn each_host(url: &str) -> Vec<String> {
    let whole = || vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return whole() };
    let parts = Parts::of(rest);
    let parameters: Vec<&str> = parts.parameters.split('&').collect();
    if parameters.iter().any(|parameter| OF_ALL.iter().any(|of_all| parameter.starts_with(of_all))) {
        return whole();
    }
    let lists = |parameter: &str| ["host=", "hostaddr=", "port="].iter().any(|name| parameter.starts_with(name));
    let count = |list: &str| list.split(',').count();
    let counts = || parameters.iter().filter(|parameter| lists(parameter)).map(|list| count(list));
    let hosts = counts().chain([count(parts.hosts)]).max().unwrap_or(1);
    // A single value, for example one port, applies to all hosts.
    if hosts == 1 || counts().chain([count(parts.hosts)]).any(|list| list != 1 && list != hosts) {
        return whole();
    }
    let one_of = |list: &str, at: usize| list.split(',').nth(at).unwrap_or(list).to_owned();
    let one = |at: usize| {
        let parameter = |text: &&str| match text.split_once('=') {
            Some((name, list)) if lists(text) => format!("{name}={}", one_of(list, at)),
            _ => (*text).to_owned(),
        };
        let parameters: Vec<String> = parameters.iter().map(parameter).collect();
        let credentials = if parts.credentials.is_empty() { String::new() } else { format!("{}@", parts.credentials) };
        let query = if parts.parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
        format!("{scheme}://{credentials}{}/{}{query}", one_of(parts.hosts, at), parts.name)
    };
    (0..hosts).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_gets_its_own_values_and_the_shared_ones() {
        for (url, hosts) in [
            ("postgres://h/d", &["postgres://h/d"][..]),
            ("postgres://h", &["postgres://h"]),
            ("postgres:///d?host=/tmp", &["postgres:///d?host=/tmp"]),
            (
                "postgres://u:p%2C@a:1,[::1]:2/d?x=1",
                &["postgres://u:p%2C@a:1/d?x=1", "postgres://u:p%2C@[::1]:2/d?x=1"],
            ),
            ("postgres://a,b", &["postgres://a/", "postgres://b/"]),
            ("postgres://u@/d?host=a,b&port=1,2", &["postgres://u@/d?host=a&port=1", "postgres://u@/d?host=b&port=2"]),
            ("postgres://a,b/d?port=7", &["postgres://a/d?port=7", "postgres://b/d?port=7"]),
            ("postgres://a,b/d?hostaddr=1,2", &["postgres://a/d?hostaddr=1", "postgres://b/d?hostaddr=2"]),
            // libpq reports the error.
            ("postgres://a,b/d?hostaddr=1,2,3", &["postgres://a,b/d?hostaddr=1,2,3"]),
            ("postgres://a,b/d?load_balance_hosts=random", &["postgres://a,b/d?load_balance_hosts=random"]),
        ] {
            assert_eq!(each_host(url), hosts, "{url}");
        }
    }
}
