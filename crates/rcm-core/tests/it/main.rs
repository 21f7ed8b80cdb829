//! Stories about the core, told as text: what is observed, and what comes of it.
//!
//! Each file of `tests/scripts/` is one story. `UPDATE_GOLDENFILES=1 cargo test -p rcm-core` writes
//! the answers anew; read the difference before you keep it.

#![expect(clippy::unwrap_used, reason = "a story fails where it is told wrongly")]

mod docs;
mod layers;
mod story;
mod words;

use std::path::Path;

#[test]
fn every_story_ends_as_it_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "no scripts in {}", folder.display());
    let update = std::env::var_os("UPDATE_GOLDENFILES").is_some();
    let mut failed = Vec::new();
    for path in scripts {
        let input = std::fs::read_to_string(&path).unwrap();
        let output = goldenscript::generate(&mut story::Story::default(), &input)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if update {
            std::fs::write(&path, output).unwrap();
        } else if input != output {
            failed.push(format!(
                "{}:\n{}",
                path.display(),
                difference(&input, &output)
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn difference(told: &str, seen: &str) -> String {
    let (told, seen): (Vec<_>, Vec<_>) = (told.lines().collect(), seen.lines().collect());
    let same = told.iter().zip(&seen).take_while(|(a, b)| a == b).count();
    let show = |lines: &[&str]| {
        lines[same..]
            .iter()
            .take(12)
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (told, seen) = (show(&told), show(&seen));
    format!("line {}, told:\n{told}\nseen:\n{seen}", same + 1)
}
