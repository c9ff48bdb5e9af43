//! What can be wrong with an object.

/// Why an object was not linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the variants and fields are")]
pub enum Error {
    #[error("reading or writing the object")]
    Object(#[from] object::build::Error),

    #[error("the object is not a little-endian one of 64 bits")]
    Format,

    #[error("the object has no `{0}`")]
    Missing(String),

    #[error("`{name}` is {found} bytes long in the object; its value has {expected}")]
    Size { name: String, found: u64, expected: usize },

    #[error("section {0} is cut off in an instruction")]
    CutOff(String),
}
