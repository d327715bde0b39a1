//! Files on the partition that the bootloader came from.
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use clavis_bootloader::{Problem, command_line};
use uefi::boot;
use uefi::proto::media::file::{
    Directory, File as _, FileAttribute, FileInfo, FileMode, RegularFile,
};
use uefi::{CStr16, CString16, Status};

use crate::firmware::frames::Frames;

/// The root directory of the system partition.
pub(crate) struct Files(Directory);

impl Files {
    /// Opens the partition that this application was loaded from.
    ///
    /// # Errors
    /// [`Problem::Machine`].
    pub(crate) fn open() -> Result<Files, Problem> {
        boot::get_image_file_system(boot::image_handle())
            .and_then(|mut volume| volume.open_volume())
            .map(Files)
            .map_err(|_| {
                Problem::Machine("the firmware does not give access to the system partition")
            })
    }

    /// Reads a whole file into fresh frames; the rest of the last page is zero.
    ///
    /// # Errors
    /// [`Problem::Unreadable`], [`Problem::Empty`], [`Problem::Truncated`], [`Problem::Memory`].
    pub(crate) fn frames(&mut self, path: &'static str) -> Result<(Frames, usize), Problem> {
        let (mut file, len) = self.file(path)?;
        let mut frames = Frames::unfilled(path, len as u64)?;
        read_exactly(&mut file, path, frames.bytes().get_mut(..len).unwrap_or_default())?;
        frames.bytes().get_mut(len..).unwrap_or_default().fill(0);
        Ok((frames, len))
    }

    /// The command line's file, or nothing if there is none.
    ///
    /// # Errors
    /// As for any file; [`Problem::CommandLine`] if it is too long.
    pub(crate) fn command_line(&mut self, path: &'static str) -> Result<Vec<u8>, Problem> {
        match self.file(path) {
            Err(Problem::Empty { .. }) => Ok(Vec::new()),
            Err(Problem::Unreadable { why, .. }) if why == MISSING => Ok(Vec::new()),
            Err(problem) => Err(problem),
            Ok((_, len)) if len > command_line::MAX => {
                Err(Problem::CommandLine("is longer than 4096 bytes"))
            }
            Ok((mut file, len)) => {
                let mut text = vec![0; len];
                read_exactly(&mut file, path, &mut text)?;
                Ok(text)
            }
        }
    }

    fn file(&mut self, path: &'static str) -> Result<(RegularFile, usize), Problem> {
        let unreadable = |why: &str| Problem::Unreadable { path, why: why.into() };
        let name = CString16::try_from(path).map_err(|_| unreadable("its name is malformed"))?;
        let name: &CStr16 = &name;
        let handle = self
            .0
            .open(name, FileMode::Read, FileAttribute::empty())
            .map_err(|error| unreadable(&reason(error.status())))?;
        let mut file = handle.into_regular_file().ok_or_else(|| unreadable("it is a directory"))?;
        let info = file
            .get_boxed_info::<FileInfo>()
            .map_err(|error| unreadable(&reason(error.status())))?;
        match usize::try_from(info.file_size()) {
            Ok(0) => Err(Problem::Empty { path }),
            Ok(len) => Ok((file, len)),
            Err(_) => Err(unreadable("it is too large")),
        }
    }
}

const MISSING: &str = "there is no such file";

fn reason(status: Status) -> alloc::string::String {
    match status {
        Status::NOT_FOUND => MISSING.into(),
        Status::VOLUME_CORRUPTED => "the file system is damaged".into(),
        Status::DEVICE_ERROR => "the disk reports an error".into(),
        other => format!("the firmware answers {other:?}"),
    }
}

fn read_exactly(
    file: &mut RegularFile,
    path: &'static str,
    mut to: &mut [u8],
) -> Result<(), Problem> {
    while !to.is_empty() {
        let read = file
            .read(to)
            .map_err(|error| Problem::Unreadable { path, why: reason(error.status()) })?;
        if read == 0 {
            return Err(Problem::Truncated { path });
        }
        to = to.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}
