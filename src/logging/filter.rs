//! Lines of crates that jeton is made of, which nobody asked for.

use log::LevelFilter;

/// The filter, with those turned down that tell an operator nothing. Whoever names them has them all the same, for the
/// last directive of a name wins.
pub fn quiet(filter: &str) -> String {
    let directives = filter.split('/').next().unwrap_or_default().split(',');
    let general = directives.filter_map(|directive| directive.trim().parse::<LevelFilter>().ok()).next_back();
    let mut quiet = String::new();
    // At `debug` and `trace` everything is asked for, below `info` there is nothing to turn down.
    if general == Some(LevelFilter::Info) {
        quiet.push_str("actix_server=warn,");
    }
    // What actix says of malformed requests is the senders' fault, and anybody could fill the log with it.
    quiet + "actix_http=off," + filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_chatter_is_there_for_those_who_ask() {
        assert_eq!(quiet("info"), "actix_server=warn,actix_http=off,info");
        assert_eq!(quiet("jeton=debug, INFO/x"), "actix_server=warn,actix_http=off,jeton=debug, INFO/x");
        for asks in ["debug", "warn", "jeton=info"] {
            assert_eq!(quiet(asks), format!("actix_http=off,{asks}"));
        }
    }
}
