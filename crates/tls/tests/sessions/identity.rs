use crate::pair::certified;
use std::path::Path;
use tls::{IDENTITY_FILE_BYTES_MAX, ServerIdentity};

/// Returns a certificate and its key in PEM.
fn pair() -> (String, String) {
    let pair = certified();
    (pair.cert.pem(), pair.signing_key.serialize_pem())
}

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
fn an_error_names_the_file_and_what_is_wrong_with_it() {
    let [(certificate, key), (other_certificate, other_key)] = [pair(), pair()];
    let junk = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let too_big = " ".repeat(usize::try_from(IDENTITY_FILE_BYTES_MAX).unwrap() + 1);
    for (certificate_text, key_text, start) in [
        (&*key, &*key, "cert: has no certificate; "),
        ("", &key, "cert: has no certificate; "),
        (&certificate, &certificate, "key: has no private key; "),
        (&certificate, &other_key, "key: the private key does not match the first certificate of cert; "),
        (&[&*other_certificate, &certificate].concat(), &key, "key: the private key does not match"),
        (&certificate[..certificate.len() / 2], &key, "cert: is not a whole PEM file: "),
        (&certificate, &key.replacen('M', "!", 1), "key: is not a whole PEM file: "),
        (&junk("CERTIFICATE"), &key, "cert: the first certificate cannot be used: "),
        (&certificate, &junk("PRIVATE KEY"), "key: the private key cannot be used: "),
        (&certificate, &junk("ENCRYPTED PRIVATE KEY"), "key: the private key is encrypted; "),
        (&too_big, &key, "cert: has more than 1048576 bytes; "),
        (&certificate.repeat(11), &key, "cert: has more than 10 certificates; "),
    ] {
        let said = said_of(certificate_text, key_text);
        assert!(said.starts_with(start), "{said:?}, expected {start:?}");
    }
    assert!(said_of(&certificate, &certificate).ends_with("(or \"RSA\" or \"EC PRIVATE KEY\")"));
}

#[test]
fn a_chain_of_up_to_ten_certificates_and_a_file_with_both_are_loaded() {
    let [(certificate, key), (other_certificate, _)] = [pair(), pair()];
    let both = [&*key, &certificate].concat();
    for (certificate_text, key_text) in [
        (&*certificate, &*key),
        (&[&*certificate, &other_certificate].concat(), &key),
        (&certificate.repeat(10), &key),
        (&both, &both),
    ] {
        assert_eq!(said_of(certificate_text, key_text), "loaded");
    }
}
