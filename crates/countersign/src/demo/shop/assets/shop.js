// The shop's browser side: evaluates with Countersign's SDK, then lets the ordinary forms go. It decides nothing.
"use strict";

(() => {
  const { clientId } = document.body.dataset;
  const status = document.querySelector("[data-status]");
  const say = (text) => {
    if (status) status.textContent = text;
  };

  // Logged out from elsewhere, by the account's owner on the challenge page: here too, then. Only where somebody is logged in.
  const logOut = document.querySelector('form[action="/logout"]');
  const on_logout = logOut ? () => logOut.submit() : undefined;

  // Undefined when the SDK was blocked or did not load: the forms then go without an evaluation, and the server refuses.
  const countersign =
    typeof Countersign === "function"
      ? new Countersign({ clientId, on_logout, on_error: (error) => console.warn("Countersign:", error) })
      : undefined;

  const busy = (form, isBusy) => {
    const button = form.querySelector("button[type=submit]");
    button.disabled = isBusy;
    form.setAttribute("aria-busy", String(isBusy));
    say(isBusy ? "Checking that it’s you…" : "");
  };

  const showError = (form, title, text) => {
    const box = document.querySelector("[data-error]");
    box.hidden = false;
    box.querySelector("strong").textContent = title;
    box.querySelector("span").textContent = text;
    busy(form, false);
  };

  const send = (form, evaluation) => {
    form.elements.evaluation_id.value = evaluation?.evaluation_id ?? "";
    form.submit();
  };

  const onSubmit = (selector, evaluate) => {
    const form = document.querySelector(selector);
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      busy(form, true);
      try {
        await evaluate(form);
      } catch {
        showError(form, "We couldn’t reach the shop", "Check the connection and try again.");
      }
    });
  };

  onSubmit("form[data-signup]", async (form) => {
    const { email, plan } = form.elements;
    const evaluation = await countersign?.evaluate.signup({
      email: email.value.trim().toLowerCase(),
      metadata: { plan: plan.value },
    });
    send(form, evaluation);
  });

  onSubmit("form[data-login]", async (form) => {
    const fields = new URLSearchParams(new FormData(form));
    const checked = await fetch("/login/password", { method: "POST", body: fields });
    const answer = await checked.json();
    if (!checked.ok) {
      showError(form, answer.title, answer.text);
      return;
    }
    const email = form.elements.email.value.trim().toLowerCase();
    send(form, await countersign?.evaluate.login({ user: answer.user, email }));
  });

  // The article's door. `access` goes to the challenge page by itself; there is then nothing left to do here.
  const door = document.querySelector("form[data-door]");
  const open = async () => {
    if (door.elements.evaluation_id.value !== "") {
      door.submit();
      return;
    }
    const { user, email } = door.dataset;
    const evaluation = await countersign?.evaluate.access({ user, email });
    if (!evaluation?.redirect) {
      send(door, evaluation);
      return;
    }
    // Should the browser stay here after all, the button takes the way through the server.
    door.elements.evaluation_id.value = evaluation.evaluation_id;
  };
  if (door) open();

  // The success page hands the evaluation's id to the server, which alone decides what it is worth.
  const verify = document.querySelector("form[data-verify]");
  const handOver = async () => {
    const params = new URLSearchParams(window.location.search);
    const answer = await fetch("/verify-challenge", {
      method: "POST",
      body: JSON.stringify({ evaluation_id: params.get("evaluation") }),
    });
    const { next } = await answer.json();
    window.location.replace(next);
  };
  if (verify) handOver().catch(() => say("That didn’t go through. Press the button to try again."));

  // Back from another page, a form must not stay busy.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.querySelectorAll("form[aria-busy=true]").forEach((form) => busy(form, false));
  });
})();
