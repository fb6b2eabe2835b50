//! A balancer, or a slow link, before servers: each request has a connection of its own, and a test says where it goes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::process::lock;

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// To one of the servers.
    Server(usize),
    /// The same, and the answer arrives so much later.
    Late(usize, Duration),
    /// It is refused with 503.
    Nobody,
    /// It is answered with 500.
    Failing,
    /// It is answered with 200, and nothing that jeton says: by a proxy's page, perhaps.
    Stranger,
}

/// Chooses by the request's target, and the number of its connection.
type Route = Arc<dyn Fn(&str, usize) -> To + Send + Sync>;

/// It ends with this process.
pub struct Balancer {
    addr: SocketAddr,
    route: Arc<Mutex<Route>>,
    late: Arc<AtomicUsize>,
}

impl Balancer {
    /// All requests go to the first server at first.
    pub fn start(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let first: Route = Arc::new(|_, _| To::Server(0));
        let (addr, route) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(first)));
        let (chosen, late) = (Arc::clone(&route), Arc::<AtomicUsize>::default());
        let delayed = Arc::clone(&late);
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let (servers, route, late) = (servers.clone(), Arc::clone(&chosen), Arc::clone(&delayed));
                std::thread::spawn(move || pass(client.unwrap(), &servers, &route, number, &late));
            }
        });
        Self { addr, route, late }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on requests go where `route` says.
    pub fn route(&self, route: impl Fn(&str, usize) -> To + Send + Sync + 'static) {
        *lock(&self.route) = Arc::new(route);
    }

    /// How many answers were given by a server and are, or were, held back.
    pub fn late_answers(&self) -> usize {
        self.late.load(Ordering::SeqCst)
    }
}

/// Passes one request on, and the answer back.
fn pass(
    mut client: TcpStream,
    servers: &[SocketAddr],
    route: &Mutex<Route>,
    number: usize,
    late: &AtomicUsize,
) -> Option<()> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    let head = loop {
        let head = request.windows(4).position(|end| end == b"\r\n\r\n");
        let text = String::from_utf8_lossy(&request[..head.unwrap_or(0)]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if let Some(head) = head
            && request.len() >= head + 4 + length.unwrap_or(0)
        {
            break head;
        }
        match client.read(&mut part).ok()? {
            0 => return None,
            read => request.extend_from_slice(&part[..read]),
        }
    };
    let line = String::from_utf8_lossy(&request);
    let target = line.split(' ').nth(1)?;
    let route = Arc::clone(&lock(route));
    let (server, delay) = match route(target, number) {
        To::Server(server) => (server, None),
        To::Late(server, delay) => (server, Some(delay)),
        To::Nobody => return refuse(&mut client, "503 Service Unavailable"),
        To::Stranger => return refuse(&mut client, "200 OK"),
        To::Failing => return refuse(&mut client, "500 Internal Server Error"),
    };
    let mut server = TcpStream::connect(servers[server]).ok()?;
    server.write_all(&request[..head]).ok()?;
    server.write_all(b"\r\nconnection: close").ok()?;
    server.write_all(&request[head..]).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    if let Some(delay) = delay {
        late.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(delay);
    }
    client.write_all(&answer).ok()
}

fn refuse(client: &mut TcpStream, status: &str) -> Option<()> {
    let refusal = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    client.write_all(refusal.as_bytes()).ok()
}
