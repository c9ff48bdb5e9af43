//! Drops privileges: once the programs are attached, what is left is to read maps and rings through
//! open descriptors, and to write files. An unprivileged user can do that: the one that `-Z` names,
//! or under sudo the one who called it.

use std::{ffi::CString, fs, io};

use anyhow::{Context as _, Result};
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgroups, setresgid, setresuid};

use crate::{
    failure::Usage,
    kernel::{self, Attached, Session},
};

/// What loading and attaching takes where the user is not root.
const TO_ATTACH: [Capability; 3] =
    [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON];

/// What must still be possible after the rights are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Taking filters off again that do not go with the process (clsact).
    pub filters: bool,
    /// Turning features of a link on again that attaching turned off.
    pub features: bool,
    /// Reading maps through descriptors that are open.
    pub maps: bool,
    /// Running a program on frames of a file.
    pub test_run: bool,
    /// Creating files wherever root may: where root stays root, and only then.
    pub files: bool,
    /// Loading and attaching other programs.
    pub reload: bool,
    /// Starting a command (-z), which may be one that gains rights by its file.
    pub commands: bool,
}

impl Needs {
    /// Of a session, until it is detached.
    pub fn of(session: &Session) -> Self {
        let filters = session.attachments().iter().any(|it| it.hook == Attached::Clsact);
        let features = !session.turned_off().is_empty();
        Self { filters, features, maps: true, ..Self::default() }
    }

    fn capabilities(self, root_stays: bool) -> CapsHashSet {
        // Before 5.19 ("bpf: refine kernel.unprivileged_bpf_disabled behaviour") the
        // setting closed all of bpf(2), reading a map through an open descriptor included.
        let bpf = self.maps && kernel::release() < (5, 19) && unprivileged_bpf_disabled();
        [
            (
                self.filters || self.features || self.test_run || self.reload,
                Capability::CAP_NET_ADMIN,
            ),
            (bpf || self.test_run || self.reload, Capability::CAP_BPF),
            (self.reload, Capability::CAP_PERFMON),
            (self.files && root_stays, Capability::CAP_DAC_OVERRIDE),
        ]
        .into_iter()
        .filter_map(|(needed, capability)| needed.then_some(capability))
        .collect()
    }
}

/// What it takes to attach programs, and is not there.
pub fn missing() -> Vec<Capability> {
    let has = |&right: &Capability| caps::has_cap(None, CapSet::Effective, right).unwrap_or(true);
    TO_ATTACH.into_iter().filter(|right| !has(right)).collect()
}

/// Whether we are in a user namespace other than the first, where capabilities do not
/// count for bpf(2) (user_namespaces(7): the first maps all ids to themselves).
pub fn in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let words: Vec<&str> = map.split_whitespace().collect();
    !matches!(words[..], [] | ["0", "0", "4294967295"])
}

fn unprivileged_bpf_disabled() -> bool {
    fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled")
        .map_or(true, |value| value.trim() != "0")
}

/// Whom to become.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    /// For its supplementary groups; one that has no name has none of those.
    name: Option<CString>,
    uid: Uid,
    gid: Gid,
}

/// Switches to the user of `-Z`, or to the one who called sudo, and drops all
/// capabilities but those that `needs` names. Root that was neither told nor called so
/// stays root, without capabilities.
///
/// To be called before other threads start: capabilities belong to a thread.
///
/// # Errors
/// Where the user is not known, or the kernel refuses.
pub fn drop(user: Option<&str>, needs: Needs) -> Result<()> {
    let variable = |name| std::env::var(name).ok()?.parse().ok();
    let sudo = (variable("SUDO_UID"), variable("SUDO_GID"));
    let account = choose(user, geteuid(), sudo)?;
    let keep = needs.capabilities(account.is_none() && geteuid().is_root());
    // What may be lent to other processes has to be said before the bounding set is empty
    // (`cap_capset`, security/commoncap.c).
    let lendable: CapsHashSet =
        if needs.reload { TO_ATTACH.into_iter().collect() } else { CapsHashSet::new() };
    let inheritable = lendable.intersection(&permitted()?).copied().collect();
    caps::set(None, CapSet::Inheritable, &inheritable).context("dropping capabilities")?;
    // What is started later, such as the command of -z, shall not get them back either.
    // Without CAP_SETPCAP it cannot be said, and then there is little to get.
    let _ = caps::clear(None, CapSet::Bounding);
    if let Some(account) = account {
        switch(&account, !keep.is_empty())?;
    }
    // Of what is kept, the right to files is in force only while one is created.
    let permitted: CapsHashSet = keep.intersection(&permitted()?).copied().collect();
    let mut effective = permitted.clone();
    effective.remove(&Capability::CAP_DAC_OVERRIDE);
    for (set, left) in [(CapSet::Effective, effective), (CapSet::Permitted, permitted)] {
        caps::set(None, set, &left).context("dropping capabilities")?;
    }
    // Rights that are given up do not come back by starting a program that has them.
    if !needs.commands {
        prctl::set_no_new_privs().context("setting no_new_privs")?;
    }
    Ok(())
}

fn permitted() -> Result<CapsHashSet> {
    caps::read(None, CapSet::Permitted).context("reading capabilities")
}

