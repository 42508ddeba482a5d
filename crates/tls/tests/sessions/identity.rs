use crate::pair::certified;
use std::path::Path;
use tls::{IDENTITY_FILE_BYTES_MAX, ServerIdentity};

/// Returns the error for files with these texts, which are named `cert` and `key` in it.
fn said_of(certificate: &str, key: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let [certificate_file, key_file] = [("cert", certificate), ("key", key)].map(|(name, text)| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file
    });
    let said = match ServerIdentity::load(&certificate_file, &key_file) {
        Ok(_) => return "loaded".to_owned(),
        Err(error) => error.to_string(),
    };
    said.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn a_missing_file_is_named() {
    let missing = Path::new("/nonexistent/certificate.pem");
    let said = ServerIdentity::load(missing, missing).unwrap_err().to_string();
    assert!(said.starts_with("/nonexistent/certificate.pem: cannot be read: No such file"), "{said}");
}

#[test]
fn an_error_names_the_file_and_what_is_missing_in_it() {
    let pair = certified();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    assert_eq!(said_of(&certificate, &key), "loaded");
    assert!(said_of(&key, &key).starts_with("cert: has no certificate; "));
    assert!(said_of("", &key).starts_with("cert: has no certificate; "));
    assert!(said_of(&certificate, &certificate).starts_with("key: has no private key; "));
    assert!(said_of(&certificate, &certificate).ends_with("(or \"RSA\" or \"EC PRIVATE KEY\")"));
}

#[test]
fn one_file_may_contain_both() {
    let pair = certified();
    let both = [pair.signing_key.serialize_pem(), pair.cert.pem()].concat();
    assert_eq!(said_of(&both, &both), "loaded");
}

#[test]
fn a_key_of_another_certificate_is_refused_with_both_file_names() {
    let (pair, other) = (certified(), certified());
    let said = said_of(&pair.cert.pem(), &other.signing_key.serialize_pem());
    assert!(
        said.starts_with("key: the private key does not match the first certificate of cert; "),
        "{said}"
    );
    let wrong_order = [other.cert.pem(), pair.cert.pem()].concat();
    assert!(
        said_of(&wrong_order, &pair.signing_key.serialize_pem()).starts_with("key: the private key does not")
    );
    let right_order = [pair.cert.pem(), other.cert.pem()].concat();
    assert_eq!(said_of(&right_order, &pair.signing_key.serialize_pem()), "loaded");
}

#[test]
fn a_truncated_or_malformed_file_is_not_pem() {
    let pair = certified();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let cut = &certificate[..certificate.len() / 2];
    assert!(said_of(cut, &key).starts_with("cert: is not a whole PEM file: "));
    let garbled = key.replacen('M', "!", 1);
    assert!(said_of(&certificate, &garbled).starts_with("key: is not a whole PEM file: "));
}

#[test]
fn pem_that_is_not_a_certificate_or_key_is_unusable() {
    let pair = certified();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let junk = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    assert!(said_of(&junk("CERTIFICATE"), &key).starts_with("cert: the first certificate cannot be used: "));
    assert!(said_of(&certificate, &junk("PRIVATE KEY")).starts_with("key: the private key cannot be used: "));
    let encrypted = said_of(&certificate, &junk("ENCRYPTED PRIVATE KEY"));
    assert!(encrypted.starts_with("key: the private key is encrypted; "), "{encrypted}");
}

#[test]
fn a_file_or_chain_that_is_too_long_is_refused() {
    let pair = certified();
    let key = pair.signing_key.serialize_pem();
    let big = " ".repeat(usize::try_from(IDENTITY_FILE_BYTES_MAX).unwrap() + 1);
    assert!(said_of(&big, &key).starts_with("cert: has more than 1048576 bytes; "));
    assert!(said_of(&pair.cert.pem().repeat(11), &key).starts_with("cert: has more than 10 certificates; "));
    assert_eq!(said_of(&pair.cert.pem().repeat(10), &key), "loaded");
}
