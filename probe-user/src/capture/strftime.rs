//! strftime(3), for the names of -G: the C library's own, since tcpdump's users mean its conversions
//! and modifiers, and what it makes of those that are none.

use std::{
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use jiff::Zoned;

/// Bytes of a path (`PATH_MAX` in linux/limits.h), its end included.
const LONGEST: usize = 4096;

/// The text with its conversions made, in the language of C: `None` where it has a zero byte, or
/// is longer than a path can be.
pub(super) fn strftime(text: &OsStr, time: &Zoned) -> Option<OsString> {
    // A text that comes to nothing and one that is too long both give 0: with a byte in front,
    // only the second one does.
    let format = CString::new([b".", text.as_bytes()].concat()).ok()?;
    let info = time.time_zone().to_offset_info(time.timestamp());
    let zone = CString::new(info.abbreviation()).ok()?;
    let tm = libc::tm {
        tm_sec: time.second().into(),
        tm_min: time.minute().into(),
        tm_hour: time.hour().into(),
        tm_mday: time.day().into(),
        tm_mon: i32::from(time.month()) - 1,
        tm_year: i32::from(time.year()) - 1900,
        tm_wday: time.weekday().to_sunday_zero_offset().into(),
        tm_yday: i32::from(time.day_of_year()) - 1,
        tm_isdst: info.dst().is_dst().into(),
        tm_gmtoff: info.offset().seconds().into(),
        tm_zone: zone.as_ptr(),
    };
    let mut name = vec![0; LONGEST + 1];
    // SAFETY: strftime writes at most `name.len()` bytes there, and reads `format`, `tm` and the
    // zone that `tm` points to, which all end with a zero or are whole, and live until it returns.
    let length = unsafe {
        libc::strftime(name.as_mut_ptr().cast(), name.len(), format.as_ptr(), &raw const tm)
    };
    name.truncate(length);
    (length > 0).then(|| OsString::from_vec(name.split_off(1)))
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::*;

    fn name(text: &str, zone: TimeZone) -> Option<OsString> {
        strftime(text.as_ref(), &Timestamp::from_second(1_700_000_000).unwrap().to_zoned(zone))
    }

    #[test]
    fn names_are_made_in_a_zone() {
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let made = name("%F_%T_%Z%z", zone);
        assert_eq!(made.unwrap(), "2023-11-14_17:13:20_EST-0500");
    }

    #[test]
    fn what_is_no_conversion_stays() {
        assert_eq!(name("a%Q%%%", TimeZone::UTC).unwrap(), "a%Q%%");
        assert_eq!(name("", TimeZone::UTC).unwrap(), "");
    }

    #[test]
    fn what_is_longer_than_a_path_is_none() {
        let long = |bytes| name(&"x".repeat(bytes), TimeZone::UTC);
        assert_eq!(long(LONGEST - 1).map(|name| name.len()), Some(LONGEST - 1));
        assert_eq!(long(LONGEST), None);
        assert_eq!(name("a\0b", TimeZone::UTC), None);
    }
}
