/**
 * The client itself: what a site calls. It measures, asks the server, remembers the device and, where wanted, goes to the challenge.
 *
 * It never decides anything. Whatever fails, the site goes on: calls resolve to `undefined` and `on_error` is told why.
 */
import { Collector } from "./collect.js";
import { DeviceToken } from "./device-token.js";
import { CountersignError } from "./error.js";
import { DeviceEvents } from "./events.js";
import { checkAction, type Fields, wireFields } from "./fields.js";
import { isSafeRedirect } from "./redirect.js";
import { scriptOrigin } from "./script-origin.js";
import { sources } from "./sources/index.js";
import { post } from "./transport.js";

/** Time limit of a call when none is given, in milliseconds. */
const DEFAULT_TIMEOUT = 5000;

/** How a client is set up. */
export interface Options {
  /** The project's public client id: `pk_live_…` or `pk_dev_…`. */
  clientId: string;
  /** Where the server is. Default: the origin that this script was loaded from. */
  endpoint?: string;
  /**
   * Called when this device was logged out from elsewhere, so that the app can end its session. Once for each such log-out, in
   * every tab that has a client with this option; on pages where nothing is evaluated, too.
   */
  on_logout?: () => void;
  /** Told of every failure. Its own exceptions are swallowed. Default: a warning on the console. */
  on_error?: (error: CountersignError) => void;
  /** Time limit of a call with everything in it, in milliseconds. Default: 5000. */
  timeout?: number;
}

/** What the server said. It is advice: the site's own server confirms it with the id. */
export interface EvaluationResult {
  /** To be given to the site's server together with the action. */
  evaluation_id: string;
  /** The challenge page, when there is a challenge. */
  redirect?: string;
}

/** Evaluates an action: call it with the action's name, or use the method of a common action. */
export interface Evaluate {
  (action: string, fields?: Fields): Promise<EvaluationResult | undefined>;
  /** Someone logs in. */
  login(fields?: Fields): Promise<EvaluationResult | undefined>;
  /** Someone signs up. */
  signup(fields?: Fields): Promise<EvaluationResult | undefined>;
  /** Someone opens protected content. Goes to the challenge page by itself, unless `auto_challenge` is false. */
  access(fields?: Fields): Promise<EvaluationResult | undefined>;
}

/** The browser client of a Countersign server. Make one for a page and keep it. */
export class Countersign {
  /** Evaluates an action. Resolves to `undefined` on failure, and never rejects. */
  readonly evaluate: Evaluate;
  /** What the client was made with. */
  readonly options: Readonly<Options>;
  readonly #token: DeviceToken;
  readonly #events: DeviceEvents;
  readonly #collector: Collector | undefined;

  /** Begins to measure as soon as the page is idle. Never throws: wrong options are told to `on_error` by each call. */
  constructor(options: Options) {
    this.options = { ...options };
    this.#token = new DeviceToken(this.options.clientId);
    this.#events = new DeviceEvents(this.options.clientId, this.#token, () => this.options.on_logout?.());
    // Rendered on a server, there is no browser to measure.
    if (typeof document === "object") this.#collector = new Collector(sources());
    if (this.options.on_logout) this.#listen();
    const evaluate = (action: string, fields?: Fields) =>
      this.#guarded((deadline, signal) => this.#evaluate(action, fields ?? {}, deadline, signal));
    this.evaluate = Object.assign(evaluate, {
      login: (fields?: Fields) => evaluate("login", fields),
      signup: (fields?: Fields) => evaluate("signup", fields),
      access: (fields?: Fields) => evaluate("access", fields),
    });
  }

  /** Tells the server that the user logged out here, and forgets the device's token whether or not the server hears it. */
  async detach(): Promise<void> {
    const device_token = this.#token.get();
    this.#token.clear();
    this.#events.stop();
    if (device_token === undefined) return;
    await this.#guarded(async (deadline, signal) => {
      const body = { client_id: this.options.clientId, device_token };
      await post(`${this.#endpoint()}/v3/devices/detach`, body, deadline, signal);
    });
  }

  async #evaluate(action: string, fields: Fields, deadline: number, signal: AbortSignal): Promise<EvaluationResult> {
    checkAction(action);
    const endpoint = this.#endpoint();
    const body = {
      client_id: this.options.clientId,
      action,
      ...wireFields(fields),
      signals: (await this.#collector?.signals()) ?? {},
      device_token: this.#token.get(),
      page_url: pageUrl(),
    };
    const response = await post(`${endpoint}/v3/evaluations`, body, deadline, signal);
    const result = this.#result(await response.json(), endpoint, signal);
    // Whether or not the site wants to hear of log-outs: by its stream a device is known to be there.
    this.#events.start(endpoint);
    const navigate = fields.auto_challenge ?? action === "access";
    if (navigate && result.redirect !== undefined) location.assign(result.redirect);
    return result;
  }

  /** Takes from an answer what the site may have. After the time limit it is too late: the site has gone on. */
  #result(answer: Record<string, unknown>, endpoint: string, signal: AbortSignal): EvaluationResult {
    signal.throwIfAborted();
    const { evaluation_id, redirect, device_token } = answer;
    if (typeof evaluation_id !== "string") throw new CountersignError("network", "the answer is none of a Countersign server");
    if (typeof device_token === "string") this.#token.set(device_token);
    if (typeof redirect !== "string") return { evaluation_id };
    if (isSafeRedirect(redirect, endpoint)) return { evaluation_id, redirect };
    this.#report(new CountersignError("unsafe_redirect", "the challenge's address is not one to send anyone to"));
    return { evaluation_id };
  }

  /** Listens from now on, if the device is known. Wrong options are told by the next call. */
  #listen(): void {
    try {
      this.#events.start(this.#endpoint());
    } catch {
      // See above.
    }
  }

  /** Where the server is, without a trailing slash. */
  #endpoint(): string {
    const { clientId, endpoint = scriptOrigin() } = this.options;
    if (!clientId) throw new CountersignError("invalid_options", "clientId is missing");
    try {
      return new URL(endpoint ?? "").href.replace(/\/+$/, "");
    } catch {
      throw new CountersignError("invalid_options", "endpoint must be the absolute URL of the Countersign server");
    }
  }

  /** Runs a call within the time limit. Failures go to `on_error`. */
  async #guarded<T>(call: (deadline: number, signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { timeout = DEFAULT_TIMEOUT } = this.options;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new CountersignError("timeout", `no answer within ${timeout} ms`);
        reject(error);
        abort.abort(error);
      }, timeout);
    });
    try {
      return await Promise.race([call(performance.now() + timeout, abort.signal), late]);
    } catch (cause) {
      this.#report(cause);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #report(cause: unknown): void {
    const error =
      cause instanceof CountersignError ? cause : new CountersignError("network", "the call failed", { cause });
    try {
      if (this.options.on_error) this.options.on_error(error);
      else console.warn(error);
    } catch {
      // What the site does with an error is its own business.
    }
  }
}

/** The page without query and fragment: these may hold secrets, such as a password reset token. */
function pageUrl(): string | undefined {
  return typeof location === "object" ? location.origin + location.pathname : undefined;
}
