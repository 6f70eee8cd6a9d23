// The promise of a call: awaited, it is the answer's body and nothing else; `withResponse()` tells what came with it.
import type { Answer } from "./transport.ts";

export class ApiPromise<T> extends Promise<T> {
  readonly #answer: Promise<Answer<T>>;

  constructor(answer: Promise<Answer<T>>) {
    // Never looked at: whoever waits goes through `then`. So a call of which only `withResponse()` is awaited
    // leaves no second promise behind that nobody catches.
    super(() => undefined);
    this.#answer = answer;
  }

  /** What is made of this promise is a plain one. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** The body with status, headers, request id, and whether it is a replay. */
  async withResponse(): Promise<Answer<T>> {
    return await this.#answer;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<A = T, B = never>(
    onData?: ((data: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#answer.then(({ data }) => data).then(onData, onError);
  }
}
