/**
 * What a site says of an action: names are checked here, before anything is sent, so that a typing error is told where it was made.
 *
 * Values are the server's to judge.
 */
import { CountersignError } from "./error.js";

/** A group that the user is in. The server is told its id. */
export interface Group {
  /** The site's own id of the group. */
  id: string | number;
}

/** What is known of the user and the action. All of it is optional. */
export interface Fields {
  /** The site's own id of the user. */
  user?: string | null | undefined;
  /** E-mail address. */
  email?: string | null | undefined;
  /** Phone number, in international form. */
  phone?: string | null | undefined;
  /** Free data, given back to the site's server: at most 50 keys and 4 KiB. */
  metadata?: Record<string, unknown> | null | undefined;
  /** Groups the user is in, or their ids. */
  groups?: readonly (string | number | Group)[] | null | undefined;
  /** Whether to go to the challenge page when there is one. By default only for `access`. */
  auto_challenge?: boolean | undefined;
  /** Facts to pretend, with development keys only: for trying policies out. */
  simulate?: unknown;
}

const ACTION = /^[a-z][a-z0-9_]{0,63}$/;
const SENT = ["user", "email", "phone", "metadata", "groups", "simulate"] as const;
const KNOWN: ReadonlySet<string> = new Set([...SENT, "auto_challenge"]);

/** Refuses a name that can't be an action. */
export function checkAction(action: string): void {
  if (typeof action !== "string" || !ACTION.test(action)) {
    throw new CountersignError("invalid_action", `"${action}" is no action: use a-z, 0-9 and _, beginning with a letter`);
  }
}

/** The fields as they are sent: empty ones left out, groups as ids. Refuses unknown names. */
export function wireFields(fields: Fields): Record<string, unknown> {
  const unknown = Object.keys(fields).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) {
    throw new CountersignError("invalid_fields", `unknown field "${unknown}": use ${[...KNOWN].join(", ")}`);
  }
  const sent: Record<string, unknown> = {};
  for (const name of SENT) {
    const value = fields[name];
    if (value !== undefined && value !== null) sent[name] = value;
  }
  if (fields.groups) sent["groups"] = fields.groups.map((group) => String(typeof group === "object" ? group.id : group));
  return sent;
}
