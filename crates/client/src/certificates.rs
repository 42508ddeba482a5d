use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// The last second of the year 9999, which no certificate outlives (RFC 5280, 4.1.2.5).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// Returns the root certificates of the system.
#[must_use]
pub fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Adds the certificates of a PEM file to `roots`.
///
/// # Errors
/// If it has none, or one that is malformed.
pub fn roots_from_pem(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, PemError>>()
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    certificates
        .into_iter()
        .try_for_each(|certificate| roots.add(certificate))
        .map_err(|error| error.to_string())
}

/// Returns how servers are authenticated: by these root certificates.
///
/// # Panics
/// Never: ring supports the default versions.
#[must_use]
pub fn tls_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Returns the Unix time at which the server's certificate, the first of its chain, ends. Nothing else of a certificate has
/// to be read: checked at the end of time, it has expired, and the error says since when.
pub(crate) fn end_of_certificate(chain: &[CertificateDer<'_>]) -> Option<u64> {
    let (certificate, intermediates) = chain.split_first()?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone().into_owned()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .ok()?;
    let name = ServerName::try_from("name.invalid").ok()?;
    let now = UnixTime::since_unix_epoch(END_OF_TIME);
    match verifier.verify_server_cert(certificate, intermediates, &name, &[], now) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(not_after.as_secs())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn the_end_of_a_certificate_is_found() {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(["t.example".to_owned()]).unwrap();
        parameters.not_after = date_time_ymd(2031, 1, 2);
        let certificate = parameters.self_signed(&key).unwrap();
        assert_eq!(end_of_certificate(&[certificate.into()]), Some(1_925_078_400));
        assert_eq!(end_of_certificate(&[]), None);
        assert_eq!(end_of_certificate(&[CertificateDer::from(vec![1])]), None);
    }

    #[test]
    fn a_file_without_a_certificate_is_an_error() {
        let mut roots = RootCertStore::empty();
        for pem in ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(roots_from_pem(&mut roots, pem.as_bytes()).is_err(), "{pem}");
        }
    }
}
