//! The smallest that is still wrong: filters and frames without whatever they stay wrong
//! without.

/// Leaves runs of this length out of a list, as long as it stays wrong.
pub fn leave_out<T: Clone>(best: &mut Vec<T>, run: usize, wrong: &mut impl FnMut(&[T]) -> bool) {
    let mut at = 0;
    while at + run <= best.len() {
        let mut shorter = best.clone();
        shorter.drain(at..at + run);
        if wrong(&shorter) { *best = shorter } else { at += 1 }
    }
}

/// Leaves pieces of a filter out, as the caller takes it apart: operators with their operands
/// are runs of any length, and parentheses go in pairs.
pub fn text(
    text: &str,
    pieces: impl Fn(&str) -> Vec<String>,
    mut wrong: impl FnMut(&str) -> bool,
) -> String {
    let mut best = pieces(text);
    let mut wrong = |parts: &[String]| wrong(&parts.join(" "));
    loop {
        let before = best.len();
        for run in (1..=before).rev() {
            leave_out(&mut best, run, &mut wrong);
        }
        let mut open = 0;
        while let Some(more) =
            best.get(open..).and_then(|rest| rest.iter().position(|one| one == "("))
        {
            open += more;
            let closes = (open + 1..best.len()).filter(|&at| best[at] == ")");
            let without = closes.map(|close| {
                let mut shorter = best.clone();
                shorter.remove(close);
                shorter.remove(open);
                shorter
            });
            match without.into_iter().find(|shorter| wrong(shorter)) {
                Some(shorter) => best = shorter,
                None => open += 1,
            }
        }
        if best.len() == before {
            return best.join(" ");
        }
    }
}

/// Cuts a frame as short as it stays wrong, down to so many bytes, and makes of the rest what
/// can be made zero.
pub fn bytes(bytes: &[u8], least: usize, mut wrong: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = bytes.to_vec();
    let mut cut = best.len().saturating_sub(least);
    while cut > 0 {
        let shorter = best.len().checked_sub(cut).filter(|&shorter| shorter >= least);
        match shorter.and_then(|shorter| best.get(..shorter)) {
            Some(shorter) if wrong(shorter) => best = shorter.to_vec(),
            _ => cut /= 2,
        }
    }
    for at in 0..best.len() {
        let byte = std::mem::take(&mut best[at]);
        if byte != 0 && !wrong(&best) {
            best[at] = byte;
        }
    }
    best
}
