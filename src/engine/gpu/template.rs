//! The template language of the shaders, in which everything but three line comments is WGSL as it stands.
//!
//! `//#if FLAG` .. `//#else` .. `//#end` keeps one of two texts, and `//#each COUNT` .. `//#end` repeats its lines that many
//! times, with a letter in braces counting up: each count has its own (see [`COUNTS`]), so that they nest.

/// What lines can be repeated by, and the placeholder that counts.
pub const COUNTS: [(&str, &str); 5] =
    [("DIMS", "{j}"), ("SLICE", "{j}"), ("VECTORS", "{v}"), ("QUADS", "{q}"), ("AHEAD", "{a}")];

/// What a template is filled from.
pub(super) trait Source {
    /// Whether a flag is set.
    fn has(&self, flag: &str) -> bool;

    /// What a count stands at.
    fn count(&self, name: &str) -> u32;
}

/// An open section of a template: whether what is around it is kept, where its text began, and what it is repeated by.
struct Section<'t> {
    outer: bool,
    from: usize,
    each: Option<&'t str>,
}

/// Appends a template with its sections resolved.
pub(super) fn fill(template: &str, source: &dyn Source, text: &mut String) {
    let mut open: Vec<Section<'_>> = Vec::new();
    let mut keep = true;
    for line in template.lines() {
        let directive = line.trim().strip_prefix("//#").map(|d| d.split_once(' ').unwrap_or((d, "")));
        let from = text.len();
        match directive {
            Some(("end", _)) => {
                let Some(section) = open.pop() else { continue }; // a test pairs them all
                keep = section.outer;
                if let Some(name) = section.each {
                    repeat(name, source, section.from, text);
                }
            }
            Some(("else", _)) => keep = open.last().is_none_or(|section| section.outer) && !keep,
            Some(("if", flag)) => {
                open.push(Section { outer: keep, from, each: None });
                keep = keep && source.has(flag);
            }
            Some((_, name)) => open.push(Section { outer: keep, from, each: Some(name) }),
            None if keep => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
}

/// Repeats the text from `from` on as often as `name` stands at.
fn repeat(name: &str, source: &dyn Source, from: usize, text: &mut String) {
    let placeholder = COUNTS.iter().find(|(n, _)| *n == name).map_or("", |(_, placeholder)| placeholder);
    let body = text.split_off(from);
    if !body.is_empty() {
        (0..source.count(name)).for_each(|i| text.push_str(&body.replace(placeholder, &i.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, fill};

    struct Only(&'static str);

    impl Source for Only {
        fn has(&self, flag: &str) -> bool {
            self.0 == flag
        }

        fn count(&self, name: &str) -> u32 {
            if name == "DIMS" { 3 } else { 2 }
        }
    }

    #[test]
    fn sections_nest_and_repeat() {
        let template =
            "a\n//#if ON\nb\n//#if OFF\nc\n//#else\n//#each VECTORS\nx[{v}]\n//#end\n//#end\n//#else\nd\n//#end\ne\n";
        let mut text = String::new();
        fill(template, &Only("ON"), &mut text);
        assert_eq!(text, "a\nb\nx[0]\nx[1]\ne\n");
        text.clear();
        fill(template, &Only(""), &mut text);
        assert_eq!(text, "a\nd\ne\n");
    }

    #[test]
    fn repeated_sections_nest_each_with_its_own_letter() {
        let mut text = String::new();
        fill("//#each VECTORS\n//#each DIMS\n{v}{j}\n//#end\n-\n//#end\n", &Only(""), &mut text);
        assert_eq!(text, "00\n01\n02\n-\n10\n11\n12\n-\n");
    }
}