/// Runs `start`, so that a process which it starts has the rights to load and attach: those that this
/// one kept for [reloads](Needs::reload). A program that is started without this gets none.
pub fn lend<T>(start: impl FnOnce() -> T) -> T {
    // Ambient rights (capabilities(7)); without the right itself there is none to lend.
    for right in TO_ATTACH {
        let _ = caps::raise(None, CapSet::Ambient, right);
    }
    let result = start();
    let _ = caps::clear(None, CapSet::Ambient);
    result
}

/// Runs `create` with the right to create files anywhere, where it was kept.
pub fn creating<T>(create: impl FnOnce() -> T) -> T {
    let right = Capability::CAP_DAC_OVERRIDE;
    let kept = caps::has_cap(None, CapSet::Permitted, right).unwrap_or(false)
        && !caps::has_cap(None, CapSet::Effective, right).unwrap_or(true)
        && caps::raise(None, CapSet::Effective, right).is_ok();
    let result = create();
    if kept {
        let _ = caps::drop(None, CapSet::Effective, right);
    }
    result
}

/// Gives the right of [`creating`] up for good: there will be no more files.
pub fn no_more_files() -> Result<()> {
    // What is in force must be permitted.
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::drop(None, set, Capability::CAP_DAC_OVERRIDE).context("dropping capabilities")?;
    }
    Ok(())
}

/// What to say where a file cannot be created: whose rights count by now.
pub fn hint(error: &io::Error) -> Option<String> {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return None;
    }
    let user = User::from_uid(geteuid()).ok().flatten();
    let name = user.map_or_else(|| format!("user {}", geteuid()), |user| user.name);
    Some(format!(
        "files are created with the rights of {name}: choose another folder, or another user with \
         -Z (-Z root keeps root)"
    ))
}

/// Whom to become: `None` is to stay.
fn choose(
    user: Option<&str>,
    effective: Uid,
    sudo: (Option<u32>, Option<u32>),
) -> Result<Option<Account>> {
    if let Some(name) = user {
        let unknown = || Usage::new(format!("-Z: unknown user {name:?}"));
        let found = User::from_name(name).context("looking up the user of -Z")?;
        let found = found.ok_or_else(unknown)?;
        let account =
            Account { name: CString::new(found.name).ok(), uid: found.uid, gid: found.gid };
        return Ok((account.uid != effective).then_some(account));
    }
    let (Some(uid), gid) = sudo else { return Ok(None) };
    let uid = Uid::from_raw(uid);
    if !effective.is_root() || uid.is_root() {
        return Ok(None);
    }
    let known = User::from_uid(uid).ok().flatten();
    let gid = gid.map(Gid::from_raw).or(known.as_ref().map(|user| user.gid));
    let Some(gid) = gid else { return Ok(None) };
    Ok(Some(Account { name: known.and_then(|user| CString::new(user.name).ok()), uid, gid }))
}

/// Groups first: without root's user id they could not be changed.
fn switch(account: &Account, keep_capabilities: bool) -> Result<()> {
    let Account { name, uid, gid } = account;
    let to = || format!("switching to user {uid} (see -Z)");
    if keep_capabilities {
        caps::securebits::set_keepcaps(true).with_context(to)?;
    }
    match name {
        Some(name) => initgroups(name, *gid).with_context(to)?,
        None => setgroups(&[*gid]).with_context(to)?,
    }
    setresgid(*gid, *gid, *gid).with_context(to)?;
    setresuid(*uid, *uid, *uid).with_context(to)?;
    if keep_capabilities {
        caps::securebits::set_keepcaps(false).with_context(to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Uid = Uid::from_raw(0);

    #[test]
    fn whom_to_become() {
        let stay = |user, uid, sudo| choose(user, uid, sudo).unwrap();
        assert_eq!(stay(None, ROOT, (None, None)), None);
        assert_eq!(stay(Some("root"), ROOT, (Some(1000), Some(1000))), None);
        // root that calls sudo; and a sudo that went to somebody else.
        assert_eq!(stay(None, ROOT, (Some(0), Some(0))), None);
        assert_eq!(stay(None, Uid::from_raw(7), (Some(1000), Some(1000))), None);
        let caller = stay(None, ROOT, (Some(4_000_000), Some(4_000_001))).unwrap();
        assert_eq!(caller.name, None);
        assert_eq!((caller.uid.as_raw(), caller.gid.as_raw()), (4_000_000, 4_000_001));
        let nobody = stay(Some("nobody"), ROOT, (Some(1000), Some(1000))).unwrap();
        assert_eq!(nobody.name.unwrap().to_str(), Ok("nobody"));
        let error = choose(Some("no such user"), ROOT, (None, None)).unwrap_err();
        assert_eq!(crate::failure::code(&error), 2);
    }

    #[test]
    fn only_what_is_needed_is_kept() {
        let files = Needs { files: true, ..Needs::default() };
        assert!(files.capabilities(false).is_empty());
        assert!(files.capabilities(true).contains(&Capability::CAP_DAC_OVERRIDE));
        let filters = Needs { filters: true, ..Needs::default() };
        let features = Needs { features: true, ..Needs::default() };
        for needs in [filters, features] {
            assert!(needs.capabilities(false).contains(&Capability::CAP_NET_ADMIN));
        }
        let reload = Needs { reload: true, ..Needs::default() };
        assert_eq!(reload.capabilities(false), TO_ATTACH.into_iter().collect());
        assert!(Needs::default().capabilities(true).is_empty());
    }
}
