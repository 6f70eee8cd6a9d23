// The two journeys of the demo workspace: one that the greeting's event starts, one to look at and activate.

export const ACTIVE_JOURNEY = {
  key: "order-follow-up",
  name: "Order follow-up",
  entry: { event: "order.created" },
  steps: [
    { id: "thanks", type: "email", template: "order-thanks" },
    { id: "rest", type: "delay", for: "P1D" },
    // oxlint-disable-next-line unicorn/no-thenable -- `then` is a word of journey documents
    { id: "big-order", type: "branch", if: { $state: "/event/total", gte: 200 }, then: "ask-review", else: "done" },
    { id: "ask-review", type: "email", template: "order-review" },
    { id: "done", type: "exit" },
  ],
};

export const DRAFT_JOURNEY = {
  key: "win-back",
  name: "Win back an abandoned cart",
  entry: { event: "cart.abandoned", filter: { $state: "/event/total", gte: 20 } },
  eligibility: { reentry: { after: "P7D" } },
  exitOn: [{ event: "order.created" }],
  steps: [
    { id: "pause", type: "delay", for: "PT4H" },
    { id: "remind", type: "email", template: "cart-reminder" },
  ],
};
