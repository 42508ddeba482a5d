//! The commented configuration file.

use confique::toml::FormatOptions;

use crate::Configuration;

/// Returns a complete configuration file in which every key is commented out, with its documentation, its
/// environment variable and its default.
pub fn default_toml() -> String {
    confique::toml::template::<Configuration>(FormatOptions::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::keys;
    use crate::testing::load_text;

    /// Activates all keys. Comments have a space after the `#`; keys that are commented out have none.
    fn uncommented(template: &str) -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
            _ => line.to_owned(),
        };
        template.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_template_parses_to_the_defaults_with_every_key_uncommented() {
        let text = uncommented(&default_toml());

        for key in keys() {
            assert!(text.lines().any(|line| line.starts_with(&format!("{} = ", key.name))), "{key}");
        }
        assert_eq!(load_text(&text).unwrap(), Configuration::default());
    }

    #[test]
    fn the_unmodified_template_parses_to_the_defaults() {
        assert_eq!(load_text(&default_toml()).unwrap(), Configuration::default());
    }

    #[test]
    fn the_template_names_every_environment_variable() {
        for key in keys() {
            assert!(default_toml().contains(&format!("`{}`", key.variable.unwrap())), "{key}");
        }
    }
}
