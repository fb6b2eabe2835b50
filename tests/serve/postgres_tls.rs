//! A PostgreSQL that accepts only TLS connections.

use std::fs;
use std::path::Path;
use std::process::{Stdio, id};

use super::bare;
use crate::support::app::SECRET_KEY;
use crate::support::postgres::{as_owner, fresh_directory, private_with};

/// Creates a self-signed certificate for an address, and its key, as files of the server's owner.
fn certify(folder: &Path, address: &str) -> [String; 2] {
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let mut openssl = as_owner("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]);
    openssl.args(["-subj", "/CN=database", "-addext", &format!("subjectAltName=IP:{address}")]);
    openssl.args(["-keyout", &key, "-out", &cert]);
    assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
    [cert, key]
}

#[test]
fn a_database_that_requires_tls_is_reached_and_its_certificate_is_verified() {
    // A loopback address that no other test listens on.
    let address = format!("127.{}.{}.1", 64 + (id() >> 8) % 64, id() & 255);
    let (folder, elsewhere) = (fresh_directory(), fresh_directory());
    let [cert, key] = certify(&folder, &address);
    let [other, _] = certify(&elsewhere, &address);
    let rules = folder.join("pg_hba.conf");
    fs::write(&rules, "local all all trust\nhostssl all all 127.0.0.0/8 trust\n").unwrap();
    let cluster = private_with(&[
        "ssl=on",
        &format!("ssl_cert_file={cert}"),
        &format!("ssl_key_file={key}"),
        &format!("hba_file={}", rules.display()),
        &format!("listen_addresses={address}"),
    ]);
    let database = cluster.create_database();
    let name = database.url.rsplit_once('/').unwrap().1;
    let at = |parameters: &str| {
        let url = format!("postgres://jeton@{address}:5432/{name}?{parameters}");
        bare().env("DATABASE_URL", url).env("JETON_SECRET_KEY", SECRET_KEY)
    };
    for (parameters, is_reached) in [
        ("sslmode=require", true),
        (&format!("sslmode=verify-full&sslrootcert={cert}"), true),
        (&format!("sslmode=verify-full&sslrootcert={other}"), false),
        ("sslmode=disable", false),
    ] {
        let output = at(parameters).run(&["migrate"]);
        assert_eq!(output.status == 0, is_reached, "{parameters}: {output:?}");
    }
    let server = at("sslmode=require").serve();
    assert!(server.addr.port() > 0);
    let encrypted = "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) \
                     where application_name = 'jeton'";
    assert_eq!(database.sql(encrypted), "t");
}
