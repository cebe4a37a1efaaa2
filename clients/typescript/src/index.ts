/** Client of the CityPay Messages API. `schema.ts` is generated from the contract of the API. */

export { ApiError, ok } from "./api-error.js";
export { createMessagesClient, type MessagesClient, type Options } from "./client.js";
export { events, type FollowOptions } from "./events.js";
export { paginate } from "./pagination.js";
export type { components, operations, paths } from "./schema.js";
export { uploadFile } from "./upload.js";
export { type VerifiedDelivery, type WebhookRequest, WebhookVerificationError, verifyWebhook } from "./webhook.js";
