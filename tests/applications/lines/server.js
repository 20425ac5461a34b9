// A chat that streams lines of JSON: its documents, the pieces of its answer, and a mark of the end.
// Its model has Ollama's API.
const http = require("http");

const model = process.env.OLLAMA_HOST || "http://127.0.0.1:11434";
const port = process.env.PORT || 3000;

async function answer(request, response) {
  let body = "";
  for await (const part of request) body += part;
  const { message } = JSON.parse(body || "{}");
  if (typeof message !== "string") {
    response.writeHead(400, { "content-type": "application/json" });
    return response.end('{"error": "message is missing"}');
  }
  const asked = { model: "mock-ttft5-gap1-n8", messages: [{ role: "user", content: message }] };
  const reply = await fetch(`${model}/api/chat`, { method: "POST", body: JSON.stringify(asked) });
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.write('{"type":"documents","documents":[{"title":"Manual"}]}\n');
  let rest = "";
  for await (const part of reply.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const text = JSON.parse(line).message?.content;
      if (text) response.write(JSON.stringify({ type: "delta", text }) + "\n");
    }
  }
  response.end('{"type":"stop","finish_reason":"stop"}\n');
}

const server = http.createServer((request, response) => {
  if (request.method === "POST" && request.url === "/chat") {
    return answer(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  }
  const isHealth = request.url === "/health";
  response.writeHead(isHealth ? 200 : 404, { "content-type": "application/json" });
  response.end(isHealth ? '{"status":"up"}' : '{"error":"not found"}');
});
server.listen(port, "127.0.0.1", () => console.log(`listening on ${port}`));
process.on("SIGTERM", () => process.exit(0));
