//! A connection whose other end the test controls.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::time::Duration;

use actix_http::{Extensions, HttpService, Protocol};
use actix_service::{Service, ServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::AppConfig;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse};
use tokio::net::UnixStream;

use super::super::connections::Connections;
use super::*;
use crate::http::OuterLayer;

/// A connection with very short time limits, and the client's end.
fn pair() -> (Wire<UnixStream>, std::os::unix::net::UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let timeouts = ClientTimeouts { tick: Duration::from_millis(20), first_byte: 2, head: 2, answer: 2 };
    let theirs = theirs.into_std().unwrap();
    theirs.set_nonblocking(false).unwrap();
    let admitted = Connections::new(1).admit().unwrap();
    (Wire::new(ours, admitted, StreamOptions { timeouts, is_https: false }), theirs)
}

async fn read(wire: &mut Wire<UnixStream>) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 64];
    let mut buffer = ReadBuf::new(&mut bytes);
    poll_fn(|cx| Pin::new(&mut *wire).poll_read(cx, &mut buffer)).await?;
    Ok(buffer.filled().to_vec())
}

async fn write(wire: &mut Wire<UnixStream>, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *wire).poll_write(cx, bytes)).await
}

#[actix_rt::test]
async fn silent_clients_are_disconnected_and_slow_heads_get_408() {
    let (mut wire, mut client) = pair();
    assert_eq!(read(&mut wire).await.unwrap(), b"", "the end");
    drop(wire);
    assert_eq!(client.read(&mut [0; 16]).unwrap(), 0, "without a word");

    let (mut late, mut client) = pair();
    for piece in ["G", "ET"] {
        // Longer than the ticks that a head may take. But ticks count only while somebody reads the stream.
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.write_all(piece.as_bytes()).unwrap();
        assert_eq!(read(&mut late).await.unwrap(), piece.as_bytes());
    }

    let (mut slow, mut client) = pair();
    client.write_all(b"G").unwrap();
    assert_eq!(read(&mut slow).await.unwrap(), b"G");
    assert_eq!(read(&mut slow).await.unwrap(), b"", "the end, after the answer");
    let mut answer = [0; 28];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408 Request Timeout");
}

/// The answer to the request that was read last, as actix writes it.
async fn answered(wire: &mut Wire<UnixStream>, answer: &[u8]) {
    drop(wire.connection().begin_request());
    assert_eq!(write(wire, answer).await.unwrap(), answer.len());
    poll_fn(|cx| Pin::new(&mut *wire).poll_flush(cx)).await.unwrap();
}

