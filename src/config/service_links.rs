//! Environment variables that Kubernetes and Docker create for a service, for example for one named jeton.

/// Whether this is such a variable and not a setting: `JETON_SERVICE_HOST`, `JETON_SERVICE_PORT`,
/// `JETON_SERVICE_PORT_HTTP`, `JETON_PORT=tcp://10.0.0.1:8000`, `JETON_PORT_8000_TCP`, `JETON_PORT_8000_TCP_ADDR`. For a
/// Service named jeton-edge they begin with `JETON_EDGE_`.
///
/// From `JETON_PORT_8000_TCP` on, the name alone is enough. A shorter name could be a mistyped setting, so its value must
/// have the form that it has in these variables.
pub fn is_service_link(name: &str, value: &str) -> bool {
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_port = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if name.ends_with("_SERVICE_HOST") {
        return value.parse::<std::net::IpAddr>().is_ok();
    }
    if name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return is_port;
    }
    if name.ends_with("_PORT") && is_url {
        return true;
    }
    // <SERVICE>_PORT_8000_TCP, and _PROTO, _PORT, _ADDR after it.
    let Some((_, rest)) = name.split_once("_PORT_") else { return false };
    let mut words = rest.split('_');
    let number = words.next().is_some_and(|word| word.parse::<u16>().is_ok());
    let protocol = words.next().is_some_and(|word| ["TCP", "UDP", "SCTP"].contains(&word));
    number && protocol && matches!((words.next(), words.next()), (None | Some("PROTO" | "PORT" | "ADDR"), None))
}

#[cfg(test)]
mod tests {
    use super::is_service_link;

    #[test]
    fn variables_of_orchestrators_are_told_apart_from_mistyped_settings() {
        for (name, value) in [
            ("JETON_SERVICE_HOST", "10.96.0.7"),
            ("JETON_SERVICE_HOST", "fd00::7"),
            ("JETON_SERVICE_PORT", "8000"),
            ("JETON_SERVICE_PORT_HTTP", "8000"),
            ("JETON_PORT", "tcp://10.96.0.7:8000"),
            ("JETON_PORT", "udp://10.96.0.7:53"),
            ("JETON_PORT_8000_TCP", "tcp://10.96.0.7:8000"),
            ("JETON_PORT_8000_TCP_PROTO", "tcp"),
            ("JETON_PORT_8000_TCP_PORT", "8000"),
            ("JETON_PORT_8000_TCP_ADDR", "10.96.0.7"),
            ("JETON_EDGE_SERVICE_HOST", "10.96.0.8"),
            ("JETON_EDGE_PORT_9000_UDP_ADDR", "10.96.0.8"),
        ] {
            assert!(is_service_link(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("JETON_PORT", "8000"),
            ("JETON_LISTEN_PORT", "8000"),
            ("JETON_HOST", "10.96.0.7"),
            ("JETON_SERVICE_HOST", "jeton.example.com"),
            ("JETON_SERVICE_PORT", "http"),
            ("JETON_SERVICE", "1"),
            ("JETON_PORT_8000", "tcp://10.96.0.7:8000"),
            ("JETON_PORT_8000_HTTP", "1"),
            ("JETON_PORT_8000_TCP_NAME", "1"),
            ("JETON_PORT_HTTP_TCP", "1"),
        ] {
            assert!(!is_service_link(name, value), "{name}={value}");
        }
    }
}
