//! TLS requires a certificate and its private key.

use crate::consistency::Setting;
use crate::load::Origins;
use crate::{Api, ConfigError, Https};

pub(super) fn named_where_https_is_served(https: &Https, origins: &Origins) -> Result<(), ConfigError> {
    if https.listen.is_empty() {
        return Ok(());
    }
    for (name, file) in [("certificate_file", &https.certificate_file), ("key_file", &https.key_file)] {
        if file.path().is_none() {
            let listen = Setting::with_list(origins, "https", "listen", &https.listen);
            let missing = Setting::new(origins, "https", name, &"\"\"");
            return Err(missing.conflict(format!("must be the path of a file in PEM, since {listen}")));
        }
    }
    Ok(())
}

pub(super) fn both_or_neither_for_the_api(api: &Api, origins: &Origins) -> Result<(), ConfigError> {
    let (certificate, key) = (("certificate_file", &api.certificate_file), ("key_file", &api.key_file));
    for ((name, file), (other_name, other)) in [(certificate, key), (key, certificate)] {
        if let (None, Some(path)) = (file.path(), other.path()) {
            let path = format!("{:?}", path.display().to_string());
            let other = Setting::new(origins, "api", other_name, &path);
            let missing = Setting::new(origins, "api", name, &"\"\"");
            return Err(missing.conflict(format!("must be the path of a file in PEM, since {other}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    const LISTEN: &str = "[https]\nlisten = \"127.0.0.1:443\"\n";

    #[test]
    fn https_with_only_one_of_its_files_is_refused_and_the_missing_one_is_named() {
        let since = "since https.listen = [\"127.0.0.1:443\"] (/";
        let cases = [("certificate_file", "key_file"), ("key_file", "certificate_file")];
        for (missing, named) in cases {
            let parts = [&format!("https.{missing} = \"\" (default)"), "path of a file in PEM", since];
            assert_refused(&format!("{LISTEN}{named} = \"/x\"\n"), 2, &parts);
            let emptied = format!("{LISTEN}{named} = \"/x\"\n{missing} = \"\"\n");
            assert_refused(&emptied, 4, &[&format!("https.{missing} = \"\" (/"), since]);
        }
        let parts = ["https.certificate_file = \"\" (default)", "https.listen = [\"[::]:443\"]"];
        assert_variable_refused("RINGTRACK_HTTPS_LISTEN", "[::]:443", &parts);
    }

    #[test]
    fn an_api_with_only_one_of_its_files_is_refused_and_the_missing_one_is_named() {
        let cases = [("certificate_file", "key_file"), ("key_file", "certificate_file")];
        for (missing, named) in cases {
            let since = format!("since api.{named} = \"/x\" (/");
            let parts = [&format!("api.{missing} = \"\" (default)"), "path of a file in PEM", &since];
            assert_refused(&format!("[api]\n{named} = \"/x\"\n"), 2, &parts);
        }
        assert!(load_text("[api]\ncertificate_file = \"/c\"\nkey_file = \"/k\"\n").is_ok());
    }

    #[test]
    fn https_with_both_files_and_files_without_https_are_accepted() {
        let files = "certificate_file = \"/c\"\nkey_file = \"/k\"\n";
        assert!(load_text(&format!("{LISTEN}{files}")).is_ok());
        assert!(load_text(&format!("[https]\n{files}")).is_ok());
        assert!(load_text("[https]\nkey_file = \"/k\"\n").is_ok());
    }
}
