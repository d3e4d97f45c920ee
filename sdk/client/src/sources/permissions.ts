/** The state of the notification permission. It is looked up, never asked for: the user sees nothing. */
import type { Signals } from "../signals.js";

/** `granted`, `denied` or `prompt`. */
export async function permissions(from: Navigator = navigator): Promise<Signals> {
  const { state } = await from.permissions.query({ name: "notifications" });
  return { permissions: { notifications: state } };
}
