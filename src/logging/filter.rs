//! Turns down the log lines of library crates.

use log::LevelFilter;

/// The filter, with directives before it that turn down crates whose lines do not help an operator. A filter that names
/// such a crate overrides them, because the last directive of a name wins.
pub fn with_crate_defaults(filter: &str) -> String {
    let directives = filter.split('/').next().unwrap_or_default().split(',');
    let general = directives.filter_map(|directive| directive.trim().parse::<LevelFilter>().ok()).next_back();
    let mut defaults = String::new();
    // At `debug` and `trace` the operator wants everything; below `info` there is nothing to turn down.
    if general == Some(LevelFilter::Info) {
        defaults.push_str("actix_server=warn,");
    }
    // actix logs malformed requests. Those are the clients' faults, and anybody could fill the log with them.
    defaults + "actix_http=off," + filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_libraries_are_written_only_if_the_operator_asks_for_them() {
        assert_eq!(with_crate_defaults("info"), "actix_server=warn,actix_http=off,info");
        assert_eq!(with_crate_defaults("jeton=debug, INFO/x"), "actix_server=warn,actix_http=off,jeton=debug, INFO/x");
        for asks in ["debug", "warn", "jeton=info"] {
            assert_eq!(with_crate_defaults(asks), format!("actix_http=off,{asks}"));
        }
    }
}
