// Users of k6: the same request as all tools, with or without checks of the JSON.
import http from "k6/http";
import { check, sleep } from "k6";

const rate = Number(__ENV.RATE);
const users = Number(__ENV.USERS);
const duration = `${__ENV.SECONDS}s`;
const closed = { executor: "constant-vus", vus: users, duration };
const open = { executor: "constant-arrival-rate", rate, duration, preAllocatedVUs: users };

export const options = {
  scenarios: { load: rate ? open : closed },
  insecureSkipTLSVerify: true,
  discardResponseBodies: __ENV.CHECKS !== "1",
};

const params = { headers: { "content-type": "application/json" } };

export default function () {
  const response = http.post(__ENV.URL, '{"message":"Hello"}', params);
  if (__ENV.CHECKS === "1") {
    check(response, {
      "status is 200": (r) => r.status === 200,
      "has a message": (r) => r.json("message").length > 0,
    });
  }
  if (Number(__ENV.THINK_S)) sleep(Number(__ENV.THINK_S));
}
