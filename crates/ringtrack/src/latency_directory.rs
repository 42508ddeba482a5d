use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Returns the directory for dumps of latencies. `logs_directory` is the variable `LOGS_DIRECTORY`, in which systemd
/// lists directories separated by colons.
pub(crate) fn latency_directory(configured: Option<&Path>, logs_directory: Option<&OsStr>) -> PathBuf {
    match configured {
        Some(path) => path.to_owned(),
        None => logs_directory.and_then(first_path).unwrap_or(Path::new(".")).to_owned(),
    }
}

fn first_path(list: &OsStr) -> Option<&Path> {
    let first = list.as_bytes().split(|&byte| byte == b':').next()?;
    if first.is_empty() { None } else { Some(Path::new(OsStr::from_bytes(first))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_precedes_the_service_manager_and_both_precede_the_working_directory() {
        let listed = Some(OsStr::new("/var/log/ringtrack:/var/log/more"));
        let configured = Some(Path::new("/srv/latency"));
        assert_eq!(latency_directory(configured, listed), Path::new("/srv/latency"));
        assert_eq!(latency_directory(None, listed), Path::new("/var/log/ringtrack"));
        assert_eq!(latency_directory(None, Some(OsStr::new(""))), Path::new("."));
        assert_eq!(latency_directory(None, None), Path::new("."));
    }
}
