//! A certificate of the host `localhost` that only itself vouches for.

use std::path::Path;
use std::process::{Command, Stdio};

/// The files of a certificate and of its key.
pub struct Certificate {
    pub cert: String,
    pub key: String,
}

impl Certificate {
    pub fn create(folder: &Path) -> Self {
        let [config, cert, key] =
            ["openssl.cnf", "cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
        let extensions = "subjectAltName = DNS:localhost\nbasicConstraints = CA:FALSE\n";
        let text = format!(
            "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = localhost\n[ext]\n{extensions}"
        );
        std::fs::write(&config, text).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-config", &config, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-nodes", "-days", "1", "-keyout", &key, "-out", &cert]);
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
        Self { cert, key }
    }
}
