//! A module imports only from its left in the list of `lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_module_imports_only_from_those_before_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let list = lib
        .rsplit("```text")
        .next()
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
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let inside = path.strip_prefix(&src).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let Some(own) = rank(first.trim_end_matches(".rs").trim_end_matches("_tests")) else {
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        let production = text.split("#[cfg(test)]").next().unwrap();
        let code = production
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for used in code.flat_map(|line| line.split("crate::").skip(1)) {
            let module: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if rank(&module).is_some_and(|rank| rank > own) {
                wrong.push(format!("{} uses {module}", inside.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the order of lib.rs: {wrong:#?}"
    );
}
