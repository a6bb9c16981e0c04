//! Things worth telling that are not errors: collected in results, shown, and stored in the model.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A note: a stable code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What kind of note, in `snake_case`.
    pub code: Cow<'static, str>,
    /// The sentence.
    pub text: String,
}

impl Note {
    /// A note.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
