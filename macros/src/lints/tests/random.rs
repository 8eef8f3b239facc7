//! Writes random bodies and reads them again. Nothing is found in a correct body, and the one
//! mistake that is put in is found.

use std::fmt::Write;

use super::in_transaction;

/// Writes statements in which every await waits for the transaction.
struct Writer {
    random: fastrand::Rng,
    text: String,
    /// Names of the session, the innermost last.
    sessions: Vec<String>,
    names: u32,
    /// The number of statements before the foreign await is written; `None` if there is none.
    foreign_in: Option<u32>,
}

impl Writer {
    fn session(&mut self) -> String {
        let at = self.random.usize(..self.sessions.len());
        self.sessions[at].clone()
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes `{ .. }`. Names that are bound inside end with the block.
    fn block(&mut self, depth: u32) {
        let sessions = self.sessions.len();
        self.put("{");
        for _ in 0..self.random.u32(1..4) {
            self.statement(depth);
        }
        self.put("}");
        self.sessions.truncate(sessions);
    }

    fn statement(&mut self, depth: u32) {
        if let Some(left) = self.foreign_in {
            self.foreign_in = left.checked_sub(1);
            if left == 0 {
                self.foreign();
            }
        }
        let (tx, name) = (self.session(), self.name());
        let kinds = if depth == 0 { 12 } else { 22 };
        match self.random.u32(..kinds) {
            0 => write!(self.text, "let {name} = query(\"SELECT 1\").fetch_one(&mut *{tx}).await?;"),
            1 => {
                let written = write!(self.text, "let {name} = &mut *{tx};");
                self.sessions.push(name);
                written
            }
            2 => write!(self.text, "helper(&mut *{tx}, 1).await?;"),
            3 => write!(self.text, "let {name} = timeout(second, helper({tx})).await??;"),
            4 => write!(self.text, "let (sender, {name}) = channel(); sender.send(1);"),
            5 => write!(self.text, "try_join!(a(&mut *{tx}), async {{ b(&mut *{tx}).await }})?;"),
            6 => write!(self.text, "{tx}.after_commit(async move {{ client.post(1).await; Ok(()) }});"),
            7 => write!(self.text, "println!(\"{{}}\", helper(&mut *{tx}).await?);"),
            8 => write!(self.text, "let {name} = Context {{ session: &mut *{tx}, n: 1 }}; {name}.run().await?;"),
            9 => write!(self.text, "let {name} = items.iter().map(|item| item + 1).collect::<Vec<_>>();"),
            10 => write!(self.text, "let mut {name}; {name} = query(\"SELECT 1\").fetch(&mut *{tx}); pin!({name}).next().await;"),
            11 => write!(self.text, "client.prepare(async {{ client.get(1).await }});"),
            12 => {
                self.put(&format!("if helper({tx}).await?"));
                self.block(depth - 1);
                self.put("else");
                self.block(depth - 1);
                Ok(())
            }
            13 => {
                self.put(&format!("for {name} in query(\"SELECT 1\").fetch_all({tx}).await?"));
                self.block(depth - 1);
                Ok(())
            }
            14 => {
                self.put(&format!("let mut {name} = query(\"SELECT 1\").fetch(&mut *{tx});"));
                self.put(&format!("while let Some(row) = {name}.try_next().await?"));
                self.block(depth - 1);
                Ok(())
            }
            15 => {
                self.put(&format!("match helper({tx}).await? {{ Some({name}) if {name} > 1 =>"));
                self.block(depth - 1);
                self.put(", _ =>");
                self.block(depth - 1);
                self.put("}");
                Ok(())
            }
            16 => {
                self.put(&format!("tokio::select! {{ biased; row = helper(&mut *{tx}) =>"));
                self.block(depth - 1);
                self.put("_ = tokio::time::sleep(second) =>");
                self.block(depth - 1);
                self.put("}");
                Ok(())
            }
            17 => {
                self.put(&format!("{tx}.savepoint(async |{name}| -> R {{ helper(&mut *{name}).await?;"));
                let outer = std::mem::replace(&mut self.sessions, vec![name]);
                self.block(depth - 1);
                self.sessions = outer;
                self.put("Ok(()) }).await?;");
                Ok(())
            }
            18 => {
                self.put(&format!("let {name} = async {{ helper(&mut *{tx}).await?;"));
                self.block(depth - 1);
                self.put(&format!("Ok(()) }}; {name}.await?;"));
                Ok(())
            }
            19 => {
                self.put("async");
                self.block(depth - 1);
                self.put(".await;");
                Ok(())
            }
            20 => {
                self.put("loop");
                self.block(depth - 1);
                Ok(())
            }
            _ => {
                self.put(&format!("{{ let tx = &mut *{tx}; "));
                self.block(depth - 1);
                self.put("}");
                Ok(())
            }
        }
        .expect("a String can be written to");
        self.put("");
    }

    fn foreign(&mut self) {
        let tx = self.session();
        let all = [
            "client.get(url).send().await?;".to_owned(),
            "tokio::time::sleep(second).await;".to_owned(),
            "query(\"SELECT 1\").execute(pool).await?;".to_owned(),
            format!("{{ let {tx} = client; {tx}.send(1).await?; }}"),
            format!("{{ let (tx, mut rx) = channel(); let {tx} = 1; rx.recv().await; }}"),
            format!("tokio::join!(helper(&mut *{tx}), client.get(1));"),
            "tokio::select! { a = client.get(1) => {} b = client.get(2) => {} }".to_owned(),
            format!("client.post(helper(&mut *{tx}).await?).await?;"),
            format!(
                "let row = query(\"SELECT 1\").fetch_one(&mut *{tx}).await?; client.post(row).await?;"
            ),
            "let late = async { client.get(1).await }; late.await;".to_owned(),
        ];
        let at = self.random.usize(..all.len());
        let text = all[at].clone();
        self.put(&text);
    }
}

fn body(random: fastrand::Rng, foreign_in: Option<u32>) -> String {
    let mut writer = Writer {
        random,
        text: String::new(),
        sessions: vec!["tx".to_owned()],
        names: 0,
        foreign_in,
    };
    for _ in 0..4 {
        writer.statement(3);
    }
    // The place for the foreign await may be behind the end.
    if writer.foreign_in.is_some() {
        writer.sessions.truncate(1);
        writer.foreign();
    }
    writer.put("Ok(())");
    writer.text
}

fn foreign_awaits(body: &str) -> usize {
    let found = in_transaction(body);
    found.iter().filter(|name| *name == "foreign_await").count()
}

fn seed() -> u64 {
    std::env::var("DBOP_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

#[test]
fn a_body_that_waits_for_its_transaction_only_never_fires() {
    let first = seed();
    for seed in (0..500).map(|case| first.wrapping_add(case)) {
        let body = body(fastrand::Rng::with_seed(seed), None);
        assert_eq!(foreign_awaits(&body), 0, "DBOP_TEST_SEED={seed}\n{body}");
    }
}

#[test]
fn one_foreign_await_is_found_wherever_it_stands() {
    let first = seed();
    for seed in (0..500).map(|case| first.wrapping_add(case)) {
        let mut random = fastrand::Rng::with_seed(seed);
        let place = random.u32(..12);
        let body = body(random, Some(place));
        assert_eq!(foreign_awaits(&body), 1, "DBOP_TEST_SEED={seed}\n{body}");
    }
}
