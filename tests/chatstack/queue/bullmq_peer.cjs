// BullMQ for Node.js as another user of the queue: node bullmq_peer.cjs URL worker|producer QUEUE [MESSAGE]
const { Queue, QueueEvents, Worker } = require("bullmq");
require("ioredis"); // BullMQ 6 needs it, and does not bring it

const [url, role, name, message] = process.argv.slice(2);

async function produce(connection) {
  const events = new QueueEvents(name, { connection });
  await events.waitUntilReady();
  const queue = new Queue(name, { connection });
  const job = await queue.add("chat", { message });
  console.log(JSON.stringify(await job.waitUntilFinished(events)));
  process.exit();
}

if (url) {
  process.stdin.resume().on("end", () => process.exit()); // the process that started this one has ended
  const { hostname, port } = new URL(url);
  const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null };
  if (role === "worker") {
    new Worker(name, async (job) => ({ message: `Node.js answers ${job.data.message}` }), { connection });
  } else {
    produce(connection);
  }
}
