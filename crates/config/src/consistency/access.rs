//! An allow file requires a mode that restricts the torrents.

use crate::consistency::Setting;
use crate::load::Origins;
use crate::values::choice;
use crate::{Access, ConfigError};

pub(super) fn allow_file_where_torrents_are_listed(
    access: &Access,
    origins: &Origins,
) -> Result<(), ConfigError> {
    let Some(file) = access.allow_file.path() else { return Ok(()) };
    if access.mode.is_listed() {
        return Ok(());
    }
    let allow_file =
        Setting::new(origins, "access", "allow_file", &format!("{:?}", file.display().to_string()));
    let mode = Setting::new(origins, "access", "mode", &choice::quoted(access.mode));
    Err(allow_file.conflict(format!(
        "has no effect, since {mode}: expected \"\" here, or the mode \"listed\" or \"private-listed\""
    )))
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    #[test]
    fn an_allow_file_in_an_unlisted_mode_is_refused_and_both_keys_are_named() {
        let parts = [
            "access.allow_file = \"/x\" (",
            "since access.mode = \"public\" (default)",
            "\"private-listed\"",
        ];
        assert_refused("[access]\nallow_file = \"/x\"\n", 2, &parts);
        assert_variable_refused("RINGTRACK_ACCESS_ALLOW_FILE", "/x", &parts);
        let text = "[access]\nmode = \"private\"\nallow_file = \"/x\"\n";
        assert_refused(text, 3, &["access.allow_file", "access.mode = \"private\" (/"]);
    }

    #[test]
    fn a_listed_mode_needs_no_allow_file_and_a_deny_file_needs_no_listed_mode() {
        for mode in ["listed", "private-listed"] {
            for file in ["", "allow_file = \"/x\""] {
                assert!(
                    load_text(&format!("[access]\nmode = \"{mode}\"\n{file}\n")).is_ok(),
                    "{mode} {file}"
                );
            }
        }
        assert!(load_text("[access]\ndeny_file = \"/x\"\n").is_ok());
    }
}
