//! Which XDP modes a driver has, as the kernel says itself: the generic netlink family `netdev`
//! (Documentation/netlink/specs/netdev.yaml), from Linux 6.3 on. Needs no rights.

use std::{collections::HashMap, io};

use netlink_packet_core::{DecodeError, Emitable, NlaBuffer, NlasIterator, ParseableParametrized};
use netlink_packet_generic::{
    GenlFamily, GenlHeader, GenlMessage,
    ctrl::{GenlCtrl, GenlCtrlCmd, nlas::GenlCtrlAttrs},
};
use netlink_sys::protocols::NETLINK_GENERIC;

use super::netlink;

/// NETDEV_CMD_DEV_GET, and the attributes of its answer (include/uapi/linux/netdev.h).
const DEV_GET: u8 = 1;
const IFINDEX: u16 = 1;
const XDP_FEATURES: u16 = 3;
/// NETDEV_XDP_ACT_BASIC: programs run, and may pass and drop frames.
const BASIC: u64 = 1;

/// A device, as question and as answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Device {
    index: u32,
    xdp_features: u64,
}

impl GenlFamily for Device {
    fn family_name() -> &'static str {
        "netdev"
    }

    fn command(&self) -> u8 {
        DEV_GET
    }

    fn version(&self) -> u8 {
        1
    }
}

/// Who asks for all names none.
impl Emitable for Device {
    fn buffer_len(&self) -> usize {
        0
    }

    fn emit(&self, _buffer: &mut [u8]) {}
}

impl ParseableParametrized<[u8], GenlHeader> for Device {
    fn parse_with_param(bytes: &[u8], _header: GenlHeader) -> Result<Self, DecodeError> {
        let mut device = Self::default();
        for attribute in NlasIterator::new(bytes) {
            let attribute: NlaBuffer<&[u8]> = attribute?;
            let value = attribute.value();
            match attribute.kind() {
                IFINDEX => {
                    let bytes = value.first_chunk().ok_or("a short index")?;
                    device.index = u32::from_ne_bytes(*bytes);
                }
                XDP_FEATURES => {
                    let bytes = value.first_chunk().ok_or("short features")?;
                    device.xdp_features = u64::from_ne_bytes(*bytes);
                }
                _ => {}
            }
        }
        Ok(device)
    }
}

/// Whether the driver of each interface, by index, has native XDP as it is set up now.
///
/// # Errors
/// ENOENT where the kernel has no such family, before Linux 6.3; what the netlink socket says.
pub fn native_xdp() -> io::Result<HashMap<u32, bool>> {
    let family = family()?;
    let mut question = GenlMessage::from_payload(Device::default());
    question.set_resolved_family_id(family);
    let mut devices = HashMap::new();
    netlink::dump(NETLINK_GENERIC, question, |answer| {
        let (_, Device { index, xdp_features }) = answer.into_parts();
        devices.insert(index, xdp_features & BASIC != 0);
    })?;
    Ok(devices)
}

/// The number of the family.
fn family() -> io::Result<u16> {
    let name = GenlCtrlAttrs::FamilyName(Device::family_name().into());
    let question = GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![name] };
    let answer = netlink::ask(NETLINK_GENERIC, GenlMessage::from_payload(question))?;
    let id = answer.payload.nlas.iter().find_map(|attribute| match attribute {
        GenlCtrlAttrs::FamilyId(id) => Some(*id),
        _ => None,
    });
    id.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use testbed::requirements::{Requirement, met};

    use super::*;

    #[test]
    fn the_loopback_has_no_native_xdp() {
        if met(&[Requirement::Kernel(6, 3)]) {
            assert_eq!(native_xdp().unwrap().get(&1), Some(&false));
        }
    }

    #[test]
    fn an_answer_is_read_and_nonsense_is_not() {
        let header = || GenlHeader { cmd: DEV_GET, version: 1 };
        let index = [8, 0, 1, 0, 7, 0, 0, 0];
        let features = [12, 0, 3, 0, 0x23, 0, 0, 0, 0, 0, 0, 0];
        let other = [5, 0, 9, 0, 1, 0, 0, 0];
        let read = |bytes: &[u8]| Device::parse_with_param(bytes, header());
        let device = read(&[&other[..], &features, &index].concat()).unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(device, Device { index: 7, xdp_features: 0x23 });
        }
        assert!(read(&[6, 0, 1, 0, 7, 0]).is_err());
        assert!(read(&[200, 0, 3, 0]).is_err());
    }
}
