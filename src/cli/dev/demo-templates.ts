// The templates that the demo journeys send: an order's thanks, a request for a review, a reminder of a cart. Each
// shows what templates can do with an event and a person.
import type { Json } from "../../domain/json.ts";

const FONT = { fontFamily: "Helvetica, Arial, sans-serif" };
const TEXT = { fontSize: "16px", lineHeight: "26px", color: "#27272a" };
const SMALL = { fontSize: "13px", lineHeight: "20px", color: "#71717a" };

type Element = { type: string; props: Record<string, Json>; children?: string[]; visible?: Json; repeat?: Json };
type Elements = Record<string, Element>;

/** A card on a light page, with the line that ends such e-mails below it. @param inner  stands inside of the content */
function card(content: Elements, inner: Elements = {}): { root: string; elements: Elements } {
  return {
    root: "html",
    elements: {
      html: { type: "Html", props: { lang: "en" }, children: ["head", "body"] },
      head: { type: "Head", props: {} },
      body: {
        type: "Body",
        props: { style: { backgroundColor: "#f4f4f5", padding: "24px 12px", ...FONT } },
        children: ["card", "foot"],
      },
      card: {
        type: "Container",
        props: { style: { backgroundColor: "#ffffff", borderRadius: "12px", padding: "32px", maxWidth: "560px" } },
        children: Object.keys(content),
      },
      ...content,
      ...inner,
      foot: {
        type: "Container",
        props: { style: { padding: "16px 32px", maxWidth: "560px" } },
        children: ["why", "unsubscribe"],
      },
      why: { type: "Text", props: { text: "You get this e-mail because of what you did at our shop.", style: SMALL } },
      unsubscribe: {
        type: "Link",
        props: {
          text: "Unsubscribe",
          href: { $state: "/journey/unsubscribeUrl" },
          style: { ...SMALL, color: "#52525b", textDecoration: "underline" },
        },
        visible: { $state: "/journey/unsubscribeUrl" },
      },
    },
  };
}

const heading = (text: Json) => ({
  type: "Heading",
  props: { text, as: "h1", style: { fontSize: "24px", lineHeight: "32px", margin: "0 0 16px", color: "#18181b" } },
});
const paragraph = (text: Json) => ({ type: "Text", props: { text, style: TEXT } });

export const DEMO_TEMPLATES = [
  {
    key: "order-thanks",
    name: "Thanks for the order",
    definition: {
      subject: { $template: "Thank you for order ${/event/orderId}" },
      preheader: { $template: "We have your order ${/event/orderId}." },
      body: card(
        {
          heading: heading({
            $cond: { $state: "/profile/firstName" },
            $then: { $template: "Thank you, ${/profile/firstName}!" },
            $else: "Thank you!",
          }),
          said: paragraph({
            $template: "We have your order ${/event/orderId}, ${/event/total} in all, and pack it now.",
          }),
          items: {
            type: "Section",
            props: { style: { margin: "8px 0 16px", borderTop: "1px solid #e4e4e7" } },
            children: ["item"],
            visible: { $state: "/event/items", exists: true },
          },
          pro: {
            ...paragraph("As a Pro customer you pay nothing for the parcel."),
            visible: { $state: "/profile/plan", eq: "Pro" },
          },
        },
        {
          item: {
            type: "Row",
            props: { style: { borderBottom: "1px solid #e4e4e7" } },
            children: ["what", "price"],
            repeat: { statePath: "/event/items" },
          },
          what: { type: "Column", props: { style: { width: "75%" } }, children: ["name"] },
          price: {
            type: "Column",
            props: { style: { width: "25%", textAlign: "right", verticalAlign: "top" } },
            children: ["amount"],
          },
          name: { type: "Text", props: { text: { $item: "name" }, style: { ...TEXT, margin: "10px 0" } } },
          amount: { type: "Text", props: { text: { $item: "price" }, style: { ...TEXT, margin: "10px 0" } } },
        },
      ),
    },
  },
  {
    key: "order-review",
    name: "How was the order?",
    definition: {
      subject: { $template: "How was order ${/event/orderId}?" },
      body: card({
        heading: heading("How was it?"),
        said: paragraph({
          $template: "Order ${/event/orderId} is with you by now. Two sentences would help others choose.",
        }),
        write: {
          type: "Button",
          props: {
            text: "Write a review",
            href: { $template: "https://shop.example.com/orders/${/event/orderId}/review" },
            style: { backgroundColor: "#1d4ed8", color: "#ffffff", borderRadius: "8px", padding: "12px 20px" },
          },
        },
      }),
    },
  },
  {
    key: "cart-reminder",
    name: "Your cart is still here",
    definition: {
      subject: "Your cart is still here",
      body: card({
        heading: heading("You left something behind"),
        said: paragraph({ $template: "Your cart, ${/event/total} in all, is kept for a week." }),
        back: {
          type: "Link",
          props: { text: "Back to the cart", href: "https://shop.example.com/cart", style: { fontSize: "16px" } },
        },
      }),
    },
  },
];
