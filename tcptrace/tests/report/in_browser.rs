//! What a browser makes of the page.

use std::{fs, path::PathBuf};

use serde_json::json;
use tcptrace::language::Language;
use tempfile::TempDir;

use crate::{browser::Browser, hostile, made};

/// A page in a file, and the folder that it is in.
struct Opened {
    browser: Browser,
    path: PathBuf,
    _folder: TempDir,
}

/// Opens a page.
fn open(text: &str) -> Opened {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.html");
    fs::write(&path, text).unwrap();
    let mut browser = Browser::start();
    browser.look(1200, "light", "");
    browser.open(&path);
    Opened {
        browser,
        path,
        _folder: folder,
    }
}

fn rich(options: &[&str]) -> Opened {
    open(&made::page(made::rich().path(), options))
}

#[test]
fn nothing_goes_wrong_and_nobody_is_asked_in_any_look_and_language() {
    let mut it = rich(&[]);
    it.browser
        .until("document.querySelectorAll('.uplot canvas').length === 3");
    it.browser.assert_quiet();
    for (width, scheme, media) in [
        (1600, "dark", ""),
        (360, "light", ""),
        (360, "dark", ""),
        (800, "light", "print"),
    ] {
        it.browser.look(width, scheme, media);
        let wide = it
            .browser
            .eval("document.documentElement.scrollWidth <= innerWidth");
        assert_eq!(wide, true, "{width} {scheme} {media}: it scrolls sideways");
    }
    it.browser.assert_quiet();
    let mut it = rich(&["--lang", "zh"]);
    it.browser
        .until("document.querySelectorAll('.uplot canvas').length === 3");
    assert_eq!(it.browser.eval("document.documentElement.lang"), "zh-Hans");
    it.browser.assert_quiet();
}

#[test]
fn a_click_on_a_word_leads_to_what_it_means() {
    let mut it = rich(&[]);
    it.browser
        .click("#states a.term[href='#x-state-TIME_WAIT']");
    it.browser.until(
        "(() => { const at = document.getElementById('x-state-TIME_WAIT').getBoundingClientRect();
          return location.hash === '#x-state-TIME_WAIT' && at.top >= 0 && at.top < innerHeight; })()",
    );
    let says = it
        .browser
        .eval("document.querySelector(':target').textContent");
    assert!(says.as_str().unwrap().contains("60"), "{says}");
    // A link to a connection opens it.
    it.browser.click("#handshakes td a, #handshakes th a");
    it.browser.until(
        "(() => { const it = document.querySelector(':target');
          const at = it.getBoundingClientRect();
          return it.matches('details.life[open]') && at.top >= 0 && at.top < innerHeight; })()",
    );
    it.browser.assert_quiet();
}

#[test]
fn connections_are_chosen_opened_and_sorted_by_keyboard() {
    let mut it = rich(&[]);
    let shown = "[...document.querySelectorAll('#lives .life, #lives .again')]
        .filter(it => it.checkVisibility({ visibilityProperty: true })).length";
    let all = it.browser.eval(shown).as_u64().unwrap();
    it.browser
        .eval("document.querySelector('#choose input').focus()");
    for letter in "refused".chars() {
        let key = letter.to_string();
        it.browser
            .press(&key, letter.to_ascii_uppercase() as u32, &key);
    }
    it.browser.until(&format!("{shown} < {all}"));
    let left = "[...document.querySelectorAll('#lives .life')]
        .filter(it => it.checkVisibility({ visibilityProperty: true })).every(it => it.closest('.kind').textContent.includes('refused'))";
    assert_eq!(it.browser.eval(left), true);
    assert!(it.browser.eval(shown).as_u64().unwrap() >= 2);
    // Tab goes to the buttons, then to the first connection, which Enter opens.
    for _ in 0..3 {
        it.browser.press("Tab", 9, "");
    }
    let focused = "document.activeElement.closest('.life') !== null";
    for _ in 0..6 {
        if it.browser.eval(focused) == true {
            break;
        }
        it.browser.press("Tab", 9, "");
    }
    it.browser.until(focused);
    it.browser.press("Enter", 13, "\r");
    it.browser
        .until("document.activeElement.closest('.life').open");
    for letter in 0..4 {
        it.browser
            .eval("document.querySelector('#choose input').focus()");
        it.browser.press("z", 90 + letter, "z");
    }
    it.browser
        .until("document.querySelector('#choose [role=status]').checkVisibility({ visibilityProperty: true })");

    // A column's heading sorts, by numbers and not by letters.
    it.browser
        .eval("document.querySelector('#states thead th:nth-child(2) button').focus()");
    it.browser.press("Enter", 13, "\r");
    let sorted = |way: &str| {
        format!(
            "(() => {{ const head = document.querySelector('#states thead th:nth-child(2)');
               const n = [...document.querySelectorAll('#states tbody tr')]
                 .map(it => +it.cells[1].textContent.replace(/,/g, ''));
               return head.getAttribute('aria-sort') === '{way}'
                 && n.every((it, at) => at === 0 || ('{way}' === 'descending' ? n[at - 1] >= it : n[at - 1] <= it)); }})()"
        )
    };
    it.browser.until(&sorted("descending"));
    it.browser.press("Enter", 13, "\r");
    it.browser.until(&sorted("ascending"));
    it.browser.assert_quiet();
}

