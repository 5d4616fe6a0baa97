// Shows what has been done meanwhile, and loads the page anew once there is something else
// to do. The list only grows at its end, so that nobody loses the focus.
const main = document.querySelector("main");
const lines = document.getElementById("lines");

// look waits for news, and reports whether there will be more.
async function look() {
  const known = new URLSearchParams({ stage: main.dataset.stage, lines: lines.children.length });
  const answer = await fetch("/progress?" + known);
  if (!answer.ok) return false;
  const now = await answer.json();
  if (now.stage !== main.dataset.stage) {
    location.reload();
    return false;
  }
  for (const text of now.lines.slice(lines.children.length)) {
    lines.append(Object.assign(document.createElement("li"), { textContent: text }));
  }
  return true;
}

async function follow() {
  if (main.dataset.stage === "end") {
    await fetch("/progress?stage=end"); // the command waits for the end to be seen
    return;
  }
  while (await look()) {}
}

follow().catch(() => {}); // the command has ended
