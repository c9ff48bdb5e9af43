//! Text files that a user names, read up to a limit: a source without an end (`/dev/zero`, a pipe
//! that is kept filled) is an error, and does not fill the memory.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Bytes of a text at most. All rules that one program holds, each with a long expression, take
/// less.
pub const LIMIT: u64 = 16 << 20;

/// Reads a text from a file, a pipe or a device; `-` is standard input.
///
/// # Errors
/// Those of opening and reading, more than [`LIMIT`] bytes, and bytes that are not UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    if path.as_os_str() == "-" {
        read_from(io::stdin().lock())
    } else {
        read_from(File::open(path)?)
    }
}

fn read_from(source: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        let message = format!("larger than {} MiB, the limit", LIMIT >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    // The words of the standard library's own read_to_string.
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "not valid UTF-8");
    String::from_utf8(bytes).map_err(no_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_last_length_that_is_read() {
        let read = |length| read_from(io::repeat(b'x').take(length));
        assert_eq!(read(LIMIT).unwrap().len() as u64, LIMIT);
        let error = read(LIMIT + 1).unwrap_err();
        assert_eq!(error.to_string(), "larger than 16 MiB, the limit");
        assert!(read_from(&b"\xff"[..]).is_err());
    }
}
