/** Entry of the package `@countersign/api`. */
export { CountersignAPI, CountersignAPI as default } from "./api.js";
export {
  CountersignApiError,
  CountersignNetworkError,
  CountersignTimeoutError,
  CountersignWebhookError,
  type WebhookErrorCode,
} from "./errors.js";
export type * from "./model.js";
export type { Options } from "./transport.js";
export { verifyWebhook, type WebhookEvent, type WebhookHeaders, type WebhookOptions } from "./webhook.js";
