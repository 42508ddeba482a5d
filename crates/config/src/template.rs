//! The commented configuration file.

use crate::Configuration;
use crate::declare::{Key, KeyText, SectionText};
use crate::reload::restart_note;
use crate::values::as_toml;

/// Returns a complete configuration file in which every key is commented out, with its documentation, its
/// environment variable and its default.
pub fn default_toml() -> String {
    let mut text = comments(Configuration::DOCUMENTATION);
    let defaults = Configuration::default().redacted();
    for SectionText { name: section, heading, keys } in Configuration::SECTIONS {
        let heading = heading.trim().trim_end_matches('.');
        let keys = keys.iter().map(|key| commented(section, key, &as_toml(&defaults[section][key.name])));
        let keys = keys.collect::<Vec<_>>().join("\n");
        text += &format!("\n# ----- {heading} -----\n[{section}]\n{keys}");
    }
    text
}

fn commented(section: &'static str, key: &KeyText, default: &str) -> String {
    let (documentation, name) = (comments(key.documentation), key.name);
    let key = Key { section, name };
    let variable = key.variable();
    let restart = restart_note(key).map(|note| format!("#\n# {note}\n")).unwrap_or_default();
    format!(
        "{documentation}{restart}#\n# Can also be specified via environment variable `{variable}`.\n#\n\
         # Default value: {default}\n#{name} = {default}\n"
    )
}

fn comments(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("#{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::keys;
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
            assert!(default_toml().contains(&format!("`{}`", key.variable())), "{key}");
        }
    }
}
