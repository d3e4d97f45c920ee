/**
 * Carries requests to the server: address, authorisation, time limit, retries. It knows nothing of what they mean.
 */
import { CountersignApiError, CountersignNetworkError, CountersignTimeoutError } from "./errors.js";

/** How a client is set up. */
export interface Options {
  /**
   * Where the Countersign server is: a host name, or a full `http(s)://` URL.
   * Default: the environment variable `COUNTERSIGN_DOMAIN`, where there is one.
   */
  domain?: string;
  /** Time limit of one try, in milliseconds. Default: 10000. */
  timeout?: number;
  /** How often to repeat after a failure that may pass. Default: 3. */
  retries?: number;
  /** Longest pause before a repetition, in milliseconds. Default: 5000. */
  maxRetryDelay?: number;
}

/** One request. */
export interface Call {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
  /** Makes repetitions safe: it is the same on all tries. So time-outs may be repeated, too. */
  idempotencyKey?: string;
}

/** Pause before the first repetition, at most, in milliseconds. It doubles with each. */
const FIRST_DELAY = 250;

function environment(): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.["COUNTERSIGN_DOMAIN"];
}

/** The server's base URL, without a trailing slash. Throws a `TypeError` that says what is wrong. */
function baseUrl(domain: string | undefined): string {
  if (!domain) {
    throw new TypeError("Countersign: say where your server is: the `domain` option or COUNTERSIGN_DOMAIN");
  }
  const address = /^https?:\/\//i.test(domain) ? domain : `https://${domain}`;
  if (!URL.canParse(address)) throw new TypeError(`Countersign: \`domain\` is neither a host nor a URL: ${domain}`);
  const { origin, pathname } = new URL(address);
  return origin + pathname.replace(/\/+$/, "");
}

/** Milliseconds that `Retry-After` asks to wait: seconds or a date. Zero if it is absent or unreadable. */
function retryAfter(header: string | null): number {
  if (header === null) return 0;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return wait > 0 ? wait : 0;
}

/** What was answered, as JSON where it is. */
async function content(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What became of one try. `wait` is the least time before another one; without it, no other try is allowed. */
type Outcome = { value: unknown } | { error: Error; wait?: number };

/** Requests to one server with one secret. */
export class Transport {
  readonly #secret: string;
  readonly #base: string;
  readonly #timeout: number;
  readonly #retries: number;
  readonly #maxRetryDelay: number;

  constructor(secret: string, { domain, timeout = 10_000, retries = 3, maxRetryDelay = 5000 }: Options) {
    if (!secret) throw new TypeError("Countersign: the API secret is missing");
    this.#secret = secret;
    this.#base = baseUrl(domain ?? environment());
    this.#timeout = timeout;
    this.#retries = retries;
    this.#maxRetryDelay = maxRetryDelay;
  }

  /** The answer's content. Repeats what may be repeated, then throws one of the errors of `errors.ts`. */
  async send(call: Call): Promise<unknown> {
    for (let tried = 0; ; tried++) {
      const outcome = await this.#attempt(call);
      if ("value" in outcome) return outcome.value;
      if (outcome.wait === undefined || tried >= this.#retries) throw outcome.error;
      await this.#pause(tried, outcome.wait);
    }
  }

  async #attempt(call: Call): Promise<Outcome> {
    const limit = AbortSignal.timeout(this.#timeout);
    try {
      const response = await fetch(this.#base + call.path, this.#request(call, limit));
      const body = await content(response);
      if (response.ok) return { value: body };
      const error = new CountersignApiError(response.status, body, response.headers.get("x-request-id"));
      return response.status >= 500 ? { error, wait: retryAfter(response.headers.get("retry-after")) } : { error };
    } catch (cause) {
      if (!limit.aborted) return { error: new CountersignNetworkError("Countersign could not be reached", { cause }), wait: 0 };
      const error = new CountersignTimeoutError(this.#timeout);
      return call.idempotencyKey === undefined ? { error } : { error, wait: 0 };
    }
  }

  #request({ method, body, idempotencyKey }: Call, signal: AbortSignal): RequestInit {
    const headers: Record<string, string> = { accept: "application/json", authorization: `Bearer ${this.#secret}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (idempotencyKey !== undefined) headers["idempotency-key"] = idempotencyKey;
    // A redirect would carry the secret to wherever it points.
    const request: RequestInit = { method, headers, signal, redirect: "error" };
    return body === undefined ? request : { ...request, body: JSON.stringify(body) };
  }

  /** Exponential backoff with full jitter, so that callers that failed together don't come back together. */
  #pause(tried: number, asked: number): Promise<void> {
    const ceiling = Math.min(this.#maxRetryDelay, FIRST_DELAY * 2 ** tried);
    const wait = Math.min(this.#maxRetryDelay, Math.max(asked, Math.random() * ceiling));
    return new Promise((resolve) => setTimeout(resolve, wait));
  }
}
