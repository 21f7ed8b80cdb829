//! One thing that is wrong in the configuration file, and how it is shown.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What, in one line.
    pub title: String,
    /// What stands below the underlined word.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(span: Range<usize>, title: impl Into<String>) -> Self {
        Self {
            span,
            title: title.into(),
            label: String::new(),
            help: None,
        }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All problems of a file, in the order of the file, with their lines.
pub(super) fn render(path: &Path, source: &str, mut problems: Vec<Problem>) -> String {
    problems.sort_by_key(|problem| problem.span.start);
    problems.dedup();
    let shown = without_passwords(source);
    let path = path.display().to_string();
    let renderer = Renderer::plain().decor_style(DecorStyle::Ascii);
    let texts: Vec<_> = problems
        .iter()
        .map(|problem| {
            let mut annotation = AnnotationKind::Primary.span(problem.span.clone());
            if !problem.label.is_empty() {
                annotation = annotation.label(problem.label.as_str());
            }
            let snippet = Snippet::source(shown.as_str())
                .path(path.as_str())
                .annotation(annotation);
            let mut group = Level::ERROR
                .primary_title(problem.title.as_str())
                .element(snippet);
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            renderer.render(&[group])
        })
        .collect();
    texts.join("\n\n")
}

/// The text, with stars for everything after `password =` in a line and for who somebody is in a
/// URL; of the same length.
fn without_passwords(source: &str) -> String {
    source
        .split_inclusive('\n')
        .map(|line| {
            let (body, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
            match value_of_password(body) {
                Some(start) => {
                    let (shown, hidden) = body.split_at(start);
                    format!("{shown}{}{end}", "*".repeat(hidden.len()))
                }
                None => match user_in_url(body) {
                    Some(user) => {
                        let stars = "*".repeat(user.len());
                        format!("{}{stars}{}{end}", &body[..user.start], &body[user.end..])
                    }
                    None => line.to_owned(),
                },
            }
        })
        .collect()
}

/// Where the value begins in a line that sets a password.
fn value_of_password(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find("pass") {
        let word = from + found;
        let rest = &lower[word..];
        let equals = rest.find('=')?;
        if !rest[..equals].contains("file") {
            return Some(word + equals + 1);
        }
        from = word + equals;
    }
    None
}

/// Where a URL in the line says who somebody is.
fn user_in_url(line: &str) -> Option<Range<usize>> {
    let start = line.find("://")? + 3;
    let end = start + line[start..].rfind('@')?;
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_sets_a_password_is_never_shown_whole() {
        for (line, shown) in [
            ("password = \"hunter2\"\n", "password =**********\n"),
            ("auth_pass=hünter\r\n", "auth_pass=*******\r\n"),
            ("password_file = \"/x\"\n", "password_file = \"/x\"\n"),
            (
                "a = { password_file = \"x\", password = \"y\" }",
                "a = { password_file = \"x\", password =******",
            ),
            ("nodes = []", "nodes = []"),
            ("url = \"http://me:pw@x/\"", "url = \"http://*****@x/\""),
        ] {
            assert_eq!(without_passwords(line), shown);
        }
    }
}
