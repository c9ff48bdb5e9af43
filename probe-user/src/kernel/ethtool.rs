//! What ethtool(8) asks a driver by SIOCETHTOOL (include/uapi/linux/ethtool.h): whether there
//! is a link, the driver's name, and the features that merge received frames.

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsRawFd as _,
};

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
    let answer = Command::GetLink.send(interface)?;
    Ok(answer.get(1).is_some_and(|&link| link != 0))
}

/// The driver's name. Needs no rights.
///
/// # Errors
/// EOPNOTSUPP where there is no driver that tells, ENODEV where there is no such interface.
pub fn driver(interface: &str) -> io::Result<String> {
    // Behind the command stands the name.
    Ok(text(&Command::GetDriverInfo.send(interface)?[1..]))
}

/// Those of the features that merge received frames that are on, or that somebody asked for.
/// Needs no rights.
///
/// # Errors
/// ENODEV where there is no such interface.
pub fn merging(interface: &str) -> io::Result<Vec<Feature>> {
    let names = feature_names(interface)?;
    let blocks = names.len().div_ceil(32);
    let features = Command::GetFeatures { blocks }.send(interface)?;
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
    Command::SetFeatures { blocks, on: features }.send(interface).map(drop)
}

/// The names of all features that this kernel knows, in the order of their bits.
fn feature_names(interface: &str) -> io::Result<Vec<String>> {
    // Behind what was asked for stands the number of strings. It is fixed when the kernel is built.
    let count = Command::CountFeatureNames.send(interface)?[4];
    let strings = Command::GetFeatureNames { count }.send(interface)?;
    Ok(strings[3..].chunks_exact(NAME_LENGTH / 4).map(text).collect())
}

/// The text in the first [`NAME_LENGTH`] bytes, up to the first zero.
fn text(words: &[u32]) -> String {
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes()).take(NAME_LENGTH);
    let bytes: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is asked of a driver.
#[derive(Clone, Copy)]
enum Command<'a> {
    GetDriverInfo,
    GetLink,
    CountFeatureNames,
    GetFeatureNames { count: u32 },
    GetFeatures { blocks: usize },
    SetFeatures { blocks: usize, on: &'a [Feature] },
}

impl Command<'_> {
    /// The command's structure, as long as all that the kernel reads and writes for it. Its first
    /// word is the command's number.
    fn structure(self) -> Vec<u32> {
        match self {
            // struct ethtool_drvinfo, of 196 bytes.
            Self::GetDriverInfo => words(&[0x03], 196 / 4 - 1),
            // struct ethtool_value.
            Self::GetLink => words(&[0x0a], 1),
            // struct ethtool_sset_info: command, reserved, a mask of 64 bits, and a number for
            // each of its bits, of which there is one.
            Self::CountFeatureNames => {
                let [low, high] = bytemuck::cast(1_u64 << FEATURE_NAMES);
                words(&[0x37, 0, low, high], 1)
            }
            // struct ethtool_gstrings: command, set, number, the strings.
            Self::GetFeatureNames { count } => {
                words(&[0x1b, FEATURE_NAMES, count], count as usize * NAME_LENGTH / 4)
            }
            // struct ethtool_gfeatures: command, number of blocks, the blocks.
            Self::GetFeatures { blocks } => words(&[0x3a, blocks as u32], blocks * GET_BLOCK),
            // struct ethtool_sfeatures: likewise.
            Self::SetFeatures { blocks, on } => {
                let mut structure = words(&[0x3b, blocks as u32], blocks * SET_BLOCK);
                for Feature { bit, .. } in on {
                    let first = 2 + bit / 32 * SET_BLOCK;
                    for word in structure.iter_mut().skip(first).take(SET_BLOCK) {
                        *word |= 1 << (bit % 32);
                    }
                }
                structure
            }
        }
    }

    /// Hands the structure to the kernel, which writes its answer over it.
    fn send(self, interface: &str) -> io::Result<Vec<u32>> {
        const SIOCETHTOOL: libc::c_ulong = 0x8946;
        let mut structure = self.structure();
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let mut ifr_name = [0; libc::IFNAMSIZ];
        // The last byte of the name stays zero.
        for (place, byte) in ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(interface.bytes()) {
            *place = byte as libc::c_char;
        }
        let ifru_data = structure.as_mut_ptr().cast();
        let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data };
        let mut request = libc::ifreq { ifr_name, ifr_ifru };
        // nix has only the numbers of ioctl(2).
        // SAFETY: the request lives through the call, and so does the structure that it points
        // to, which is as long as its command's is.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(structure) }
    }
}

/// Words that are given, and so many zeroes.
fn words(given: &[u32], zeroes: usize) -> Vec<u32> {
    [given, &vec![0; zeroes]].concat()
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
