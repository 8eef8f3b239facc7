//! A headless Chromium, for tests that look at a page.
//!
//! The browser is told what to do over two pipes, by its DevTools protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>): JSON, each message ended by a zero byte.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long the browser may take over one thing, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    _child: Child,
    _profile: tempfile::TempDir,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last_id: u64,
    /// The session of the page; `None` until there is one.
    session: Option<String>,
}

impl Browser {
    /// Starts the browser.
    ///
    /// # Panics
    ///
    /// If there is none. `tests/run --browser` installs one where it is missing, and names its program
    /// in `DBOP_TEST_BROWSER`.
    pub async fn start() -> Self {
        let program = std::env::var("DBOP_TEST_BROWSER")
            .expect("run this by `tests/run --browser`, which finds or installs Chromium");
        let profile = tempfile::tempdir().expect("a temporary folder");
        // The browser reads from descriptor 3 and writes to descriptor 4.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#,
            ])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args([
                "--no-first-run",
                "--disable-dev-shm-usage",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let mut browser = Self {
            _child: child,
            _profile: profile,
            to: to.expect("it is piped"),
            from: BufReader::new(from.expect("it is piped")),
            last_id: 0,
            session: None,
        };
        let made = browser
            .tell("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": made["targetId"], "flatten": true});
        let attached = browser.tell("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser
    }

    /// Sets the size of the window in pixels, and whether the page is asked for dark colours.
    pub async fn appear(&mut self, (width, height): (u32, u32), dark: bool) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", media).await;
    }

    /// Sends these headers with each request from now on.
    pub async fn send_headers(&mut self, headers: Value) {
        self.tell("Network.enable", json!({})).await;
        self.tell("Network.setExtraHTTPHeaders", json!({"headers": headers}))
            .await;
    }

    /// Opens a page, and waits until it has loaded.
    pub async fn open(&mut self, url: &str) {
        let opened = self.tell("Page.navigate", json!({"url": url})).await;
        assert_eq!(opened.get("errorText"), None, "{url} cannot be opened");
        let loaded = format!("location.href === '{url}' && document.readyState === 'complete'");
        self.until(&loaded).await;
    }

    /// Returns the value of an expression in the page.
    pub async fn value_of(&mut self, script: &str) -> Value {
        let evaluate = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.tell("Runtime.evaluate", evaluate).await;
        assert_eq!(answer.get("exceptionDetails"), None, "{script}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression in the page is true.
    pub async fn until(&mut self, script: &str) {
        let begun = std::time::Instant::now();
        while self.value_of(script).await != json!(true) {
            if begun.elapsed() > PATIENCE {
                let text = self.value_of("document.body.innerText").await;
                panic!("this never became true: {script}\nThe page says: {text}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Writes a picture of the whole page.
    pub async fn picture(&mut self, file: &Path) {
        let capture = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.tell("Page.captureScreenshot", capture).await;
        let data = picture["data"].as_str().expect("a picture");
        let png = base64::engine::general_purpose::STANDARD.decode(data);
        std::fs::write(file, png.expect("base64")).expect("a place for the picture");
    }

    /// Sends a command, and returns its result.
    async fn tell(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut message = message.to_string().into_bytes();
        message.push(0);
        self.to.write_all(&message).await.expect("the browser runs");
        let answered = timeout(PATIENCE, self.answer_to(self.last_id)).await;
        let mut answer =
            answered.unwrap_or_else(|_| panic!("the browser does not answer {method}"));
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].take()
    }

    /// Reads up to the answer to this command. Events before it are left out.
    async fn answer_to(&mut self, id: u64) -> Value {
        loop {
            let mut message = Vec::new();
            let read = self.from.read_until(0, &mut message).await;
            assert_ne!(read.expect("the browser runs"), 0, "the browser has ended");
            message.pop();
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            if message["id"] == json!(id) {
                return message;
            }
        }
    }
}
