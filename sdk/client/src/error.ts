/**
 * What went wrong, told to `on_error`. The SDK never throws at the site: a sign-in must work even when protection does not.
 */

/**
 * - `invalid_options`: the options given to the constructor can't work
 * - `invalid_action`, `invalid_fields`: the call was not sent
 * - `timeout`: no answer within the time limit
 * - `network`: the server could not be reached
 * - `refused`: the server answered with an error; see `status` and `problem`
 * - `unsafe_redirect`: the answer named an address that the SDK won't send anyone to
 */
export type ErrorCode =
  | "invalid_options"
  | "invalid_action"
  | "invalid_fields"
  | "timeout"
  | "network"
  | "refused"
  | "unsafe_redirect";

/** An error of the SDK. */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  /** What kind of error this is. */
  readonly code: ErrorCode;
  /** The HTTP status, for `refused`. */
  readonly status: number | undefined;
  /** The server's own stable error code, for `refused`, where the answer could be read. */
  readonly problem: string | undefined;

  constructor(code: ErrorCode, message: string, details: { status?: number; problem?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.problem = details.problem;
  }
}
