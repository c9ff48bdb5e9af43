//! The load-time constants: read-only data that user space sets in the object before it loads
//! it. The verifier knows their values and drops what they switch off.

/// Hands the list of the load-time constants to the macro of a name: for each its documentation,
/// the field of [`Constants`] that holds its value, its symbol in the object,
/// and its type. This is the only list of them: `Constants` and the symbols are made of it.
#[macro_export]
macro_rules! for_each_constant {
    ($declare:ident) => {
        $declare! {
            /// Bytes of a frame that a record carries at most.
            snaplen: SNAPLEN, u32;
            /// Number of sampled rules; 0 removes sampling and output.
            sampled: SAMPLED, u32;
            /// Bytes of records in the small ring, a power of two: the first of
            /// `RingLayout::len`.
            ring_len: RING_LEN, u32;
            /// Bytes of records in the large ring, a power of two: the second of them.
            second_len: SECOND_LEN, u32;
            /// Where the large ring begins in the map value, in bytes:
            /// `RingLayout::second_at`.
            second_at: SECOND_AT, u32;
            /// 1 where a CPU has one ring, which overwrites its oldest records:
            /// `RingLayout::overwrites`. Its size is `ring_len`.
            overwrites: OVERWRITES, u8;
            /// The sampled rules that do not take every match, one bit each.
            selective: SELECTIVE, u64;
            /// Those of them that take the frames of some connections alone, one bit each.
            by_flow: BY_FLOW, u64;
            /// 1 where the machine's stores become visible in program order, as x86's do.
            stores_in_order: STORES_IN_ORDER, u8;
            /// 1 where the kernel has `bpf_xdp_load_bytes` (5.18).
            xdp_load_bytes: XDP_LOAD_BYTES, u8;
            /// 1 where rules have lists; 0 removes all that has to do with keys.
            keyed: KEYED, u8;
            /// Rules with lists, which have the bits of `CpuState::keyed` from 0 on.
            lists: LISTS, u32;
            /// Of them the first so many have a list of the largest keys.
            tops: TOP_LISTS, u32;
            /// From this one on they have a number of different keys.
            first_distinct: FIRST_DISTINCT, u32;
            /// How many have one.
            distinct_lists: DISTINCT_LISTS, u32;
            /// Sets of a table of the largest keys: those of `TopLayout`.
            top_sets: TOP_SETS, u32;
            /// 1 where one of them has a key that fills all words; else the last one is 0, and not hashed.
            long_keys: LONG_KEYS, u8;
            /// What keys are hashed with: the words of `Seeds`. Each by itself, they go into the
            /// code, where no load is left of them (probe-link/src/fold.rs).
            seed_0: SEED_0, u64;
            /// As `seed_0`.
            seed_1: SEED_1, u64;
            /// As `seed_0`.
            seed_2: SEED_2, u64;
            /// As `seed_0`.
            seed_3: SEED_3, u64;
            /// As `seed_0`.
            seed_4: SEED_4, u64;
            /// As `seed_0`.
            seed_5: SEED_5, u64;
            /// Matches after which the race of `probe rate` ends; 0 removes the race.
            goal: GOAL, u64;
            /// A [`Split`](crate::Split): which counters are kept apart.
            split: SPLIT, u8;
            /// 1 where frames are handed in from a file (`BPF_PROG_TEST_RUN`), which may have
            /// cut them: the length on the wire then comes from the map `WIRE_LEN`.
            offline: OFFLINE, u8;
        }
    };
}

macro_rules! declare {
    ($($(#[$doc:meta])* $field:ident: $symbol:ident, $type:ty;)*) => {
        /// A value for each load-time constant.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Constants {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Constants {
            /// The symbols in the object, and the bytes that belong there.
            pub fn symbols(&self) -> [(&'static str, &[u8]); [$(stringify!($field)),*].len()] {
                [$((stringify!($symbol), bytemuck::bytes_of(&self.$field))),*]
            }
        }
    };
}

for_each_constant!(declare);
