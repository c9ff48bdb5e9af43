//! What a file is to hold, and what it says of where its frames come from.

use probe_frame::{LinkType, MAX_FRAME, Precision, WallTime};

/// The form of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// pcap, which every tool reads.
    Pcap(Precision),
    /// pcapng, which also tells where the frames came from.
    PcapNg(Origin),
}

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// What the frames begin with: all of them in pcap; in pcapng those of which no
    /// [`Interface`] is known.
    pub link: LinkType,
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// The form of the file.
    pub format: Format,
}

impl Contents {
    /// pcap with whole frames, of up to [`MAX_FRAME`] bytes.
    pub fn pcap(link: LinkType, precision: Precision) -> Self {
        Self { link, snaplen: MAX_FRAME, format: Format::Pcap(precision) }
    }
}

/// The account of a whole capture, for the formats that have a place for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When the account was made.
    pub time: WallTime,
    /// Frames that the filter accepted.
    pub matched: u64,
    /// Accepted frames that sampling chose: all of them where nothing is sampled.
    pub chosen: u64,
    /// Chosen frames that the kernel lost.
    pub lost: u64,
    /// Chosen frames that did not make it through user space.
    pub dropped: u64,
    /// All that there is to tell, in words: more than the format has numbers for.
    pub words: String,
}

/// An interface that frames come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its index in the kernel, by which frames name it; 0 where there is none.
    pub index: u32,
    /// Its name; empty where it is not known.
    pub name: String,
    /// Where on it we looked: the hook, and which frames it sees.
    pub description: String,
    /// What its frames begin with.
    pub link: LinkType,
}

/// Where the frames come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The machine's processor; empty where it is not known.
    pub hardware: String,
    /// Its operating system.
    pub os: String,
    /// The program that writes.
    pub application: String,
    /// The interfaces. Of a frame that comes from none of them, the first is believed.
    pub interfaces: Vec<Interface>,
    /// The filter; empty where there is none.
    pub filter: String,
    /// What to say of each frame: the rules and the sampling that chose it.
    pub comment: Option<String>,
    /// What to say of the whole file, a comment each.
    pub comments: Vec<String>,
}
