//! What a reader relies on: layers, words, sizes.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The part of a file that is shipped, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let shipped = text.split("#[cfg(test)]").next().unwrap();
    let lines = shipped
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_module_imports_only_from_its_right_in_the_list_of_lib() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let list = lib
        .split("```text")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let layers: Vec<&str> = list
        .split_whitespace()
        .filter(|word| *word != "//!")
        .collect();
    for module in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        assert!(
            layers.contains(&module.trim_end_matches(';')),
            "{module} is in no layer"
        );
    }
    let rank = |module: &str| layers.iter().position(|layer| *layer == module);
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let inside = path.strip_prefix(&src).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let Some(own) = rank(first.trim_end_matches(".rs")) else {
            continue;
        };
        for used in code(&path).split("crate::").skip(1) {
            let module: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if rank(&module).is_some_and(|rank| rank < own) {
                wrong.push(format!("{} uses {module}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the layers: {wrong:#?}");
}

#[test]
fn roles_are_called_primary_and_replica_except_on_the_wire() {
    // Modules that speak the wire, start servers, or name the default group.
    let speaks = |path: &Path| {
        let text = path.to_string_lossy();
        [
            "/redis/",
            "/sentinel/",
            "/local/",
            "/rcm-resp/",
            "/tests/",
            "fencing.rs",
            "_tests.rs",
            "/rcm-sim/",
        ]
        .iter()
        .any(|part| text.contains(part))
    };
    let mut wrong = Vec::new();
    for path in sources(&crates()).into_iter().filter(|path| !speaks(path)) {
        for (number, line) in code(&path).lines().enumerate() {
            let line = line
                .to_lowercase()
                .replace("mymaster", "")
                .replace("slaveof", "");
            if line.contains("master") || line.contains("slave") {
                wrong.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_outgrows_its_reader() {
    let mut wrong = Vec::new();
    let generated = |path: &PathBuf| path.ends_with("etcd/stubs.rs");
    for path in sources(&crates())
        .into_iter()
        .filter(|path| !generated(path))
    {
        let text = fs::read_to_string(&path).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap().lines().count();
        let in_tests = path.components().any(|part| part.as_os_str() == "tests");
        if shipped > if in_tests { 600 } else { 500 } {
            wrong.push(format!("{} has {shipped} lines", path.display()));
        }
        for left in ["dbg!(", "todo!(", "FIXME", "unimplemented!("] {
            if !path.ends_with("tidy.rs") && text.contains(left) {
                wrong.push(format!("{} has {left}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
