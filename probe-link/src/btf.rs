//! The kernel's types (BTF, Documentation/bpf/btf.rst), searched for what [`XdpBuff`] holds.

use std::collections::HashMap;
use std::io::{self, BufRead, Seek, SeekFrom};

use crate::XdpBuff;

/// What is looked for, with the end that strings have.
const CAST: &[u8] = b"bpf_cast_to_kern_ctx\0";
const XDP_BUFF: &[u8] = b"xdp_buff\0";
const FLAGS: &[u8] = b"flags\0";
const FLAGS_ENUM: &[u8] = b"xdp_buff_flags\0";
const HAS_FRAGMENTS: &[u8] = b"XDP_FLAGS_HAS_FRAGS\0";
const NAMES: [&[u8]; 5] = [CAST, XDP_BUFF, FLAGS, FLAGS_ENUM, HAS_FRAGMENTS];

/// The kind of a type, where it matters here.
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FUNCTION: u32 = 12;

/// A member of a structure.
#[derive(Clone, Copy)]
struct Member {
    name: u32,
    /// Number of its type.
    of: u32,
    /// In bits.
    at: u32,
}

/// Looks the three up among a kernel's types. `None` where one of them is not there, or where
/// the types have a form that is not known here.
pub(crate) fn find(types: &mut (impl BufRead + Seek)) -> io::Result<Option<XdpBuff>> {
    const MAGIC: u16 = 0xeb9f;
    const HEADER: usize = 24;

    let mut header = [0; HEADER];
    types.read_exact(&mut header)?;
    // Magic number, version and flags; then the header's length, where types and strings lie
    // behind it, and how long they are.
    let [_, header_len, types_at, types_len, strings_at, strings_len] = words(&header);
    if !header.starts_with(&MAGIC.to_le_bytes()) {
        return Ok(None);
    }
    let [types_at, strings_at] =
        [types_at, strings_at].map(|at| u64::from(header_len) + u64::from(at));
    types.seek(SeekFrom::Start(strings_at))?;
    let Some(names) = find_names(types, strings_len)? else { return Ok(None) };
    types.seek(SeekFrom::Start(types_at))?;
    find_types(types, types_len, names)
}

/// Where the names stand among the strings, in the order of [`NAMES`].
fn find_names(strings: &mut impl BufRead, len: u32) -> io::Result<Option<[u32; NAMES.len()]>> {
    let mut found = [None; NAMES.len()];
    let (mut at, mut string) = (0, Vec::new());
    while at < len && found.contains(&None) {
        string.clear();
        let read = strings.read_until(0, &mut string)? as u32;
        if read == 0 {
            break;
        }
        if let Some(which) = NAMES.iter().position(|name| *name == string) {
            found[which] = Some(at);
        }
        at += read;
    }
    let all: Option<Vec<u32>> = found.into_iter().collect();
    Ok(all.and_then(|all| all.try_into().ok()))
}

/// Goes through the types, which have numbers from 1 on.
fn find_types(
    types: &mut impl BufRead,
    len: u32,
    [cast_name, buff_name, flags_name, enum_name, fragments_name]: [u32; NAMES.len()],
) -> io::Result<Option<XdpBuff>> {
    let (mut cast, mut has_fragments, mut buff): (_, _, Option<Vec<Member>>) = (None, None, None);
    // Structures without a name, of those members that may matter.
    let mut nameless: HashMap<u32, Vec<Member>> = HashMap::new();
    let (mut left, mut number) = (u64::from(len), 0);
    let mut rest = Vec::new();
    while left > 0 {
        number += 1;
        let mut head = [0; 12];
        types.read_exact(&mut head)?;
        let [name, info, _] = words(&head);
        let (kind, count) = (info >> 24 & 0x1f, info & 0xffff);
        let Some(entry) = entry_len(kind) else { return Ok(None) };
        let rest_len = if counts(kind) { entry * count as usize } else { entry };
        rest.resize(rest_len, 0);
        types.read_exact(&mut rest)?;
        left = left.saturating_sub((head.len() + rest_len) as u64);
        match kind {
            FUNCTION if name == cast_name => cast = i32::try_from(number).ok(),
            ENUM if name == enum_name => {
                let mut values = rest.chunks_exact(entry).map(words::<2>);
                let value = values.find(|[name, _]| *name == fragments_name);
                has_fragments = value.and_then(|[_, value]| i32::try_from(value).ok());
            }
            STRUCT | UNION if name == 0 || name == buff_name => {
                let members = rest.chunks_exact(entry).map(words::<3>);
                // The upper bits say how long a bit field is.
                let members = members.map(|[name, of, at]| Member { name, of, at: at & 0xff_ffff });
                let members = members.filter(|one| one.name == 0 || one.name == flags_name);
                let members: Vec<Member> = members.collect();
                if kind == STRUCT && name == buff_name {
                    buff = Some(members);
                } else if name == 0 && !members.is_empty() {
                    nameless.insert(number, members);
                }
            }
            _ => continue,
        }
        if let (Some(cast), Some(has_fragments), Some(buff)) = (cast, has_fragments, &buff)
            && let Some(flags) = place(buff, flags_name, &nameless, 0)
        {
            let flags = i16::try_from(flags / 8).ok();
            return Ok(flags.map(|flags| XdpBuff { cast, flags, has_fragments }));
        }
    }
    Ok(None)
}

