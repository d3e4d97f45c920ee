// The browser's half of the documented flow, at the moment of the action. Changed: the import's name ("@ruptjs/client") and
// two placeholders ("your_client_id", "USER_ID"); `form` is the page's own.
import Rupt from "@countersign/client";

const form = Object.fromEntries(new FormData(document.forms[0]));

const rupt = new Rupt({ clientId: document.body.dataset.clientId });
const evaluation = await rupt.evaluate.login({
  user: form.user,
  email: form.email,
});

// From here on it is the page's own: the server hears of the log-in, and says where to go.
const answer = await fetch("/login", { method: "POST", body: JSON.stringify({ evaluation_id: evaluation.evaluation_id }) });
const { redirect } = await answer.json();
window.location.assign(redirect);
