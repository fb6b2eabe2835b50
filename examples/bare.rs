//! A bare actix server with a fixed answer of 150 bytes: what `scripts/bench` holds jeton's introspection against.
//!
//! `cargo run --profile dist --example bare -- 127.0.0.1:8001 2`: the address, and how many workers.

use actix_web::{App, HttpResponse, HttpServer, web};

const ANSWER: &str = concat!(
    r#"{"active":true,"token_type":"Bearer","sub":"7","username":"alice","iat":1700000000,"jti":"7","user_id":7,"#,
    r#""email":"","is_staff":false,"groups":["a"]}"#
);

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8001".into());
    let workers = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(2);
    // The body is read, as whoever answers a POST does: actix closes a connection whose request it did not read.
    let answer = |_: web::Bytes| async { HttpResponse::Ok().content_type("application/json").body(ANSWER) };
    let app = move || App::new().route("/introspect", web::post().to(answer));
    actix_rt::System::new().block_on(HttpServer::new(app).workers(workers).bind(address)?.run())
}
