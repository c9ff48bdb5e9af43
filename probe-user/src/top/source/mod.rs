//! Where the counts come from that `probe top` shows.

mod connect;
mod file;
mod local;
mod neighbours;

use std::path::PathBuf;

use anyhow::Result;
use tokio::sync::mpsc::Sender;

pub use connect::Place;
pub use local::Local;

use super::{
    app::{Event, Origin},
    session::Told,
};
use crate::source::{Engine, Live};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Programs of our own.
    Live(Live),
    /// A file.
    File {
        /// Which; `-` is standard input.
        path: PathBuf,
        /// What runs the filters over it.
        engine: Engine,
        /// Whom to become before it is looked into (-Z).
        user: Option<String>,
    },
    /// A running `probe serve`.
    Served(Place),
}

impl Input {
    /// What of it the screen has to know.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Live(_) => Origin::Live,
            Self::File { .. } => Origin::File,
            Self::Served(place) => Origin::Served(place.to_string()),
        }
    }
}

/// Counts that come.
pub enum Source {
    /// Of programs of our own.
    Live(Box<Local>),
    /// Of a file.
    File(Box<file::File>),
    /// Of a running `probe serve`, which a task listens to.
    Served,
}

impl Source {
    /// Begins. Needs the runtime, and that no other thread runs yet (see
    /// [`privileges::drop`](crate::privileges::drop)). What comes later than this goes to `events`.
    ///
    /// # Errors
    /// Mistakes in filters, what the kernel refuses, and those of files and sockets.
    pub async fn open(plan: &super::Plan, events: &Sender<Told>) -> Result<Self> {
        match &plan.from {
            Input::Live(live) => Ok(Self::Live(Box::new(Local::start(plan, live)?))),
            Input::File { path, engine, user } => {
                let file = file::File::open(plan, path, *engine, user.as_deref())?;
                Ok(Self::File(Box::new(file)))
            }
            Input::Served(place) => {
                connect::follow(place.clone(), events.clone()).await?;
                Ok(Self::Served)
            }
        }
    }

    /// What comes next, of counts that are read here; waits for ever where they come by themselves.
    pub async fn next(&mut self) -> Result<Next> {
        match self {
            Self::Live(local) => local.next().await,
            Self::File(file) => file.next().await,
            Self::Served => std::future::pending().await,
        }
    }
}

/// What came of waiting.
#[derive(Debug)]
pub enum Next {
    /// Counts.
    Event(Event),
    /// Nothing to show.
    Nothing,
    /// The end.
    End,
}
