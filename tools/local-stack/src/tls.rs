//! A TLS proxy in front of the engine, with a certificate signed by its own root.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, split};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio::try_join;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;
use crate::stack::listen;

/// Where most Linux distributions install the root certificates that the system trusts.
const SYSTEM_CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A running TLS proxy, and the root certificates that its clients need.
pub struct TlsProxy {
    /// `https://…`
    pub url: String,
    /// A PEM file with the root certificate of the proxy.
    pub ca_bundle: PathBuf,
    /// A PEM file with the root certificates of the system and of the proxy.
    pub system_ca_bundle: PathBuf,
}

impl TlsProxy {
    /// Starts to forward TLS connections to `engine` and delays each response by `latency`. Writes the root
    /// certificates to `folder`.
    pub async fn start(
        engine: SocketAddr,
        latency: Duration,
        folder: &Path,
    ) -> Result<Self, Error> {
        let root_key = KeyPair::generate()?;
        let mut root = CertificateParams::new([])?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_pem = root.self_signed(&root_key)?.pem();
        let ca_bundle = folder.join("root.pem");
        std::fs::write(&ca_bundle, &root_pem)?;
        let system_ca_bundle = folder.join("system-and-root.pem");
        let system = std::fs::read_to_string(SYSTEM_CA_BUNDLE).unwrap_or_default();
        std::fs::write(&system_ca_bundle, system + &root_pem)?;

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
                tokio::spawn(forward(stream, acceptor.clone(), engine, latency));
            }
        });
        Ok(Self {
            url,
            ca_bundle,
            system_ca_bundle,
        })
    }
}

async fn forward(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    engine: SocketAddr,
    latency: Duration,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut engine = TcpStream::connect(engine).await?;
    engine.set_nodelay(true)?;
    if latency.is_zero() {
        copy_bidirectional(&mut stream, &mut engine).await?;
        return Ok(());
    }
    let (mut requests, mut to_client) = split(stream);
    let (mut responses, mut to_engine) = engine.split();
    let respond = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = responses.read(&mut buffer).await?;
            if length == 0 {
                return to_client.shutdown().await;
            }
            sleep(latency).await;
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    let request = async {
        copy(&mut requests, &mut to_engine).await?;
        to_engine.shutdown().await
    };
    try_join!(request, respond).map(drop)
}
