/**
 * Verifies webhooks after the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`, with WebCrypto.
 *
 * It must be given the body as it came: parsed and printed again, it is another body.
 */
import { CountersignWebhookError } from "./errors.js";

/** The headers of a request: the object of any fetch runtime, or Node's. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/** How strictly a webhook is verified. */
export interface WebhookOptions {
  /** How far its timestamp may be from now, in seconds. Default: 300. */
  tolerance?: number;
  /** The time to compare with, in milliseconds since 1970. Default: the clock. */
  now?: number;
}

/** A verified webhook. */
export interface WebhookEvent {
  /** The event's id, the same on every try. */
  id?: string;
  /** What happened, such as `challenge.completed`. */
  type?: string;
  /** The same word. */
  event?: string;
  /** When it happened, RFC 3339. */
  timestamp?: string;
  /** The site's own id of the user it is about. */
  account?: string;
  /** What it tells, which depends on the event. */
  [field: string]: unknown;
}

const PREFIX = "whsec_";
const SCHEME = "v1,";

function header(headers: WebhookHeaders, name: string): string {
  const lists = headers as Record<string, string | string[] | undefined>;
  const found = headers instanceof Headers
    ? headers.get(name)
    : Object.entries(lists).find(([key]) => key.toLowerCase() === name)?.[1];
  const value = Array.isArray(found) ? found[0] : found;
  if (!value) throw new CountersignWebhookError("missing_headers", `the header ${name} is missing`);
  return value;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function checkTimestamp(timestamp: string, { tolerance = 300, now = Date.now() }: WebhookOptions): void {
  if (!/^\d{1,12}$/.test(timestamp)) throw new CountersignWebhookError("bad_timestamp", "the timestamp is no number of seconds");
  const age = now / 1000 - Number(timestamp);
  if (age > tolerance) throw new CountersignWebhookError("too_old", "the webhook is too old: a replay, or a wrong clock");
  if (age < -tolerance) throw new CountersignWebhookError("too_new", "the webhook is from the future: a wrong clock");
}

async function importKey(secret: string): Promise<CryptoKey> {
  const bytes = fromBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (bytes === undefined || bytes.length === 0) throw new TypeError("Countersign: a webhook secret is `whsec_` and base64");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function signedContent(id: string, timestamp: string, body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const head = encoder.encode(`${id}.${timestamp}.`);
  const tail = typeof body === "string" ? encoder.encode(body) : body;
  const content = new Uint8Array(head.length + tail.length);
  content.set(head);
  content.set(tail, head.length);
  return content;
}

/** Whether any of `signatures` was made with any of `secrets`. WebCrypto's `verify` compares in constant time. */
async function isSigned(content: Uint8Array<ArrayBuffer>, signatures: string, secrets: readonly string[]): Promise<boolean> {
  const candidates = signatures.split(" ").filter((entry) => entry.startsWith(SCHEME));
  for (const secret of secrets) {
    const key = await importKey(secret);
    for (const entry of candidates) {
      const signature = fromBase64(entry.slice(SCHEME.length));
      if (signature && (await crypto.subtle.verify("HMAC", key, signature, content))) return true;
    }
  }
  return false;
}

/**
 * The event of a webhook, if it is genuine and fresh.
 *
 * @param secrets - The endpoint's secret, or both during a rotation.
 * @throws CountersignWebhookError if it must not be believed.
 */
export async function verifyWebhook(
  rawBody: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: WebhookOptions = {},
): Promise<WebhookEvent> {
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  checkTimestamp(timestamp, options);
  const content = signedContent(id, timestamp, rawBody);
  if (!(await isSigned(content, signatures, typeof secrets === "string" ? [secrets] : secrets))) {
    throw new CountersignWebhookError("bad_signature", "no signature fits: altered, or signed with another secret");
  }
  try {
    return JSON.parse(typeof rawBody === "string" ? rawBody : new TextDecoder().decode(rawBody)) as WebhookEvent;
  } catch {
    throw new CountersignWebhookError("bad_payload", "the body is not JSON");
  }
}
