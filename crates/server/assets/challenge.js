// Conveniences of the challenge page. All of it works without them.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);

  // A form is sent once. A page that comes back from the browser's memory can send again.
  const forms = [...document.forms];
  for (const form of forms) {
    form.addEventListener("submit", (event) => {
      const waits = form.querySelector("[aria-disabled=true]");
      if (waits || form.classList.contains("busy")) event.preventDefault();
      else form.classList.add("busy");
    });
  }
  addEventListener("pageshow", () => forms.forEach((form) => form.classList.remove("busy")));

  // The wait before another code counts down; the button opens when it is over.
  const clock = $("[data-wait]");
  if (clock) {
    const button = $("[data-resend]");
    const ends = performance.now() + clock.dataset.wait * 1000;
    button.setAttribute("aria-disabled", "true");
    const tick = () => {
      const left = Math.ceil((ends - performance.now()) / 1000);
      if (left > 0) {
        clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
        return setTimeout(tick, 250);
      }
      button.removeAttribute("aria-disabled");
      clock.parentElement.hidden = true;
      const ready = $("[data-ready]");
      ready.textContent = ready.dataset.ready;
    };
    tick();
  }

  // Times without the person's own time zone are told in the browser's.
  for (const time of document.querySelectorAll("time[data-local]")) {
    const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
    time.textContent = format.format(new Date(time.dateTime));
  }

  const code = $("input.code");
  if (!code) return;
  const length = Number(code.dataset.length);
  const hint = $("#automatic");
  hint.hidden = false;
  code.setAttribute("aria-describedby", (code.getAttribute("aria-describedby") || "") + " automatic");

  // Any script's digits are digits; what people paste around them goes. A complete code is sent, each one once.
  const plain = (text) =>
    text.normalize("NFKC").replace(/[٠-٩]/g, (d) => d.charCodeAt(0) - 0x660).replace(/[۰-۹]/g, (d) => d.charCodeAt(0) - 0x6f0).replace(/\D/g, "");
  let sent = "";
  const complete = (text) => {
    const digits = plain(text).slice(0, length);
    if (code.value !== digits) code.value = digits;
    if (digits.length < length || digits === sent) return;
    sent = digits;
    code.form.requestSubmit();
  };
  code.addEventListener("input", (event) => event.isComposing || complete(code.value));
  code.addEventListener("compositionend", () => complete(code.value));

  // A code that arrives by text message fills itself in (WebOTP).
  if (code.dataset.channel === "sms" && "OTPCredential" in window) {
    const stop = new AbortController();
    code.form.addEventListener("submit", () => stop.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal }).then((otp) => otp && complete(otp.code), () => {});
  }
})();
