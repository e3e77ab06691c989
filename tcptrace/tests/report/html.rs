//! Reads a page as strictly as none is that people write: each element is closed where it should be, and
//! each attribute stands between quotes.

use std::collections::BTreeMap;

/// An element.
#[derive(Clone, Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub children: Vec<Node>,
}

#[derive(Clone, Debug)]
pub enum Node {
    Element(Element),
    Text(String),
}

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "br", "input", "hr", "link", "img"];
/// Elements whose text is no markup.
const RAW: [&str; 2] = ["script", "style"];

impl Element {
    /// Reads a page.
    pub fn page(text: &str) -> Self {
        let rest = text.strip_prefix("<!DOCTYPE html>").expect("a doctype");
        let mut reader = Reader { rest };
        let mut root = Self::default();
        reader.children(&mut root);
        assert_eq!(reader.rest, "", "behind the end");
        let [Node::Element(html)] = &root.children[..] else {
            panic!("more than one root");
        };
        assert_eq!(html.name, "html");
        html.clone()
    }

    /// All elements within it, each before those within itself.
    pub fn all(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        for child in &self.children {
            if let Node::Element(it) = child {
                found.push(it);
                found.extend(it.all());
            }
        }
        found
    }

    /// Those of a name.
    pub fn named(&self, name: &str) -> Vec<&Self> {
        let mut all = self.all();
        all.retain(|it| it.name == name);
        all
    }

    /// The one that has an id.
    pub fn id(&self, id: &str) -> &Self {
        let mut all = self.all().into_iter();
        let found = all.find(|it| it.attribute("id") == Some(id));
        found.unwrap_or_else(|| panic!("there is no #{id}"))
    }

    /// Those that have a class.
    pub fn class(&self, class: &str) -> Vec<&Self> {
        let mut all = self.all();
        all.retain(|it| {
            let classes = it.attribute("class").unwrap_or_default();
            classes.split(' ').any(|it| it == class)
        });
        all
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// All that is to be read in it, but for scripts and styles.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for child in &self.children {
            match child {
                Node::Text(it) => text += it,
                Node::Element(it) if RAW.contains(&it.name.as_str()) => {}
                Node::Element(it) => text += &it.text(),
            }
        }
        text
    }

    /// What stands in it as it is: of a script or style.
    pub fn raw(&self) -> &str {
        match &self.children[..] {
            [Node::Text(text)] => text,
            [] => "",
            _ => panic!("more than text"),
        }
    }

    /// The rows of a table, each with the text of its cells; without the headings.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let body = self.named("tbody");
        let rows = body.iter().flat_map(|it| it.named("tr"));
        rows.map(|row| {
            let mut cells = row.all();
            cells.retain(|it| it.name == "td" || it.name == "th");
            cells.iter().map(|it| it.text().trim().to_owned()).collect()
        })
        .collect()
    }

    /// The first table within it whose caption has these words.
    pub fn table(&self, words: &str) -> &Self {
        let tables = self.named("table").into_iter();
        let mut tables = tables.filter(|it| it.named("caption")[0].text().contains(words));
        tables
            .next()
            .unwrap_or_else(|| panic!("no table of {words}"))
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn children(&mut self, parent: &mut Element) {
        loop {
            let end = self.rest.find('<').unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            if !text.is_empty() {
                assert!(!text.contains('>'), "a bare > in {text:?}");
                parent.children.push(Node::Text(decoded(text)));
            }
            self.rest = rest;
            if let Some(rest) = rest.strip_prefix("</") {
                let (name, rest) = rest.split_once('>').expect("an end");
                assert_eq!(name, parent.name, "before {}", &rest[..rest.len().min(80)]);
                self.rest = rest;
                return;
            }
            if rest.is_empty() {
                assert_eq!(parent.name, "", "it is not closed");
                return;
            }
            let child = self.element();
            parent.children.push(Node::Element(child));
        }
    }

    fn element(&mut self) -> Element {
        let rest = &self.rest[1..];
        let end = rest.find([' ', '>']).expect("a name");
        let mut element = Element {
            name: rest[..end].to_owned(),
            ..Element::default()
        };
        let plain = |it: char| it.is_ascii_alphanumeric();
        assert!(element.name.chars().all(plain), "{:?}", element.name);
        self.rest = &rest[end..];
        while let Some(rest) = self.rest.strip_prefix(' ') {
            let end = rest.find(['=', ' ', '>']).expect("an attribute");
            let name = rest[..end].to_owned();
            let (value, rest) = match rest[end..].strip_prefix("=\"") {
                Some(value) => value.split_once('"').expect("quotes"),
                None => ("", &rest[end..]),
            };
            assert!(!value.contains('<'), "{name}={value:?}");
            let before = element.attributes.insert(name.clone(), decoded(value));
            assert_eq!(before, None, "{name} is there twice");
            self.rest = rest;
        }
        self.rest = self.rest.strip_prefix('>').expect("the end of a tag");
        if VOID.contains(&element.name.as_str()) {
            return element;
        }
        if RAW.contains(&element.name.as_str()) {
            let end = format!("</{}>", element.name);
            let (text, rest) = self.rest.split_once(&end).expect("its end");
            element.children.push(Node::Text(text.to_owned()));
            self.rest = rest;
            return element;
        }
        self.children(&mut element);
        element
    }
}

fn decoded(text: &str) -> String {
    let parts = text.split('&').skip(1);
    for part in parts {
        let known = ["amp;", "lt;", "gt;", "quot;"];
        assert!(known.iter().any(|it| part.starts_with(it)), "&{part}");
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}
