//! Pages that are written by hand, and have places for what was measured.

use std::fs;
use std::path::Path;

use anyhow::Context;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

/// Puts a text between the marks of a page.
pub(crate) fn fill(page: &Path, text: &str) -> anyhow::Result<()> {
    let shown = page.display();
    let old = fs::read_to_string(page).with_context(|| format!("cannot read {shown}"))?;
    let new = filled(&old, text).with_context(|| format!("{shown} has no place for the table"))?;
    fs::write(page, new).with_context(|| format!("cannot write {shown}"))
}

fn filled(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, text, END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_changes() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let expected = format!("before\n{BEGIN}new\n{END}after\n");
        assert_eq!(filled(&page, "new\n"), Some(expected));
    }

    #[test]
    fn a_page_without_marks_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.md");
        fs::write(&page, "before\n").unwrap();
        assert!(fill(&page, "new\n").is_err());
        assert_eq!(fs::read_to_string(&page).unwrap(), "before\n");
    }
}
