/**
 * Holds the device's event stream open: one a browser, whichever of its tabs has it. By it the device hears that it was logged
 * out, and is known to be there.
 *
 * It must not know what a log-out means to the site: it says so once in every tab.
 */
import type { DeviceToken } from "./device-token.js";

/** Wait before the second try to connect, in milliseconds; each further one is twice as long. */
const FIRST_WAIT = 1000;

/** The longest wait: a server that refuses for good is asked no more often than this. */
const LONGEST_WAIT = 300_000;

/** What tabs tell each other: the id of a logout, or that the user detached this browser. */
type Message = { logout: number } | "detached";

/** The events of one client id's device. */
export class DeviceEvents {
  readonly #clientId: string;
  readonly #token: DeviceToken;
  readonly #onLogout: () => void;
  readonly #key: string;
  #channel: BroadcastChannel | undefined;
  #endpoint: string | undefined;
  /** Ends this tab's turn, or its waiting for one. */
  #turn: AbortController | undefined;
  #failures = 0;
  /** The last logout that this tab knows of. */
  #handled: number;

  constructor(clientId: string, token: DeviceToken, onLogout: () => void) {
    this.#clientId = clientId;
    this.#token = token;
    this.#onLogout = onLogout;
    this.#key = `countersign:event:${clientId}`;
    this.#handled = this.#stored();
    if (typeof EventSource !== "function" || typeof document !== "object") return;
    if (typeof BroadcastChannel === "function") {
      this.#channel = new BroadcastChannel(this.#key);
      this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
        if (data !== "detached") return this.#hear(data.logout);
        this.#token.forget();
        this.#end();
      };
    }
    // A page in the back-forward cache holds nothing, so that it can be kept there and another tab can have the stream.
    addEventListener("pagehide", () => this.#turn?.abort());
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.#endpoint !== undefined) this.start(this.#endpoint);
    });
  }

  /** Listens, as soon as no other tab does. Without a token there is nothing to listen for. */
  start(endpoint: string): void {
    if (typeof EventSource !== "function" || typeof document !== "object") return;
    this.#endpoint = endpoint;
    if (this.#token.get() === undefined || this.#turn?.signal.aborted === false) return;
    const { signal } = (this.#turn = new AbortController());
    const listen = () => this.#listen(endpoint, signal);
    const locks = (navigator as { locks?: LockManager }).locks;
    // Refused where a page has no storage, and absent in old browsers: each tab then has a stream of its own.
    if (locks) locks.request(this.#key, { signal }, listen).catch(() => (signal.aborted ? undefined : listen()));
    else void listen();
  }

  /** Stops in every tab: the user logged out here. */
  stop(): void {
    this.#end();
    this.#channel?.postMessage("detached" satisfies Message);
  }

  #end(): void {
    this.#endpoint = undefined;
    this.#turn?.abort();
  }

  /** Keeps a stream open until `signal` aborts. */
  #listen(endpoint: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let source: EventSource | undefined;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const connect = () => {
        const device_token = this.#token.get();
        if (device_token === undefined) return;
        const query = { client_id: this.#clientId, device_token, last_event_id: String(this.#stored()) };
        source = new EventSource(`${endpoint}/v3/devices/events?${new URLSearchParams(query)}`);
        source.onopen = () => (this.#failures = 0);
        source.onerror = () => {
          // A stream that ended is opened again by the browser itself. It gives up on an answer that is none: a proxy's 502.
          if (source?.readyState === 2) timer = setTimeout(connect, this.#wait());
        };
        source.addEventListener("logout", ({ lastEventId }) => this.#tell(Number(lastEventId)));
      };
      const close = () => {
        clearTimeout(timer);
        source?.close();
        resolve();
      };
      if (signal.aborted) return close();
      signal.addEventListener("abort", close);
      connect();
    });
  }

  /** Longer with each failure, and spread, so that not all browsers come back to a restarted server at once. */
  #wait(): number {
    return Math.min(FIRST_WAIT * 2 ** this.#failures++, LONGEST_WAIT) * (0.5 + Math.random() / 2);
  }

  /** Tells every tab of a logout. */
  #tell(id: number): void {
    // Whoever has detached this browser knows.
    if (this.#token.get() === undefined || !(id > this.#handled)) return;
    try {
      localStorage.setItem(this.#key, String(id));
    } catch {
      // Storage is off or full: this page knows, and the next one is told again.
    }
    this.#channel?.postMessage({ logout: id } satisfies Message);
    this.#hear(id);
  }

  #hear(id: number): void {
    if (!(id > this.#handled)) return;
    this.#handled = id;
    this.#onLogout();
  }

  /** The last logout that any page of this browser handled. */
  #stored(): number {
    try {
      return Number(localStorage.getItem(this.#key) ?? 0) || 0;
    } catch {
      return 0;
    }
  }
}
