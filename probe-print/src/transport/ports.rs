//! Which printer a port stands for: the tables of TCP and UDP.

/// The ports of a service, and at which end they tell it.
pub(super) enum Ports {
    /// At either.
    Either(&'static [u16]),
    /// At the sender.
    From(&'static [u16]),
    /// At the receiver.
    To(&'static [u16]),
}

/// What the first row that holds one of the two ports has.
pub(super) fn find<P: Copy>(table: &[(Ports, P)], from: u16, to: u16) -> Option<P> {
    let row = table.iter().find(|(ports, _)| match ports {
        Ports::Either(ports) => ports.contains(&from) || ports.contains(&to),
        Ports::From(ports) => ports.contains(&from),
        Ports::To(ports) => ports.contains(&to),
    });
    row.map(|(_, printer)| *printer)
}
