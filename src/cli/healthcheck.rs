//! `jeton healthcheck`: for containers, which have no curl. Opens no database.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Failure;
use crate::config::{Config, Listen};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the jeton at `JETON_LISTEN` for `/healthz`.
pub fn healthcheck(config: &Config) -> Result<(), Failure> {
    let answer = match &config.serving.listen {
        Listen::Unix(path) => {
            let stream = UnixStream::connect(path).map_err(|error| no_answer(&config.serving.listen, &error))?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            ask(stream)
        }
        Listen::Tcp(address) => {
            let stream = connect(address).map_err(|error| no_answer(&config.serving.listen, &error))?;
            if config.serving.tls.is_some() {
                return check_tls_server(stream).map_err(|error| no_answer(&config.serving.listen, &error));
            }
            ask(stream)
        }
    };
    let answer = answer.map_err(|error| no_answer(&config.serving.listen, &error))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(Failure::new(format!("unhealthy: {}", answer.lines().next().unwrap_or("no answer"))))
    }
}

fn no_answer(listen: &Listen, error: &std::io::Error) -> Failure {
    let place = match listen {
        Listen::Tcp(address) => address.clone(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
    };
    Failure::new(format!("no server answers at {place}: {error}"))
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&reachable(address), TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A listener on all addresses is reached on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Checks that a TLS server is alive, without a handshake, because the certificate names the public host and not this
/// address. A live server answers or closes a connection that does not speak TLS; one that hangs does neither.
fn check_tls_server(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(b"\r\n\r\n\r\n\r\n")?;
    match stream.read(&mut [0; 64]) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
        _ => Ok(()),
    }
}

fn ask(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
