// Keeps an open page up to date, and moves the focus by keys. Pages work without it.
"use strict";
(() => {
  const inputs = "input, select, textarea";
  const lines = () => [...document.querySelectorAll("main [data-line]")];
  const link = (line) => line && line.querySelector("a");

  function step(by) {
    const all = lines();
    if (!all.length) return;
    const at = all.findIndex((line) => line.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    link(next)?.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches(inputs)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const keys = document.getElementById("keys");
    const search = document.querySelector("main input[type=search]");
    if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "?" && keys) keys.open ? keys.close() : keys.showModal();
  });

  // Only what is marked as live is replaced: what somebody types stays, and so does the focus.
  async function renew() {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(old.id);
      if (!now) continue;
      // What somebody has opened stays open.
      const [was, is] = [old, now].map((part) => [...part.querySelectorAll("details")]);
      if (was.length === is.length) is.forEach((one, at) => { one.open = was[at].open; });
      if (now.innerHTML === old.innerHTML) continue;
      if ([...old.querySelectorAll(inputs)].some((input) => input === document.activeElement || input.value !== (input.defaultValue ?? input.value))) continue;
      // What somebody has opened stays open.
      for (const open of old.querySelectorAll("details[id][open]")) now.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
      const focus = document.activeElement;
      const line = old.contains(focus) && focus.closest("[id]")?.id;
      const place = line && [...document.getElementById(line).querySelectorAll("a, button")].indexOf(focus);
      old.replaceWith(document.adoptNode(now));
      if (line && line !== old.id) document.getElementById(line)?.querySelectorAll("a, button")[place]?.focus();
    }
  }

  if (document.querySelector("[data-live]") && "EventSource" in window) {
    let timer = null, busy = false;
    const soon = () => {
      if (timer || document.hidden) return;
      timer = setTimeout(async () => {
        timer = null;
        if (busy) return soon();
        busy = true;
        try { await renew(); } catch { /* The next word tries again. */ } finally { busy = false; }
      }, 400);
    };
    const source = new EventSource("/events");
    source.addEventListener("change", soon);
    // What happened between the page and this connection, or while there was none, nobody tells.
    source.addEventListener("open", soon);
    document.addEventListener("visibilitychange", soon);
    window.addEventListener("pagehide", () => source.close());
  }
})();
