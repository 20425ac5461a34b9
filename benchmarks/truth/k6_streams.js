// Users of k6 who request streams. k6 reads a response as a whole: its time to the first byte stands for the first token.
import http from "k6/http";

export const options = {
  scenarios: { load: { executor: "per-vu-iterations", vus: Number(__ENV.USERS), iterations: Number(__ENV.ITERATIONS) } },
};

const body = JSON.stringify({ model: "bench", stream: true, messages: [{ role: "user", content: "Hello" }] });
const params = { headers: { "content-type": "application/json" } };

export default function () {
  http.post(__ENV.URL, body, params);
}
