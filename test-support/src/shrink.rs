//! The smallest that is still wrong: filters and frames without whatever they stay wrong
//! without.

/// Leaves parts of a list out, in ever smaller runs, as long as it stays wrong.
pub fn list<T: Clone>(items: &[T], mut wrong: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut best = items.to_vec();
    let mut run = best.len().div_ceil(2);
    while run > 0 {
        leave_out(&mut best, run, &mut wrong);
        run /= 2;
    }
    best
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expressions::pieces;
    use probe_filter::{Options, compile};

    #[test]
    fn lists_and_frames_get_as_small_as_can_be() {
        let numbers: Vec<u32> = (0..100).collect();
        let wrong = |some: &[u32]| some.contains(&17) && some.contains(&60);
        assert_eq!(list(&numbers, wrong), [17, 60]);
        assert_eq!(list(&numbers, |some| some.len() >= 3).len(), 3);
        assert_eq!(list(&[1, 2], |some| some.contains(&2)), [2]);
        assert_eq!(list(&[1], |_| true), [0; 0]);

        let frame = [9; 90];
        let wrong = |some: &[u8]| some.len() > 40 && some[30] == 9;
        let mut expected = vec![0; 41];
        expected[30] = 9;
        assert_eq!(bytes(&frame, 14, wrong), expected);
        assert_eq!(bytes(&frame, 60, wrong).len(), 60);
    }

    #[test]
    fn filters_keep_what_is_wrong() {
        let wrong = |text: &str| text.contains("udp") && compile(text, &Options::default()).is_ok();
        let all = "tcp port 80 and ( not udp or ip6 ) and len > 80";
        assert_eq!(text(all, pieces, wrong), "udp");
    }
}
