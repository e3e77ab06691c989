//! Which modules, crates and macros a file of Rust names, told from its tokens: comments and texts
//! do not count, and neither does what is built for tests alone.

use std::iter;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One name in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its parts. The first is `crate` where the name says `crate`, `self` or `super`; the last of a
    /// macro ends with an exclamation mark.
    pub path: Vec<String>,
    /// The line that it is in, from 1.
    pub line: usize,
}

/// Reads the names in a file. `module`: where the file is in its crate, from the root down.
///
/// # Errors
/// When it isn't Rust.
pub fn names(source: &str, module: &[String]) -> Result<Vec<Name>> {
    let tokens: TokenStream = source
        .parse()
        .map_err(|error| anyhow!("it can't be read as Rust: {error}"))?;
    let mut reader = Reader {
        module: module.to_vec(),
        names: Vec::new(),
    };
    reader.read(&tokens.into_iter().collect::<Vec<_>>());
    Ok(reader.names)
}

struct Reader {
    /// The module that is being read.
    module: Vec<String>,
    names: Vec<Name>,
}

impl Reader {
    fn read(&mut self, mut rest: &[TokenTree]) {
        while let Some((token, after)) = rest.split_first() {
            rest = match token {
                _ if is_for_tests(rest) => item_end(&rest[2..]),
                TokenTree::Ident(word) if word == "use" => self.path(&[], after),
                TokenTree::Ident(word) if word == "mod" => self.inner_module(after),
                TokenTree::Ident(_) if is_path(after) => self.path(&[], rest),
                TokenTree::Group(group) => {
                    self.read(&tokens_of(group));
                    after
                }
                _ => after,
            };
        }
    }

    /// Reads a path, or a tree of paths with one beginning. Returns what is behind it.
    fn path<'a>(
        &mut self,
        beginning: &[(String, usize)],
        rest: &'a [TokenTree],
    ) -> &'a [TokenTree] {
        let mut path = beginning.to_vec();
        let mut rest = skip_colons(rest);
        while let Some((token, after)) = rest.split_first() {
            match token {
                TokenTree::Ident(word) => {
                    path.push((word.to_string(), word.span().start().line));
                    rest = after;
                    if let Some(arguments) = macro_arguments(after) {
                        if let Some((last, _)) = path.last_mut() {
                            last.push('!');
                        }
                        rest = arguments;
                        break;
                    }
                    if !starts_with_colons(after) {
                        break;
                    }
                    rest = skip_colons(after);
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let inner = tokens_of(group);
                    let entries = inner.split(|token| is_punct(token, ','));
                    for entry in entries.filter(|entry| !entry.is_empty()) {
                        self.path(&path, entry);
                    }
                    return after;
                }
                // `*`, or the arguments of a generic type.
                _ => break,
            }
        }
        if let Some((_, line)) = path.last() {
            let line = *line;
            let words = path.into_iter().map(|(word, _)| word).collect();
            let path = self.resolved(words);
            self.names.push(Name { path, line });
        }
        rest
    }

    /// The path from the root of the crate, where it begins with the module that it is in.
    fn resolved(&self, mut path: Vec<String>) -> Vec<String> {
        // `{self}` of a tree stands for what is before it.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let is_relative = |word: &String| word == "self" || word == "super";
        if !path.first().is_some_and(is_relative) {
            return path;
        }
        let ups = path.iter().take_while(|it| is_relative(it));
        let ups = ups.filter(|word| *word == "super").count();
        let base = self.module.len().saturating_sub(ups);
        iter::once("crate".to_owned())
            .chain(self.module[..base].iter().cloned())
            .chain(path.into_iter().skip_while(is_relative))
            .collect()
    }

    /// Reads `name { … }`, the rest of a module that is in this file. Returns what is behind it.
    fn inner_module<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let [TokenTree::Ident(name), TokenTree::Group(body), after @ ..] = rest else {
            return rest;
        };
        self.module.push(name.to_string());
        self.read(&tokens_of(body));
        self.module.pop();
        after
    }
}

