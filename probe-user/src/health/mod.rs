//! health
mod host;
mod service;
mod verdict;
