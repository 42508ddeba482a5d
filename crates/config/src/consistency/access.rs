//! A list of torrents that are served needs a mode in which it counts.

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
        "says nothing, since {mode}: expected \"\" here, or the mode \"listed\" or \"private-listed\""
    )))
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    #[test]
    fn an_allow_file_without_a_mode_that_lists_is_refused_with_both_keys() {
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
    fn an_allow_file_with_such_a_mode_such_a_mode_without_and_any_deny_file_are_accepted() {
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
