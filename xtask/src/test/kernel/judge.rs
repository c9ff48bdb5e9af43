//! Reads the console of the virtual machine: which tests ran, and how they ended.

/// What stands before the kernel's own name.
pub const RELEASE: &str = "kernel release: ";
/// What the kernel's log must not have.
const WARNINGS: [&str; 5] = ["WARNING:", "BUG:", "Oops", "Call Trace", "Kernel panic"];

/// How the tests went.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Tests that ran and did not fail.
    pub right: usize,
    /// Tests that were to run.
    pub tried: usize,
    /// What was not right, a line each.
    pub complaints: Vec<String>,
}

impl Verdict {
    /// Whether there is nothing to complain of.
    pub fn is_right(&self) -> bool {
        self.right == self.tried && self.complaints.is_empty()
    }
}

/// Holds what was said against the tests that were to run.
pub fn judge(said: &str, expected: &[&str]) -> Verdict {
    let mut verdict = Verdict { right: 0, tried: expected.len(), complaints: Vec::new() };
    for name in expected {
        match result(said, name) {
            Some("ok") => verdict.right += 1,
            Some(other) => verdict.complaints.push(format!("{name}: {other}")),
            None => verdict.complaints.push(format!("{name}: did not run to its end")),
        }
    }
    if expected.is_empty() {
        verdict.complaints.push("no test has such a name".to_owned());
    }
    let warnings = said.lines().filter(|line| WARNINGS.iter().any(|word| line.contains(word)));
    verdict.complaints.extend(warnings.map(|line| format!("the kernel says: {}", line.trim())));
    verdict
}

/// What the test program says of a test: `test NAME ... ok`.
fn result<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines().find_map(|line| {
        let (found, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
        // libtest gives the reason of a test that is ignored elsewhere behind its name.
        (found == name).then(|| result.trim())
    })
}

/// What the kernel calls itself.
pub fn release(said: &str) -> &str {
    said.lines().find_map(|line| line.strip_prefix(RELEASE)).unwrap_or("that did not boot")
}

/// The part that says why tests failed; where there is none, the last lines.
pub fn failures(said: &str) -> String {
    let sections: Vec<&str> = (said.split("\nfailures:\n").skip(1).step_by(2)).collect();
    if sections.is_empty() {
        let lines: Vec<&str> = said.lines().collect();
        return lines[lines.len().saturating_sub(30)..].join("\n");
    }
    sections.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "kernel release: 6.1.0\n\nrunning 3 tests\ntest a::one ... ok\n\
                        verified: 12\ntest a::two ... FAILED\n\nfailures:\n\n---- a::two stdout\n\
                        no\n\nfailures:\n    a::two\n\n";

    #[test]
    fn every_expected_test_is_accounted_for() {
        let verdict = judge(SAID, &["a::one", "a::two", "a::three"]);
        assert_eq!((verdict.right, verdict.tried), (1, 3));
        assert_eq!(verdict.complaints, ["a::two: FAILED", "a::three: did not run to its end"]);
        assert!(!verdict.is_right());
        assert!(judge(SAID, &["a::one"]).is_right());
        assert_eq!((release(SAID), failures(SAID)), ("6.1.0", "\n---- a::two stdout\nno\n".into()));
    }

    #[test]
    fn a_kernel_that_warns_is_not_right() {
        let said = format!("{SAID}[    3.1] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1\n");
        let verdict = judge(&said, &["a::one"]);
        assert_eq!(verdict.complaints.len(), 1, "{verdict:?}");
        assert!(!verdict.is_right());
    }

    #[test]
    fn nothing_tried_is_nothing_shown() {
        assert!(!judge(SAID, &[]).is_right());
        assert_eq!(release("garbage"), "that did not boot");
    }
}
