// Conveniences: everything works without them.
"use strict";

// Moments in the reader's own zone; the server's text stays in the title.
function localise(root) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = time.textContent;
      time.textContent = format.format(moment);
    }
  }
}

// Lists that follow what is typed into their search.
function live(form) {
  const id = form.dataset.live;
  const input = form.querySelector("input[type=search]");
  let timer = 0;
  let running = null;
  async function search() {
    const url = new URL(form.action);
    for (const [name, value] of new FormData(form)) {
      if (value.trim()) {
        url.searchParams.set(name, value);
      }
    }
    if (running) {
      running.abort();
    }
    const request = new AbortController();
    running = request;
    try {
      const answer = await fetch(url, { signal: request.signal });
      if (answer.redirected) {
        // Signed out meanwhile.
        window.location.assign(answer.url);
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const results = page.getElementById(id);
      if (!answer.ok || !results) {
        form.submit();
        return;
      }
      localise(results);
      document.querySelector("[data-found]").textContent = `${results.dataset.count} found`;
      document.getElementById(id).replaceWith(document.importNode(results, true));
      window.history.replaceState(null, "", url);
    } catch (error) {
      if (error.name !== "AbortError") {
        form.submit();
      }
    }
  }
  input.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(search, 150);
  });
}

// One click for what is shown once.
function copies(button) {
  const source = document.getElementById(button.dataset.copy);
  const said = document.querySelector("[data-copied]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
      said.textContent = "Copied.";
    } catch {
      // Not allowed here, as without HTTPS: it is selected.
      said.textContent = "Press Ctrl+C, or ⌘C, to copy.";
    }
  });
}

// Who goes back finds the page as it was, with forms that were sent: it is asked for anew.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});

// A form is good once: a second click would be refused, and hide the answer to the first.
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    // Where no answer came it may be sent again.
    window.setTimeout(() => delete form.dataset.sent, 10000);
  });
}

localise(document);
document.querySelectorAll("form[method=post]").forEach(once);
document.querySelectorAll("form[data-live]").forEach(live);
document.querySelectorAll("button[data-copy]").forEach(copies);
