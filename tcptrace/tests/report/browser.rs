//! Chromium, driven by the DevTools protocol: JSON, each ended by a zero byte, on descriptors 3 and 4.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use nix::unistd::geteuid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take: the machine may be building something.
const PATIENCE: Duration = Duration::from_secs(60);
/// Notes what the policy forbids, before anything of the page is run.
const WATCH: &str = "window.__violations = [];
    addEventListener('securitypolicyviolation', it => __violations.push(it.effectiveDirective));";

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    number: u64,
    /// What happened, besides answers.
    events: Vec<Value>,
    _folder: TempDir,
}

impl Browser {
    /// Starts it.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (from_us, to) = std::io::pipe().unwrap();
        let (from, to_us) = std::io::pipe().unwrap();
        let root = geteuid().is_root();
        let mut command = Command::new("chromium");
        command
            .args(["--headless=new", "--remote-debugging-pipe", "--disable-gpu"])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--hide-scrollbars",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if root {
            // Its sandbox wants a user.
            command.arg("--no-sandbox");
        }
        let (theirs_in, theirs_out) = (from_us.as_raw_fd(), to_us.as_raw_fd());
        // SAFETY: these calls may be made between fork and exec, and no memory is touched. Both descriptors
        // are moved out of the way before one of them is overwritten.
        unsafe {
            command.pre_exec(move || {
                let high = [
                    libc::fcntl(theirs_in, libc::F_DUPFD, 10),
                    libc::fcntl(theirs_out, libc::F_DUPFD, 10),
                ];
                if root && libc::unshare(libc::CLONE_NEWNET) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                for (from, to) in high.into_iter().zip([3, 4]) {
                    if libc::dup2(from, to) < 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                    libc::close(from);
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("chromium can't be started ({error}): sudo apt-get install chromium")
        });
        drop((from_us, to_us));
        let (send, received) = channel();
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            loop {
                let mut message = Vec::new();
                match from.read_until(0, &mut message) {
                    Ok(2..) => {}
                    _ => return,
                }
                message.pop();
                let message = serde_json::from_slice(&message).expect("JSON");
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            to: File::from(std::os::fd::OwnedFd::from(to)),
            from: received,
            session: None,
            number: 0,
            events: Vec::new(),
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", target);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        let watch = json!({ "source": WATCH });
        browser.call("Page.addScriptToEvaluateOnNewDocument", watch);
        browser
    }

    /// Asks for something, and gives the answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("it runs");
        loop {
            let mut answer = self.next(method);
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn next(&mut self, waits_for: &str) -> Value {
        let next = self.from.recv_timeout(PATIENCE);
        next.unwrap_or_else(|_| panic!("chromium does not answer: {waits_for}"))
    }

    /// Opens a page, and waits until it is loaded.
    pub fn open(&mut self, path: &Path) {
        self.events.clear();
        let url = format!("file://{}", path.display());
        self.call("Page.navigate", json!({ "url": url }));
        while !self
            .events
            .iter()
            .any(|it| it["method"] == "Page.loadEventFired")
        {
            let event = self.next("Page.loadEventFired");
            self.events.push(event);
        }
    }

    /// What an expression gives.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        for _ in 0..200 {
            if self.eval(expression) == true {
                return;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("it never is so: {expression}");
    }

    /// Clicks at the middle of what a selector finds first, once that stands still there and
    /// nothing lies above it.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let middle = format!(
            "(() => {{ const it = document.querySelector({selector:?});
               it.scrollIntoView({{ block: 'center', behavior: 'instant' }});
               const at = it.getBoundingClientRect();
               const middle = [at.x + at.width / 2, at.y + at.height / 2];
               return it.contains(document.elementFromPoint(...middle)) ? middle : null; }})()"
        );
        let mut before = Value::Null;
        let middle = (0..200)
            .find_map(|_| {
                let now = self.eval(&middle);
                let still = !now.is_null() && now == before;
                before = now.clone();
                thread::sleep(Duration::from_millis(25));
                still.then_some(now)
            })
            .unwrap_or_else(|| panic!("{selector} does not stand still, or is covered"));
        for kind in ["mousePressed", "mouseReleased"] {
            let click = json!({
                "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", click);
        }
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let it = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", it);
        }
    }

    /// How wide the window is, in which colours, and for what.
    pub fn look(&mut self, width: u32, scheme: &str, media: &str) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({
            "media": media,
            "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                // A click must not meet a page that still moves.
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ],
        });
        self.call("Emulation.setEmulatedMedia", scheme);
    }

    /// Nothing went wrong since the page was opened: no message, no exception, nothing that its policy
    /// forbids, and nobody was asked for anything but the file.
    #[track_caller]
    pub fn assert_quiet(&mut self) {
        assert_eq!(self.eval("window.__violations"), json!([]));
        let mut asked = 0;
        for event in &self.events {
            let parameters = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Log.entryAdded" | "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" => {
                    panic!("{event}");
                }
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap();
                    assert!(
                        url.starts_with("file:///") && url.ends_with(".html"),
                        "{url}"
                    );
                    asked += 1;
                }
                _ => {}
            }
        }
        assert_eq!(asked, 1);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
