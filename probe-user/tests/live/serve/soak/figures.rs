//! What the processes of the service hold: descriptors, threads, objects of BPF, memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, thread,
    time::{Duration, Instant},
};

use super::{
    super::{Service, children},
    LIMIT,
};

/// Time between two looks, and how many in a row must be the same.
const LOOK: Duration = Duration::from_millis(100);
const SAME: usize = 10;

/// What each process holds, by the command that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures(BTreeMap<String, Held>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    programs: usize,
    maps: usize,
    links: usize,
    /// Bytes of its maps in the kernel.
    map_bytes: u64,
}

impl Figures {
    fn now(service: &Service) -> Self {
        let of = |id: u32| (command(id), Held::of(id));
        Self(processes(service).into_iter().map(of).collect())
    }

    /// What they hold once that stays the same: what was closed goes a little later.
    pub fn settled(service: &Service) -> Self {
        let start = Instant::now();
        let (mut before, mut same) = (Self::now(service), 0);
        while same < SAME {
            assert!(start.elapsed() < LIMIT, "{before}");
            thread::sleep(LOOK);
            let now = Self::now(service);
            same = if now == before { same + 1 } else { 0 };
            before = now;
        }
        before
    }

    /// Waits until they hold as much as that, and no more.
    pub fn wait_for(service: &Service, expected: &Self) -> Self {
        let start = Instant::now();
        loop {
            let now = Self::now(service);
            if now == *expected {
                return now;
            }
            assert!(start.elapsed() < LIMIT, "{expected}, then {now}");
            thread::sleep(LOOK);
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (command, held)) in self.0.iter().enumerate() {
            let Held { descriptors, threads, programs, maps, links, map_bytes } = held;
            let comma = if number > 0 { "; " } else { "" };
            write!(
                f,
                "{comma}{command}: {descriptors} descriptors, {threads} threads, \
                 {programs} programs, {maps} maps of {map_bytes} bytes, {links} links"
            )?;
        }
        Ok(())
    }
}

impl Held {
    fn of(process: u32) -> Self {
        let count = |folder: &str| {
            fs::read_dir(format!("/proc/{process}/{folder}")).map_or(0, Iterator::count)
        };
        let mut held = Self { descriptors: count("fd"), threads: count("task"), ..Self::default() };
        let (mut programs, mut maps, mut links) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let infos = fs::read_dir(format!("/proc/{process}/fdinfo")).into_iter().flatten();
        for info in infos.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok()) {
            let number = |name: &str| {
                let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.and_then(|number| number.trim().parse::<u64>().ok())
            };
            // A link has the number of its program, too.
            if let Some(link) = number("link_id") {
                links.insert(link);
            } else if let Some(map) = number("map_id") {
                if maps.insert(map) {
                    held.map_bytes += number("memlock").unwrap_or_default();
                }
            } else if let Some(program) = number("prog_id") {
                programs.insert(program);
            }
        }
        Self { programs: programs.len(), maps: maps.len(), links: links.len(), ..held }
    }
}

/// Memory of each process, by the command that it is.
#[derive(Clone, Debug)]
pub struct Memory(BTreeMap<String, Taken>);

#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// The proportional set (Pss, proc_pid_smaps(5)): what a file has is divided among all that map it,
    /// whoever they are, so that it depends on what else runs.
    all: u64,
    /// What of it is of no file.
    own: u64,
}

impl Memory {
    /// That of now.
    pub fn of(service: &Service) -> Self {
        let of = |id: u32| (command(id), Taken::of(id));
        Self(processes(service).into_iter().map(of).collect())
    }

    /// Bytes of all processes that are of no file.
    pub fn own(&self) -> u64 {
        self.0.values().map(|taken| taken.own).sum()
    }
}

impl Taken {
    fn of(process: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
            let number = number.unwrap_or_else(|| panic!("no {name} in {text}"));
            number.trim().parse::<u64>().unwrap() * 1024
        };
        Self { all: bytes("Pss"), own: bytes("Pss_Anon") + bytes("Pss_Shmem") }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let all = self.0.values().map(|taken| taken.all).sum();
        write!(f, "{:.2} MiB Pss, {:.2} MiB of it of no file:", mib(all), mib(self.own()))?;
        self.0.iter().try_for_each(|(command, taken)| write!(f, " {command} {:.2}", mib(taken.own)))
    }
}

/// The one that counts, and those beside it.
fn processes(service: &Service) -> Vec<u32> {
    let counting = service.running.id();
    [vec![counting], children(counting)].concat()
}

/// The hidden command that a process is.
fn command(process: u32) -> String {
    let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let word = words.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    String::from_utf8_lossy(word).into_owned()
}
