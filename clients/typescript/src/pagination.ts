import { ok } from "./api-error.js";
import type { MessagesClient } from "./client.js";
import type { paths } from "./schema.js";

interface Page {
  has_more: boolean;
  data: { id: string }[];
}

interface List<P extends Page> {
  get: {
    parameters: { query?: object };
    responses: { 200: { content: { "application/json": P } } };
  };
}

type ListPath = { [Path in keyof paths]: paths[Path] extends List<Page> ? Path : never }[keyof paths];
type Item<Path extends ListPath> = paths[Path] extends List<infer P extends Page> ? P["data"][number] : never;
/** `username` finds one contact, and cannot be combined with a limit or cursor. */
type Unpaged = "ending_before" | "username";
type Query<Path extends ListPath> = Omit<NonNullable<paths[Path]["get"]["parameters"]["query"]>, Unpaged>;
type Arguments<Path extends ListPath> = paths[Path]["get"]["parameters"] extends { path: infer InPath extends object }
  ? [query: Query<Path>, inPath: InPath]
  : [query?: Query<Path>];

/**
 * Returns the items of all pages of a list, each once: `paginate(messages, "/v1/messages", { conversation_id })`. The
 * parameters of a path follow those of the query: `paginate(messages, "/v1/webhooks/{id}/deliveries", {}, { id })`.
 */
export async function* paginate<Path extends ListPath>(
  client: MessagesClient,
  path: Path,
  ...[query, inPath]: Arguments<Path>
): AsyncGenerator<Item<Path>, void, undefined> {
  let cursor = {};
  // A conversation that moves to the top of the list while it is the cursor makes the list start again.
  const seen = new Set<string>();
  for (;;) {
    // All lists have these parameters. Which others belong to `path` has been checked at the call.
    const parameters: { limit?: number; starting_after?: string } = { limit: 100, ...query, ...cursor };
    const params = { query: parameters, path: inPath as undefined };
    const request = client.GET(path as "/v1/tokens", { params });
    const page: Page = await ok(request);
    for (const item of page.data) {
      if (seen.has(item.id)) continue;
      seen.add(item.id);
      yield item as Item<Path>;
    }
    if (!page.has_more) return;
    // A list with a filter may continue after more than the last item of the page, which can be empty.
    const link = nextLink((await request).response);
    const next = link === undefined ? page.data.at(-1)?.id : link.searchParams.get("starting_after");
    if (next) cursor = { starting_after: next };
  }
}

/** The URL of the next page, of which only path and query are known. */
function nextLink(response: Response): URL | undefined {
  const target = /<([^>]*)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  return target === undefined ? undefined : new URL(target, "http://localhost");
}
