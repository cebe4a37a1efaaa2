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

/** Returns the items of all pages of a list, each once: `paginate(messages, "/v1/messages", { conversation_id })`. */
export async function* paginate<Path extends ListPath>(
  client: MessagesClient,
  path: Path,
  query?: Query<Path>,
): AsyncGenerator<Item<Path>, void, undefined> {
  let cursor = {};
  // A conversation that moves to the top of the list while it is the cursor makes the list start again.
  const seen = new Set<string>();
  for (;;) {
    // All lists have these parameters. Which others belong to `path` has been checked at the call.
    const parameters: { limit?: number; starting_after?: string } = { limit: 100, ...query, ...cursor };
    const page: Page = await ok(client.GET(path as "/v1/tokens", { params: { query: parameters } }));
    for (const item of page.data) {
      if (seen.has(item.id)) continue;
      seen.add(item.id);
      yield item as Item<Path>;
    }
    if (!page.has_more) return;
    // An empty page that has more is requested again.
    const last = page.data.at(-1);
    if (last) cursor = { starting_after: last.id };
  }
}
