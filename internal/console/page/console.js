"use strict";
// Keeps a page as the records are. The server sends the regions that have changed; they are
// merged into those that are shown, so that the focus, what is selected, how far things are
// scrolled and which details are open stays as it is.

const live = document.getElementById("live");
const lost = document.getElementById("lost");
let ahead = 0; // of this clock before the server's, in milliseconds

// lasts shows a duration as the server does.
function lasts(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor(s / 3600) % 24}h`;
}

// goOn lets the times go on that depend on now.
function goOn() {
  const now = Date.now() - ahead;
  for (const it of document.querySelectorAll("time[data-ago], time[data-since], time[data-until]")) {
    const { ago, since, until } = it.dataset;
    let text = lasts(now - (ago ?? since));
    if (ago) text += " ago";
    if (until) text = until > now ? `in ${lasts(until - now)}` : "now";
    if (it.textContent !== text) it.firstChild ? (it.firstChild.data = text) : (it.textContent = text);
  }
}

// merge makes a node like another one.
function merge(was, is) {
  for (const { name } of [...was.attributes]) {
    if (!is.hasAttribute(name) && !(name === "open" && was.localName === "details")) was.removeAttribute(name);
  }
  for (const { name, value } of is.attributes) {
    if (was.getAttribute(name) !== value && name !== "open") was.setAttribute(name, value);
  }
  const wanted = new Set(Array.from(is.children, (child) => child.id));
  const named = new Map();
  for (const child of [...was.children]) {
    if (child.id && !wanted.has(child.id)) child.remove();
    else if (child.id) named.set(child.id, child);
  }
  let at = was.firstChild;
  for (const next of [...is.childNodes]) {
    const same = next.id ? named.get(next.id) : find(at, next);
    while (same && at && at !== same && !at.id) at = drop(at); // what is between is gone
    if (same && at !== same) at = was.insertBefore(same, at); // it has moved, and loses the focus
    if (at && alike(at, next)) {
      if (at.nodeType === Node.ELEMENT_NODE) merge(at, next);
      else if (at.data !== next.data) at.data = next.data;
      at = at.nextSibling;
    } else {
      was.insertBefore(next, at);
    }
  }
  while (at) at = drop(at);
}

// find is the first element from a node on that a new one without an id may be, before any
// that has an id.
function find(at, next) {
  if (next.nodeType !== Node.ELEMENT_NODE) return undefined;
  while (at && !at.id && !alike(at, next)) at = at.nextSibling;
  return at && !at.id ? at : undefined;
}

// drop removes a node and returns the one after it.
function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function alike(a, b) {
  if (a.nodeType !== b.nodeType) return false;
  return a.nodeType !== Node.ELEMENT_NODE || (a.localName === b.localName && a.id === b.id && a.classList[0] === b.classList[0]);
}

function show(state, text) {
  live.dataset.state = state;
  const words = live.querySelector(".live-text");
  if (words.textContent !== text) words.textContent = text;
}

function complain(text) {
  lost.hidden = !text;
  if (lost.textContent !== text) lost.textContent = text;
}

// follow hears a stream while the page is seen. The browser opens it again if it breaks, and
// this does if the server refuses it: it may be another one by then.
function follow(address, hears) {
  let stream;
  let again;
  let over = false;
  const close = () => {
    clearTimeout(again);
    stream?.close();
    stream = undefined;
  };
  const end = () => {
    over = true;
    close();
  };
  const begin = () => {
    close();
    if (over || document.hidden) return;
    stream = new EventSource(address);
    for (const [name, hear] of Object.entries(hears)) {
      stream.addEventListener(name, (event) => hear(event.data === undefined ? undefined : JSON.parse(event.data), end));
    }
    stream.addEventListener("error", () => {
      if (stream?.readyState === EventSource.CLOSED) again = setTimeout(begin, 3000);
    });
  };
  document.addEventListener("visibilitychange", begin);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && begin());
  begin();
}

if (live.dataset.live) {
  let heard = Date.now();
  let records = "";
  follow(live.dataset.live, {
    region({ id, html }) {
      const region = document.getElementById(id);
      if (!region) return location.reload(); // another kind of page by now
      const next = document.createElement("template");
      next.innerHTML = html;
      const made = region.cloneNode(false);
      made.append(next.content);
      merge(region, made);
    },
    lost({ says }) {
      records = says;
      complain(says);
    },
    now({ at }) {
      ahead = Date.now() - at;
      heard = Date.now();
      goOn();
      show(records ? "off" : "on", records ? "Records lost" : "Live");
      complain(records);
    },
    alive() {
      heard = Date.now();
    },
    error() {
      show("off", "Connecting …");
    },
  });
  setInterval(() => {
    if (document.hidden) return;
    goOn();
    if (Date.now() - heard > 25000) complain("The connection is lost. The page connects again by itself; if the command has ended, start it again.");
  }, 1000);
  document.addEventListener("visibilitychange", () => (heard = Date.now()));
}

const lines = document.getElementById("log-lines");
if (lines?.dataset.log) {
  const state = document.getElementById("log-state");
  const most = Number(lines.dataset.most);
  let fresh = true; // what is shown is of the server's first answer
  follow(lines.dataset.log, {
    begin() {
      fresh = true;
      state.textContent = "live";
    },
    lines(texts) {
      if (fresh) lines.replaceChildren();
      fresh = false;
      const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
      lines.append(...texts.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
      while (lines.childElementCount > most) lines.firstElementChild.remove();
      if (atEnd) lines.scrollTop = lines.scrollHeight;
    },
    end({ says }, end) {
      end();
      state.textContent = says;
    },
  });
}
