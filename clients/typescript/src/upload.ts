import { ApiError, ok } from "./api-error.js";
import type { MessagesClient } from "./client.js";
import { fetchWithRetries, TEMPORARY_STATUSES } from "./retry.js";

/** 409: S3 is still processing an earlier attempt, whose response was lost. */
const TEMPORARY_UPLOAD_STATUSES = new Set([...TEMPORARY_STATUSES, 409]);

/** Uploads a file to a conversation. Returns the id to send it with, in `attachments`. */
export async function uploadFile(client: MessagesClient, conversationId: string, file: File): Promise<string> {
  const body = {
    conversation_id: conversationId,
    filename: file.name,
    file_size: file.size,
    file_type: file.type.split(";")[0]?.trim() || null,
  };
  const { id, upload } = await ok(client.POST("/v1/attachments", { body }));
  const { method, url, headers } = upload;
  // Without the token of the API: S3 refuses a request that has both. And without a time limit: it is for the response,
  // which comes after the whole file.
  const newRequest = () => new Request(url, { method, headers, body: file });
  const response = await fetchWithRetries(newRequest, { temporaryStatuses: TEMPORARY_UPLOAD_STATUSES });
  // 412: an earlier attempt has uploaded the file, and its response was lost.
  if (!response.ok && response.status !== 412) throw new ApiError(response);
  return id;
}
