// One enrollment by id, from its cell: exact at once, with the timeline.
import { Hono } from "hono";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { enrollmentAnswer, enrollmentView } from "./enrollment-view.ts";

export const enrollments = new Hono<HttpEnv>();

enrollments.get(
  "/:id",
  apiKey("journeys:read"),
  described(
    {
      id: "readEnrollment",
      summary: "Read an enrollment with its timeline",
      answers: { 200: { description: "The enrollment.", body: enrollmentAnswer } },
    },
    async (c) => {
      const id = c.req.param("id");
      const enrollment = await askCell(c, async (cell, caller) => await cell.readEnrollment(caller, id));
      return c.json(enrollmentView(enrollment), 200);
    },
  ),
);
