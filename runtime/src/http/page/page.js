// The page of one database.
"use strict";

function drawn(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = String(text);
  return made;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) { count /= 1024; unit += 1; }
  return number(count, unit === 0 ? 0 : 1) + " " + units[unit];
}

// In pixels of the screen, so that the letters are as large as others; the width is that of the page.
const EDGE = { left: 56, right: 8, top: 8, bottom: 22 };

// Returns a round number that is at least as large.
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

// Draws lines over time. A gap in a line is a time without a value.
function chart(into, title, points, lines, unit, least) {
  const values = points.flatMap((point) => lines.map((line) => line.of(point)));
  const most = round(Math.max(least, ...values.filter((value) => value !== null && value !== undefined)));
  const last = points.length ? points[points.length - 1].seconds_ago : 0;
  const span = Math.max(60, points.length ? points[0].seconds_ago - last : 0);
  const SIZE = { ...EDGE, width: Math.max(240, into.clientWidth || 600), height: 200 };
  const wide = SIZE.width - SIZE.left - SIZE.right;
  const high = SIZE.height - SIZE.top - SIZE.bottom;
  const x = (point) => SIZE.left + wide * (1 - (point.seconds_ago - last) / span);
  const y = (value) => SIZE.top + high * (1 - Math.min(value, most) / most);
  const svg = drawn("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": title });
  for (const part of [0, 0.5, 1]) {
    const at = y(most * part);
    svg.append(drawn("line", { class: "grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: at, y2: at }));
    svg.append(drawn("text", { x: SIZE.left - 6, y: at + 4, "text-anchor": "end" }, unit(most * part)));
  }
  svg.append(drawn("text", { x: SIZE.left, y: SIZE.height - 6 }, `${number(span / 60, 1)} min ago`));
  svg.append(drawn("text", { x: SIZE.width - SIZE.right, y: SIZE.height - 6, "text-anchor": "end" }, "now"));
  const caption = element("figcaption");
  for (const line of lines) {
    let path = "", pen = "M", count = 0;
    for (const point of points) {
      const value = line.of(point);
      if (value === null || value === undefined) { pen = "M"; continue; }
      path += `${pen}${x(point).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      count += 1;
    }
    // A single point is shown as a dot.
    if (count === 1) path += "h1";
    if (path) svg.append(drawn("path", { class: line.kind, d: path }));
    const newest = [...points].reverse().map(line.of).find((value) => value !== null && value !== undefined);
    const key = element("span");
    const sample = drawn("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
    sample.append(drawn("line", { class: line.kind, x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 2 }));
    key.append(sample, `${line.name} ${newest === undefined ? "–" : unit(newest)}`);
    caption.append(key);
  }
  into.replaceChildren(svg, caption);
}

const place = (row) => `${row.file}:${row.line}`;
const some = (list) => (list || []).map(([name, count]) => `${name} ${number(count)}`).join(", ");

const SESSIONS = [
  { name: "Operation", text: (row) => row.operation, below: place },
  { name: "Held for", kind: "number", text: (row) => duration(row.held_ms) },
  { name: "State", text: (row) => row.state, below: (row) => `for ${duration(row.state_ms)}` },
  { name: "Attempt", kind: "number", text: (row) => number(row.attempt) },
  { name: "Writes", text: (row) => (row.read_only ? "no" : "yes") },
];

const OPERATIONS = [
  { name: "Operation", text: (row) => row.name, below: place },
  { name: "Calls", kind: "number", text: (row) => number(row.calls), below: (row) => (row.joined ? `${number(row.joined)} joined` : "") },
  { name: "p50", kind: "number", text: (row) => duration(row.p50_ms) },
  { name: "p95", kind: "number", text: (row) => duration(row.p95_ms) },
  { name: "p99", kind: "number", text: (row) => duration(row.p99_ms) },
  { name: "Longest", kind: "number", text: (row) => duration(row.max_ms) },
  { name: "Retries", kind: "number", text: (row) => number(row.retries), below: (row) => some(row.retries_by_kind) },
  { name: "Failures", kind: "number", text: (row) => number(row.failed), below: (row) => some(row.failures) },
  { name: "Unknown", kind: "number", text: (row) => number(row.unknown) },
  { name: "Rows", kind: "number", text: (row) => number(row.rows) },
];

const ERRORS = [
  { name: "Last", text: (row) => `${duration(row.ago_ms)}\u00a0ago` },
  { name: "Times", kind: "number", text: (row) => number(row.times) },
  { name: "Operation", text: (row) => row.operation, below: place },
  { name: "Kind", text: (row) => row.kind, below: (row) => row.category },
  { name: "Code", text: (row) => row.status_code || "–" },
  { name: "Outcome", text: (row) => row.outcome },
  { name: "Attempts", kind: "number", text: (row) => number(row.attempts) },
  { name: "Took", kind: "number", text: (row) => duration(row.took_ms) },
  { name: "Message", text: (row) => row.message || "–" },
];

// Puts errors that differ only in their time into one row, which has the latest of them.
function grouped(errors) {
  const groups = new Map();
  for (const error of errors) {
    const key = JSON.stringify([error.operation, error.file, error.line, error.kind, error.status_code, error.outcome]);
    const group = groups.get(key);
    if (group) group.times += 1;
    else groups.set(key, { ...error, times: 1 });
  }
  return [...groups.values()];
}

const LOCKS = [
  { name: "Waits", text: (row) => `process ${row.pid}`, below: (row) => row.application },
  { name: "For", kind: "number", text: (row) => duration(row.waits_ms) },
  { name: "Statement", kind: "code", text: (row) => row.statement },
  { name: "Blocked by", text: (row) => `process ${row.blocked_by}`, below: (row) => `${row.blocker_application} ${row.blocker_state || ""}` },
  { name: "Last statement", kind: "code", text: (row) => row.blocker_statement },
];

const STATEMENTS = [
  { name: "Process", text: (row) => row.pid, below: (row) => row.application },
  { name: "For", kind: "number", text: (row) => duration(row.runs_ms) },
  { name: "State", text: (row) => row.state },
  { name: "Statement", kind: "code", text: (row) => row.statement },
];

const INDEXES = [
  { name: "Index", text: (row) => row.index },
  { name: "Table", text: (row) => row.table },
  { name: "Size", kind: "number", text: (row) => bytes(row.bytes) },
];

function showServer(server) {
  byId("s-server").hidden = !server;
  if (!server) return;
  byId("server-note").textContent = server.note || "";
  // Of a server that was not asked, nothing is known.
  byId("server-seen").hidden = Boolean(server.note);
  const ratio = (value) => (value === null || value === undefined ? "–" : number(value * 100, 1) + " %");
  tiles(byId("server-tiles"), [
    ["Tables read from cache", ratio(server.table_cache_hits)],
    ["Indexes read from cache", ratio(server.index_cache_hits)],
  ]);
  table(byId("locks"), LOCKS, server.locks, "Nobody waits for a lock.");
  table(byId("statements"), STATEMENTS, server.statements, "No statement has run for longer than a second.");
  table(byId("indexes"), INDEXES, server.unused_indexes, "Every index was used.");
}

function show(seen) {
  const health = seen.health, pool = health.pool_statistics;
  byId("system").textContent = seen.system;
  byId("status").textContent = health.status;
  byId("status").className = `badge ${health.status}`;
  document.title = `${health.status} – database`;
  byId("problems").className = `problems ${health.status}`;
  byId("problems").replaceChildren(...health.problems.map((problem) => element("li", "", problem)));
  const counts = (of) => (of ? `${of.in_use} of ${of.max}` : "–");
  tiles(byId("tiles"), [
    ["Database answers in", duration(health.connectivity.response_time_ms)],
    [pool.read ? "Writing, in use" : "In use", counts(pool.write)],
    ...(pool.read ? [["Reading, in use", counts(pool.read)]] : []),
    ["Waiting calls", number(seen.waiting)],
    ["Circuit breaker", health.circuit_breaker.replace("_", " ")],
    ["Statements a second", number(seen.performance.average_queries_per_second, 1)],
    ["Average time of a call", duration(seen.performance.average_response_time_ms)],
    ["Failed calls", number(seen.failed)],
    ["Held for too long", number(seen.leaks)],
  ]);
  chart(byId("latency"), "Percentiles of the time of calls over the last minutes", seen.history, [
    { name: "p50", kind: "first", of: (point) => point.p50_ms },
    { name: "p95", kind: "second", of: (point) => point.p95_ms },
    { name: "p99", kind: "third", of: (point) => point.p99_ms },
  ], duration, 1);
  chart(byId("pool"), "Connections in use over the last minutes", seen.history, [
    { name: pool.read ? "writing" : "in use", kind: "first", of: (point) => point.write_in_use },
    ...(pool.read ? [{ name: "reading", kind: "second", of: (point) => point.read_in_use }] : []),
    { name: "waiting", kind: "third", of: (point) => point.waiting },
  ], (value) => number(value, 1), Math.min(4, pool.write.max + (pool.read ? pool.read.max : 0)));
  table(byId("sessions"), SESSIONS, seen.sessions, "No call holds a connection.");
  table(byId("operations"), OPERATIONS, seen.operations, "No operation was called yet.");
  table(byId("errors"), ERRORS, grouped(seen.errors), "No call has failed.");
  showServer(seen.server);
}

begin("monitoring/events", show);