/// Where a member lies, in bits: one of these, or of what is in them without a name.
fn place(
    members: &[Member],
    name: u32,
    nameless: &HashMap<u32, Vec<Member>>,
    depth: usize,
) -> Option<u32> {
    const DEEPEST: usize = 4;

    if depth > DEEPEST {
        return None;
    }
    members.iter().find_map(|one| match one.name {
        0 => Some(one.at + place(nameless.get(&one.of)?, name, nameless, depth + 1)?),
        other => (other == name).then_some(one.at),
    })
}

/// Bytes behind the head of a type of this kind, or of each entry where it [counts]
/// them. None: a kind that is not known here.
fn entry_len(kind: u32) -> Option<usize> {
    Some(match kind {
        // int, variable, declaration tag
        1 | 14 | 17 => 4,
        // parameters
        ENUM | 13 => 8,
        // array, section, 64-bit enum
        3 | STRUCT | UNION | 15 | 19 => 12,
        // pointer, forward, typedef, volatile, const, restrict, function, float, type tag
        2 | 7..=FUNCTION | 16 | 18 => 0,
        _ => return None,
    })
}

/// Whether a type of this kind has as many entries as its head says.
const fn counts(kind: u32) -> bool {
    matches!(kind, STRUCT | UNION | ENUM | 13 | 15 | 19)
}

/// The first words of some bytes.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = bytes.try_into().map_or(0, u32::from_le_bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const BUFF: XdpBuff = XdpBuff { cast: 5, flags: 52, has_fragments: 1 };

    /// Types as bpftool would list them: a structure in a union in `struct xdp_buff`.
    fn types(kind_of_first: u32) -> Vec<u8> {
        let mut strings = vec![0];
        let mut name = |name: &[u8]| {
            strings.extend(name);
            (strings.len() - name.len()) as u32
        };
        let (other, frame_sz) = (name(b"other\0"), name(b"frame_sz\0"));
        let [cast, buff, flags, flags_enum, has_fragments] = NAMES.map(&mut name);
        let types = [
            vec![other, kind_of_first << 24, 4, 0],
            vec![0, STRUCT << 24 | 2, 8, frame_sz, 1, 0, flags, 1, 32],
            vec![0, UNION << 24 | 1, 8, 0, 2, 0],
            vec![buff, STRUCT << 24 | 2, 56, other, 1, 0, 0, 3, 384],
            vec![cast, FUNCTION << 24, 1],
            vec![flags_enum, ENUM << 24 | 2, 4, other, 7, has_fragments, 1],
        ]
        .concat();
        let types_len = 4 * types.len() as u32;
        let magic = [0x9f, 0xeb, 1, 0];
        let header = [24, 0, types_len, types_len, strings.len() as u32];
        let words = header.into_iter().chain(types).flat_map(u32::to_le_bytes);
        magic.into_iter().chain(words).chain(strings.iter().copied()).collect()
    }

    #[test]
    fn types_are_read() {
        const INT: u32 = 1;
        const UNKNOWN: u32 = 31;

        let whole = types(INT);
        assert_eq!(find(&mut Cursor::new(&whole)).unwrap(), Some(BUFF));
        assert_eq!(find(&mut Cursor::new(types(UNKNOWN))).unwrap(), None);
        // Whatever is cut off: no answer, and no panic.
        for len in 0..whole.len() {
            assert!(!matches!(find(&mut Cursor::new(&whole[..len])), Ok(Some(_))), "{len}");
        }
        let mut other = whole;
        other[0] ^= 1;
        assert_eq!(find(&mut Cursor::new(other)).unwrap(), None);
    }
}
