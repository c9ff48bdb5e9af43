//! The header chain that `protochain` walks, in numbers: for the evaluator and both back ends.

/// Offset in an IPv4 header (RFC 791) of the header's length, in 32-bit words.
pub(crate) const IPV4_HEADER_LENGTH: u32 = 0;
/// Offset in an IPv4 header of the protocol.
pub(crate) const IPV4_PROTOCOL: u32 = 9;
/// Offset in an IPv6 header (RFC 8200) of the next header's number.
pub(crate) const IPV6_NEXT_HEADER: u32 = 6;
/// Bytes of an IPv6 header.
pub(crate) const IPV6_HEADER_BYTES: u32 = 40;

/// What says that nothing follows (RFC 8200, section 4.7).
pub(crate) const NO_NEXT_HEADER: u32 = 59;
/// An authentication header (RFC 4302): its length counts words of four bytes, less two.
pub(crate) const AUTHENTICATION: u32 = 51;
/// The extension headers of IPv6 that are walked over, whose length counts units of eight bytes,
/// less one: hop-by-hop options, routing, fragment, destination options.
pub(crate) const IPV6_EXTENSIONS: [u32; 4] = [0, 43, 44, 60];
