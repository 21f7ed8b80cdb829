//! Webhooks by https, and whom the program trusts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redis_cluster_monitor::local::{Server, Version, wait_for};
use serde_json::Value;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::receiver::Receiver;
use crate::monitor::{Result, SOON, State, builder, check};

#[test]
fn the_program_trusts_the_authorities_of_the_machine_and_nobody_else() {
    check(by_https());
}

fn by_https() -> Result {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let trusted = Receiver::listen(&[], Some(certified(&files)));
    let server: Server = builder(Version::System)?.start()?;
    // Only the file counts, whatever else this machine trusts.
    let trusting = |file: PathBuf| {
        let state = State::new().with_variable("SSL_CERT_FILE", file);
        state.with_variable("SSL_CERT_DIR", PathBuf::new())
    };
    let state = trusting(files.join("ca.pem"));
    let token = state.path().with_extension("token");
    fs::write(&token, "OpenSesame\n").unwrap();
    let file = format!(
        "[groups.shop]\nnodes = [\"{}\"]\n[[webhooks]]\nurl = \"{}\"\ntoken_file = \"{}\"\nevents = \
         [\"primary-adopted\"]\n",
        server.address(),
        trusted.url,
        token.display(),
    );
    let path = state.path().with_extension("toml");
    fs::write(&path, &file).unwrap();
    let monitor = state.subcommand(&["run", "--config", path.to_str().unwrap()]);
    let logged = monitor.wait_for("primary-adopted")?;
    let request = &trusted.wait_for(1)[0];
    let mut sent = request.json();
    // The log may have told it a millisecond earlier.
    sent["ts"] = logged["ts"].clone();
    assert_eq!(sent, logged);
    assert_eq!(request.header("authorization"), "bearer opensesame");
    assert!(monitor.terminate().success());
    // The same receiver, whom nobody vouches for.
    let strangers = trusting(files.join("localhost.pem"));
    let monitor = strangers.subcommand(&["run", "--config", path.to_str().unwrap()]);
    let named = || {
        let said = |line: &Value| line["message"].as_str().unwrap().contains("UnknownIssuer");
        monitor.lines().iter().any(said)
    };
    monitor.explain(wait_for(SOON, "the certificate is refused", named))?;
    let log = monitor.lines();
    assert!(
        !log.iter()
            .any(|line| line.to_string().contains("key=secret"))
    );
    assert_eq!(trusted.requests().len(), 1);
    drop(monitor);
    let nobody = trusting("/nonexistent".into());
    let monitor = nobody.subcommand(&["run", "--config", path.to_str().unwrap()]);
    let (code, log) = monitor.ended();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("trusts no certificate authority"), "{log}");
    Ok(())
}

fn certified(files: &Path) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(files.join("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.join("localhost.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(|part| part.unwrap()).collect(), key)
        .unwrap();
    Arc::new(config)
}
