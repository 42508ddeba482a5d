use super::file::{ListFileError, ListReport, read_list};
use crate::limits::SETTLED_S;
use primitives::InfoHash;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Watches a list's file and reads it when it has changed.
#[derive(Debug, Clone)]
pub(super) struct ListWatch {
    pub(super) path: PathBuf,
    /// The file's identity when it was last read completely; `None` if it has to be read.
    read: Option<FileIdentity>,
    /// The error of the last look, so that it is reported only once.
    trouble: Option<String>,
}

/// The outcome of a look at a list's file.
#[derive(Debug)]
pub(super) enum ListLook {
    /// The file is the one that was read last; nothing was read.
    Unchanged,
    /// The file was read: the batches are the whole list.
    Read(ListReport),
    /// The file was modified while it was read: the batches may be a part of the list. The next look reads it again.
    Changing,
    /// The file cannot be read. The batches, if any, are not the list: the previous one stays.
    Failed(ListFileError),
    /// The file cannot be read, with the same error as at the previous look, which need not be reported again.
    StillFailed,
}

/// What distinguishes a file from the one that was there before: its device, inode, length, and time of the last write.
type FileIdentity = (u64, u64, u64, (i64, i64));

fn identity_of(path: &Path) -> Result<FileIdentity, ListFileError> {
    let metadata = fs::metadata(path).map_err(|error| ListFileError::new(path, error))?;
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    Ok((metadata.dev(), metadata.ino(), metadata.len(), modified))
}

