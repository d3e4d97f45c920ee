/**
 * What can go wrong between a site's server and Countersign, as types to branch on.
 *
 * No error holds the API secret or the request's headers: errors end up in logs.
 */

/** The fields of an `application/problem+json` answer that an error shows. */
interface Problem {
  code?: unknown;
  title?: unknown;
  detail?: unknown;
  pointer?: unknown;
  request_id?: unknown;
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The server answered, and the answer is an error. */
export class CountersignApiError extends Error {
  override readonly name = "CountersignApiError";
  /** HTTP status: 409 for an evaluation that was already consumed. */
  readonly status: number;
  /** Stable code to branch on, such as `already_consumed`; `unknown` if the answer has none. */
  readonly code: string;
  /** What kind of problem it is, for people. */
  readonly title: string | undefined;
  /** What it is about this time, for people. */
  readonly detail: string | undefined;
  /** JSON pointer to the field of the request that is wrong. */
  readonly pointer: string | undefined;
  /** Names this request in the server's logs. */
  readonly request_id: string | undefined;
  /** The answer, parsed if it is JSON, else its text. */
  readonly body: unknown;

  constructor(status: number, body: unknown, requestId?: string | null) {
    const problem: Problem = typeof body === "object" && body !== null ? body : {};
    const said = text(problem.detail) ?? text(problem.title) ?? "no explanation";
    super(`Countersign answered ${status}: ${said}`);
    this.status = status;
    this.code = text(problem.code) ?? "unknown";
    this.title = text(problem.title);
    this.detail = text(problem.detail);
    this.pointer = text(problem.pointer);
    this.request_id = text(problem.request_id) ?? requestId ?? undefined;
    this.body = body;
  }
}

/** The server could not be reached, or the connection broke. */
export class CountersignNetworkError extends Error {
  override readonly name = "CountersignNetworkError";
}

/** No answer within the time limit of one try. Whether the server acted on it is unknown. */
export class CountersignTimeoutError extends Error {
  override readonly name = "CountersignTimeoutError";
  /** The limit, in milliseconds. */
  readonly timeout: number;

  constructor(timeout: number) {
    super(`Countersign did not answer within ${timeout} ms`);
    this.timeout = timeout;
  }
}

/**
 * Why a webhook was not accepted.
 *
 * - `missing_headers`: it is no webhook of this kind
 * - `bad_timestamp`: the timestamp is no number
 * - `too_old`, `too_new`: outside the tolerance; perhaps a replay, perhaps a wrong clock
 * - `bad_signature`: no signature fits: altered, or signed with another secret
 * - `bad_payload`: well signed, but not JSON
 */
export type WebhookErrorCode =
  | "missing_headers"
  | "bad_timestamp"
  | "too_old"
  | "too_new"
  | "bad_signature"
  | "bad_payload";

/** A webhook must not be believed. Answer 400 and do nothing. */
export class CountersignWebhookError extends Error {
  override readonly name = "CountersignWebhookError";
  /** Why. */
  readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
