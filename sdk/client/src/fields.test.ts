import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAction, type Fields, wireFields } from "./fields.js";

for (const action of ["login", "checkout", "a", "step_2", `a${"b".repeat(63)}`]) {
  test(`"${action}" is an action`, () => checkAction(action));
}

for (const action of ["", "Login", "2fa", "_x", "a-b", "a b", `a${"b".repeat(64)}`, "login\n", undefined as never]) {
  test(`${JSON.stringify(action)} is no action`, () => {
    assert.throws(() => checkAction(action), { code: "invalid_action" });
  });
}

test("a misspelt field is named", () => {
  assert.throws(() => wireFields({ emial: "a@b.example" } as Fields), { code: "invalid_fields", message: /emial/ });
});

test("empty fields and those for the SDK itself are not sent", () => {
  assert.deepEqual(wireFields({ user: "u1", email: null, phone: undefined, auto_challenge: false }), { user: "u1" });
});

test("groups are sent as ids", () => {
  assert.deepEqual(wireFields({ groups: ["a", 7, { id: "c" }] }), { groups: ["a", "7", "c"] });
});
