// What the full accept path is measured against: one awaited D1 insert per event, and nothing else. No key check,
// no idempotency, no person, no journeys.
export default {
  async fetch(request, env) {
    const { event, profile, data } = await request.json();
    const eventId = crypto.randomUUID();
    await env.DB.prepare("INSERT INTO naive_events VALUES (?1, ?2, ?3, ?4)")
      .bind(eventId, event, profile.email, JSON.stringify(data))
      .run();
    return Response.json({ eventId }, { status: 202 });
  },
};
