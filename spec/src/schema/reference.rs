//! The reference for people, made from the schemas.

/// The reference of all kinds as Markdown.
#[must_use]
pub fn reference() -> String {
    String::new()
}
