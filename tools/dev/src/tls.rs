//! TLS in front of the engine, as in front of DynamoDB: a certificate under a root, beside those
//! that would be trusted anyway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;
use crate::stack::listen;

/// The roots that the functions trust in production.
const AMAZON: &str = include_str!("../../../shared/src/store/connection/amazon-roots.pem");

/// Where most systems have those that everybody trusts.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An address that speaks TLS, and who is trusted there.
pub struct TlsEnd {
    /// `https://…`
    pub url: String,
    /// Amazon's roots and its own, in PEM.
    pub bundle: PathBuf,
    /// The system's roots and its own.
    pub system_bundle: PathBuf,
}

/// Begins to pass on to `engine` what comes over TLS; the roots are written to `folder`.
///
/// # Errors
///
/// If there is no port, or the folder cannot be written to.
pub async fn before(engine: SocketAddr, folder: &Path) -> Result<TlsEnd, Error> {
    let root_key = KeyPair::generate()?;
    let mut root = CertificateParams::new([])?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let own = root.self_signed(&root_key)?.pem();
    let bundle = folder.join("amazon-and-own.pem");
    std::fs::write(&bundle, AMAZON.to_owned() + &own)?;
    let system_bundle = folder.join("system-and-own.pem");
    let system = std::fs::read_to_string(SYSTEM).unwrap_or_default();
    std::fs::write(&system_bundle, system + &own)?;

    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".to_owned()])?
        .signed_by(&key, &Issuer::new(root, root_key))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = listen("127.0.0.1", 0).await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(passes_on(stream, acceptor.clone(), engine));
        }
    });
    Ok(TlsEnd {
        url,
        bundle,
        system_bundle,
    })
}

async fn passes_on(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    engine: SocketAddr,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut engine = TcpStream::connect(engine).await?;
    engine.set_nodelay(true)?;
    copy_bidirectional(&mut stream, &mut engine).await?;
    Ok(())
}
