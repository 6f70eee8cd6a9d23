// A list that is read page by page: awaited, it is its first page; iterated, all its items.
import { ApiPromise } from "./api-promise.ts";
import type { Answer } from "./transport.ts";

export interface Page<T> {
  items: T[];
  /** `null` on the last page. */
  nextCursor: string | null;
}

export class ListPromise<T> extends ApiPromise<Page<T>> implements AsyncIterable<T> {
  readonly #pageAt: (cursor: string) => Promise<Answer<Page<T>>>;

  constructor(first: Promise<Answer<Page<T>>>, pageAt: (cursor: string) => Promise<Answer<Page<T>>>) {
    super(first);
    this.#pageAt = pageAt;
  }

  /** Every page, each asked for when it is wanted. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let page = await this.then((first) => first);
    yield page;
    while (page.nextCursor !== null) {
      ({ data: page } = await this.#pageAt(page.nextCursor));
      yield page;
    }
  }

  /** Every item of every page. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }
}
