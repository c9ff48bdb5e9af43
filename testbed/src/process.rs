//! Child processes with time limits: started, watched, ended, reaped.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Enough for a command that only configures something.
pub(crate) const SHORT: Duration = Duration::from_secs(20);

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// Signals end the child, whatever this process does with them: a shell ignores SIGINT in what it
/// starts in the background, nohup SIGHUP, and children inherit that.
fn end_by_signals() -> io::Result<()> {
    for one in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: there is no handler that could do harm.
        unsafe { signal(one, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// How a process ended, what it said, and what it cost.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// All of standard output, empty where it was sent elsewhere.
    pub stdout: Vec<u8>,
    /// All of standard error.
    pub stderr: String,
    /// CPU time spent in user space.
    pub user_time: Duration,
    /// CPU time spent in the kernel.
    pub system_time: Duration,
}

impl Finished {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs a command to its end; an exit code other than 0 is an error that quotes its
/// standard error.
pub fn run(command: Command, limit: Duration) -> Result<Finished> {
    let name = format!("{command:?}");
    let finished = Running::spawn(command)?.wait(limit)?;
    ensure!(finished.status.success(), "{name}: {}: {}", finished.status, finished.stderr.trim());
    Ok(finished)
}

/// A running child. Dropped before its end, it is killed and reaped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Option<Collector>,
    stderr: Collector,
    reaped: bool,
}

impl Running {
    /// Starts a command; its standard output and standard error are collected.
    pub fn spawn(command: Command) -> Result<Self> {
        Self::spawn_to(command, Stdio::piped())
    }

    /// Starts a command whose standard output goes to `stdout`.
    pub fn spawn_to(mut command: Command, stdout: Stdio) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        // SAFETY: signal(2) may be called between fork and exec (signal-safety(7)).
        unsafe { command.pre_exec(end_by_signals) };
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let stderr = child.stderr.take().context("the child's standard error is piped")?;
        let stdout = child.stdout.take().map(Collector::start);
        Ok(Self { name, child, stdout, stderr: Collector::start(stderr), reaped: false })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as libc::pid_t)
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.collected()).into_owned()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> Vec<u8> {
        self.stdout.as_ref().map(|stdout| stdout.collected().clone()).unwrap_or_default()
    }

    /// Waits for a whole line on standard error that contains `part`, and returns it.
    pub fn wait_for_line(&self, part: &str, limit: Duration) -> Result<String> {
        self.stderr
            .wait_for_line(part, limit)
            .with_context(|| format!("{}: no line with '{part}' within {limit:?}", self.name))
    }

    /// Waits for a whole line on standard output that contains `part`, and returns it.
    pub fn wait_for_output(&self, part: &str, limit: Duration) -> Result<String> {
        let stdout = self.stdout.as_ref().context("standard output is not collected")?;
        stdout
            .wait_for_line(part, limit)
            .with_context(|| format!("{}: no output with '{part}' within {limit:?}", self.name))
    }

    /// The CPU time of all its threads so far.
    pub fn cpu_time(&self) -> Result<Duration> {
        ensure!(!self.reaped, "{} has ended", self.name);
        // The child is not reaped yet, so the id is still its own.
        let time = clock_getcpuclockid(self.pid()).and_then(clock_gettime);
        Ok(time.with_context(|| format!("CPU clock of {}", self.name))?.into())
    }

    /// The largest resident set so far, in bytes (VmHWM in proc_pid_status(5)). What wait4(2) says is no less
    /// than that of the process that started it.
    pub fn most_resident(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// What proc_pid_status(5) says of its memory in the line that begins like this, in bytes.
    pub fn memory(&self, line: &str) -> Result<u64> {
        ensure!(!self.reaped, "{} has ended", self.name);
        let file = format!("/proc/{}/status", self.id());
        let text = fs::read_to_string(&file).with_context(|| file.clone())?;
        let value = text.lines().find_map(|said| said.strip_prefix(line));
        let number = value.and_then(|value| value.split_whitespace().next());
        let kib: u64 = number.with_context(|| format!("no {line} in {file}"))?.parse()?;
        Ok(kib * 1024)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: libc::c_int) -> Result<()> {
        ensure!(!self.reaped, "{} has ended", self.name);
        // The child is not reaped yet, so the id is still its own.
        Signal::try_from(signal)
            .and_then(|signal| kill(self.pid(), signal))
            .with_context(|| format!("signalling {}", self.name))
    }

    /// Asks it to end, as Ctrl-C does, and waits.
    pub fn interrupt(self, limit: Duration) -> Result<Finished> {
        self.signal(libc::SIGINT)?;
        self.wait(limit)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        // WNOWAIT: the exit status stays for `wait` to collect.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let status = waitid(Id::Pid(self.pid()), flags).context("waitid")?;
        Ok(status == WaitStatus::StillAlive)
    }

    /// Waits for its end; past the limit it is killed and that is an error.
    pub fn wait(mut self, limit: Duration) -> Result<Finished> {
        let deadline = Instant::now() + limit;
        let (status, usage) = loop {
            if let Some(ended) = self.reap(libc::WNOHANG)? {
                break ended;
            }
            if Instant::now() >= deadline {
                let said = self.stderr();
                bail!("{} did not end within {limit:?}; it said: {}", self.name, said.trim());
            }
            thread::sleep(POLL);
        };
        Ok(Finished {
            status,
            stdout: self.stdout.take().map(Collector::finish).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&self.stderr.finish_shared()).into_owned(),
            user_time: duration(usage.ru_utime),
            system_time: duration(usage.ru_stime),
        })
    }

    fn reap(&mut self, flags: libc::c_int) -> Result<Option<(ExitStatus, libc::rusage)>> {
        let mut status = 0;
        // SAFETY: an all-zero rusage is a valid value of this plain C structure.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // nix has no wait4(2), the call that says what the child cost.
        // SAFETY: both pointers are to locals; the child has not been reaped before.
        let result = unsafe { libc::wait4(self.pid().as_raw(), &mut status, flags, &mut usage) };
        Errno::result(result).with_context(|| format!("waiting for {}", self.name))?;
        if result == 0 {
            return Ok(None);
        }
        self.reaped = true;
        Ok(Some((ExitStatus::from_raw(status), usage)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped && self.signal(libc::SIGKILL).is_ok() {
            // Nothing can be done about an error here, and nobody is left to hear it.
            let _ = self.reap(0);
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}

/// What a thread has read from a pipe so far.
#[derive(Debug, Default)]
struct Pipe {
    state: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

/// A thread that reads a pipe to its end, so that the child never blocks on it.
#[derive(Debug)]
struct Collector {
    pipe: Arc<Pipe>,
    reader: Option<JoinHandle<()>>,
}

impl Collector {
    fn start(source: impl Read + Send + 'static) -> Self {
        let pipe = Arc::new(Pipe::default());
        let reader = thread::spawn({
            let pipe = Arc::clone(&pipe);
            move || pipe.fill(source)
        });
        Self { pipe, reader: Some(reader) }
    }

    fn collected(&self) -> Collected<'_> {
        Collected(self.pipe.lock())
    }

    fn finish(mut self) -> Vec<u8> {
        self.finish_shared()
    }

    /// Waits for the end of the pipe, but not for a grandchild that holds it open.
    fn finish_shared(&mut self) -> Vec<u8> {
        let state = self.pipe.lock();
        let waited = self.pipe.changed.wait_timeout_while(state, SHORT, |(_, ended)| !*ended);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut state.0);
        drop(state);
        if let (false, Some(reader)) = (timeout.timed_out(), self.reader.take()) {
            // The thread has seen the end of the pipe; it cannot panic after that.
            let _ = reader.join();
        }
        bytes
    }

    fn wait_for_line(&self, part: &str, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        let mut state = self.pipe.lock();
        loop {
            let text = String::from_utf8_lossy(&state.0).into_owned();
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            if let Some(line) = whole.map(str::trim_end).find(|line| line.contains(part)) {
                return Ok(line.to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.1 || left.is_zero() {
                bail!("{}; it wrote: {}", if state.1 { "it ended" } else { "time is up" }, text);
            }
            let waited = self.pipe.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, (Vec<u8>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut source: impl Read) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.unwrap_or(0),
            };
            let mut state = self.lock();
            state.0.extend_from_slice(&buffer[..read]);
            state.1 = read == 0;
            drop(state);
            self.changed.notify_all();
            if read == 0 {
                return;
            }
        }
    }
}

/// The bytes collected so far, locked.
struct Collected<'a>(MutexGuard<'a, (Vec<u8>, bool)>);

impl std::ops::Deref for Collected<'_> {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0.0
    }
}
