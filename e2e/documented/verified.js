// The browser's half of the documented flow, on the success page. Nothing is changed.
const params = new URLSearchParams(window.location.search);
await fetch("/verify-challenge", {
  method: "POST",
  body: JSON.stringify({
    evaluation_id: params.get("evaluation"),
  }),
});
