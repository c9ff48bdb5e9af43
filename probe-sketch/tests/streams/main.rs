//! The sketches beside exact counts, over streams that other schemes fail at.

mod distinct;
mod stream;
mod top;
