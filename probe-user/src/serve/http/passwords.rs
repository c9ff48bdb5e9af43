//! Passwords, which are held against bcrypt's hashes: slow by design, and so on a thread of their own.

use std::{
    collections::{HashSet, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use ring::digest::{Context, SHA256};
use tokio::sync::{mpsc, oneshot};

use crate::serve::confine::{self, Work};

/// Passwords that wait at most; the next ones are told to come again.
const WAITING: usize = 16;
/// Answers that are remembered, right ones and wrong ones apart, so that who guesses does not push the
/// right ones out. More of either take the oldest one's place.
const REMEMBERED: usize = 128;
/// Bytes of the thread's stack: bcrypt keeps 4 KiB of state.
const STACK: usize = 256 << 10;

/// Who holds passwords against hashes.
#[derive(Clone)]
pub struct Passwords {
    ask: mpsc::Sender<(Question, oneshot::Sender<bool>)>,
    known: Arc<Mutex<Known>>,
}

struct Question {
    password: Vec<u8>,
    hash: String,
}

/// More are waiting than will be answered soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Passwords {
    /// Starts the thread, which gives up all rights for itself: they are a thread's, not a process's.
    ///
    /// # Errors
    /// Where there can be none.
    pub fn start() -> io::Result<Self> {
        let (ask, mut questions) = mpsc::channel::<(Question, oneshot::Sender<bool>)>(WAITING);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let work = move || {
            // What this kernel has not of that is said by the other thread, too.
            confine::confine(Work::default());
            let _ = ready.send(());
            while let Some((Question { password, hash }, answer)) = questions.blocking_recv() {
                // Who asked may have gone.
                let _ = answer.send(bcrypt::verify(password, &hash).unwrap_or(false));
            }
        };
        thread::Builder::new().name("passwords".into()).stack_size(STACK).spawn(work)?;
        is_ready.recv().map_err(io::Error::other)?;
        Ok(Self { ask, known: Arc::default() })
    }

    /// Whether a password is that of a hash. It takes the hash's time where this was not asked before.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn fits(&self, password: &[u8], hash: &str) -> Result<bool, Busy> {
        let name = name(password, hash);
        if let Some(known) = self.known().get(&name) {
            return Ok(known);
        }
        let (answer, answered) = oneshot::channel();
        let question = Question { password: password.to_owned(), hash: hash.to_owned() };
        self.ask.try_send((question, answer)).map_err(|_| Busy)?;
        let fits = answered.await.map_err(|_| Busy)?;
        self.known().add(name, fits);
        Ok(fits)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands for a password and a hash: the password is not kept.
type Name = [u8; 32];

fn name(password: &[u8], hash: &str) -> Name {
    let mut digest = Context::new(&SHA256);
    // Neither runs into the other.
    digest.update(&(hash.len() as u64).to_le_bytes());
    digest.update(hash.as_bytes());
    digest.update(password);
    let mut name = Name::default();
    name.copy_from_slice(digest.finish().as_ref());
    name
}

#[derive(Debug, Default)]
struct Known {
    right: Remembered,
    wrong: Remembered,
}

#[derive(Debug, Default)]
struct Remembered {
    all: HashSet<Name>,
    oldest_first: VecDeque<Name>,
}

impl Known {
    fn get(&self, name: &Name) -> Option<bool> {
        match (self.right.all.contains(name), self.wrong.all.contains(name)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }

    fn add(&mut self, name: Name, fits: bool) {
        let of = if fits { &mut self.right } else { &mut self.wrong };
        if of.all.insert(name) {
            of.oldest_first.push_back(name);
        }
        if of.oldest_first.len() > REMEMBERED
            && let Some(oldest) = of.oldest_first.pop_front()
        {
            of.all.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_pushes_no_right_one_out() {
        let mut known = Known::default();
        let name = |number: u64| name(&number.to_le_bytes(), "hash");
        known.add(name(0), true);
        for number in 1..=REMEMBERED as u64 + 1 {
            known.add(name(number), false);
        }
        assert_eq!(known.get(&name(0)), Some(true));
        assert_eq!(known.get(&name(1)), None);
        assert_eq!(known.get(&name(2)), Some(false));
        assert_eq!(known.wrong.all.len(), REMEMBERED);
    }

    #[tokio::test]
    async fn a_password_fits_its_hash_alone() {
        let passwords = Passwords::start().unwrap();
        let [one, other] = ["one", "other"].map(|it| bcrypt::hash(it, 4).unwrap());
        // Twice: the second time it is remembered.
        for _ in 0..2 {
            for (password, hash, fits) in [
                ("one", &one, true),
                ("other", &one, false),
                ("other", &other, true),
                ("", &one, false),
            ] {
                assert_eq!(passwords.fits(password.as_bytes(), hash).await, Ok(fits));
            }
        }
    }
}
