//! What ethtool(8) asks a driver by SIOCETHTOOL (include/uapi/linux/ethtool.h): whether there
//! is a link, the driver's name, and the features that merge received frames.

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsRawFd as _,
};

/// Commands, each the first word of its structure.
const GET_DRIVER_INFO: u32 = 0x03;
const GET_LINK: u32 = 0x0a;
const GET_STRINGS: u32 = 0x1b;
const GET_SET_INFO: u32 = 0x37;
const GET_FEATURES: u32 = 0x3a;
const SET_FEATURES: u32 = 0x3b;

/// ETH_SS_FEATURES, the set of strings that names the features, a bit each, from the first.
const FEATURE_NAMES: u32 = 4;
/// ETH_GSTRING_LEN, in bytes.
const NAME_LENGTH: usize = 32;
/// Words of `struct ethtool_get_features_block`: available, requested, active, never changed.
const GET_BLOCK: usize = 4;
/// Words of `struct ethtool_set_features_block`: valid, requested.
const SET_BLOCK: usize = 2;

/// The features that make one frame of several before a program sees them, in hardware. They
/// are what the kernel turns off for generic XDP.
const MERGING: [&str; 2] = ["rx-lro", "rx-gro-hw"];

/// A feature of a link that is on, or asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// As `ethtool -K` takes it.
    pub name: &'static str,
    bit: usize,
}

/// Whether there is a link. Needs no rights.
///
/// # Errors
/// EOPNOTSUPP where the driver cannot tell, ENODEV where there is no such interface.
pub fn has_link(interface: &str) -> io::Result<bool> {
    let mut value = [GET_LINK, 0];
    // SAFETY: two words are what the kernel reads and writes, `struct ethtool_value`.
    unsafe { request(interface, &mut value) }?;
    Ok(value[1] != 0)
}

/// The driver's name. Needs no rights.
///
/// # Errors
/// EOPNOTSUPP where there is no driver that tells, ENODEV where there is no such interface.
pub fn driver(interface: &str) -> io::Result<String> {
    /// Bytes of `struct ethtool_drvinfo`; its second member is the name.
    const SIZE: usize = 196;
    let mut info = [0; SIZE / 4];
    info[0] = GET_DRIVER_INFO;
    // SAFETY: the array is as long as `struct ethtool_drvinfo`, all that the kernel writes.
    unsafe { request(interface, &mut info) }?;
    Ok(text(&info[1..]))
}

/// Those of the features that merge received frames that are on, or that somebody asked for.
/// Needs no rights.
///
/// # Errors
/// ENODEV where there is no such interface.
pub fn merging(interface: &str) -> io::Result<Vec<Feature>> {
    let names = feature_names(interface)?;
    let blocks = names.len().div_ceil(32);
    let mut features = vec![0; 2 + blocks * GET_BLOCK];
    features[0] = GET_FEATURES;
    features[1] = blocks as u32;
    // SAFETY: the kernel writes no more blocks than the second word says, which are there.
    unsafe { request(interface, &mut features) }?;
    let on = |bit: usize| {
        let word = |which: usize| features.get(2 + bit / 32 * GET_BLOCK + which).unwrap_or(&0);
        (word(1) | word(2)) >> (bit % 32) & 1 == 1
    };
    let known = (0..).zip(&names).filter_map(|(bit, name)| {
        let name = MERGING.into_iter().find(|merging| merging == name)?;
        Some(Feature { name, bit })
    });
    Ok(known.filter(|feature| on(feature.bit)).collect())
}

/// Asks for features. Needs `CAP_NET_ADMIN`.
///
/// # Errors
/// EPERM without that right, ENODEV where there is no such interface.
pub fn turn_on(interface: &str, features: &[Feature]) -> io::Result<()> {
    let blocks = feature_names(interface)?.len().div_ceil(32);
    let mut wanted = vec![0; 2 + blocks * SET_BLOCK];
    wanted[0] = SET_FEATURES;
    wanted[1] = blocks as u32;
    for Feature { bit, .. } in features {
        let first = 2 + bit / 32 * SET_BLOCK;
        for word in wanted.iter_mut().skip(first).take(SET_BLOCK) {
            *word |= 1 << (bit % 32);
        }
    }
    // SAFETY: the kernel reads the blocks that the second word counts, and writes nothing.
    unsafe { request(interface, &mut wanted) }
}

/// The names of all features that this kernel knows, in the order of their bits.
fn feature_names(interface: &str) -> io::Result<Vec<String>> {
    // struct ethtool_sset_info: command, reserved, a mask of 64 bits, a number for each bit.
    let mut info = [0; 5];
    info[0] = GET_SET_INFO;
    let mask = (1_u64 << FEATURE_NAMES).to_ne_bytes();
    let [a, b, c, d, e, f, g, h] = mask;
    info[2] = u32::from_ne_bytes([a, b, c, d]);
    info[3] = u32::from_ne_bytes([e, f, g, h]);
    // SAFETY: the mask has one bit, so that the kernel writes one number behind it.
    unsafe { request(interface, &mut info) }?;
    let count = info[4] as usize;
    // struct ethtool_gstrings: command, set, number, the strings.
    let mut strings = vec![0; 3 + count * NAME_LENGTH / 4];
    strings[0] = GET_STRINGS;
    strings[1] = FEATURE_NAMES;
    strings[2] = info[4];
    // SAFETY: the set has as many strings as the kernel just said, for which there is room; the
    // number is fixed when the kernel is built.
    unsafe { request(interface, &mut strings) }?;
    Ok(strings[3..].chunks_exact(NAME_LENGTH / 4).map(text).collect())
}

/// The text in the first [`NAME_LENGTH`] bytes, up to the first zero.
fn text(words: &[u32]) -> String {
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes()).take(NAME_LENGTH);
    let bytes: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Hands a structure to the kernel, which writes its answer over it.
///
/// # Safety
/// The structure must be as long as all that the kernel reads and writes for its command.
unsafe fn request(interface: &str, structure: &mut [u32]) -> io::Result<()> {
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: all zeroes is a valid value of this C structure of numbers and pointers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte of the name stays zero.
    let room = request.ifr_name.len() - 1;
    for (place, byte) in request.ifr_name.iter_mut().take(room).zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_data = structure.as_mut_ptr().cast();
    // SAFETY: the request lives through the call, and so does the structure that it points to,
    // which the caller promises to be long enough.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_merges_nothing() {
        let names = feature_names("lo").unwrap();
        for name in MERGING {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert_eq!(merging("lo").unwrap(), []);
        assert!(has_link("lo").is_ok());
        assert_eq!(merging("nosuch0").unwrap_err().raw_os_error(), Some(libc::ENODEV));
    }
}
