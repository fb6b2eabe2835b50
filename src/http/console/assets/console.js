// Conveniences: everything works without them.
"use strict";

// Shows times in the reader's time zone; the server's text stays in the title.
function localise(root) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      const short = "day" in time.dataset ? day : "clock" in time.dataset ? clock : null;
      time.title = short ? format.format(moment) : time.textContent;
      time.textContent = (short ?? format).format(moment);
    }
  }
}

// Whether a text has something that is as long as a whole key, broken or not: has_whole_key in src/domain/token/copied.rs.
function hasWholeKey(text) {
  return /[0-9a-f]{40}/i.test(text.replace(/[\s\p{Cc}\p{Cf}\u034f]/gu, ""));
}

// Sends no search for a whole key, which a URL would show: offers to check it, with a form that is posted.
function guarded(form) {
  const offer = document.getElementById(form.dataset.noKeys);
  const input = form.querySelector("input[type=search]");
  function mayBeSent() {
    const isKey = hasWholeKey(input.value);
    offer.querySelector("[name=key]").value = isKey ? input.value : "";
    offer.hidden = !isKey;
    return !isKey || "anyway" in form.dataset;
  }
  input.addEventListener("input", () => {
    delete form.dataset.anyway;
    mayBeSent();
  });
  form.addEventListener("submit", (event) => {
    if (!mayBeSent()) {
      event.preventDefault();
    }
  });
  offer.querySelector("[data-anyway]").addEventListener("click", () => {
    form.dataset.anyway = "";
    form.requestSubmit();
  });
}

// Updates a list while the user types into its search field.
function live(form) {
  const id = form.dataset.live;
  const input = form.querySelector("input[type=search]");
  let timer = 0;
  let running = null;
  async function search() {
    if (hasWholeKey(input.value)) {
      return;
    }
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
        form.requestSubmit();
        return;
      }
      localise(results);
      document.querySelector("[data-found]").textContent = `${results.dataset.count} found`;
      const shown = document.importNode(results, true);
      document.getElementById(id).replaceWith(shown);
      shown.querySelectorAll("[data-pick-all]").forEach(pickAll);
      window.history.replaceState(null, "", url);
    } catch (error) {
      if (error.name !== "AbortError") {
        form.requestSubmit();
      }
    }
  }
  input.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(search, 150);
  });
  for (const select of form.querySelectorAll("select")) {
    select.addEventListener("change", search);
  }
}

// Ticks all rows of a page, or none.
function pickAll(label) {
  const all = label.querySelector("input");
  const rows = label.closest("form").querySelectorAll(".pick input");
  label.hidden = rows.length < 2;
  all.addEventListener("change", () => {
    for (const row of rows) {
      row.checked = all.checked;
    }
  });
  for (const row of rows) {
    row.addEventListener("change", () => {
      all.checked = [...rows].every((one) => one.checked);
    });
  }
}

// Copy buttons for keys and secrets.
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
      // The clipboard is not allowed, for example without HTTPS. The text is selected.
      said.textContent = "Press Ctrl+C, or ⌘C, to copy.";
    }
  });
}

// Reloads a page that comes from the browser's back-forward cache: its forms may have been sent.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});

// Sends a form only once: a second click would be refused and hide the first answer.
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    // It may be sent again if no answer came.
    window.setTimeout(() => delete form.dataset.sent, 10000);
  });
}

// Dates of a filter mean days in the reader's time zone: sends by how many minutes it is ahead of UTC at their beginning.
function zoned(form) {
  const dates = form.querySelectorAll("input[type=date]");
  for (const date of dates) {
    const note = document.getElementById(`${date.id}-note`);
    if (note && note.textContent === "UTC") {
      note.textContent = "in your time zone";
    }
  }
  form.addEventListener("submit", () => {
    for (const date of dates) {
      const days = date.name === "until" ? 1 : 0;
      const [year, month, day] = date.value.split("-").map(Number);
      const zone = form.elements.namedItem(`${date.name}_zone`);
      zone.value = date.value ? -new Date(year, month - 1, day + days).getTimezoneOffset() : "";
    }
  });
}

localise(document);
document.querySelectorAll("form[data-zoned]").forEach(zoned);
document.querySelectorAll("form[method=post]").forEach(once);
document.querySelectorAll("form[data-no-keys]").forEach(guarded);
document.querySelectorAll("form[data-live]").forEach(live);
document.querySelectorAll("[data-pick-all]").forEach(pickAll);
document.querySelectorAll("button[data-copy]").forEach(copies);
