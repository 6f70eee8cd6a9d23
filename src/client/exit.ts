// When a program or a page is about to end, as far as it can be known. Workers have no such moment.

type Listen = (event: string, listener: () => void) => unknown;

interface Surroundings {
  process?: { on?: Listen; off?: Listen };
  navigator?: { userAgent?: string };
  document?: { visibilityState: string; addEventListener: Listen; removeEventListener: Listen };
  addEventListener: Listen;
  removeEventListener: Listen;
}

const around = globalThis as unknown as Surroundings;

/** Who wants to know. One listener serves them all: Node warns of more than ten. */
const leavers = new Set<() => void>();

/** Whether this runs in a page, which can be gone before an answer comes. */
export function isPage(): boolean {
  return around.document !== undefined;
}

/**
 * Calls `leave` when the end is near: when Node has nothing left to do, or when a page is hidden or left. It may be
 * called more than once, and not at all (`process.exit`, a signal, a crash, a Worker).
 *
 * @returns takes it back
 */
export function onExit(leave: () => void): () => void {
  if (leavers.size === 0) listen("on");
  leavers.add(leave);
  return () => {
    leavers.delete(leave);
    if (leavers.size === 0) listen("off");
  };
}

function listen(way: "on" | "off"): void {
  const { document, navigator, process } = around;
  if (document !== undefined) {
    const method = way === "on" ? "addEventListener" : "removeEventListener";
    around[method]("pagehide", leaveAll);
    document[method]("visibilitychange", leaveWhenHidden);
  } else if (navigator?.userAgent !== "Cloudflare-Workers") {
    // A Worker that knows Node's `process` never ends by itself.
    process?.[way]?.("beforeExit", leaveAll);
  }
}

function leaveAll(): void {
  for (const leave of leavers) leave();
}

/** Phones end hidden pages without another word. */
function leaveWhenHidden(): void {
  if (around.document?.visibilityState === "hidden") leaveAll();
}
