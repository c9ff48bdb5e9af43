//! The loaded program run on frames handed in (`BPF_PROG_TEST_RUN`): the kernel engine
//! of `-r`.

use aya::{
    Ebpf,
    maps::{Array, MapData},
    programs::{ProgramError, SchedClassifier, TestRun as _, TestRunOptions, XdpMode},
};
use probe_common::{PAGE, RingLayout, Split, names};
use probe_filter::{
    ebpf::Flavour,
    ir::{LinkType, VlanView},
};

use super::{
    Counts, Error, Hook, Memory, RuleSpec, Taken,
    counts::CountMaps,
    cpus,
    features::Features,
    lists::{ListMaps, Order},
    load::{Setting, load, name_largest_rule, verify_error},
    session::{program, xdp_program},
    timing::Timing,
};

/// What the kernel keeps of the first page: 256 bytes of headroom and a
/// `skb_shared_info`, which is 320 bytes in Linux 6.18, and may be larger elsewhere.
const KEPT: usize = 256 + 440;
/// Pages behind the first one (MAX_SKB_FRAGS, which is at least this).
const FRAGMENTS: usize = 17;

/// A program for one set of rules.
pub struct TestRun {
    ebpf: Ebpf,
    hook: Hook,
    counts: CountMaps,
    lists: ListMaps,
    wire_len: Array<MapData, u32>,
}

impl TestRun {
    /// Whether the kernel runs the program on such a frame at all (net/bpf/test_run.c): an
    /// Ethernet header has to be there, and for an skb something behind it, which is a
    /// whole IP header where the EtherType says IP. What is handed in has to fit a page,
    /// beside what the kernel keeps there; only XDP takes more pages (5.18).
    pub fn takes(&self, frame: &[u8]) -> bool {
        const ETHERNET: usize = 14;
        let least = match frame.get(12..ETHERNET) {
            _ if self.hook.is_xdp() => ETHERNET,
            Some([0x08, 0x00]) => ETHERNET + 20,
            Some([0x86, 0xdd]) => ETHERNET + 40,
            _ => ETHERNET + 1,
        };
        let most = if self.hook.is_xdp() && Features::of_this_kernel().xdp_fragments {
            FRAGMENTS * PAGE as usize
        } else {
            PAGE as usize - KEPT
        };
        (least..=most).contains(&frame.len())
    }

    /// Loads the program of `hook`'s type, with lists of their full size on all CPUs: which of them
    /// runs the program is the kernel's choice. Frames are what the file says: tags among the bytes.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(rules: &[RuleSpec<'_>], hook: Hook, link: LinkType) -> Result<Self, Error> {
        Self::with_lists_on(cpus()?, rules, hook, link)
    }

    /// Does the same with lists on the first so many CPUs.
    pub(super) fn with_lists_on(
        cpus: u32,
        rules: &[RuleSpec<'_>],
        hook: Hook,
        link: LinkType,
    ) -> Result<Self, Error> {
        let order = Order::of(rules)?;
        let [tops, distinct] = [order.tops(), order.distinct()].map(<[usize]>::len);
        let memory = Memory::on(cpus, [tops, distinct], 1, u64::MAX);
        let setting = Setting {
            rules,
            flavour: if hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb },
            link,
            vlan: VlanView::AsFrame,
            snaplen: 0,
            // Chosen frames are counted, whether the ring has room for them or not.
            ring: RingLayout::new(0, 0),
            rings: 1,
            order,
            memory,
            goal: 0,
            split: Split::None,
            slots: 1,
            xdp_load_bytes: Features::of_this_kernel().xdp_fragments,
            diagnostics: false,
            offline: true,
        };
        // Until the program is loaded, which refers to the map.
        let (mut ebpf, _samplers) = load(&setting, &mut Timing::start())?;
        verify(&mut ebpf, hook).map_err(|error| name_largest_rule(error, &setting))?;
        let counts = CountMaps::take(&mut ebpf, rules.len(), Split::None, 1)?;
        let mut lists = ListMaps::of(&mut ebpf, &setting)?;
        lists.map()?;
        let wire_len = ebpf.take_map(names::WIRE_LEN).ok_or(Error::Missing(names::WIRE_LEN))?;
        let wire_len =
            wire_len.try_into().map_err(|source| Error::Map { map: names::WIRE_LEN, source })?;
        Ok(Self { ebpf, hook, counts, lists, wire_len })
    }

    /// Runs the program once on a frame that the kernel [takes](Self::takes) and that was
    /// `wire_len` bytes long on the wire.
    ///
    /// # Errors
    /// The kernel's, for a frame that it does not take.
    pub fn run(&mut self, frame: &[u8], wire_len: u32) -> Result<(), Error> {
        self.wire_len
            .set(0, wire_len, 0)
            .map_err(|source| Error::Map { map: names::WIRE_LEN, source })?;
        let options = TestRunOptions { data_in: Some(frame), ..TestRunOptions::new() };
        let run = |result: Result<_, ProgramError>| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::TestRun(Box::new(error))),
        };
        if self.hook.is_xdp() {
            run(xdp_program(&mut self.ebpf, XdpMode::Driver)?.test_run(options))
        } else {
            run(classifier(&mut self.ebpf)?.test_run(options))
        }
    }

    /// The lists, for tests that look into them.
    #[cfg(test)]
    pub(super) fn lists(&self) -> &ListMaps {
        &self.lists
    }

    /// The classifier, and the lists, for tests that run it on several CPUs at once.
    #[cfg(test)]
    pub(super) fn parts(&mut self) -> (&SchedClassifier, &mut ListMaps) {
        (classifier(&mut self.ebpf).unwrap(), &mut self.lists)
    }

    /// Takes what the rules' lists have counted, as
    /// [`Programs::take_lists`](super::Programs::take_lists) does.
    pub fn take_lists(&mut self, f: &mut dyn FnMut(usize, Taken<'_>)) {
        self.lists.take_at_rest(f);
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// What the map reads say.
    pub fn counts(&self) -> Result<Counts, Error> {
        self.counts.read()
    }
}

/// Puts the program of the hook's type into the kernel.
fn verify(ebpf: &mut Ebpf, hook: Hook) -> Result<(), Error> {
    if hook.is_xdp() {
        return xdp_program(ebpf, XdpMode::Driver).map(drop);
    }
    let loaded = classifier(ebpf)?.load();
    loaded.map_err(|source| verify_error(names::INGRESS, source))
}

fn classifier(ebpf: &mut Ebpf) -> Result<&mut SchedClassifier, Error> {
    program(ebpf, names::INGRESS)
}