/// The contrast of all text with what is behind it, at the least, and where that is.
const CONTRAST: &str = r"(() => {
    const parse = text => (text.match(/[\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(it => it / 255)
        .map(it => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4)
        .reduce((sum, it, at) => sum + it * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = it => {
        for (; it; it = it.parentElement) {
            const colour = parse(getComputedStyle(it).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    let least = [99, ''];
    for (const it of document.querySelectorAll('body *')) {
        const own = [...it.childNodes].some(it => it.nodeType === 3 && it.textContent.trim());
        if (!own || !it.checkVisibility({ visibilityProperty: true }) || it.closest('svg, script, .uplot')) continue;
        const [a, b] = [light(parse(getComputedStyle(it).color)), light(behind(it))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < least[0]) least = [contrast, it.outerHTML.slice(0, 120)];
    }
    return least;
})()";

#[test]
fn it_is_light_or_dark_as_the_reader_wishes_and_can_be_read_in_both() {
    let mut it = rich(&[]);
    let paper = "getComputedStyle(document.body).backgroundColor";
    for (scheme, media, background) in [
        ("light", "", "rgb(255, 255, 255)"),
        ("dark", "", "rgb(18, 22, 27)"),
        ("dark", "print", "rgb(255, 255, 255)"),
    ] {
        it.browser.look(1200, scheme, media);
        assert_eq!(it.browser.eval(paper), background, "{scheme} {media}");
        let least = it.browser.eval(CONTRAST);
        assert!(
            least[0].as_f64().unwrap() >= 4.5,
            "{scheme} {media}: {least}"
        );
    }
    it.browser.assert_quiet();
}

#[test]
fn on_paper_everything_is_open_and_drawn_without_a_script() {
    let mut it = rich(&[]);
    it.browser.eval(
        "addEventListener('beforeprint', () => {
           window.__closed = document.querySelectorAll('details:not([open])').length;
           window.__drawn = [...document.querySelectorAll('.chart > svg')].every(it => !it.hasAttribute('hidden'));
         })",
    );
    let closed = it
        .browser
        .eval("document.querySelectorAll('details:not([open])').length");
    assert!(closed.as_u64().unwrap() > 10);
    let pdf = it
        .browser
        .call("Page.printToPDF", json!({ "printBackground": true }));
    assert!(pdf["data"].as_str().unwrap().starts_with("JVBERi"));
    it.browser.until("window.__closed === 0 && window.__drawn");
    // As it was before.
    it.browser.until(&format!(
        "document.querySelectorAll('details:not([open])').length === {closed}"
    ));
    it.browser.assert_quiet();
}

#[test]
fn without_a_script_all_of_it_is_there() {
    let mut it = rich(&[]);
    let off = json!({ "value": true });
    it.browser.call("Emulation.setScriptExecutionDisabled", off);
    let path = it.path.clone();
    it.browser.open(&path);
    let there = "[...document.querySelectorAll('.chart svg, .machine, .histogram, table caption')]
        .filter(it => !it.closest('details')).every(it => it.checkVisibility({ visibilityProperty: true }))
        && document.querySelectorAll('.chart svg').length === 3
        && document.querySelectorAll('.uplot, button, input').length === 0";
    assert_eq!(it.browser.eval(there), true);
    it.browser.click("details.life > summary");
    it.browser
        .until("document.querySelector('details.life').open");
    it.browser.click("#states a.term");
    it.browser
        .until("document.querySelector(':target').matches('.entry')");
}

#[test]
fn hostile_names_do_nothing() {
    let mut it = open(&hostile::page(Language::English));
    it.browser
        .until("document.querySelectorAll('.uplot canvas').length === 3");
    it.browser
        .eval("for (const it of document.querySelectorAll('details')) it.open = true");
    assert_eq!(it.browser.eval("typeof window.__pwned"), "undefined");
    it.browser.assert_quiet();
    // Were one to get in, nothing would come of it.
    it.browser.eval(
        "(() => { const it = document.createElement('script');
           it.textContent = 'window.__pwned = 7'; document.body.append(it);
           const button = document.createElement('button');
           button.setAttribute('onclick', 'window.__pwned = 8'); document.body.append(button); button.click();
           new Image().src = 'http://127.0.0.1:9/x.png';
           const style = document.createElement('style');
           style.textContent = 'body { background: red }'; document.body.append(style); })()",
    );
    it.browser.until(
        "['script-src-elem', 'script-src-attr', 'img-src', 'style-src-elem']
           .every(it => __violations.includes(it))",
    );
    assert_eq!(it.browser.eval("typeof window.__pwned"), "undefined");
}
