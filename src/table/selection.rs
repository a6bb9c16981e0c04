//! Columns by name: `recency-monetary,!zip,/^web_/`.

use super::unknown_column;
use crate::error::{Error, Place, Result, printable};
use regex_lite::Regex;

/// Columns, as a user names them.
#[derive(Debug, Clone)]
pub struct Selection {
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    /// Taken away instead of added.
    not: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// A name, or two with a hyphen between: whichever the table has.
    Name(String),
    /// Exactly this name.
    Exactly(String),
    Matching(Regex),
}

impl Selection {
    /// Exactly these columns, in this order.
    pub fn names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let term = |name| Term { not: false, what: What::Exactly(name) };
        Self { terms: names.into_iter().map(Into::into).map(term).collect() }
    }

    /// Reads terms between commas: a name; `a-b`, all columns from one to the other; `/regex/`, all whose names match;
    /// each with `!` before it to leave them out. A name in double quotes stands for itself, whatever it holds. With nothing but
    /// terms to leave out, all other columns are meant.
    ///
    /// # Errors
    /// [`Error::Usage`] for an empty term, an unclosed quote or a wrong regular expression.
    pub fn parse(text: &str) -> Result<Self> {
        let terms = split(text)?.iter().map(|term| Term::parse(term)).collect::<Result<Vec<_>>>()?;
        if terms.is_empty() { Err(Error::Usage("no column was named".into())) } else { Ok(Self { terms }) }
    }

    /// Whether it only says what is left out.
    #[must_use]
    pub fn only_leaves_out(&self) -> bool {
        self.terms.iter().all(|t| t.not)
    }

    /// The columns meant, among `names`: in the order in which they are named, each once.
    ///
    /// # Errors
    /// [`Error::Data`] at `header` for a name that is not there, with a suggestion, and for a pattern that no name matches.
    pub fn resolve(&self, names: &[String], header: &Place) -> Result<Vec<String>> {
        let mut chosen: Vec<&String> = Vec::new();
        if self.only_leaves_out() {
            chosen.extend(names);
        }
        for term in &self.terms {
            let meant = term.what.resolve(names, header)?;
            if term.not {
                chosen.retain(|name| !meant.contains(name));
            } else {
                let new: Vec<&String> = meant.into_iter().filter(|name| !chosen.contains(name)).collect();
                chosen.extend(new);
            }
        }
        Ok(chosen.into_iter().cloned().collect())
    }
}

/// Cuts a text at its commas, but not inside quotes or a regular expression.
fn split(text: &str) -> Result<Vec<String>> {
    let (mut terms, mut term, mut inside) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match inside {
            Some(end) if c == end && !(end == '/' && term.ends_with('\\')) => inside = None,
            Some(_) => {}
            None if matches!(c, '"' | '/') && matches!(term.trim_start(), "" | "!") => inside = Some(c),
            None if c == ',' => {
                terms.push(std::mem::take(&mut term));
                continue;
            }
            None => {}
        }
        term.push(c);
    }
    if let Some(end) = inside {
        return Err(Error::Usage(format!("'{}' has no closing {end}", printable(text))));
    }
    terms.push(term);
    Ok(terms)
}

impl Term {
    fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let (not, body) = trimmed.strip_prefix('!').map_or((false, trimmed), |rest| (true, rest.trim_start()));
        let between = |c: char| body.strip_prefix(c).and_then(|rest| rest.strip_suffix(c));
        let what = if let Some(name) = between('"') {
            What::Exactly(name.to_owned())
        } else if let Some(pattern) = between('/') {
            let wrong = |e| Error::Usage(format!("/{}/ is no regular expression: {e}", printable(pattern)));
            What::Matching(Regex::new(pattern).map_err(wrong)?)
        } else if body.is_empty() {
            return Err(Error::Usage("a column name is empty: is there a comma too many?".into()));
        } else {
            What::Name(body.to_owned())
        };
        Ok(Self { not, what })
    }
}

impl What {
    fn resolve<'n>(&self, names: &'n [String], header: &Place) -> Result<Vec<&'n String>> {
        let exactly = |name: &str| names.iter().find(|n| *n == name).map(|n| vec![n]);
        match self {
            Self::Exactly(name) => exactly(name).ok_or_else(|| unknown_column(name, names, header)),
            Self::Name(name) => match exactly(name).or_else(|| range(name, names)) {
                Some(meant) => Ok(meant),
                None => Err(unknown_column(name, names, header)),
            },
            Self::Matching(pattern) => {
                let meant: Vec<&String> = names.iter().filter(|n| pattern.is_match(n)).collect();
                if meant.is_empty() {
                    let message = format!("no column matches /{}/", printable(pattern.as_str()));
                    return Err(Error::data(header.clone(), message, ""));
                }
                Ok(meant)
            }
        }
    }
}

/// `a-b` as all columns from a to b, if the table has both.
fn range<'n>(text: &str, names: &'n [String]) -> Option<Vec<&'n String>> {
    let at = |name: &str| names.iter().position(|n| n == name.trim());
    text.match_indices('-').find_map(|(hyphen, _)| {
        let (from, to) = (at(&text[..hyphen])?, at(&text[hyphen + 1..])?);
        Some(if from <= to { names[from..=to].iter().collect() } else { names[to..=from].iter().rev().collect() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["id", "recency", "orders", "spend", "web_a", "web-b", "a,b", "a-c"].map(String::from).to_vec()
    }

    fn chosen(text: &str) -> std::result::Result<String, String> {
        let selection = Selection::parse(text).map_err(|e| e.to_string())?;
        selection.resolve(&names(), &Place::file("t.csv")).map(|n| n.join("|")).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_come_in_the_order_in_which_they_are_named() {
        for (text, expected) in [
            ("spend,recency", "spend|recency"),
            (" spend , recency,spend", "spend|recency"),
            ("recency-spend", "recency|orders|spend"),
            ("spend-recency", "spend|orders|recency"),
            ("recency-web-b,!orders", "recency|spend|web_a|web-b"),
            ("!id,!/^web/", "recency|orders|spend|a,b|a-c"),
            ("/^web/,id", "web_a|web-b|id"),
            ("web-b,a-c", "web-b|a-c"),
            ("\"a,b\",!\"a,b\",id", "id"),
            ("\"a,b\"", "a,b"),
            ("/^.{2},?$/", "id"),
        ] {
            assert_eq!(chosen(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, words) in [
            ("recencey", "did you mean 'recency'?"),
            ("recency-nothing", "no column 'recency-nothing'"),
            ("/^zip/", "no column matches /^zip/"),
            ("/(/", "no regular expression"),
            ("\"a", "no closing \""),
            ("a,,b", "a column name is empty"),
            ("!", "a column name is empty"),
            ("", "a column name is empty"),
        ] {
            let message = chosen(text).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
