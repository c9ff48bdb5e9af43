//! A question to the kernel by netlink(7), and its answer, or all of them.

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// Asks the kernel for one thing, and returns its answer.
///
/// # Errors
/// The kernel's, what the netlink socket says, and answers that are none.
pub(super) fn ask<M>(protocol: isize, question: M) -> io::Result<M>
where
    M: NetlinkSerializable + NetlinkDeserializable,
{
    let socket = send(protocol, question, NLM_F_REQUEST)?;
    let (answer, _) = socket.recv_from_full()?;
    match read(&answer)?.payload {
        NetlinkPayload::InnerMessage(answer) => Ok(answer),
        NetlinkPayload::Error(error) => Err(error.to_io()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Asks the kernel for all there are, and hands each to `take`.
///
/// # Errors
/// As of [`ask`].
pub(super) fn dump<M>(protocol: isize, question: M, mut take: impl FnMut(M)) -> io::Result<()>
where
    M: NetlinkSerializable + NetlinkDeserializable,
{
    let socket = send(protocol, question, NLM_F_REQUEST | NLM_F_DUMP)?;
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let message = read(rest)?;
            // Messages stand at multiples of four bytes.
            let length = (message.header.length as usize).next_multiple_of(4);
            match message.payload {
                NetlinkPayload::InnerMessage(answer) => take(answer),
                NetlinkPayload::Done(_) => return Ok(()),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
    }
}

/// Sends a question on a socket of its own.
fn send<M: NetlinkSerializable>(protocol: isize, question: M, flags: u16) -> io::Result<Socket> {
    let mut request =
        NetlinkMessage::new(Default::default(), NetlinkPayload::InnerMessage(question));
    request.header.flags = flags;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let socket = Socket::new(protocol)?;
    // Not connected: parts of `probe serve` may not do that (serve/confine.rs).
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    Ok(socket)
}

fn read<M: NetlinkDeserializable>(bytes: &[u8]) -> io::Result<NetlinkMessage<M>> {
    NetlinkMessage::deserialize(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