fn tokens_of(group: &proc_macro2::Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn starts_with_colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is_punct(first, ':') && is_punct(second, ':'))
}

fn skip_colons(tokens: &[TokenTree]) -> &[TokenTree] {
    match starts_with_colons(tokens) {
        true => &tokens[2..],
        false => tokens,
    }
}

/// Whether a word with this behind it begins a path, or calls a macro.
fn is_path(after: &[TokenTree]) -> bool {
    starts_with_colons(after) || macro_arguments(after).is_some()
}

/// What is behind the exclamation mark of a macro that is called: its arguments first.
fn macro_arguments(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [mark, arguments @ ..]
            if is_punct(mark, '!') && matches!(arguments, [TokenTree::Group(_), ..]) =>
        {
            Some(arguments)
        }
        _ => None,
    }
}

/// Whether `#[cfg(test)]` is next.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = tokens else {
        return false;
    };
    is_punct(hash, '#') && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// What is behind the item that is next: it ends with its body, or with a semicolon.
fn item_end(tokens: &[TokenTree]) -> &[TokenTree] {
    let mut may_have_body = true;
    for (index, token) in tokens.iter().enumerate() {
        let is_end = match token {
            TokenTree::Group(group) => may_have_body && group.delimiter() == Delimiter::Brace,
            token => is_punct(token, ';'),
        };
        if is_end {
            return &tokens[index + 1..];
        }
        may_have_body &= !matches!(token, TokenTree::Ident(word) if word == "use");
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::names;

    #[track_caller]
    fn named(source: &str, expected: &[(&str, usize)]) {
        let module = ["engine".to_owned(), "run".to_owned()];
        let read = names(source, &module).expect("Rust");
        let read: Vec<_> = read
            .iter()
            .map(|it| (it.path.join("::"), it.line))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, line)| ((*path).to_owned(), *line))
            .collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn braces_within_braces_are_read() {
        named(
            "use crate::{\n    a::B,\n    c::{D, self},\n    e::*,\n};\npub(crate) use std::{self};",
            &[
                ("crate::a::B", 2),
                ("crate::c::D", 3),
                ("crate::c", 3),
                ("crate::e", 4),
                ("std", 6),
            ],
        );
    }

    #[test]
    fn paths_in_code_and_macros_are_read() {
        named(
            "fn f(a: &crate::a::A) -> Vec<crate::b::B> {\n    a[0..crate::c::N].iter().map(crate::c::d).\n        \
             collect::<crate::e::E>()\n}\nfn g() { log!(\"{}\", x::<u8>(crate::f::G)); if a != (b) {} }",
            &[
                ("crate::a::A", 1),
                ("crate::b::B", 1),
                ("crate::c::N", 2),
                ("crate::c::d", 2),
                ("collect", 3),
                ("crate::e::E", 3),
                ("log!", 5),
                ("x", 5),
                ("crate::f::G", 5),
            ],
        );
    }

    #[test]
    fn a_path_from_here_is_told_from_the_root() {
        named(
            "use super::loop_::Loop;\nuse super::super::model::{State, self};\nuse self::inner::A;\n\
             mod inner { use super::B; use super::super::super::host::C; }",
            &[
                ("crate::engine::loop_::Loop", 1),
                ("crate::model::State", 2),
                ("crate::model", 2),
                ("crate::engine::run::inner::A", 3),
                ("crate::engine::run::B", 4),
                ("crate::host::C", 4),
            ],
        );
    }

    #[test]
    fn comments_texts_and_tests_do_not_count() {
        named(
            "//! [`crate::a`]\n/// crate::b::C\nfn f() { let _ = \"crate::d::E\"; } // crate::f::G\n\
             #[cfg(test)]\nuse crate::{g, h};\n#[cfg(test)]\n#[expect(unused)]\nmod tests { use crate::i::J; }\n\
             use crate::k::L;",
            &[("crate::k::L", 9)],
        );
    }
}
