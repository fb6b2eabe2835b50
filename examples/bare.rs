//! A bare actix server with fixed answers: what `scripts/bench` holds jeton's introspection against, and its answers to gateways.
//!
//! `cargo run --profile dist --example bare -- 127.0.0.1:8001 2 'X-User-Id: 7'`: the address, or `unix:` and a path; how many
//! workers; the headers of its answers to a gateway.

use actix_web::{App, HttpResponse, HttpServer, web};

/// As long as an ordinary answer of jeton: 150 bytes.
const ANSWER: &str = concat!(
    r#"{"active":true,"token_type":"Bearer","sub":"7","username":"alice","iat":1700000000,"jti":"7","user_id":7,"#,
    r#""email":"","is_staff":false,"groups":["a"]}"#
);

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8001".into());
    let workers = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(2);
    let headers: Vec<_> = arguments.map(header).collect();
    let app = move || {
        // The body is read, as whoever answers a POST does: actix closes a connection whose request it did not read.
        let introspect = |_: web::Bytes| async { HttpResponse::Ok().content_type("application/json").body(ANSWER) };
        let headers = headers.clone();
        let verify = move || {
            let mut answer = HttpResponse::Ok();
            for (name, value) in &headers {
                answer.insert_header((name.as_str(), value.as_str()));
            }
            async move { answer.finish() }
        };
        App::new().route("/introspect", web::post().to(introspect)).route("/auth/verify", web::get().to(verify))
    };
    let server = HttpServer::new(app).workers(workers);
    let server = match address.strip_prefix("unix:") {
        Some(path) => server.bind_uds(path)?,
        None => server.bind(address)?,
    };
    actix_rt::System::new().block_on(server.run())
}

/// A name and a value, of a line as HTTP has it.
fn header(line: String) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("this is no header: {line}"));
    (name.to_owned(), value.to_owned())
}
