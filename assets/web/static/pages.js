"use strict";
// What the pages do beyond HTML; each of them works without it.
(() => {
  const language = document.documentElement.lang;

  // Times in the reader's own zone and manner.
  for (const time of document.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(at);
  }

  // Follow what happens elsewhere: the answer of a device.
  const live = document.querySelector("[data-events]");
  let leaving = false; // a form was sent: what it changes must not draw this page again
  const again = () => {
    if (!leaving) location.replace(live.dataset.then);
  };
  if (live) {
    const source = new EventSource(live.dataset.events);
    source.addEventListener("change", again);
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(again, 3000);
    });
    addEventListener("pagehide", () => source.close());
  }

  // Count down by the clock, not by ticks: a tab in the background ticks late.
  for (const box of document.querySelectorAll("[data-countdown]")) {
    const ends = performance.now() + Number(box.dataset.countdown) * 1000;
    const text = box.querySelector("[role=timer]");
    const words = box.querySelector("template[data-text]").innerHTML;
    const bar = box.querySelector("progress");
    const draw = () => {
      const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
      const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      text.textContent = words.replace("{seconds}", String(left)).replace("{time}", clock);
      if (bar) bar.value = Math.max(0, (ends - performance.now()) / 1000);
      box.classList.toggle("late", left <= 10);
      if (left === 0) {
        clearInterval(timer);
        if (live) setTimeout(again, 1500);
      }
    };
    const timer = setInterval(draw, 250);
    draw();
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      button.textContent = button.dataset.copied;
    });
  }

  // A second click must not send a form twice.
  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
      leaving = true;
    });
  }
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
