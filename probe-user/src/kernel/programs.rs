//! What commands ask of attached programs while these count. It is all that there is between a
//! command and the kernel, so that tests run commands on counts of their own.

use super::{Attachment, Counts, Error, Interface};

/// Programs that are attached, until they are taken off.
pub trait Programs {
    /// Reads the counts: no rule is above what was seen. After [`detach`](Self::detach) they are
    /// final.
    ///
    /// # Errors
    /// What the map reads say.
    fn counts(&self) -> Result<Counts, Error>;

    /// The counts at less of a price: while programs are attached, rules may be ahead of what was
    /// seen.
    ///
    /// # Errors
    /// What the map reads say.
    fn quick_counts(&self) -> Result<Counts, Error>;

    /// Attaches to an interface that came after the start; `None` where that is not possible: there
    /// is no program for its link type, or the hook changes the link, for which the right is gone.
    ///
    /// # Errors
    /// What the kernel says.
    fn follow(&mut self, _interface: &Interface) -> Result<Option<Attachment>, Error> {
        Ok(None)
    }

    /// Lets go of what belonged to an interface that is gone.
    fn forget(&mut self, _index: u32) {}

    /// Takes the programs off, waits for those that are at work on a frame, and turns on again
    /// what attaching turned off. Counts and rings stay readable, and are final.
    ///
    /// # Errors
    /// What removing a clsact filter or turning features on says; links come off without fail.
    /// All are tried.
    fn detach(&mut self) -> Result<(), Error>;
}
