//! What rustls makes of it.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

use super::{Clients, Tls};

/// A server that speaks HTTP/1.1 so.
///
/// # Errors
/// What is no certificate or key, does not belong together, or leaves nothing to speak.
pub fn server(tls: &Tls) -> Result<Arc<ServerConfig>> {
    let mut provider = ring::default_provider();
    if let Some(names) = &tls.cipher_suites {
        let all = std::mem::take(&mut provider.cipher_suites);
        for name in names {
            let Some(suite) = all.iter().find(|suite| is_named(suite.suite(), name)) else {
                let known = all.iter().filter_map(|it| it.suite().as_str());
                let known: Vec<String> = known.map(|it| it.replace("TLS13_", "TLS_")).collect();
                bail!("cipher_suites: {name} is none of {}", known.join(", "));
            };
            provider.cipher_suites.push(*suite);
        }
    }
    let provider = Arc::new(provider);
    let versions: Vec<_> = [(tls.tls12, &TLS12), (tls.tls13, &TLS13)]
        .into_iter()
        .filter(|it| it.0)
        .map(|it| it.1)
        .collect();
    let verifier = match tls.clients {
        Clients::NoClientCert => WebPkiClientVerifier::no_client_auth(),
        Clients::VerifyClientCertIfGiven | Clients::RequireAndVerifyClientCert => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(&tls.client_authorities).context("client_ca_file")? {
                roots.add(certificate).context("client_ca_file")?;
            }
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            let builder = match tls.clients {
                Clients::VerifyClientCertIfGiven => builder.allow_unauthenticated(),
                Clients::NoClientCert | Clients::RequireAndVerifyClientCert => builder,
            };
            builder.build().context("client_ca_file")?
        }
    };
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).context("key_file")?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .context("min_version, max_version, cipher_suites")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&tls.certificates).context("cert_file")?, key)
        .context("cert_file, key_file")?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.ignore_client_order = tls.prefers_own_suites;
    Ok(Arc::new(server))
}

/// rustls says of those of TLS 1.3 that they are; the registry of IANA does not.
fn is_named(suite: rustls::CipherSuite, name: &str) -> bool {
    suite.as_str().is_some_and(|known| known == name || known.replace("TLS13_", "TLS_") == name)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?;
    if all.is_empty() {
        bail!("there is no certificate in it");
    }
    Ok(all)
}
