//! Command lines as people type them, on a server as people have one.
//!
//! | file | what it runs |
//! | --- | --- |
//! | `server` | the server, its services and its clients |
//! | `readme` | every example of README.md |
//! | `tutorials` | 71 lines of tcpdump tutorials, beside tcpdump |

mod readme;
mod server;
mod tutorials;