async fn waits(wire: &mut Wire<UnixStream>) {
    poll_fn(|cx| {
        let (mut bytes, wire) = ([0; 64], Pin::new(&mut *wire));
        assert!(wire.poll_read(cx, &mut ReadBuf::new(&mut bytes)).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[actix_rt::test]
async fn bytes_after_a_request_wait_for_its_answer() {
    let (mut wire, mut client) = pair();
    let requests = ["GET /a HTTP/1.1\r\n\r\n", "POST /b H\r\nContent-Length: 2\r\n\r\n{}"];
    client.write_all(requests.concat().as_bytes()).unwrap();
    for request in requests {
        assert_eq!(read(&mut wire).await.unwrap(), request.as_bytes());
        waits(&mut wire).await;
        answered(&mut wire, b"HTTP/1.1 200 OK\r\n\r\n").await;
        client.read_exact(&mut [0; 19]).unwrap();
    }
    client.write_all(b"GET /c").unwrap();
    assert_eq!(read(&mut wire).await.unwrap(), b"GET /c");
    assert_eq!(read(&mut wire).await.unwrap(), b"", "the end, after the answer");
    let mut answer = [0; 28];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408 Request Timeout");
}

#[actix_rt::test]
async fn requests_are_answered_in_order_and_malformed_ones_refused() {
    let config = AppConfig::__priv_test_new(false, String::new(), ([127, 0, 0, 1], 1).into());
    let app = App::new().default_service(web::to(|body: Bytes| async move {
        HttpResponse::Ok().insert_header(("x-size", body.len())).body(vec![b'x'; 100_000])
    }));
    let front = OuterLayer::new(app).map_err(|error: actix_web::Error| error.error_response());
    let http = HttpService::build()
        .client_request_timeout(Duration::ZERO)
        .on_connect_ext(|wire: &Wire<UnixStream>, data: &mut Extensions| {
            data.insert(Arc::clone(wire.connection()));
        })
        .finish(map_config(front, move |()| config.clone()));
    let service = http.new_service(()).await.unwrap();
    let requests = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\ntoken=x",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntok\r\n4\r\nen=x\r\n0\r\n\r\n",
    ];
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "x".repeat(120_000));
    let last = format!("GET / HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n{}", requests[0]);
    for request in requests {
        for (end, answers, status) in [(long.as_str(), 20, "431"), ("GET /", 20, "408"), (&last, 21, "200")] {
            let (wire, client) = pair();
            let sent = request.repeat(20) + end;
            let reading = std::thread::spawn(move || {
                let mut got = Vec::new();
                std::thread::scope(|scope| {
                    scope.spawn(|| (&client).write_all(sent.as_bytes()).ok());
                    (&client).read_to_end(&mut got).ok();
                });
                String::from_utf8(got).unwrap()
            });
            let served = service.call((wire, Protocol::Http1, None));
            tokio::time::timeout(Duration::from_secs(20), served).await.expect("an end").ok();
            let got = reading.join().unwrap();
            let statuses: Vec<_> = got.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
            assert_eq!(statuses.iter().filter(|status| **status == "200").count(), answers, "{request}");
            assert_eq!(statuses.last(), Some(&status), "{request}");
            assert_eq!(got.matches('x').count() / 100_000, answers, "{request}");
        }
    }
}

#[actix_rt::test]
async fn nothing_is_passed_on_after_the_last_answer() {
    let (mut wire, mut client) = pair();
    let request = b"GET /a HTTP/1.1\r\n\r\n";
    client.write_all(&request.repeat(2)).unwrap();
    assert_eq!(read(&mut wire).await.unwrap(), request);
    answered(&mut wire, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
    waits(&mut wire).await;
    poll_fn(|cx| Pin::new(&mut wire).poll_shutdown(cx)).await.unwrap();
    drop(wire);
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    assert_eq!(all, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
}

#[actix_rt::test]
async fn a_request_under_way_has_no_time_limit_but_a_client_must_read_its_answer() {
    let (mut wire, mut client) = pair();
    let in_flight = wire.connection().begin_request();
    let silence = tokio::time::timeout(Duration::from_millis(300), read(&mut wire)).await;
    assert!(silence.is_err(), "its client waits, not we");
    let large = [b'x'; 4096];
    let error = loop {
        if let Err(error) = write(&mut wire, &large).await {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(client.read(&mut [0; 16]).unwrap(), 16);
    drop(in_flight);
}

#[actix_rt::test]
async fn an_idle_connection_closes_at_once_and_a_busy_one_after_its_answer() {
    let (mut wire, _client) = pair();
    wire.connection().ask_to_close();
    assert_eq!(read(&mut wire).await.unwrap(), b"");
    let (mut wire, mut client) = pair();
    let in_flight = wire.connection().begin_request();
    wire.connection().ask_to_close();
    assert!(in_flight.is_last());
    assert_eq!(write(&mut wire, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap(), 19);
    client.read_exact(&mut [0; 19]).unwrap();
    wire.connection().start_waiting();
    assert_eq!(
        read(&mut wire).await.unwrap_err().kind(),
        io::ErrorKind::ConnectionAborted,
        "it reads its body no more"
    );
}

#[actix_rt::test]
async fn a_body_is_passed_on_in_pieces() {
    let (mut wire, mut client) = pair();
    let request = [b"POST /a H\r\nContent-Length: 60000\r\n\r\n".as_slice(), &vec![b'x'; 60_000]].concat();
    client.write_all(&request).unwrap();
    let (mut piece, mut all) = ([0; 4096], 0);
    while all < request.len() {
        // As actix does: it reads as long as there are bytes, and then parses them.
        let at_once = poll_fn(|cx| {
            let mut size = 0;
            loop {
                let mut buffer = ReadBuf::new(&mut piece);
                match Pin::new(&mut wire).poll_read(cx, &mut buffer) {
                    Poll::Ready(read) => read.unwrap(),
                    Poll::Pending if size == 0 => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(size),
                }
                size += buffer.filled().len();
            }
        })
        .await;
        assert!(at_once <= PIECE, "{at_once}");
        all += at_once;
    }
}
