/**
 * Sends one request within one time limit, and once more if that may help.
 *
 * Bodies go out as `text/plain` without credentials: to a browser that is a simple request, which needs no CORS preflight.
 */
import { CountersignError } from "./error.js";

/** Tries in all: network errors, 429 and 5xx are worth a second one. */
const TRIES = 2;

/** Longest random pause before the second try, in milliseconds, when the server names none. */
const JITTER = 400;

/** Browsers refuse `keepalive` for bodies over 64 KiB in flight. */
const KEEPALIVE_LIMIT = 32 * 1024;

/** Milliseconds that `Retry-After` asks to wait: seconds or a date. `undefined` if it is absent or unreadable. */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** Waits, or rejects as soon as `signal` aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

async function refusal(response: Response): Promise<CountersignError> {
  const body: unknown = await response.json().catch(() => undefined);
  const problem = (body as { code?: unknown } | undefined)?.code;
  return new CountersignError("refused", `the server answered ${response.status}`, {
    status: response.status,
    ...(typeof problem === "string" ? { problem } : {}),
  });
}

function send(url: string, body: string, signal: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": "text/plain" },
    credentials: "omit",
    cache: "no-store",
    keepalive: body.length <= KEEPALIVE_LIMIT,
    signal,
  });
}

/** One try: the response, or the error and how long to wait before another try; no wait means that none helps. */
async function attempt(url: string, body: string, signal: AbortSignal) {
  const jitter = Math.random() * JITTER;
  let response: Response;
  try {
    response = await send(url, body, signal);
  } catch (cause) {
    if (signal.aborted) throw cause;
    return { error: new CountersignError("network", "the server could not be reached", { cause }), wait: jitter };
  }
  if (response.ok) return { response };
  const again = response.status === 429 || response.status >= 500;
  const asked = retryAfter(response.headers.get("retry-after"), Date.now());
  return { error: await refusal(response), wait: again ? (asked ?? 0) + jitter : undefined };
}

/**
 * Posts `body` as JSON.
 *
 * @param deadline - When to have given up, on the clock of `performance.now()`: a wait that would pass it is not begun.
 * @throws CountersignError `network` or `refused`; whatever `signal` was aborted with.
 */
export async function post(url: string, body: unknown, deadline: number, signal: AbortSignal): Promise<Response> {
  const text = JSON.stringify(body);
  for (let left = TRIES - 1; ; left--) {
    const { response, error, wait } = await attempt(url, text, signal);
    if (response) return response;
    if (left === 0 || wait === undefined || performance.now() + wait >= deadline) throw error;
    await pause(wait, signal);
  }
}
