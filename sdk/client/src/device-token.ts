/**
 * Keeps the device token between visits: in local storage where the page may use it, else for as long as the page lives.
 *
 * It must not care what the token says: the server issues, rotates and judges it.
 */

/** The token of one client id's device. */
export class DeviceToken {
  readonly #key: string;
  #remembered: string | undefined;

  /** @param clientId - Keys of one site must not see each other's tokens. */
  constructor(clientId: string) {
    this.#key = `countersign:device:${clientId}`;
  }

  /** The last token kept, if any. Storage comes first: another tab may have had a newer one since. */
  get(): string | undefined {
    try {
      return localStorage.getItem(this.#key) ?? this.#remembered;
    } catch {
      return this.#remembered;
    }
  }

  /** Keeps a newly issued token. */
  set(token: string): void {
    this.#remembered = token;
    try {
      localStorage.setItem(this.#key, token);
    } catch {
      // Storage is off or full: the memory has it.
    }
  }

  /** Forgets what only this page knows: another tab has cleared the token. */
  forget(): void {
    this.#remembered = undefined;
  }

  /** Forgets the token. */
  clear(): void {
    this.#remembered = undefined;
    try {
      localStorage.removeItem(this.#key);
    } catch {
      // Storage is off: nothing was kept there.
    }
  }
}
