//! The file of -w: how it is written, and the first of them.

use std::{ffi::OsString, fs::File, path::PathBuf};

use anyhow::Result;
use probe_filter::LinkType;
use probe_frame::Precision;
use probe_pcap::{Contents, Format, Origin};

use super::{
    file_sink::{Clock, FileSink, Files},
    post_rotate::PostRotate,
    rotation::Rotate,
};
use crate::reporter;

/// Frames into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutput {
    /// Its name; `-` is standard output.
    pub path: PathBuf,
    /// Whether that is a named pipe, or nothing at all: the program at its other end, which
    /// started this one, has gone then.
    pub must_be_pipe: bool,
    /// Its form; `None`: as its name says, or what can tell of as many interfaces as there are.
    pub form: Option<FileForm>,
    /// Fraction of a second in the time stamps of pcap; pcapng always has nanoseconds.
    pub precision: Precision,
    /// When to turn to the next file.
    pub rotate: Rotate,
    /// The command that is run on each file that is closed.
    pub post_rotate: Option<OsString>,
    /// Whether each frame is written by itself.
    pub each: bool,
    /// Whether to tell meanwhile how many frames there are.
    pub progress: bool,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// pcap.
    Pcap,
    /// pcapng.
    PcapNg,
}

impl FileOutput {
    /// One file, in the form that its name says.
    pub fn to(path: PathBuf) -> Self {
        Self {
            path,
            must_be_pipe: false,
            form: None,
            precision: Precision::Micro,
            rotate: Rotate::default(),
            post_rotate: None,
            each: false,
            progress: false,
        }
    }

    /// Whether it is standard output.
    pub fn is_stdout(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// The form for frames of so many interfaces.
    fn form(&self, interfaces: usize) -> FileForm {
        let end = self.path.extension();
        let named = |name: &str| end.is_some_and(|have| have.eq_ignore_ascii_case(name));
        match self.form {
            Some(form) => form,
            None if named("pcapng") => FileForm::PcapNg,
            None if interfaces > 1 && !named("pcap") => FileForm::PcapNg,
            None => FileForm::Pcap,
        }
    }

    /// Creates the file, or the first of them, unless it is a pipe that is open already.
    pub(super) fn open(
        &self,
        link: LinkType,
        snaplen: u32,
        clock: Clock,
        origin: Origin,
        pipe: Option<File>,
    ) -> Result<FileSink> {
        let interfaces = origin.interfaces.len();
        let format = match self.form(interfaces) {
            FileForm::Pcap => Format::Pcap(self.precision),
            FileForm::PcapNg => Format::PcapNg(origin),
        };
        if interfaces > 1 && matches!(format, Format::Pcap(_)) {
            reporter::note("pcap does not record the interface of a frame; --format pcapng does");
        }
        FileSink::create(
            &self.path,
            Files {
                contents: Contents { link, snaplen, format },
                rotate: self.rotate,
                clock,
                each: self.each,
                post_rotate: self.post_rotate.clone().map(PostRotate::new),
            },
            pipe,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_the_name_unless_it_is_asked_for() {
        let form = |path: &str, interfaces| FileOutput::to(path.into()).form(interfaces);
        for (path, one, several) in [
            ("a", FileForm::Pcap, FileForm::PcapNg),
            ("a.pcap", FileForm::Pcap, FileForm::Pcap),
            ("a.PcapNG", FileForm::PcapNg, FileForm::PcapNg),
            ("-", FileForm::Pcap, FileForm::PcapNg),
        ] {
            assert_eq!((form(path, 1), form(path, 2)), (one, several), "{path}");
            let asked = Some(FileForm::Pcap);
            let output = FileOutput { form: asked, ..FileOutput::to(path.into()) };
            assert_eq!(output.form(2), FileForm::Pcap);
        }
    }
}
