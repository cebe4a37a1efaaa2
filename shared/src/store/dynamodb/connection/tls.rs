//! TLS that trusts the certificate authorities of AWS only, or, for other servers, those of the system.

use std::env;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::Cause;

/// The root certificates of Amazon Trust Services, which sign the certificates of AWS endpoints, from
/// <https://www.amazontrust.com/repository/>. A test compares them with those that browsers trust; when it
/// fails after `cargo update`, it names the certificate to add or to remove.
const ROOTS: [&[u8]; 5] = [
    include_bytes!("roots/AmazonRootCA1.cer"),
    include_bytes!("roots/AmazonRootCA2.cer"),
    include_bytes!("roots/AmazonRootCA3.cer"),
    include_bytes!("roots/AmazonRootCA4.cer"),
    include_bytes!("roots/SFSRootCAG2.cer"),
];

/// The files in which systems have their root certificates: Amazon Linux, Debian, Alpine and macOS.
const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
];

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Trust {
    /// Those of Amazon's certificate authorities only.
    Aws,
    /// Those of the authorities that the system trusts, for any server.
    System,
}

/// The configuration for a server.
pub(super) fn config(trust: Trust) -> Result<Arc<ClientConfig>, Cause> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    match (trust, SYSTEM.get()) {
        (Trust::Aws, _) => with_roots(aws_roots()?),
        (Trust::System, Some(config)) => Ok(Arc::clone(config)),
        (Trust::System, None) => {
            let config = with_roots(system_roots()?)?;
            Ok(Arc::clone(SYSTEM.get_or_init(|| config)))
        }
    }
}

/// Amazon's root certificates only, or those in the file named by `AWS_CA_BUNDLE`.
///
/// Loading the hundred root certificates of the system costs a cold start ten million instructions.
fn aws_roots() -> Result<RootCertStore, Cause> {
    let mut roots = RootCertStore::empty();
    match env::var("AWS_CA_BUNDLE") {
        Ok(path) if !path.is_empty() => {
            roots = from_file(&path).map_err(|error| format!("AWS_CA_BUNDLE, {path}: {error}"))?;
        }
        _ => {
            for root in ROOTS {
                roots.add(CertificateDer::from_slice(root))?;
            }
        }
    }
    Ok(roots)
}

/// The root certificates of the system, or those in the file named by `SSL_CERT_FILE`. The operator's identity provider can
/// have its certificate from any authority.
fn system_roots() -> Result<RootCertStore, Cause> {
    let path = match env::var("SSL_CERT_FILE") {
        Ok(path) if !path.is_empty() => path,
        _ => {
            let path = SYSTEM_ROOTS
                .into_iter()
                .find(|path| Path::new(path).exists());
            let path = path.ok_or("the system has no file of root certificates: set SSL_CERT_FILE");
            path?.to_owned()
        }
    };
    from_file(&path).map_err(|error| format!("root certificates, {path}: {error}").into())
}

fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, Cause> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn from_file(path: &str) -> Result<RootCertStore, Cause> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(path)? {
        roots.add(root?)?;
    }
    if roots.is_empty() {
        return Err("the file contains no certificate".into());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::*;

    /// `webpki-root-certs` contains the certificates that browsers trust.
    #[test]
    fn the_roots_are_the_amazon_roots_that_browsers_trust() {
        let names: [&[u8]; 2] = [
            b"Amazon Root CA",
            b"Starfield Services Root Certificate Authority",
        ];
        let is_amazons = |der: &&[u8]| {
            names
                .iter()
                .any(|name| der.windows(name.len()).any(|part| part == *name))
        };
        let amazons = TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref);
        let amazons: Vec<&[u8]> = amazons.filter(is_amazons).collect();
        for root in &amazons {
            assert!(
                ROOTS.contains(root),
                "add this root: {}",
                STANDARD.encode(root)
            );
        }
        for root in ROOTS {
            assert!(
                amazons.contains(&root),
                "remove this root, it is not trusted any more: {}",
                STANDARD.encode(root)
            );
        }
    }
}
