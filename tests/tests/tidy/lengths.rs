//! How long a file and a function may be.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::house::{self, Finding, Source};

const MAX_FILE_LINES: usize = 600;
const MAX_FN_LINES: usize = 70;

fn findings(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        let lines = lines_before_tests(&source.text);
        if lines > MAX_FILE_LINES {
            let text = format!("{lines} lines of at most {MAX_FILE_LINES}: split it by the steps of the path");
            found.push(Finding::new(&source.path, MAX_FILE_LINES, text));
        }
        match syn::parse_file(&source.text) {
            Ok(file) => {
                let mut long = Functions { path: &source.path, found: Vec::new() };
                long.visit_file(&file);
                found.append(&mut long.found);
            }
            Err(error) => {
                found.push(Finding::new(&source.path, error.span().start().line, format!("does not parse: {error}")));
            }
        }
    }
    found
}

/// Lines up to the file's own tests, where they stand in the file itself.
fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let opens = |at: usize| lines[at] == "#[cfg(test)]" && lines.get(at + 1).is_some_and(|next| next.ends_with('{'));
    (0..lines.len()).find(|at| opens(*at)).unwrap_or(lines.len())
}

struct Functions<'a> {
    path: &'a str,
    found: Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, from: Span, to: Span) {
        let line = from.start().line;
        let lines = to.end().line + 1 - line;
        if lines > MAX_FN_LINES {
            let text =
                format!("`{name}` has {lines} lines of at most {MAX_FN_LINES}: give its steps names of their own");
            self.found.push(Finding::new(self.path, line, text));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, item.sig.span(), item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, item.sig.span(), item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig.ident, item.sig.span(), block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn files_and_functions_are_short() {
    house::demand_none(&findings(&house::rust()));
}

#[test]
fn planted_long_ones_are_found() {
    let body = |lines: usize| format!("{{\n{}}}", "    f();\n".repeat(lines - 2));
    let long = MAX_FN_LINES + 1;
    let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(MAX_FILE_LINES), "//\n".repeat(9));
    let rows = [
        (format!("fn g() {}", body(MAX_FN_LINES)), vec![]),
        (format!("fn g() {}", body(long)), vec![1]),
        (format!("struct A;\nimpl A {{\n    #[inline]\n    fn g() {}\n}}", body(long)), vec![4]),
        (format!("trait A {{\n    fn h();\n    fn g() {}\n}}", body(long)), vec![3]),
        (format!("mod a {{\n    fn h() {{\n        fn g() {}\n    }}\n}}", body(long)), vec![2, 3]),
        ("//\n".repeat(MAX_FILE_LINES), vec![]),
        ("//\n".repeat(MAX_FILE_LINES + 1), vec![MAX_FILE_LINES]),
        (tests.clone(), vec![]),
        (format!("//\n{tests}"), vec![MAX_FILE_LINES]),
        (format!("#[cfg(test)]\nmod tests;\n{}", "//\n".repeat(MAX_FILE_LINES)), vec![MAX_FILE_LINES]),
        ("fn g( {".to_owned(), vec![1]),
    ];
    for (text, expected) in rows {
        let lines: Vec<usize> =
            findings(&[Source::new("crates/a/src/b.rs", &text)]).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{text}");
    }
}
