/** The client that a site's server calls: one method for each call of the HTTP API, and the verification of webhooks. */
import type { Challenge, ConsumeOptions, Conversions, Device, Evaluation, Feedback, UserUpdate } from "./model.js";
import { type Options, Transport } from "./transport.js";
import { verifyWebhook, type WebhookEvent, type WebhookHeaders, type WebhookOptions } from "./webhook.js";

/** An id as one segment of a path. An empty one would address something else. */
function segment(id: string): string {
  if (typeof id !== "string" || id === "" || id === "." || id === "..") throw new TypeError("Countersign: an id must be a text that is not empty");
  return encodeURIComponent(id);
}

/**
 * Talks to one Countersign server.
 *
 * Every method throws `CountersignApiError` for an answer that is an error, `CountersignNetworkError` and `CountersignTimeoutError`
 * for none. Network errors and 5xx are repeated first.
 */
export class CountersignAPI {
  readonly #transport: Transport;

  /**
   * @param secret - The project's API secret, `sk_…`. It never appears in errors or when this object is printed.
   * @throws TypeError if the secret or the server's address is missing.
   */
  constructor(secret: string, options: Options = {}) {
    this.#transport = new Transport(secret, options);
  }

  /** Reads an evaluation, without claiming it; with `trace`, also what every policy saw. */
  async getEvaluation(id: string, { trace = false }: { trace?: boolean } = {}): Promise<Evaluation> {
    const path = `/v3/evaluations/${segment(id)}${trace ? "?trace=true" : ""}`;
    return (await this.#transport.send({ method: "GET", path })) as Evaluation;
  }

  /**
   * Reads an evaluation and claims it, in one atomic step: once for ever. While its challenge is pending, nothing is claimed.
   *
   * It is safe to repeat within a call: all tries carry one idempotency key.
   *
   * @throws CountersignApiError 409 `already_consumed`, 410 `expired`, 422 `integrity_mismatch`.
   */
  async consumeEvaluation(id: string, { expect, idempotencyKey }: ConsumeOptions = {}): Promise<Evaluation> {
    return (await this.#transport.send({
      method: "POST",
      path: `/v3/evaluations/${segment(id)}/consume`,
      body: expect === undefined ? undefined : { expect },
      idempotencyKey: idempotencyKey ?? crypto.randomUUID(),
    })) as Evaluation;
  }

  /** Tells what an evaluation turned out to be. */
  async sendFeedback(id: string, feedback: Feedback): Promise<void> {
    await this.#transport.send({ method: "POST", path: `/v3/evaluations/${segment(id)}/feedback`, body: feedback });
  }

  /** Reads a challenge. */
  async getChallenge(id: string): Promise<Challenge> {
    return (await this.#transport.send({ method: "GET", path: `/v3/challenges/${segment(id)}` })) as Challenge;
  }

  /** The devices of a user, named by the site's own id or ours. */
  async getUserDevices({ user }: { user: string }): Promise<Device[]> {
    return (await this.#transport.send({ method: "GET", path: `/v3/user/${segment(user)}/devices` })) as Device[];
  }

  /** Who came from a shared account and signed up, by the day. Days as `2026-11-23`; without any, the last 30. */
  async getConversions({ from, to }: { from?: string; to?: string } = {}): Promise<Conversions> {
    const asked = new URLSearchParams({ ...(from && { from }), ...(to && { to }) }).toString();
    const path = `/v3/conversions${asked && `?${asked}`}`;
    return (await this.#transport.send({ method: "GET", path })) as Conversions;
  }

  /** Changes what is known of a user. What is left out stays. */
  async updateUser({ user, ...change }: UserUpdate): Promise<void> {
    await this.#transport.send({ method: "POST", path: `/v3/user/${segment(user)}/update`, body: change });
  }

  /** See {@link verifyWebhook}: the same, for those who have a client at hand. */
  verifyWebhook(
    rawBody: string | Uint8Array,
    headers: WebhookHeaders,
    secrets: string | readonly string[],
    options?: WebhookOptions,
  ): Promise<WebhookEvent> {
    return verifyWebhook(rawBody, headers, secrets, options);
  }
}
