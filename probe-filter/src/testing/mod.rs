//! Random frames and graphs, for the tests of this project. Behind the feature `testing`,
//! and changed without notice.
//!
//! They stand here and not beside the other helpers because unit tests take them too, and because
//! no other crate can make a graph.

pub mod frames;
pub mod random;
pub mod shrink;
