//! Whom we trust to be DynamoDB.

use std::env;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::Cause;

/// The roots of Amazon Trust Services, under which AWS's endpoints have their certificates, as
/// <https://www.amazontrust.com/repository/> has them. That they are those that browsers trust, and all of
/// them, is tested; when that fails after `cargo update`, it says which to add or to take out.
const ROOTS: [&[u8]; 5] = [
    include_bytes!("roots/AmazonRootCA1.cer"),
    include_bytes!("roots/AmazonRootCA2.cer"),
    include_bytes!("roots/AmazonRootCA3.cer"),
    include_bytes!("roots/AmazonRootCA4.cer"),
    include_bytes!("roots/SFSRootCAG2.cer"),
];

/// TLS that trusts Amazon's roots alone, or those of the file that `AWS_CA_BUNDLE` names.
///
/// A system's hundred roots would cost a cold function ten million instructions.
pub(super) fn config() -> Result<Arc<ClientConfig>, Cause> {
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
        return Err("there is no certificate".into());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::*;

    /// Those of browsers, of which each new version of the crate is a later state.
    #[test]
    fn the_roots_are_those_of_amazon_that_browsers_trust() {
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
                "to be added: {}",
                STANDARD.encode(root)
            );
        }
        for root in ROOTS {
            assert!(
                amazons.contains(&root),
                "not trusted any more: {}",
                STANDARD.encode(root)
            );
        }
    }
}
