//! What commands ask of attached programs while these count. It is all that there is between a
//! command and the kernel, so that tests run commands on counts of their own.

use super::{Attachment, Counts, Error, Interface, Taken};

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

    /// Takes what the rules' lists have counted since they were taken before, and empties them; what
    /// frames are counted in meanwhile is there the next time. So no frame is missed, and after
    /// [`detach`](Self::detach) the lists are complete.
    ///
    /// `f` is called with the index of a rule and one part of a list: the table of one CPU and
    /// program set, or the registers of one program set. The parts of a list are to be added up.
    ///
    /// Waits for programs that are at work on a frame, which takes some 20 ms of sleep where there
    /// are lists of the largest keys.
    fn take_lists(&mut self, _f: &mut dyn FnMut(usize, Taken<'_>)) {}

    /// Attaches to an interface that came after the start; `None` where that is not possible: there
    /// is no program for its link type, or the hook changes the link, for which the right is gone.
    ///
    /// # Errors
    /// What the kernel says.
    fn follow(&mut self, _interface: &Interface) -> Result<Option<Attachment>, Error> {
        Ok(None)
    }

    /// Lets go of an interface: of what belonged to it where it is gone, else takes the programs off
    /// and turns on again what attaching to it turned off.
    fn forget(&mut self, _index: u32) {}

    /// Takes the programs off, waits for those that are at work on a frame, and turns on again
    /// what attaching turned off. Counts and rings stay readable, and are final.
    ///
    /// # Errors
    /// What removing a clsact filter or turning features on says; links come off without fail.
    /// All are tried.
    fn detach(&mut self) -> Result<(), Error>;
}
