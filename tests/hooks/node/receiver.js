// A receiver of hooks as somebody else writes it. Says its port, then one line of JSON for each delivery.
// PUT replaces the secrets that it knows; POST is a delivery.
const http = require("http");
const { Webhook } = require("standardwebhooks");

let secrets = [];

const verdict = (body, headers) => {
  let refused = "no secret";
  for (const secret of secrets) {
    try {
      return { accepted: true, event: new Webhook(secret).verify(body, headers), secret: secrets.indexOf(secret) };
    } catch (error) {
      refused = error.message;
    }
  }
  return { accepted: false, refused };
};

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("utf8");
    if (request.method === "PUT") {
      secrets = JSON.parse(body);
      response.writeHead(204).end();
      return;
    }
    const said = JSON.parse(body);
    if (said.type === "hook.challenge") {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ challenge: said.data.challenge }));
      return;
    }
    const found = verdict(body, request.headers);
    console.log(JSON.stringify(found));
    response.writeHead(found.accepted ? 204 : 401).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
