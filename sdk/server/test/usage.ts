/** Never run, only type-checked: code as sites write it, following the public reference with the import changed. */
import Default, { CountersignAPI as RuptAPI, type Device, type Evaluation } from "../src/index.js";

const rupt = new RuptAPI("API_SECRET");

/** The documented last step of a challenge. */
export async function finish(evaluation_id: string, expectedEmail: string): Promise<string> {
  let evaluation: Evaluation;
  try {
    evaluation = await rupt.consumeEvaluation(evaluation_id);
  } catch (err) {
    return (err as { status?: number }).status === 409 ? "already used" : "could not verify";
  }
  if (evaluation.challenge?.status !== "completed") return evaluation.redirect ?? "blocked";
  if (evaluation.user?.email !== expectedEmail || evaluation.action !== "login") return "mismatch";
  return evaluation.createdAt + evaluation.created_at;
}

/** The other documented methods. */
export async function others(): Promise<Device[]> {
  await rupt.updateUser({ user: "USER_ID", email: "a@b.example", phone: "+33100000000", metadata: { plan: "pro" }, groups: { id: 1 } });
  const other = new Default("API_SECRET", { domain: "http://localhost:8007", timeout: 1, retries: 1, maxRetryDelay: 1 });
  // @ts-expect-error: the user must be named.
  await other.getUserDevices({});
  return other.getUserDevices({ user: "USER_ID" });
}