impl ListWatch {
    /// Creates a watch over a file that has not been read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: None, trouble: None }
    }

    /// Makes the next look read the file in any case and report any error again, because a reload was requested.
    pub(super) fn forget(&mut self) {
        *self = Self::new(std::mem::take(&mut self.path));
    }

    /// Makes the next look read the file in any case, because the batches did not reach the cores.
    pub(super) fn forget_read(&mut self) {
        self.read = None;
    }

    /// Returns whether nothing has written to the file for two seconds. A file that is written slowly, over a network,
    /// looks complete between two writes: torrents that it does not hold yet would be taken off the list. A file whose
    /// metadata cannot be read is settled, so that the look reports the error.
    pub(super) fn is_settled(&self) -> bool {
        let age =
            fs::metadata(&self.path).and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
        // A time ahead of the clock is not from a recent write.
        !matches!(age, Ok(Ok(age)) if age < Duration::from_secs(SETTLED_S))
    }

    /// Looks at the file and reads it, as [`read_list`] does, if it is not the one that was read before. The call may
    /// block on a disk.
    pub(super) fn look(&mut self, batches: &mut impl FnMut(Vec<InfoHash>)) -> ListLook {
        match self.read_if_changed(batches) {
            Ok(look) => {
                self.trouble = None;
                look
            }
            Err(error) => self.fail(error),
        }
    }

    fn read_if_changed(
        &mut self,
        batches: &mut impl FnMut(Vec<InfoHash>),
    ) -> Result<ListLook, ListFileError> {
        let before = identity_of(&self.path)?;
        if self.read == Some(before) {
            return Ok(ListLook::Unchanged);
        }
        let report = read_list(&self.path, batches)?;
        let after = identity_of(&self.path).ok();
        self.read = after.filter(|after| *after == before);
        Ok(if self.read.is_some() { ListLook::Read(report) } else { ListLook::Changing })
    }

    fn fail(&mut self, error: ListFileError) -> ListLook {
        let trouble = error.to_string();
        if self.trouble.as_ref() == Some(&trouble) {
            return ListLook::StillFailed;
        }
        self.trouble = Some(trouble);
        ListLook::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::time::SystemTime;
    use tempfile::TempDir;

    #[test]
    fn a_file_is_settled_2_seconds_after_the_last_write() {
        let watched = Watched::with_list(3);
        assert!(!watched.watch.is_settled());
        let file = OpenOptions::new().write(true).open(&watched.path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(2)).unwrap();
        assert!(watched.watch.is_settled());
        fs::remove_file(&watched.path).unwrap();
        assert!(watched.watch.is_settled(), "the look reports the error");
    }

    struct Watched {
        _directory: TempDir,
        path: PathBuf,
        watch: ListWatch,
    }

    impl Watched {
        fn with_list(torrents: u8) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("list");
            fs::write(&path, list(torrents)).unwrap();
            Self { _directory: directory, watch: ListWatch::new(path.clone()), path }
        }

        fn look(&mut self) -> ListLook {
            self.watch.look(&mut |_| {})
        }

        #[track_caller]
        fn assert_read(&mut self, torrents: u64) {
            let look = self.look();
            assert!(matches!(&look, ListLook::Read(report) if report.torrents == torrents), "{look:?}");
        }

        #[track_caller]
        fn assert_unchanged(&mut self) {
            let look = self.look();
            assert!(matches!(look, ListLook::Unchanged), "{look:?}");
        }

        #[track_caller]
        fn assert_failed_once(&mut self, reason: &str) {
            let look = self.look();
            let ListLook::Failed(error) = look else { panic!("{look:?}") };
            assert!(error.to_string().contains(reason), "{error}");
            for _ in 0..2 {
                assert!(matches!(self.look(), ListLook::StillFailed));
            }
        }

        /// Replaces the file by renaming another one, as careful writers do.
        fn replace(&self, text: &str) {
            let new = self.path.with_extension("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, &self.path).unwrap();
        }
    }

    fn list(torrents: u8) -> String {
        (0..torrents).map(|byte| format!("{}\n", InfoHash([byte; InfoHash::BYTES]))).collect()
    }

    fn append(path: &Path, text: &str) {
        OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_is_read_at_the_first_look_and_not_again_while_it_is_unchanged() {
        let mut watched = Watched::with_list(3);
        watched.assert_read(3);
        watched.assert_unchanged();
        watched.assert_unchanged();
    }

    #[test]
    fn a_file_that_grew_was_replaced_or_has_another_time_is_read_again() {
        let mut watched = Watched::with_list(1);
        watched.assert_read(1);
        append(&watched.path, &list(1));
        watched.assert_read(2);
        // The size is the same: only the inode differs.
        let modified = fs::metadata(&watched.path).unwrap().modified().unwrap();
        watched.replace(&list(2));
        let file = OpenOptions::new().append(true).open(&watched.path).unwrap();
        file.set_modified(modified).unwrap();
        watched.assert_read(2);
        file.set_modified(modified + Duration::from_nanos(1)).unwrap();
        watched.assert_read(2);
        watched.assert_unchanged();
    }

    #[test]
    fn a_file_that_is_written_while_it_is_read_is_read_again_at_the_next_look() {
        let mut watched = Watched::with_list(1);
        let path = watched.path.clone();
        let look = watched.watch.look(&mut |_| append(&path, &list(2)));
        assert!(matches!(look, ListLook::Changing), "{look:?}");
        watched.assert_read(3);
        watched.assert_unchanged();
    }

    #[test]
    fn a_file_that_vanishes_while_it_is_read_is_read_when_it_is_back() {
        let mut watched = Watched::with_list(2);
        let (path, aside) = (watched.path.clone(), watched.path.with_extension("aside"));
        let look = watched.watch.look(&mut |_| fs::rename(&path, &aside).unwrap());
        assert!(matches!(look, ListLook::Changing), "{look:?}");
        watched.assert_failed_once("No such file");
        fs::rename(&aside, &path).unwrap();
        watched.assert_read(2);
    }

    #[test]
    fn a_missing_file_is_reported_once_and_is_unchanged_when_it_is_back() {
        let mut watched = Watched::with_list(2);
        watched.assert_read(2);
        let aside = watched.path.with_extension("aside");
        fs::rename(&watched.path, &aside).unwrap();
        watched.assert_failed_once("No such file");
        fs::rename(&aside, &watched.path).unwrap();
        watched.assert_unchanged();
        fs::remove_file(&watched.path).unwrap();
        watched.assert_failed_once("No such file");
    }

    #[test]
    fn a_different_error_is_reported_too() {
        let mut watched = Watched::with_list(2);
        fs::remove_file(&watched.path).unwrap();
        watched.assert_failed_once("No such file");
        fs::create_dir(&watched.path).unwrap();
        watched.assert_failed_once("it is no regular file");
    }

    #[test]
    fn a_requested_reload_reads_an_unchanged_file_and_reports_an_error_again() {
        let mut watched = Watched::with_list(2);
        watched.assert_read(2);
        watched.watch.forget();
        watched.assert_read(2);
        fs::remove_file(&watched.path).unwrap();
        watched.assert_failed_once("No such file");
        watched.watch.forget();
        watched.assert_failed_once("No such file");
    }
}
