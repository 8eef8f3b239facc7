// Shows the jobs and follows those that have not ended. Everything that comes from the service is set as
// text, and never as markup.
"use strict";

const OPEN = ["available", "pending", "retryable", "running", "scheduled"];
const MOST = 300; // rows
const byId = (id) => document.getElementById(id);
const jobs = new Map(); // the last that is known of each job, and its row

function rowOf(id) {
  const row = byId("row").content.firstElementChild.cloneNode(true);
  for (const what of ["cancel", "retry"]) {
    row.querySelector("." + what).addEventListener("click", () => tell(what, id));
  }
  return row;
}

function show(job) {
  let shown = jobs.get(job.id);
  if (!shown) {
    shown = { row: rowOf(job.id) };
    jobs.set(job.id, shown);
    // The newest first. Most jobs are newer than all others.
    const older = [...jobs.keys()].filter((id) => id < job.id);
    const next = older.length ? jobs.get(Math.max(...older)).row : null;
    byId("jobs").insertBefore(shown.row, next);
    forgetOldest();
  }
  shown.job = job;
  const { row } = shown;
  const set = (name, text) => { row.querySelector("." + name).textContent = text; };
  const progress = job.progress || { done: 0, total: 0, message: "" };
  const isOpen = OPEN.includes(job.state);
  set("id", job.id);
  set("kind", job.kind.replace("planning.", ""));
  set("arguments", Object.entries(job.arguments || {}).map(([name, value]) => `${name} ${value}`).join(", "));
  set("state", job.state + (job.attempt > 1 ? `, attempt ${job.attempt}` : ""));
  set("message", job.state !== "completed" && job.error ? job.error : progress.message);
  row.className = job.state;
  const bar = row.querySelector("progress");
  bar.max = progress.total || 1;
  if (progress.total || job.state !== "running") {
    bar.value = job.state === "completed" ? bar.max : progress.done;
  } else {
    bar.removeAttribute("value");
  }
  row.querySelector(".cancel").hidden = !isOpen;
  row.querySelector(".retry").hidden = job.state === "running" || job.state === "available";
  count();
}

function forgetOldest() {
  const ended = [...jobs].filter(([, { job }]) => job && !OPEN.includes(job.state));
  for (const [id, { row }] of ended.sort(([a], [b]) => a - b).slice(0, Math.max(0, jobs.size - MOST))) {
    row.remove();
    jobs.delete(id);
  }
}

function count() {
  const counts = {};
  for (const { job } of jobs.values()) {
    if (job) counts[job.state] = (counts[job.state] || 0) + 1;
  }
  byId("counts").textContent = Object.entries(counts).map(([state, n]) => `${n} ${state}`).join(", ");
  byId("none").hidden = jobs.size > 0;
}

async function post(path, body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || `status ${response.status}`);
  return answer;
}

async function tell(what, id) {
  try {
    await post("jobs/" + what, { ids: [id] });
    show(await (await fetch("jobs/" + id)).json());
  } catch (error) {
    byId("said").textContent = error.message;
  }
}

byId("begin").addEventListener("submit", async (event) => {
  event.preventDefault();
  const cycle = {};
  for (const [name, value] of new FormData(event.target)) cycle[name] = Number(value);
  try {
    const { jobs: begun } = await post("cycles", cycle);
    byId("said").textContent = `Cycle ${cycle.cycle} has ${begun.length} jobs.`;
  } catch (error) {
    byId("said").textContent = error.message;
  }
});

async function begin() {
  try {
    const page = await (await fetch("jobs?limit=" + MOST)).json();
    page.jobs.forEach(show);
  } catch (error) {
    byId("connection").textContent = "The jobs cannot be read.";
  }
  count();
  // Comes back by itself when the connection is lost.
  const events = new EventSource("events");
  events.addEventListener("open", () => { byId("connection").textContent = "Live"; });
  events.addEventListener("error", () => { byId("connection").textContent = "Connecting …"; });
  events.addEventListener("job", (event) => show(JSON.parse(event.data)));
}

begin();
